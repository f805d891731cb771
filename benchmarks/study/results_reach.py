"""The results of `reach` and `influence`: means with intervals, medians with quartiles."""

from collections.abc import Sequence
from typing import Any

from pocketlm.benchmarks.study.cells import Cell
from pocketlm.benchmarks.study.influence import quartiles
from pocketlm.benchmarks.study.memory_of_words import INFLUENCE, REACH

_NORMS = ("jacobian_spectral", "jacobian_frobenius", "kl")


def reach_results(taken: dict[str, dict[str, Cell]]) -> dict[str, Any] | None:
    """The section, or None if there are no cells of it."""
    found = taken.get(REACH, {})
    if not found:
        return None
    values = [cell["value"] for cell in found.values()]
    return {
        "positions": len(values[0]["positions"]),
        "contexts": values[0]["contexts"],
        "models": [
            {
                **_who(name, cell),
                "nats_per_word": cell["value"]["nats_per_word"],
                "carried": cell["value"]["carried"],
            }
            for name, cell in found.items()
        ],
    }


def influence_results(taken: dict[str, dict[str, Cell]]) -> dict[str, Any] | None:
    """The section, or None if there are no cells of it."""
    found = taken.get(INFLUENCE, {})
    if not found:
        return None
    return {
        "lags": next(iter(found.values()))["value"]["lags"],
        "models": [
            {**_who(name, cell), **{norm: _lags(cell["value"][norm]) for norm in _NORMS}}
            for name, cell in found.items()
        ],
    }


def _who(name: str, cell: Cell) -> dict[str, Any]:
    return {"name": name, **{key: cell["settings"][key] for key in ("kind", "order")}}


def _lags(values: Sequence[Sequence[float]] | None) -> list[dict[str, float]] | None:
    return None if values is None else [quartiles(lag) for lag in values]
