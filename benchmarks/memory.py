"""Measures what a model costs a phone-like process: memory, time a step, and the quality it buys.

    text -> each model's tokenizer -> token file -> samples.py, a fresh process a sample
         -> growth over the same process before the load -> median and spread -> ModelResult

Memory is read from /proc/self/smaps after `steps` steps of the replayed text. Private dirty pages
are the process's own; file-backed pages are clean, so that the system may drop or share them.
The page cache is warm, and model files are flushed to the disk first (samples.py).
`resident_model_bytes`, private dirty and the model's own file pages, is what models are compared
by: `runtime_file_backed_bytes` are code pages of the libraries that read the model, and PSS depends
on which other processes map the same pages, so that it needs a quiet machine.

The work differs by kind, in the n-grams' favour. A network gives the whole distribution at
each step. An n-gram model's memory is that of `score`, which looks up only the token that comes
and so touches the fewest pages; its `step_us` is that of `distribution`, which a keyboard needs to
suggest anything (`score_us` is the other). Even so, the kernel maps cached pages around each page
that is touched, so that a file that is searched soon counts nearly in whole: file-backed figures
are what the process is charged with, not what it has read.

Word perplexity comes from the nats that the runner itself adds up over the whole text,
exp(nats / white-space words), with the same lines for all models.
"""

import math
import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pocketlm.benchmarks.samples import (
    DISTRIBUTION,
    SCORE,
    STOCK,
    Measurable,
    Sample,
    open_measurable,
    run_sample,
    write_tokens,
)
from pocketlm.model.corpus import text_lines
from pocketlm.model.errors import UserError
from pocketlm.model.evaluate import exp_or_infinity
from pocketlm.model.files import sha256_file
from pocketlm.model.steady import must_stay
from pocketlm.models import model_marker

FEWEST_SAMPLES = 5
MOST_STEPS = 1_000_000
DEFAULT_STEPS = 1000
_MEMORY_FIELDS = ("private_dirty", "file_backed", "pss")


@dataclass(frozen=True)
class ModelResult:
    """Medians over the samples; bytes, microseconds. `spread` holds [least, most] of each."""

    name: str
    kind: str
    structure: str
    load_mode: str
    runtime: str | None  # a network's: stock or lean (samples.py)
    file_bytes: int
    private_dirty_bytes: int
    file_backed_bytes: int
    pss_bytes: int
    model_file_backed_bytes: int
    runtime_file_backed_bytes: int  # file_backed without the model's own
    resident_model_bytes: int  # private_dirty + model_file_backed
    step_us: dict[str, float]
    score_us: dict[str, float] | None
    begin_us: float  # mean of a line's start; a network runs one more step there
    load_us: float
    word_perplexity: float  # may be infinity
    planned_bytes: int
    samples: int
    steps: int
    spread: dict[str, list[float]]
    after_text: dict[str, int]  # the same memory once the whole text was replayed, and its steps


@dataclass(frozen=True)
class Text:
    """The text that is replayed; `words` are white-space words."""

    path: Path
    sha256: str
    lines: list[str]
    words: int


def read_text(path: Path, limit: int | None = None) -> Text:
    """The first `limit` lines of a text file that are not blank; UserError if there is none."""
    lines = [line for document in text_lines(path, limit) for line in document]
    return Text(path, sha256_file(path), lines, sum(len(line.split()) for line in lines))


def measure(
    folders: Sequence[Path],
    text: Text,
    *,
    runtime: str = STOCK,
    steps: int = DEFAULT_STEPS,
    samples: int = FEWEST_SAMPLES,
    notify: Callable[[str], None] = lambda _: None,
    progress: Callable[[float], None] = lambda _: None,
) -> list[ModelResult]:
    """Measure bundles and n-gram folders, one process at a time.

    Args:
        folders: a count table gives two results, one for each of its layouts.
        text: replayed from its start, as often as `steps` takes; once in whole for the perplexity.
        runtime: what networks run on, stock or lean.
        steps: words' tokens after which memory is read.
        samples: processes per figure, at least `FEWEST_SAMPLES`.
        notify: told in one line what is measured.
        progress: told the share that is done, 0..1, after each process.

    Raises:
        UserError: a folder that cannot be measured, or a damaged model.
    """
    if samples < FEWEST_SAMPLES:
        raise UserError(f"at least {FEWEST_SAMPLES} samples are needed, not {samples}")
    if not 1 <= steps <= MOST_STEPS:
        raise UserError(f"steps are 1 to {MOST_STEPS:,}, not {steps:,}")
    with ExitStack() as stack:
        for folder in folders:
            stack.enter_context(must_stay(model_marker(folder)))
        models = [model for folder in folders for model in open_measurable(folder, runtime)]
        return _measure_all(models, text, steps, samples, notify, progress)


