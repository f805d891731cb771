"""One process on one model: what can be run of a folder, and the raw sample that its runner prints.

    folder -> open_measurable -> [Measurable]
    lines -> write_tokens -> token file
    Measurable + token file -> run_sample: files on the disk and in the page cache,
        then the model's native runner, a fresh process -> Sample

Load modes, the first of a kind being the one that a phone would use:

| kind    | load modes     | where the model is                                          |
|---------|----------------|-------------------------------------------------------------|
| network | mmap           | pages of the file, mapped as they are touched               |
|         | file           | private memory                                              |
| kenlm   | lazy, populate | pages of the file, mapped as they are touched, or at once   |
|         | read           | private memory                                              |
| table   | mapped         | pages of the sorted files, mapped as they are touched       |
|         | dictionary     | hash maps in private memory; of stupid backoff alone        |

A network runs on one of two runtimes: `stock` has the kernels of ExecuTorch's wheel, `lean` none
but our own, for zero-copy bundles (docs/lean-runtime.md).

Kneser-Ney's and ARPA's backoff arrays are tables too, and so are counts of every smoothing.

The page cache is warm: a file's pages are flushed to the disk, as those not yet written count as
dirty, and read once through before each run, so that no run waits for the disk. With `pressure`,
the runner takes the pages away once the replay has ended (native/pressure.h).
"""

import json
import math
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pocketlm.benchmarks.ngram import KENLM_FILE, NgramFolder, read_ngram
from pocketlm.benchmarks.smoothing import STUPID_BACKOFF
from pocketlm.benchmarks.toolchain import native_program
from pocketlm.model.errors import UserError
from pocketlm.model.files import fsync_path
from pocketlm.model.steady import read_steadily
from pocketlm.model.temporaries import named_errors
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.models import model_kind, model_marker, resolve_model

SCORE, DISTRIBUTION = WORKS = ("score", "distribution")
STOCK, LEAN = "stock", "lean"
_RUNNERS = {STOCK: "executorch_runner", LEAN: "lean_runner"}
_NETWORK_LOADS = ("mmap", "file")
_KENLM_LOADS = ("lazy", "populate", "read")
_TABLE_LOADS = ("mapped", "dictionary")
_READ_BYTES = 1 << 20
Sample = dict[str, Any]  # what a runner prints, and how it was run


@dataclass(frozen=True)
class Measurable:
    """A model file as a runner loads it."""

    name: str
    kind: str  # network, table or kenlm
    structure: str  # a network's recipe, or how the table is laid out
    load_mode: str
    load_modes: tuple[str, ...]  # all that its runner knows
    command: tuple[str, ...]
    files: tuple[Path, ...]
    tokenizer: Tokenizer
    runtime: str | None = None  # a network's: stock or lean
    # How the perplexity is replayed, where the measured layout is too slow to visit a whole text.
    replay_load_mode: str | None = None

    @property
    def file_bytes(self) -> int:
        """What its files take on the disk."""
        return sum(path.stat().st_size for path in self.files)

    def processes(self, samples: int) -> int:
        """How many are run to measure it."""
        works = 1 if self.kind == "network" else 2
        return samples * works + (2 if self.replay_load_mode not in (None, self.load_mode) else 1)


def open_measurable(folder: Path, runtime: str = STOCK) -> list[Measurable]:
    """What can be measured of a folder; its files are checked against its manifest.

    Counts with stupid backoff give two, one for each of their layouts. `runtime` is a network's.

    Raises:
        UserError: it cannot be measured, or not on that runtime, or is damaged.
    """
    folder = resolve_model(folder)
    return read_steadily(model_marker(folder), lambda: _open_measurable(folder, runtime))


def _open_measurable(folder: Path, runtime: str) -> list[Measurable]:
    kind = model_kind(folder)
    if kind == "run":
        raise UserError(f"{folder} is a run folder: export it first (pocketlm export {folder} ...)")
    if kind == "n-gram":
        return _ngram_measurables(folder)
    return [_bundle_measurable(folder, runtime)]


def _bundle_measurable(folder: Path, runtime: str) -> Measurable:
    from pocketlm.export.bundle import PROGRAM, TOKENIZER, checked_manifest

    manifest = checked_manifest(folder)
    if runtime == LEAN and manifest["recipe"] != "zero-copy":
        recipe = manifest["recipe"]
        raise UserError(f"{folder}: the lean runtime is for zero-copy bundles, not {recipe}")
    program, tokenizer = folder / PROGRAM, Tokenizer.load(folder / TOKENIZER)
    runner = native_program(_RUNNERS[runtime])
    return Measurable(
        _name(folder),
        "network",
        manifest["recipe"],
        load_mode=_NETWORK_LOADS[0],
        load_modes=_NETWORK_LOADS,
        command=(str(runner), str(program), *_end(tokenizer)),
        files=(program,),
        tokenizer=tokenizer,
        runtime=runtime,
    )


