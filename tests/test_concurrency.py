"""Several processes on one folder: two writers, two trainings, a reader during a write."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_scenarios import check_whole, command_job, fingerprint, leftovers
from forks import Job, Zygote, kill_group

from pocketlm.export.bundle import open_bundle, read_manifest
from pocketlm.model.run_folder import load_run

BUSY = "in use by another training"
HOLDS = "already holds a training"


class Processes:
    """Starts jobs of crash_jobs.py and commands, and waits for them."""

    def __init__(self, zygote: Zygote, folder: Path) -> None:
        self._zygote, self._folder = zygote, folder
        self._logs: dict[int, Path] = {}
        self._started = 0

    def start(self, name: str, *arguments: Any) -> int:
        log = str(self._log())
        return self._start(Job(f"crash_jobs:{name}", list(arguments), str(self._folder), log))

    def command(self, folder: Path, *arguments: str) -> int:
        return self._start(command_job(folder, self._log(), *arguments))

    def wait(self, pid: int) -> tuple[int, str]:
        code = self._zygote.wait(pid)
        return code, self._logs.pop(pid).read_text(encoding="utf-8")

    def end(self) -> None:
        """Kill what a failed test has not waited for."""
        for pid in list(self._logs):
            kill_group(pid)
            self.wait(pid)

    def all_succeed(self, *pids: int) -> None:
        ended = [self.wait(pid) for pid in pids]
        assert [code for code, _ in ended] == [0] * len(pids), [said for _, said in ended]

    def _start(self, job: Job) -> int:
        pid = self._zygote.start(job)
        self._logs[pid] = Path(job.log)
        return pid

    def _log(self) -> Path:
        self._started += 1
        return self._folder / f"{self._started}.log"


@pytest.fixture
def processes(zygote: Zygote, tmp_path: Path) -> Iterator[Processes]:
    (tmp_path / "logs").mkdir()
    processes = Processes(zygote, tmp_path / "logs")
    yield processes
    processes.end()


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "folder", symlinks=True))


@pytest.mark.parametrize("at_once", [True, False], ids=["exchange", "two renames"])
def test_two_writers_and_a_reader_of_a_folder(
    processes: Processes, tmp_path: Path, at_once: bool
) -> None:
    target = str(tmp_path / "target")
    processes.all_succeed(processes.start("replace_folder", target, "first", 1, at_once))
    processes.all_succeed(
        processes.start("replace_folder", target, "a", 60, at_once),
        processes.start("replace_folder", target, "b", 60, at_once),
        processes.start("read_folder", target, 200, at_once),
    )
    processes.all_succeed(processes.start("read_folder", target, 1, at_once))
    assert not leftovers(tmp_path)


def test_two_writers_and_a_reader_of_a_file(processes: Processes, tmp_path: Path) -> None:
    target = str(tmp_path / "target")
    processes.all_succeed(processes.start("replace_file", target, "first", 1))
    writers = [processes.start("replace_file", target, name, 100) for name in "ab"]
    processes.all_succeed(*writers, processes.start("read_file", target, 300))
    assert not leftovers(tmp_path)


@pytest.fixture
def bundles(processes: Processes, folder: Path) -> list[str]:
    """Two bundles that have nothing in common."""
    new = ("--vocabulary-size", "340", *_train(5)[:-2])
    verify = ("--verify-tokens", "100", "--text", "text.txt")
    processes.all_succeed(processes.command(folder, "train", *new))
    processes.all_succeed(processes.command(folder, "export", "new", "--out", "other", *verify))
    return [str(folder / "bundle"), str(folder / "other")]


def test_a_bundle_that_is_replaced_is_read_as_one_of_both(
    processes: Processes, bundles: list[str], tmp_path: Path
) -> None:
    target = str(tmp_path / "bundle")
    processes.all_succeed(processes.start("replace_bundle", target, bundles, 0.01))
    pids = [
        processes.start(name, target, bundles, 2.0)
        for name in ("replace_bundle", "read_bundle", "read_parts")
    ]
    processes.all_succeed(*pids)
    assert not leftovers(tmp_path)


def test_two_exports_into_one_folder(processes: Processes, folder: Path) -> None:
    export = ("export", "run", "--out", "bundle", "--verify-tokens", "100", "--text", "text.txt")
    recipes = ("float", "zero-copy")
    pids = [processes.command(folder, *export, "--recipe", recipe) for recipe in recipes]
    processes.all_succeed(*pids)
    check_whole(folder)
    assert read_manifest(folder / "bundle")["recipe"] in recipes
    assert open_bundle(folder / "bundle").tokenizer.sha256
    assert not leftovers(folder)


def _train(steps: int) -> tuple[str, ...]:
    return (
        "--corpus", "text.txt", "--out", "new", "--max-steps", str(steps),
        "--preset", "tiny", "--rows", "4", "--window", "8", "--valid-every", "5",
        "--valid-lines", "5", "--checkpoint-minutes", "0", "--device", "cpu",
        "--tokenizer", "run",
    )  # fmt: skip


def test_of_two_trainings_on_one_new_folder_one_is_refused(
    processes: Processes, folder: Path
) -> None:
    pids = [processes.command(folder, "train", *_train(20)) for _ in range(2)]
    ended = sorted(processes.wait(pid) for pid in pids)
    assert [code for code, _ in ended] == [0, 2], ended
    assert BUSY in ended[1][1] or HOLDS in ended[1][1]
    check_whole(folder)


def test_a_run_is_not_resumed_while_it_is_trained_but_can_be_read(
    processes: Processes, folder: Path
) -> None:
    training = processes.command(folder, "train", *_train(1_000_000))
    deadline = time.monotonic() + 120
    while not (folder / "new" / "model.safetensors").is_file():
        assert time.monotonic() < deadline, "the training writes nothing"
        time.sleep(0.05)
    evaluate = ("evaluate", "--model", "new", "--text", "text.txt", "--lines", "5")
    readers = [processes.command(folder, *evaluate) for _ in range(3)]
    resumed = processes.wait(processes.command(folder, "train", "--out", "new", "--resume"))
    assert resumed[0] == 2
    assert BUSY in resumed[1]
    processes.all_succeed(*readers)
    for _ in range(30):
        load_run(folder / "new")
    os.kill(training, signal.SIGKILL)
    processes.wait(training)
    resume = ("train", "--out", "new", "--resume", "--max-steps", "1")
    processes.all_succeed(processes.command(folder, *resume))
    check_whole(folder)


def test_two_processes_build_the_same_caches(processes: Processes, folder: Path) -> None:
    def table(name: str) -> tuple[str, ...]:
        tokens = ("--order", "2", "--tokenizer", "run")
        return ("ngram", "train", "--corpus", "text.txt", *tokens, "--out", name)

    pids = [processes.command(folder, *table(name)) for name in ("one", "two", "three")]
    processes.all_succeed(*pids)
    assert (
        fingerprint(folder / "one") == fingerprint(folder / "two") == fingerprint(folder / "three")
    )
    check_whole(folder)
    assert not leftovers(folder)
