"""The results of `growth`: points, formulas held against them, laws fitted to them.

A law is bytes = coefficient * words ** exponent (Heaps' law for the vocabulary; the same form is
used for n-grams), fitted by least squares on the logarithms of both.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pocketlm.benchmarks.estimate import DICTIONARY
from pocketlm.benchmarks.study.cells import Cell
from pocketlm.benchmarks.study.figures import growth
from pocketlm.benchmarks.study.growth import NETWORK_STAGE, STAGE

EXTRAPOLATED_WORDS = (100_000_000, 1_000_000_000)
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
        own = [p for p in points if (p["structure"], p["order"]) == (structure, order)]
        if len(own) < 3:
            continue
        words = np.array([point["words"] for point in own], dtype=np.float64)
        sizes = np.array([point["measured_bytes"] for point in own], dtype=np.float64)
        exponent, intercept = np.polyfit(np.log(words), np.log(sizes), 1)
        fitted = np.exp(intercept + exponent * np.log(words))
        laws.append(
            {
                "structure": structure,
                "order": order,
                "coefficient": float(np.exp(intercept)),
                "exponent": float(exponent),
                "points": len(own),
                "largest_error": float(np.abs(fitted / sizes - 1).max()),
                "extrapolated": [
                    {"words": count, "bytes": float(np.exp(intercept) * count**exponent)}
                    for count in EXTRAPOLATED_WORDS
                ],
            }
        )
    return laws
