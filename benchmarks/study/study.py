"""`bench all` from its settings to its report.

plan, corpus, networks -> growth -> quality -> reach -> speed -> process -> cells
                       -> results.py -> results.json -> page.py -> report.html, charts
"""

import fcntl
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pocketlm.benchmarks.report import RESULTS_FILE, machine, versions
from pocketlm.benchmarks.study.builds import LEFT_BEHIND
from pocketlm.benchmarks.study.cells import Cells
from pocketlm.benchmarks.study.context import CELLS, MODELS, Study
from pocketlm.benchmarks.study.growth import measure_growth
from pocketlm.benchmarks.study.memory_of_words import measure_reach
from pocketlm.benchmarks.study.page import write_page
from pocketlm.benchmarks.study.plan import Plan
from pocketlm.benchmarks.study.process import measure_process
from pocketlm.benchmarks.study.quality import measure_quality
from pocketlm.benchmarks.study.results import make_results
from pocketlm.benchmarks.study.timing import measure_speed
from pocketlm.model.corpus import open_corpus
from pocketlm.model.errors import UserError
from pocketlm.model.files import write_json
from pocketlm.models import model_kind, open_tokenizer, resolve_model

STAGES: dict[str, Callable[[Study], None]] = {
    "growth": measure_growth,
    "quality": measure_quality,
    "reach": measure_reach,
    "speed": measure_speed,
    "process": measure_process,
}


def run_study(
    plan: Plan,
    corpus: str,
    networks: Sequence[Path],
    folder: Path,
    *,
    stages: Sequence[str] = tuple(STAGES),
    command: str,
    notify: Callable[[str], None],
) -> dict[str, Any]:
    """Measure what is not measured yet, and write the report of all that is.

    Args:
        plan: what is measured.
        corpus: its name, folder or file.
        networks: bundles over one tokenizer; the first is the one that n-grams are compared with.
        folder: of the report; an earlier, unfinished one is gone on with.
        stages: of `STAGES`.
        command: for the report.
        notify: told in one line what is going on.

    Returns:
        What results.json holds.

    Raises:
        UserError: a setting, a model or the text cannot be used, or the folder is in use.
    """
    with _locked(folder):
        study = open_study(plan, corpus, networks, folder, notify)
        results: dict[str, Any] = {}
        for stage in stages:
            before = study.cells.measured
            STAGES[stage](study)
            if study.cells.measured == before and stage != stages[-1]:
                continue
            results = make_results(study, command)  # a run that is stopped has what it got to
            write_json(folder / RESULTS_FILE, results)
            write_page(results, folder)
    return results


def open_study(
    plan: Plan,
    corpus: str,
    networks: Sequence[Path],
    folder: Path,
    notify: Callable[[str], None],
) -> Study:
    """The study of a folder; arguments and errors as of `run_study`."""
    for model in networks:
        if (kind := model_kind(resolve_model(model))) != "bundle":
            raise UserError(f"{model} is a {kind} folder: bench all measures exported bundles")
    names = [resolve_model(model).name for model in networks]
    if len(set(names)) < len(names) or any(not name or "(" in name for name in names):
        raise UserError("the networks' folders need different names, without parentheses")
    tokenizers = [open_tokenizer(model) for model in networks]
    if len({tokenizer.sha256 for tokenizer in tokenizers}) > 1:
        raise UserError("the networks have different tokens: their n-grams would be different too")
    text = open_corpus(corpus)
    common = {
        "plan": plan.name,
        "corpus_sha256": text.sha256,
        "tokenizer_sha256": tokenizers[0].sha256,
        "processor": machine()["processor"],
        "versions": versions(),
    }
    cells = Cells(folder / CELLS, common, notify)
    return Study(plan, folder, cells, text, tokenizers[0], tuple(networks), notify)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a report's folder, so that two runs cannot write it at once."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is not a folder: choose another --out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CELLS).is_dir():
        raise UserError(f"{folder} holds other files (no {CELLS}): choose another --out")
    for part in (CELLS, MODELS):
        (folder / part).mkdir(parents=True, exist_ok=True)
    with (folder / MODELS / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder} is in use by another bench all") from None
        for left in (left for name in LEFT_BEHIND for left in (folder / MODELS).glob(name)):
            shutil.rmtree(left)  # of a run that was killed
        yield
