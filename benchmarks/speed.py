"""Times models in turn, so that a busy moment of the machine hits all of them alike.

    round 1: model A, B, C    round 2: B, C, A    round 3: C, A, B ...
        a fresh process each (samples.py), one thread, the page cache warm
        -> the median and 99th percentile of its steps -> ratios within each round

A step moves past one word's token. `score` looks up the token that comes; `distribution` computes
the probabilities of all V that may. A network has no cheaper step: its score is a distribution.

Turns are not enough where the processor is shared: a step of milliseconds is interrupted, one of a
microsecond hardly ever is. `cpu_share` of a round says how much of the time its process had the
processor; where it is well below 1, the ratios are unfair to the slower model.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pocketlm.benchmarks.samples import Measurable, Sample, run_sample
from pocketlm.model.errors import UserError

Raw = dict[str, Any]
_TIMES = ("min", "median", "p99")


def interleaved(
    models: Sequence[Measurable],
    tokens: Path,
    *,
    work: str,
    steps: int,
    rounds: int,
    ran: Callable[[], None] = lambda: None,
) -> Raw:
    """Time every model once in each round.

    Args:
        models: of different names, over one tokenizer.
        tokens: the file of `write_tokens` that all replay.
        work: `score` or `distribution`.
        steps: words' tokens a process.
        rounds: at least 1; a multiple of the number of models puts each in every place equally.
        ran: called after each process.

    Returns:
        `work`, `steps`, `rounds`, and `models`: of each its `name`, `kind`, `load_mode`, the `work`
        that it did, `command`, `page_cache`, `threads`, `state_bytes`, and `rounds`: of each the
        `place` in the order, the `cpu_share`, and the microseconds of a step: `min`, `median` and
        `p99`.

    Raises:
        UserError: models of one name or of different tokens, no round, or a runner fails.
    """
    names = [model.name for model in models]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two models are called {twice}: rename one's folder")
    if len({model.tokenizer.sha256 for model in models}) > 1:
        raise UserError("models of different tokenizers cannot be timed on the same tokens")
    if rounds < 1:
        raise UserError(f"at least 1 round is needed, not {rounds}")
    taken: dict[str, list[tuple[int, Sample]]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(models)
        for place, model in enumerate([*models[first:], *models[:first]]):
            sample = run_sample(model, tokens, work=work, steps=steps)
            taken[model.name].append((place, sample))
            ran()
    records = [_record(model, taken[model.name]) for model in models]
    return {"work": work, "steps": steps, "rounds": rounds, "models": records}


def _record(model: Measurable, taken: Sequence[tuple[int, Sample]]) -> dict[str, Any]:
    sample = taken[0][1]
    same = ("load_mode", "work", "command", "page_cache", "threads", "state_bytes")
    return {
        "name": model.name,
        "kind": model.kind,
        **{field: sample[field] for field in same},
        "rounds": [
            {"place": place, "cpu_share": sample["cpu_share"]}
            | {name: sample["step_us"][name] for name in _TIMES}
            for place, sample in taken
        ],
    }


def ratios(raw: Raw, reference: str, time: str = "median") -> dict[str, dict[str, Any]]:
    """Each model's time over that of the model `reference` in the same round.

    Args:
        raw: what `interleaved` gives.
        reference: a model's name.
        time: `min`, `median` or `p99` of a process's steps.

    Returns:
        By name: `rounds`, the ratio of each; their `median`, `least` and `most`.
    """
    times = {model["name"]: [each[time] for each in model["rounds"]] for model in raw["models"]}
    if reference not in times:
        raise UserError(f"{reference} was not timed: {', '.join(times)} were")
    return {name: _spread(values, times[reference]) for name, values in times.items()}


def _spread(values: Sequence[float], references: Sequence[float]) -> dict[str, Any]:
    found = [value / reference for value, reference in zip(values, references, strict=True)]
    return {
        "rounds": found,
        "median": statistics.median(found),
        "least": min(found),
        "most": max(found),
    }
