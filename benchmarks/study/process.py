"""The whole process: what the runtime costs, what may be evicted, what a step costs after that.

candidate, load mode -> fresh processes under pressure -> cells: process

Which candidates: each network, the n-gram models that the argument turns on (a small pruned KenLM,
the largest whole one, one count table), each in every load mode that its runner has.
"""

from collections.abc import Iterator
from typing import Any

from pocketlm.benchmarks.samples import Sample, run_sample
from pocketlm.benchmarks.study.candidates import Candidate, candidates
from pocketlm.benchmarks.study.context import Study
from pocketlm.benchmarks.study.processes import DICTIONARY_STEPS, least_work, token_file

STAGE = "process"
LOAD_MODES = {
    "network": ("mmap", "file"),
    "kenlm": ("lazy", "populate", "read"),
    "table": ("mapped", "dictionary"),
}
_KEPT = ("load_us", "steps", "page_cache", "pressure", "state_bytes")


def measure_process(study: Study) -> None:
    """Measure what is not measured yet."""
    for candidate in chosen(study):
        for load_mode in LOAD_MODES[candidate.kind]:
            _take(study, candidate, load_mode)


def chosen(study: Study) -> Iterator[Candidate]:
    """Networks; of KenLM the second smallest and the largest whole one; the smallest table."""
    found = candidates(study)
    yield from (c for c in found if c.kind == "network")
    kenlm = [c for c in found if c.kind == "kenlm"]
    pruned = [c for c in kenlm if c.prune and any(c.prune)]
    yield from (pruned[min(1, len(pruned) - 1)], kenlm[-1])
    yield next(c for c in found if c.kind == "table")


def _take(study: Study, candidate: Candidate, load_mode: str) -> None:
    def measure() -> dict[str, Any]:
        model, tokens = candidate.measurable(), token_file(study, "valid")
        samples = [
            run_sample(
                model,
                tokens,
                work=least_work(model),
                load=load_mode,
                steps=_steps(study, load_mode),
                pressure=True,
            )
            for _ in range(study.plan.samples)
        ]
        return {"kind": model.kind, "samples": [_kept(sample) for sample in samples]}

    settings = study.memory_settings() | candidate.identity | {"load_mode": load_mode}
    study.cells.take(STAGE, f"{candidate.name} {load_mode}", settings, measure)


def _steps(study: Study, load_mode: str) -> int:
    most = DICTIONARY_STEPS if load_mode == "dictionary" else study.plan.steps
    return min(study.plan.steps, most)


def _kept(sample: Sample) -> dict[str, Any]:
    """The memory of the whole process before the load and at the end, and the pressure."""
    kept = {key: sample[key] for key in _KEPT}
    return kept | {when: sample[when] for when in ("before_load", "after_replay")}
