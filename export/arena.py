"""Where the activations of a program lie in its arena, which is private memory.

ExecuTorch's own planner puts a tensor behind the last one of those that live beside it and never in
a gap between them, which costs a chain of many short-lived tensors up to a third more. What is
planned here is checked as every program is (program_check.py) before an export is kept.
"""

from bisect import insort
from collections.abc import Iterable
from typing import Any

from executorch.exir.memory_planning import (
    MemoryAlgoResult,
    MemoryPlanningAlgorithmSuite,
    SpecAllocResult,
    greedy,
)
from executorch.exir.passes import MemoryPlanningPass


def planning() -> MemoryPlanningPass:
    """A pass that takes the smaller one of ExecuTorch's plan and `lowest_fit`'s."""
    return MemoryPlanningPass(MemoryPlanningAlgorithmSuite([greedy, lowest_fit]))


def lowest_fit(
    alignment: int,
    specs: Iterable[Any],
    _graph: object,
    _signature: object,
    extra_padding: int,
) -> MemoryAlgoResult:
    """Each tensor at the lowest place that is free while it lives, the largest ones first.

    A first-fit variant of "greedy by size" (Pisarchyk and Lee 2020, "Efficient memory management
    for deep neural net inference"). For graphs of one memory, without control flow and without
    tensors within others.

    Args:
        alignment: bytes of which each place is a multiple.
        specs: ExecuTorch's TensorSpec of each activation, its lifetime known.
        extra_padding: bytes behind the last tensor.
    """
    ordered = list(specs)
    for spec in ordered:
        assert spec.mem_id is None
        assert spec.storage_base is None
        spec.realign(alignment)
    ordered.sort(key=lambda spec: (-spec.allocated_memory, spec.lifetime))
    placed: list[tuple[int, int, Any]] = []  # begin and end in bytes, in their order
    for spec in ordered:
        begin = 0
        for other_begin, other_end, other in placed:
            if not _live_together(spec, other):
                continue
            if begin + spec.allocated_memory <= other_begin:
                break
            begin = max(begin, other_end)
        insort(placed, (begin, begin + spec.allocated_memory, spec), key=lambda place: place[:2])
    arena = max((end for _, end, _ in placed), default=0)
    # Of one memory, which ExecuTorch counts from 1, and as one object, which may be shared.
    results = {spec: SpecAllocResult(1, 0, begin) for begin, _, spec in placed}
    return MemoryAlgoResult(results, [0, arena + extra_padding])


def _live_together(a: Any, b: Any) -> bool:
    """Lifetimes are the first and the last place in the program, both included."""
    return bool(a.lifetime[0] <= b.lifetime[1] and b.lifetime[0] <= a.lifetime[1])
