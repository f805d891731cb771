"""Disks that are full, files that may not grow, folders that are read-only, many times.

    template -> tmpfs of a random size, in a mount namespace of its own -> the command fails
             -> one line, nothing half-written, earlier outputs as they were
             -> room again -> the same command: resumes or begins anew, and ends as any other

A limit on the size of a file (RLIMIT_FSIZE) does the same without a namespace.

    python tests/disk_rounds.py --rounds 20 --seed 1 [--only SCENARIO]
"""

import ctypes
import json
import os
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from crash_scenarios import (
    CACHE,
    SCENARIOS,
    Scenario,
    check_same,
    check_whole,
    command_job,
    fingerprint,
    leftovers,
)
from forks import Job, Zygote, fork_job, wait
from rounds_command import run_rounds

FULL, LIMIT, READ_ONLY = WAYS = ("full", "limit", "read-only")
REASONS = {
    FULL: "No space left on device",
    LIMIT: "File too large",
    READ_ONLY: "Read-only file system",
}
FAILED_WELL, NO_NAMESPACE = 3, 4  # exit codes of a round; 0: all fitted in
_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000  # linux/sched.h
_READ_ONLY, _REMOUNT, _RECURSIVE, _PRIVATE = 1, 32, 16384, 1 << 18  # linux/mount.h
_ROOM = 1 << 30
_PAGE, _LOG = 4096, 512  # bytes: of a tmpfs, and for what a command says
READING = (
    ("suggest", "see you ", "--model", "bundle"),
    ("suggest", "see you ", "--model", "run"),
    ("inspect", "bundle"),
    ("score", "see you tomorrow", "--model", "table"),
)


def round_(name: str, template: str, work: str, expected: str, way: str, size: int) -> int:
    """One round, in a child of the zygote; AssertionError says what was not as it has to be.

    Args:
        name: of the scenario.
        template: its folder.
        work: an empty folder.
        expected: a JSON file with the fingerprint of a run that nothing stopped.
        way: one of `WAYS`.
        size: bytes that are free on the disk, or that a file may have.
    """
    (scenario,) = (each for each in SCENARIOS if each.name == name)
    if way != LIMIT and not _mount(work):
        return NO_NAMESPACE
    folder, log = Path(work) / "folder", Path(template).parent / "round.log"
    shutil.copytree(template, folder, symlinks=True)
    if way == FULL:
        _remount(work, _used(work) + size)
    if way == READ_ONLY:
        _remount(work, _ROOM, _READ_ONLY)
    job = scenario.job(folder, log, file_limit=size if way == LIMIT else None)
    code = wait(fork_job(job))
    if code == 0:
        return 0
    _check_line(code, log.read_text(encoding="utf-8"), way)
    _in_fork("disk_rounds:check_left", [template, str(folder), scenario.output], log)
    if way == READ_ONLY:
        for command in READING:
            assert wait(fork_job(command_job(folder, log, *command))) == 0, log.read_text()
    if way != LIMIT:
        _remount(work, _ROOM)
    assert wait(fork_job(scenario.job(folder, log))) == 0, log.read_text(encoding="utf-8")
    _in_fork("disk_rounds:check_end", [str(folder), expected], log)
    return FAILED_WELL


def _check_line(code: int, said: str, way: str) -> None:
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert code == 2, f"exit code {code}: {said}"
    assert errors == said.splitlines()[-1:], said
    assert REASONS[way] in errors[0], said
    assert re.match(r"error: \S+: |error: KenLM's ", errors[0]), f"no file is named: {said}"
    print(errors[0])


def check_left(template: str, folder: str, output: str) -> int:
    """What a failed command leaves: whole files, no temporaries, and all else as it was."""
    check_whole(Path(folder))
    assert not leftovers(Path(folder)), leftovers(Path(folder))
    before, after = fingerprint(Path(template)), fingerprint(Path(folder))
    for name in before | after:
        if not name.startswith((f"{output}/", f"{CACHE}/")):
            assert before.get(name) == after.get(name), f"{name} is another one"
    if output != "new":  # a folder of one piece: the old one
        for name in before | after:
            assert before.get(name) == after.get(name) or name.startswith(f"{CACHE}/"), name
    return 0


