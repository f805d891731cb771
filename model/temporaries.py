"""Temporaries: what is being written, beside what it will become, and what the killed left of it.

    target -> held_temporary -> .TARGET.pocketlm-xxxxxxxx, locked for as long as its writer lives
           -> put_folder     -> in the target's place, in one step where the system can

A process that is killed leaves its temporary without a lock. Whoever writes the same target next
removes what nobody holds, so that nothing stays behind and no writer loses what it is writing.
"""

import ctypes
import errno
import fcntl
import glob
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pocketlm.model.errors import UserError

_MARK = ".pocketlm-"
_OLD = "old-"
_RANDOM_BYTES = 4
_NAMED = re.compile(rf"(?:{_OLD})?[0-9a-f]{{{2 * _RANDOM_BYTES}}}")  # what follows the mark
# Errors of a write, which know no file name of their own.
_WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


@contextmanager
def held_temporary(target: Path, folder: bool = False) -> Iterator[Path]:
    """A new file or folder beside `target`, removed at the end of the block if it is still there.

    An OSError of the block names the target, not the temporary.
    """
    if not target.name:
        raise UserError(f"{target} cannot be replaced: choose another name")
    with named_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        path, descriptor = _create(target, folder)
        try:
            yield path
        finally:
            _remove(path)
            os.close(descriptor)


def put_folder(temporary: Path, target: Path, check: Callable[[], None], replace: bool) -> None:
    """Move a folder to `target`; what it replaces is then in the temporary's place, or gone.

    Args:
        temporary: of `held_temporary`.
        target: free, or a folder.
        check: called before a folder that is not empty is replaced, to refuse that.
        replace: whether a folder that is there already, and not empty, gives way.
    """
    while True:
        try:
            temporary.rename(target)  # where nothing is, or an empty folder
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        if not replace:
            return
        check()
        with suppress(FileNotFoundError):  # it went away: the place is free
            if exchange(temporary, target):
                return
            with suppress(FileExistsError), _moved_away(target):
                # Without an exchange the target is missing for a moment.
                _rename_to_free(temporary, target)
                return


def exchange(first: Path, second: Path) -> bool:
    """Let two paths change places in one step; False where the system cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    paths = _AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second)
    if renameat2(*paths, _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL):  # an old kernel, or another kind of file system
        return False
    raise OSError(number, os.strerror(number), str(first), None, str(second))


@contextmanager
def _moved_away(target: Path) -> Iterator[None]:
    """Hold the folder at `target` under another name, for the next writer to put back if killed."""
    descriptor = os.open(target, os.O_RDONLY)
    try:
        _lock(descriptor)  # waits for another writer that has moved it
        if not is_at(target, descriptor):
            raise FileExistsError(errno.EEXIST, "replaced by another process", str(target))
        old = _temporary_path(target, _OLD)
        target.rename(old)
        try:
            yield
        finally:
            _put_back_or_remove(old, target)
    finally:
        os.close(descriptor)


def _rename_to_free(temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:  # another writer was faster: FileExistsError to all
            raise FileExistsError(errno.EEXIST, error.strerror, str(target)) from None
        raise


def _create(target: Path, folder: bool) -> tuple[Path, int]:
    """A new temporary and a descriptor that holds it."""
    while True:
        path = _temporary_path(target)
        try:
            if folder:
                path.mkdir()
                descriptor = os.open(path, os.O_RDONLY)
            else:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        except FileNotFoundError:
            if not target.parent.is_dir():
                raise
            continue  # another process took it for abandoned before it was locked
        _lock(descriptor)
        if is_at(path, descriptor):
            return path, descriptor
        os.close(descriptor)


def _temporary_path(target: Path, kind: str = "") -> Path:
    random = secrets.token_hex(_RANDOM_BYTES)
    return target.with_name(f".{target.name}{_MARK}{kind}{random}")


def _lock(descriptor: int) -> None:
    with suppress(OSError):  # a file system without locks: nobody can take it for abandoned either
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def is_at(path: Path, descriptor: int) -> bool:
    """Whether a path is of the file that is open."""
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _remove_abandoned(target: Path) -> None:
    """Remove the temporaries of `target` that no process holds."""
    beginning = f".{target.name}{_MARK}"
    for path in target.parent.glob(glob.escape(beginning) + "*"):
        if not _NAMED.fullmatch(path.name.removeprefix(beginning)):
            continue
        try:  # a pipe would wait for its writer
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:  # gone already, or not ours
            continue
        try:
            mode = os.fstat(descriptor).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                continue
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # its writer lives
            continue
        else:
            if path.name.startswith(f".{target.name}{_MARK}{_OLD}"):
                _put_back_or_remove(path, target)
            else:
                _remove(path)
        finally:
            os.close(descriptor)


def _put_back_or_remove(old: Path, target: Path) -> None:
    """A folder that was moved away: back to a place that is still free, else removed."""
    if not target.exists():
        with suppress(OSError):
            old.rename(target)
    if target.exists():
        _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


@contextmanager
def named_errors(target: Path) -> Iterator[None]:
    """Let an OSError name the target where it names the temporary, or a failed write no file."""
    beginning = str(target.with_name(f".{target.name}{_MARK}"))
    try:
        yield
    except OSError as error:
        name = str(error.filename)
        if error.filename is None and error.errno in _WRITE_ERRORS:
            error.filename = str(target)
        elif name.startswith(beginning):
            error.filename = f"{target}{_NAMED.sub('', name[len(beginning) :], count=1)}"
        raise
