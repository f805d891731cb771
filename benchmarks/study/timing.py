"""Speed: all models take turns, so that a noisy machine is noisy for all of them.

candidates -> rounds of fresh processes, one a model -> cells: speed, `score` and `distribution`
"""

from functools import partial
from typing import Any

from pocketlm.benchmarks.samples import WORKS
from pocketlm.benchmarks.speed import interleaved
from pocketlm.benchmarks.study.candidates import candidates
from pocketlm.benchmarks.study.context import Study
from pocketlm.benchmarks.study.processes import token_file

STAGE = "speed"
# Far more than first touch a model's pages, so that the median is of pages that are there.
STEPS = 1000


def measure_speed(study: Study) -> None:
    """Measure what is not measured yet."""
    for work in WORKS:
        settings = {
            "models": {candidate.name: candidate.identity for candidate in candidates(study)},
            "steps": STEPS,
            "rounds": study.plan.rounds,
            "text_sha256": study.replayed.sha256,
            "text_lines": len(study.replayed.lines),
            "work": work,
        }
        study.cells.take(STAGE, work, settings, partial(_take_turns, study, work))


def _take_turns(study: Study, work: str) -> dict[str, Any]:
    return interleaved(
        [candidate.measurable() for candidate in candidates(study)],
        token_file(study, "valid"),
        work=work,
        steps=STEPS,
        rounds=study.plan.rounds,
    )
