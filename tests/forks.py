"""Processes that start at once, to be killed: a zygote has imported everything and forks a child.

    test -> Zygote -> a process of its own: imports, without starting threads
                   -> fork -> child in a session of its own: call -> exit

A fork is safe only while there is one thread, which the zygote checks of itself.
"""

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

WARM = (
    "pocketlm.cli", "pocketlm.benchmarks.charts", "pocketlm.benchmarks.commands",
    "pocketlm.benchmarks.ngram_training", "pocketlm.benchmarks.report",
    "pocketlm.export.android", "pocketlm.export.exporter", "pocketlm.model.lexicon",
    "pocketlm.model.train", "pocketlm.text_entries", "jinja2",
)  # fmt: skip
# What Python does with files, as sys.addaudithook names it; `open` counts where it may write.
OPERATIONS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "shutil.rmtree"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
FAILED = 99  # the exit code of a call that raised


@dataclass(frozen=True)
class Job:
    """A call in a child; its exit code is what the call returns.

    Attributes:
        call: `module:function`, of the package or of tests/.
        arguments: of the call.
        folder: the current directory.
        log: takes standard output and standard error.
        environment: added to the parent's.
        file_limit: bytes that a file may have (RLIMIT_FSIZE).
        kill_at: kill -9 before this operation on files, counted from 1.
    """

    call: str
    arguments: list[Any]
    folder: str
    log: str
    environment: dict[str, str] = field(default_factory=dict)
    file_limit: int | None = None
    kill_at: int | None = None


def command(*arguments: str) -> int:
    """The command `pocketlm` with these arguments."""
    from pocketlm.__main__ import main

    sys.argv = ["pocketlm", *arguments]
    return main()


def fork_job(job: Job) -> int:
    """Start a job in a child of this process, which has to have one thread; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = FAILED
    try:
        os.setsid()
        _redirect(job.log)
        os.chdir(job.folder)
        os.environ.update(job.environment)
        tempfile.tempdir = None
        if job.file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (job.file_limit, resource.RLIM_INFINITY))
        module, _, name = job.call.partition(":")
        call = getattr(importlib.import_module(module), name)
        operations = _count_operations(job.kill_at)
        code = call(*job.arguments)
        Path(f"{job.log}.operations").write_text(str(operations()), encoding="utf-8")
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def kill_group(pid: int) -> None:
    """Kill a job and all that it has started; before it has a group of its own, the job."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)


def wait(pid: int) -> int:
    """The exit code of a child; negative: the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _redirect(log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for descriptor, source in ((0, nothing), (1, output), (2, output)):
        os.dup2(source, descriptor)


def _count_operations(kill_at: int | None) -> Callable[[], int]:
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
        if event in OPERATIONS or writes:
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return lambda: count


class Zygote:
    """The client of a zygote."""

    def __init__(self, hash_seed: str = "1") -> None:
        own = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": hash_seed}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **own, "OMP_NUM_THREADS": "1"},
        )
        assert self._ask(None) == "ready"

    def start(self, job: Job) -> int:
        """Start a job; its pid, which is that of its process group too."""
        return int(self._ask(asdict(job)))

    def wait(self, pid: int) -> int:
        """The exit code of a job; negative: the signal that ended it."""
        return int(self._ask({"wait": pid}))

    def run(self, job: Job) -> int:
        """Start a job and wait for it."""
        return self.wait(self.start(job))

    def close(self) -> None:
        """End the zygote."""
        self._process.communicate()

    def _ask(self, question: dict[str, Any] | None) -> str:
        assert self._process.stdin
        assert self._process.stdout
        if question is not None:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        return self._process.stdout.readline().strip()


def _serve() -> None:
    from pocketlm.export.quiet import quiet_native

    # The pipe is not for what libraries print.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with quiet_native():
        for name in WARM:
            importlib.import_module(name)
    threads = len(list(Path("/proc/self/task").iterdir()))
    print("ready" if threads == 1 else f"{threads} threads", file=answers, flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        answer = wait(question["wait"]) if "wait" in question else fork_job(Job(**question))
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    _serve()