def check_end(folder: str, expected: str) -> int:
    """What the next run leaves: what a run that nothing stopped leaves."""
    check_same(Path(folder), json.loads(Path(expected).read_text(encoding="utf-8")))
    return 0


def _in_fork(call: str, arguments: Sequence[str], log: Path) -> None:
    """Call in a child, so that what it starts is not in the way of later forks."""
    assert wait(fork_job(Job(call, list(arguments), "/", str(log)))) == 0, log.read_text()


def _mount(point: str) -> bool:
    """Mount a tmpfs that only this process and its children see; False where that cannot be."""
    users, groups = f"0 {os.getuid()} 1", f"0 {os.getgid()} 1"
    if _libc().unshare(_NEW_USER | _NEW_MOUNTS):
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(users, encoding="ascii")
        Path("/proc/self/gid_map").write_text(groups, encoding="ascii")
    except PermissionError:  # as Ubuntu has it from 23.10 on
        return False
    private = _libc().mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None)
    return not private and not _libc().mount(b"none", point.encode(), b"tmpfs", 0, None)


def _remount(point: str, size: int, flags: int = 0) -> None:
    options = f"size={size}".encode()
    failed = _libc().mount(b"none", point.encode(), b"tmpfs", _REMOUNT | flags, options)
    assert not failed, os.strerror(ctypes.get_errno())


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _used(point: str) -> int:
    found = os.statvfs(point)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


class DiskRounds:
    """Rounds of one scenario; `counts` says how they went."""

    def __init__(self, scenario: Scenario, template: Path, work: Path, zygote: Zygote) -> None:
        self._scenario, self._template, self._zygote = scenario, template, zygote
        self._work, self._log = work, work / f"{scenario.name}.log"
        self.counts: Counter[str] = Counter()
        self.lines: Counter[str] = Counter()  # what was said, without the folder
        folder = work / scenario.name
        shutil.copytree(template, folder, symlinks=True)
        code = zygote.run(scenario.job(folder, self._log))
        assert code == 0, self._log.read_text(encoding="utf-8")
        found = fingerprint(folder)
        self._expected = work / f"{scenario.name}.json"
        self._expected.write_text(json.dumps(found), encoding="utf-8")
        made = [path for name in (scenario.output, CACHE) for path in (folder / name).rglob("*")]
        sizes = [path.stat().st_size for path in made if "native" not in path.parts]
        self._largest, self._sum = max(sizes), sum(sizes)

    def round(self, number: int, seed: int, way: str) -> None:
        """One round; AssertionError says what was not as it has to be."""
        draw = random.Random(f"{seed} {self._scenario.name} {way} {number}")
        # Small sizes as often as large ones, so that small files are cut too.
        least, most = (_PAGE, self._sum) if way == FULL else (_LOG, self._largest)
        size = int(least * (most / least) ** draw.random())
        with tempfile.TemporaryDirectory(dir=self._work) as disk:
            arguments = [self._scenario.name, str(self._template), disk, str(self._expected)]
            job = Job("disk_rounds:round_", [*arguments, way, size], "/", str(self._log))
            code = self._zygote.run(job)
        if code == NO_NAMESPACE:
            self.counts["no namespaces here"] += 1
            return
        said = self._log.read_text(encoding="utf-8")
        assert code in (0, FAILED_WELL), f"{way}, {size} bytes: {said}"
        self.counts[way if code else f"{way}, but it fitted"] += 1
        if code:
            self.lines[re.sub(r"/\S*/folder/|[0-9a-f]{16,}|tmp\w+", "", said.strip())] += 1

    def rounds(self, first: int, count: int) -> Iterator[tuple[int, Callable[[int], None]]]:
        """So many of each way, but one that is read-only; see rounds_command."""
        for way in WAYS:
            for number in range(first, first + (1 if way == READ_ONLY else count)):
                yield number, partial(self.round, number, way=way)

    def report(self) -> str:
        """See rounds_command."""
        said = (f"\n  {count:4} x {line}" for line, count in self.lines.most_common())
        return f"{dict(self.counts)}{''.join(said)}"


if __name__ == "__main__":
    sys.exit(run_rounds(__doc__, sys.argv[1:], DiskRounds))
