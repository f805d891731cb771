"""Speed and memory of what a training does with a corpus before its first step.

    python -m pocketlm.benchmarks.tokenising CORPUS [MEGABYTES [FOLDER]]

Two tables on standard output:

- MB of text a second of tokenising with 1, 2, 4, ... processes, up to the cores: the median of
  ROUNDS, in which each number has its turn;
- seconds and peak memory of each stage (training_start.py), on the corpus' train split as it is
  and repeated to MEGABYTES (1000), which is written to FOLDER (the system's temporary one) and
  deleted: anonymous memory, which is the processes' own, and file-backed, which is what they map.

Memory is sampled from /proc/PID/smaps_rollup, so that Linux is needed. MB are 10^6 bytes.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from pocketlm.benchmarks.training_start import STAGES
from pocketlm.model.corpus import Corpus, open_corpus
from pocketlm.model.encoding import default_processes
from pocketlm.model.errors import UserError
from pocketlm.model.shards import build_shards
from pocketlm.models import DEFAULT_MODEL, open_tokenizer
from pocketlm.module_command import run_module

ROUNDS = 3
SAMPLE_SECONDS = 0.25
_MEGABYTE = 10**6
_STAGES = "pocketlm.benchmarks.training_start"


@dataclass(frozen=True)
class Memory:
    """Bytes of a process and of those that it has started, taken together."""

    own: int
    own_files: int
    others: int
    others_files: int


def measure_speed(corpus: Corpus, folder: Path) -> dict[int, list[float]]:
    """MB a second of each round by the number of processes."""
    tokenizer = open_tokenizer(DEFAULT_MODEL)
    size = corpus.path("train").stat().st_size
    counts = [1 << i for i in range(default_processes().bit_length())]
    speeds: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(ROUNDS):
        for count in counts:
            began = time.perf_counter()
            build_shards(corpus.lines("train"), tokenizer, folder / "s", "x", processes=count)
            speeds[count].append(size / _MEGABYTE / (time.perf_counter() - began))
            shutil.rmtree(folder / "s")
    return speeds


def measure_stage(stage: str, folder: Path) -> tuple[float, list[Memory]]:
    """Seconds and samples of a stage's process on a folder with train.txt and tokenizer.model."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", _STAGES, stage, str(folder), str(folder / "tokenizer.model")],
        env={**os.environ, "POCKETLM_CACHE": str(folder / "cache")},
    )
    samples = []
    try:
        while process.poll() is None:
            samples.append(_sample(process.pid))
            time.sleep(SAMPLE_SECONDS)
    finally:
        process.kill()
    if process.returncode:
        raise UserError(f"the stage {stage} failed")
    return time.perf_counter() - began, samples


def _sample(process: int) -> Memory:
    own, own_files = _memory_of(process)
    others = [_memory_of(child) for child in _children(process)]
    return Memory(own, own_files, sum(a for a, _ in others), sum(f for _, f in others))


def _memory_of(process: int) -> tuple[int, int]:
    """Anonymous and file-backed bytes; none of a process that has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    values = {name: int(rest.split()[0]) for name, _, rest in (x.partition(":") for x in lines[1:])}
    anonymous = values.get("Anonymous", 0)
    return 1024 * anonymous, 1024 * (values.get("Rss", anonymous) - anonymous)


def _children(process: int) -> list[int]:
    try:
        files = list(Path(f"/proc/{process}/task").glob("*/children"))
        return [int(child) for file in files for child in file.read_text("ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _repeat(source: Path, size: int, target: Path) -> int:
    """Write whole copies of a text until it has `size` bytes; how many it has."""
    with target.open("wb") as file:
        while not file.tell() or file.tell() < size:
            with source.open("rb") as text:
                shutil.copyfileobj(text, file, 1 << 20)
        return file.tell()


def _report(corpus: str, megabytes: str = "1000", folder: str | None = None) -> None:
    if not megabytes.isdecimal():
        raise UserError(f"MEGABYTES is a number, not {megabytes!r}")
    found, console = open_corpus(corpus), Console(width=100)
    with TemporaryDirectory(dir=folder) as temporary:
        console.print(_speed_table(measure_speed(found, Path(temporary))))
    stages, over_time = _stage_table(), []
    for size in (0, int(megabytes) * _MEGABYTE):
        with TemporaryDirectory(dir=folder) as temporary:
            text = Path(temporary) / "train.txt"
            written = _repeat(found.path("train"), size, text)
            open_tokenizer(DEFAULT_MODEL).save(text.with_name("tokenizer.model"))
            for stage in STAGES:
                seconds, samples = measure_stage(stage, Path(temporary))
                stages.add_row(*_stage_row(stage, written / _MEGABYTE, seconds, samples))
                if stage == "shards":
                    over_time.append(_over_time(written / _MEGABYTE, samples))
    console.print(stages)
    console.print(*over_time, sep="\n")


def _speed_table(speeds: dict[int, list[float]]) -> Table:
    table = Table("processes", box=None, pad_edge=False)
    for title in ("MB/s", "least", "most", "times"):
        table.add_column(title, justify="right")
    medians = {count: statistics.median(each) for count, each in speeds.items()}
    for count, each in speeds.items():
        figures = (medians[count], min(each), max(each), medians[count] / medians[1])
        table.add_row(str(count), *(f"{figure:.2f}" for figure in figures))
    return table


def _stage_table() -> Table:
    table = Table("stage", box=None, pad_edge=False)
    for title in ("MB", "s", "MB/s", "own MiB", "files MiB", "others' own MiB", "files MiB"):
        table.add_column(title, justify="right")
    return table


def _stage_row(stage: str, size: float, seconds: float, samples: list[Memory]) -> list[str]:
    peaks = (
        max(each.own for each in samples),
        max(each.own_files for each in samples),
        max(each.others for each in samples),
        max(each.others_files for each in samples),
    )
    speeds = [f"{size:.0f}", f"{seconds:.1f}", f"{size / seconds:.1f}"]
    return [stage, *speeds, *(f"{peak / 2**20:.0f}" for peak in peaks)]


def _over_time(size: float, samples: list[Memory]) -> str:
    """The peak of all processes' own memory in each tenth of the time."""
    totals = [each.own + each.others for each in samples]
    bounds = [len(totals) * i // 10 for i in range(11)]
    tenths = [totals[a:b] for a, b in pairwise(bounds) if b > a]
    peaks = " ".join(f"{max(tenth) / 2**20:.0f}" for tenth in tenths)
    return f"shards, {size:.0f} MB, own MiB of all processes by tenths of the time: {peaks}"


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    usage = "pocketlm.benchmarks.tokenising CORPUS [MEGABYTES] [FOLDER]"
    return run_module(usage, arguments, _report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
