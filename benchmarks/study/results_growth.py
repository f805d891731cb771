"""The results of `growth`: points, formulas held against them, laws fitted to them.

A law is bytes = coefficient * words ** exponent (Heaps' law for the vocabulary; the same form is
used for n-grams), fitted by least squares on the logarithms of both. The exponent falls as the text
grows, so that only the three largest texts are fitted; a straight line from there still overshoots.
How much is said by the held-out error: that of a law fitted to the three before the largest.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pocketlm.benchmarks.estimate import DICTIONARY
from pocketlm.benchmarks.study.cells import Cell
from pocketlm.benchmarks.study.figures import growth
from pocketlm.benchmarks.study.growth import NETWORK_STAGE, STAGE

EXTRAPOLATED_WORDS = (100_000_000, 1_000_000_000)
FITTED = 3
Point = dict[str, Any]


def growth_results(taken: dict[str, dict[str, Cell]]) -> dict[str, Any] | None:
    """The section, or None if there are no cells of it."""
    points = [_point(cell) for cell in taken.get(STAGE, {}).values()]
    points.sort(key=lambda point: (point["structure"], point["order"], point["words"]))
    network = [
        {"name": name, "file_bytes": cell["value"]["file_bytes"], **_memory(cell)}
        for name, cell in taken.get(NETWORK_STAGE, {}).items()
    ]
    return {"points": points, "network": network, "laws": _laws(points)} if points else None


def _point(cell: Cell) -> Point:
    settings, value = cell["settings"], cell["value"]
    memory = _memory(cell)
    in_file = settings["structure"] != DICTIONARY
    measured = value["file_bytes"] if in_file else memory["private_after_load"]["median"]
    return {
        **{key: settings[key] for key in ("structure", "order", "share")},
        **{key: value[key] for key in ("words", "tokens", "ngrams", "load_mode", "estimate_bytes")},
        "measured_bytes": measured,
        "formula_error": value["estimate_bytes"] / measured - 1,
        "file_bytes": value["file_bytes"],
        **memory,
    }


def _memory(cell: Cell) -> dict[str, Any]:
    samples = cell["value"]["samples"]
    return {
        "private_after_load": growth(samples, "private_dirty", "after_load"),
        "pss_after_load": growth(samples, "pss", "after_load"),
        "private_after_replay": growth(samples, "private_dirty"),
        "pss_after_replay": growth(samples, "pss"),
    }


def _laws(points: Sequence[Point]) -> list[dict[str, Any]]:
    """A law for each structure and order with three points or more."""
    laws = []
    for structure, order in sorted({(point["structure"], point["order"]) for point in points}):
        own = [
            (float(point["words"]), float(point["measured_bytes"]))
            for point in points
            if (point["structure"], point["order"]) == (structure, order)
        ]
        if len(own) >= FITTED:
            laws.append({"structure": structure, "order": order, **_law(own)})
    return laws


def _law(points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The law of (words, bytes), fewest words first, and how far it is off."""
    coefficient, exponent = fit_law(points[-FITTED:])
    errors = [coefficient * words**exponent / size - 1 for words, size in points[-FITTED:]]
    held_out = None
    if len(points) > FITTED:
        earlier, (words, size) = fit_law(points[-FITTED - 1 : -1]), points[-1]
        held_out = earlier[0] * words ** earlier[1] / size - 1
    return {
        "coefficient": coefficient,
        "exponent": exponent,
        "points": FITTED,
        "largest_error": max(map(abs, errors)),
        "held_out_error": held_out,
        "extrapolated": [
            {"words": words, "bytes": coefficient * words**exponent} for words in EXTRAPOLATED_WORDS
        ],
    }


def fit_law(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Coefficient and exponent by least squares on the logarithms of (words, bytes)."""
    words, sizes = np.log(np.array(points)).T
    exponent, intercept = np.polyfit(words, sizes, 1)
    return float(np.exp(intercept)), float(exponent)
