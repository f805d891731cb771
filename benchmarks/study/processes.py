"""Fresh native processes on the study's text, and what a cell keeps of each.

The process that measures must not map what the measured ones map: PSS would count their shared
pages by halves. What loads ExecuTorch into Python therefore runs in a process of its own.
"""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from pocketlm.benchmarks.samples import Measurable, Sample, run_sample, write_tokens
from pocketlm.benchmarks.study.context import Study
from pocketlm.model.files import atomic_path, combined_hash

Result = TypeVar("Result")
DICTIONARY_STEPS = 50
_TOKENS = "tokens"
_MEMORY = ("before_load", "after_load", "after_replay")
_KEPT = (*_MEMORY, "load_us", "steps", "page_cache", "planned_bytes")


def token_file(study: Study, split: str) -> Path:
    """The replayed tokens of "valid" or "test", written once."""
    text = study.replayed if split == "valid" else study.unseen
    name = combined_hash([text.sha256, str(len(text.lines)), study.tokenizer.sha256])[:16]
    path = study.models / _TOKENS / f"{split}-{name}.int32"
    if not path.is_file():
        with atomic_path(path) as temporary:
            write_tokens(text.lines, study.tokenizer, temporary)
    return path


def in_own_process(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function of a module in a fresh Python process; its errors are raised here."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def memory_samples(study: Study, model: Measurable) -> list[dict[str, Any]]:
    """The memory of `plan.samples` processes after `plan.steps` steps of the model's least work.

    A dictionary makes fewer: it visits all V tokens at each, and its memory is all there after
    the load.
    """
    tokens, work, steps = token_file(study, "valid"), least_work(model), study.plan.steps
    if model.load_mode == "dictionary":
        steps = min(steps, DICTIONARY_STEPS)
    taken = (run_sample(model, tokens, work=work, steps=steps) for _ in range(study.plan.samples))
    return [kept(sample) for sample in taken]


def least_work(model: Measurable) -> str:
    """A network gives the distribution in any case; n-grams touch less to score one token."""
    return "distribution" if model.kind == "network" else "score"


def kept(sample: Sample) -> dict[str, Any]:
    """What a cell holds of a process: its memory in whole and of the model's file."""
    return {key: _totals(sample[key]) if key in _MEMORY else sample[key] for key in _KEPT}


def _totals(snapshot: dict[str, Any]) -> dict[str, Any]:
    numbers = {key: value for key, value in snapshot.items() if isinstance(value, int)}
    return {**numbers, "model_file": snapshot["model_file"]}
