"""Figures of a cell's processes: median, least and most."""

import statistics
from collections.abc import Sequence
from typing import Any

Figure = dict[str, float]


def figure(values: Sequence[float]) -> Figure:
    """Of one number a process."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def growth(samples: Sequence[dict[str, Any]], field: str, when: str = "after_replay") -> Figure:
    """Of a kind of memory: what each process has more than before it loaded its model."""
    return figure([sample[when][field] - sample["before_load"][field] for sample in samples])
