"""Reading a folder that another process may replace at any moment."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from pocketlm.model.errors import UserError

_READINGS = 20
_MISSING = 3  # readings of a folder that is not there, after the first
_PAUSE = 0.002  # seconds
Result = TypeVar("Result")
Rest = ParamSpec("Rest")


def read_steadily(marker: Path, read: Callable[[], Result]) -> Result:
    """What `read` makes of the folder that holds `marker`, all of it of one and the same folder.

    `atomic_folder` puts a whole new folder, with a new marker, in the place of the old one. So
    where the marker is the same file before and after, nothing was replaced; where it is not, what
    was read may be of both, or an error may come of that: it is read again.

    Args:
        marker: the file of the folder that names its kind, such as a manifest.
        read: opens what it needs, and can be called again.

    Raises:
        UserError: what `read` says of a folder that stayed; or the folder never stayed.
    """
    for reading in range(_READINGS):
        if reading:
            time.sleep(_PAUSE)
        before = _identity(marker)
        try:
            result = read()
        except (UserError, OSError):
            # A folder that is missing may be between two renames: it is looked for again.
            if _identity(marker) == before and (before is not None or reading >= _MISSING):
                raise
        else:
            if _identity(marker) == before:
                return result
    raise UserError(f"{marker.parent} is replaced faster than it can be read")


def steady(
    marker: str,
) -> Callable[
    [Callable[Concatenate[Path, Rest], Result]], Callable[Concatenate[Path, Rest], Result]
]:
    """`read_steadily` for a function of a folder, whose marker has this name."""

    def decorate(
        read: Callable[Concatenate[Path, Rest], Result],
    ) -> Callable[Concatenate[Path, Rest], Result]:
        @wraps(read)
        def read_whole(folder: Path, /, *rest: Rest.args, **options: Rest.kwargs) -> Result:
            return read_steadily(folder / marker, lambda: read(folder, *rest, **options))

        return read_whole

    return decorate


@contextmanager
def must_stay(marker: Path) -> Iterator[None]:
    """Raise UserError at the end of the block if the folder of `marker` was replaced meanwhile."""
    before = _identity(marker)
    yield
    if _identity(marker) != before:
        raise UserError(f"{marker.parent} was replaced meanwhile: try again")


def _identity(path: Path) -> tuple[int, ...] | None:
    """What tells a file from the one that took its place; inode numbers alone are used again."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
