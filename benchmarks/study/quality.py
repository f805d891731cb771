"""Quality for memory: every candidate's memory, nats and next-word recall, on the same lines.

candidate -> fresh processes -> memory               -> cells: quality-memory
          -> one process a text -> nats              -> cells: quality-nats
          -> the suggester -> words of test guessed  -> cells: quality-recall
"""

from pathlib import Path
from typing import Any

from pocketlm.benchmarks.keystrokes import guess_words
from pocketlm.benchmarks.samples import run_sample
from pocketlm.benchmarks.study.candidates import Candidate, candidates
from pocketlm.benchmarks.study.context import Study
from pocketlm.benchmarks.study.processes import (
    in_own_process,
    least_work,
    memory_samples,
    token_file,
)
from pocketlm.benchmarks.typing_command import draw_lines
from pocketlm.text_entries import open_suggester

MEMORY, NATS, RECALL = "quality-memory", "quality-nats", "quality-recall"


def measure_quality(study: Study) -> None:
    """Measure what is not measured yet."""
    for candidate in candidates(study):
        for layout in candidate.layouts:
            _take_memory(study, candidate, layout)
        if candidate.twin is None:
            for split in ("valid", "test"):
                _take_nats(study, candidate, split)
        _take_recall(study, candidate)


def _take_memory(study: Study, candidate: Candidate, layout: str) -> None:
    def measure() -> dict[str, Any]:
        model = candidate.measurable(layout)
        return {
            "kind": model.kind,
            "structure": model.structure,
            "load_mode": model.load_mode,
            "file_bytes": model.file_bytes,
            "order": candidate.order,
            "perplexity_of": candidate.twin or candidate.name,
            "samples": memory_samples(study, model),
        }

    study.cells.take(MEMORY, layout, study.memory_settings() | candidate.identity, measure)


def _take_nats(study: Study, candidate: Candidate, split: str) -> None:
    text = study.replayed if split == "valid" else study.unseen

    def measure() -> dict[str, Any]:
        model = candidate.measurable()
        sample = run_sample(model, token_file(study, split), work=least_work(model))
        return {"nats": sample["nats"], "words": text.words, "tokens": sample["tokens"]}

    settings = {"text_sha256": text.sha256, "text_lines": len(text.lines)} | candidate.identity
    study.cells.take(NATS, f"{candidate.name} {split}", settings, measure)


def _take_recall(study: Study, candidate: Candidate) -> None:
    plan, test = study.plan, study.corpus.path("test")

    def measure() -> dict[str, Any]:
        lines = draw_lines(test, plan.recall_lines, plan.seed)
        counts = in_own_process(_guess, candidate.open(), lines)
        return {"columns": ["words", "top1", "top3"], "lines": counts}

    settings = {
        "text_sha256": study.corpus.hashes["test"],
        "lines": plan.recall_lines,
        "seed": plan.seed,
        "ignore_case": True,
    }
    study.cells.take(RECALL, candidate.name, settings | candidate.identity, measure)


def _guess(folder: Path, lines: list[str]) -> list[list[int]]:
    """`guess_words` of a MODEL on one thread, no word blocked, ignoring case."""
    import torch

    from pocketlm.export.quiet import quiet_native

    with quiet_native():
        from pocketlm.export.runtime import use_one_thread

    torch.set_num_threads(1)
    use_one_thread()
    counts: list[list[int]] = guess_words(
        open_suggester(folder, frozenset()), lines, ignore_case=True
    ).tolist()
    return counts
