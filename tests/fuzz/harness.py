"""What holds for every reader of a file: it works, or says in one line why not, and stays small.

bytes -> Target.read, in a scratch folder -> None | the line of a UserError
                                          -> anything else is a finding

A reader may take LARGEST_GROWTH bytes of memory over what the process had before, and SECONDS; the
inputs are a few KB, so that neither is ever near.
"""

import faulthandler
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pocketlm.model.errors import UserError, one_line

LARGEST_GROWTH = 512 << 20  # bytes
SECONDS = 20
_SELF = Path("/proc/self")


@dataclass(frozen=True)
class Target:
    """A reader, and valid inputs of it.

    Attributes:
        name: on the command line, and of the folder of its findings.
        read: given an input and an empty folder to put it in, as a user's file would lie there.
        seeds: inputs that it takes.
    """

    name: str
    read: Callable[[bytes, Path], object]
    seeds: Sequence[bytes] = field(repr=False)


class FindingError(AssertionError):
    """A reader broke its promise."""


def try_input(target: Target, data: bytes) -> str | None:
    """One input: None if it is taken, the line if it is refused.

    Raises:
        FindingError: it took too much memory.
        Exception: whatever else the reader raised.
    """
    with scratch() as folder, hang_is_fatal():
        before = _reset_peak()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                target.read(data, folder)
            line = None
        except UserError as error:
            line = one_line(str(error))
        growth = _peak() - before
    if growth > LARGEST_GROWTH:
        raise FindingError(f"{growth >> 20} MiB for {len(data)} bytes")
    return line


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder in memory, where there is such a place."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="fuzz.", dir=shared if shared.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def hang_is_fatal() -> Iterator[None]:
    """End the process with its stack if the block takes longer than SECONDS, native code too."""
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _reset_peak() -> int:
    """Begin to watch the peak of the resident memory anew (proc(5), clear_refs); bytes now."""
    (_SELF / "clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    found = re.search(r"VmHWM:\s*(\d+) kB", (_SELF / "status").read_text())
    assert found
    return int(found[1]) << 10