def _measure_all(
    models: Sequence[Measurable],
    text: Text,
    steps: int,
    samples: int,
    notify: Callable[[str], None],
    progress: Callable[[float], None],
) -> list[ModelResult]:
    names = [model.name for model in models]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two models are called {twice}: rename one's folder")
    whole = sum(model.processes(samples) for model in models)
    done = 0

    def ran() -> None:
        nonlocal done
        done += 1
        progress(done / whole)

    results = []
    for model in models:
        notify(f"measuring {model.name}: {samples} processes")
        results.append(_measure_one(model, text, steps, samples, ran))
    return results


def _measure_one(
    model: Measurable, text: Text, steps: int, samples: int, ran: Callable[[], None]
) -> ModelResult:
    with tempfile.NamedTemporaryFile(suffix=".int32") as file:
        tokens = Path(file.name)
        write_tokens(text.lines, model.tokenizer, tokens)

        def run(work: str, *, steps: int | None = None, load: str | None = None) -> Sample:
            sample = run_sample(model, tokens, work=work, load=load, steps=steps)
            ran()
            return sample

        network = model.kind == "network"
        taken = [run(SCORE, steps=steps) for _ in range(samples)]
        stepped = taken if network else [run(DISTRIBUTION, steps=steps) for _ in taken]
        load = model.replay_load_mode or model.load_mode
        if load != model.load_mode:
            _same_nats(model, taken[0], run(SCORE, steps=steps, load=load))
        whole = run(SCORE, load=load)
        here = whole if load == model.load_mode else taken[-1]
    return _summarise(model, taken, stepped, whole["nats"] / text.words, here)


def _same_nats(model: Measurable, one: Sample, other: Sample) -> None:
    """Two layouts of one table are one model: the nats of either are those of both."""
    if not math.isclose(one["nats"], other["nats"], rel_tol=1e-6):
        raise RuntimeError(f"{model.name}: {one['nats']} nats, but {other['nats']} when mapped")


def _summarise(
    model: Measurable,
    taken: list[Sample],
    stepped: list[Sample],
    nats_per_word: float,
    after: Sample,
) -> ModelResult:
    network = model.kind == "network"
    figures: dict[str, list[float]] = {
        f"{name}_bytes": [_growth(sample, name) for sample in taken] for name in _MEMORY_FIELDS
    }
    figures["model_file_backed_bytes"] = [
        sample["after_replay"]["model_file"]["file_backed"] for sample in taken
    ]
    own = figures["model_file_backed_bytes"]
    figures["runtime_file_backed_bytes"] = [
        whole - model for whole, model in zip(figures["file_backed_bytes"], own, strict=True)
    ]
    figures["resident_model_bytes"] = [
        private + model for private, model in zip(figures["private_dirty_bytes"], own, strict=True)
    ]
    figures["begin_us"] = [sample["begin_us"] for sample in stepped]
    figures["load_us"] = [sample["load_us"] for sample in taken]
    for name in ("min", "median", "p99"):
        figures[f"step_us_{name}"] = [sample["step_us"][name] for sample in stepped]
        figures[f"score_us_{name}"] = [sample["step_us"][name] for sample in taken]
    medians = {name: statistics.median(values) for name, values in figures.items()}

    def times(prefix: str) -> dict[str, float]:
        return {name: medians[f"{prefix}_us_{name}"] for name in ("min", "median", "p99")}

    return ModelResult(
        name=model.name,
        kind=model.kind,
        structure=model.structure,
        load_mode=model.load_mode,
        runtime=model.runtime,
        file_bytes=model.file_bytes,
        private_dirty_bytes=int(medians["private_dirty_bytes"]),
        file_backed_bytes=int(medians["file_backed_bytes"]),
        pss_bytes=int(medians["pss_bytes"]),
        model_file_backed_bytes=int(medians["model_file_backed_bytes"]),
        runtime_file_backed_bytes=int(medians["runtime_file_backed_bytes"]),
        resident_model_bytes=int(medians["resident_model_bytes"]),
        step_us=times("step"),
        score_us=None if network else times("score"),
        begin_us=medians["begin_us"],
        load_us=medians["load_us"],
        word_perplexity=exp_or_infinity(nats_per_word),
        planned_bytes=taken[0]["planned_bytes"],
        samples=len(taken),
        steps=taken[0]["steps"],
        spread={
            name: [min(values), max(values)]
            for name, values in figures.items()
            if not (network and name.startswith("score"))
        },
        after_text={"steps": after["steps"]}
        | {f"{name}_bytes": _growth(after, name) for name in _MEMORY_FIELDS},
    )


def _growth(sample: Sample, name: str) -> int:
    return int(sample["after_replay"][name]) - int(sample["before_load"][name])


def as_json(result: ModelResult) -> dict[str, Any]:
    """A result as `bench memory --json` prints it."""
    return asdict(result)