def _ngram_measurables(folder: Path) -> list[Measurable]:
    found = read_ngram(folder)
    if found.kind == "kenlm":
        return [_kenlm_measurable(found)]
    if found.kind != "table":
        return [_table_measurable(found, f"backoff arrays, {found.kind}")]
    if found.smoothing != STUPID_BACKOFF:
        options = ("--add-k", str(found.add_k or 0.0))
        return [_table_measurable(found, f"mapped, {found.smoothing}", options)]
    return [
        replace(
            _table_measurable(found, layout),
            name=f"{_name(folder)} ({layout})",
            load_mode=layout,
            load_modes=_TABLE_LOADS,
            replay_load_mode="mapped",
        )
        for layout in ("dictionary", "mapped")
    ]


def _kenlm_measurable(found: NgramFolder) -> Measurable:
    runner, path = native_program("kenlm_runner"), found.path / KENLM_FILE
    vocabulary = str(found.tokenizer.vocabulary_size)
    return Measurable(
        _name(found.path),
        "kenlm",
        found.structure,
        load_mode=_KENLM_LOADS[0],
        load_modes=_KENLM_LOADS,
        command=(str(runner), str(path), *_end(found.tokenizer), "--vocabulary", vocabulary),
        files=found.files,
        tokenizer=found.tokenizer,
    )


def _table_measurable(
    found: NgramFolder, structure: str, options: tuple[str, ...] = ()
) -> Measurable:
    runner = native_program("table_runner")
    return Measurable(
        _name(found.path),
        "table",
        structure,
        load_mode=_TABLE_LOADS[0],
        load_modes=_TABLE_LOADS[:1],
        command=(str(runner), str(found.path), *_end(found.tokenizer), *options),
        files=found.files,
        tokenizer=found.tokenizer,
    )


def _end(tokenizer: Tokenizer) -> tuple[str, str]:
    return "--end", str(tokenizer.end_id)


def _name(folder: Path) -> str:
    return folder.resolve().name


def write_tokens(lines: Sequence[str], tokenizer: Tokenizer, path: Path) -> None:
    """Write a token file for the runners: int32 ids, the end token after each line."""
    ids = [i for line in lines for i in [*tokenizer.encode(line), tokenizer.end_id]]
    with named_errors(path):
        path.write_bytes(np.array(ids, dtype="<i4").data)


def run_sample(
    model: Measurable,
    tokens: Path,
    *,
    work: str = DISTRIBUTION,
    load: str | None = None,
    steps: int | None = None,
    pressure: bool = False,
) -> Sample:
    """Run one fresh process on a token file.

    Args:
        model: what is run.
        tokens: a file of `write_tokens`.
        work: `score` looks up the token that comes; `distribution` computes all V that may. A
            network has no other step than the distribution, which is what it then runs.
        load: one of the model's load modes; its own if None.
        steps: words' tokens, the file replayed as often as that takes; the whole file once if None.
        pressure: drop the model's pages after the replay, and time the steps that follow.

    Returns:
        What the runner printed (times in microseconds, memory in bytes), and how it was run:
        `command`, `work`, `load_mode`, `page_cache`; with `pressure` also the `read_ahead_kb` of
        the model's disk, None if the system does not say. `nats` is infinite where the model
        excludes a token (maximum likelihood); `impossible_tokens` says how often.

    Raises:
        UserError: the model has no such load mode or work, or its runner fails.
    """
    load = load or model.load_mode
    if load not in model.load_modes:
        raise UserError(f"{model.name}: no load mode {load!r}: {' or '.join(model.load_modes)}")
    if work not in WORKS:
        raise UserError(f"{model.name}: no work {work!r}: {' or '.join(WORKS)}")
    work = DISTRIBUTION if model.kind == "network" else work
    command = [*model.command, "--tokens", str(tokens), "--work", work, "--load", load]
    command += ["--steps", str(steps)] if steps else []
    command += ["--pressure"] if pressure else []
    for path in model.files:
        _warm(path)
    sample: Sample = json.loads(_output(command, model.name))
    if sample["nats"] is None:
        sample["nats"] = math.inf
    if pressure:
        sample["pressure"]["read_ahead_kb"] = _read_ahead_kb(model.files[0])
    return sample | {"command": command, "work": work, "load_mode": load, "page_cache": "warm"}


def _read_ahead_kb(path: Path) -> int | None:
    """How far the kernel reads ahead on a file's disk, which decides what a cold step waits for."""
    device = path.stat().st_dev
    setting = Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb")
    return int(setting.read_text()) if setting.is_file() else None


def _warm(path: Path) -> None:
    """Flush a file to the disk and read it through."""
    fsync_path(path)
    buffer = bytearray(_READ_BYTES)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _output(command: Sequence[str], name: str) -> str:
    """A runner's standard output; its failure is one line."""
    # The same environment for all, without anything that preloads or tunes allocators.
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode < 0:
        reason = signal.Signals(-result.returncode).name
        raise UserError(f"{name}: its runner was ended by {reason}: is it damaged?")
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["its runner failed"]
        raise UserError(f"{name}: {lines[-1].removeprefix('error: ')}")
    return result.stdout
