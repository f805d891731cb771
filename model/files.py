"""Files as every part of PocketLM writes and checks them: whole or not at all, known by hash."""

import errno
import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pocketlm.model.errors import UserError
from pocketlm.model.temporaries import held_temporary, is_at, put_folder

# Bytes of a file that is read whole; JSON takes some twenty times as many as an object.
LARGEST_READ, LARGEST_JSON = 64 << 20, 16 << 20


def cache_directory() -> Path:
    """Where what can be made again is kept: $POCKETLM_CACHE, or the user's cache directory."""
    return _user_directory("POCKETLM_CACHE", "XDG_CACHE_HOME", ".cache")


def data_directory() -> Path:
    """Where the user's own corpora are looked for: $POCKETLM_DATA, or the user's data directory."""
    return _user_directory("POCKETLM_DATA", "XDG_DATA_HOME", ".local/share")


def _user_directory(own: str, base: str, default: str) -> Path:
    """$own, or a folder of ours in $base or in the home's default (XDG base directories)."""
    if os.environ.get(own):
        return Path(os.environ[own])
    return Path(os.environ.get(base) or Path.home() / default) / "pocketlm"


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_file(path: Path) -> dict[str, Any]:
    """Bytes and SHA-256 of a file, as a manifest holds them."""
    return {"bytes": path.stat().st_size, "sha256": sha256_file(path)}


def file_damage(path: Path, size: int, sha256: str) -> str | None:
    """What makes a file another one than its manifest describes, in one line; None if nothing."""
    if not path.is_file():
        return f"{path} is missing"
    found = path.stat().st_size
    if found != size:
        return f"{path} has {found} bytes, its manifest says {size}"
    if sha256_file(path) != sha256:
        return f"{path} does not match the SHA-256 in its manifest"
    return None


def fsync_path(path: Path) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; rename it to `target` when the block succeeds."""
    with held_temporary(target) as temporary:
        yield temporary
        fsync_path(temporary)
        temporary.replace(target)


def check_target(target: Path, marker: str) -> None:
    """Refuse a folder that `atomic_folder` would not replace; UserError."""
    while True:
        try:
            descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            raise UserError(f"{target} is not a folder: choose another --out") from None
        try:  # one and the same folder, whatever is put in its place meanwhile
            names = os.listdir(descriptor)  # noqa: PTH208 - pathlib lists no descriptor
            if not names or marker in names:
                return
            if is_at(target, descriptor):
                raise UserError(f"{target} holds other files (no {marker}): choose another --out")
        finally:
            os.close(descriptor)


@contextmanager
def atomic_folder(target: Path, marker: str, replace: bool = True) -> Iterator[Path]:
    """Give a temporary folder beside `target`; put it in `target`'s place when the block succeeds.

    An existing `target` is replaced only where it is empty or holds the file `marker`, which says
    that it is a folder of the same kind: anything else there is the user's, and stays. Without
    `replace` a target that another process has made meanwhile stays too (for caches). Two writers
    do not wait for each other: the last to finish stays. A reader sees the old folder or the new
    one; where the system cannot exchange two folders in one step, none for a moment.
    """
    check_target(target, marker)
    with held_temporary(target, folder=True) as temporary:
        yield temporary
        for path in temporary.rglob("*"):
            fsync_path(path)
        put_folder(temporary, target, lambda: check_target(target, marker), replace)
        fsync_path(target.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Write indented JSON whole or not at all."""
    text = json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def finite(value: Any) -> Any:
    """A value for JSON, in which numbers that JSON lacks (NaN, infinity) are null."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_file(path: Path, what: str, largest: int = LARGEST_READ) -> bytes:
    """The bytes of a file that is read whole; `what` names the kind of file in the error line.

    Raises:
        UserError: it is missing, no regular file (a pipe or device never ends), or too large.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such {what}")
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise UserError(f"{path} is no {what}: it is larger than {largest >> 20} MiB")
    return content


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object; `what` names the kind of file in the error line.

    Raises:
        UserError: the file is missing, is not UTF-8 JSON, or is not an object.
    """
    content = read_file(path, what, LARGEST_JSON)
    try:
        value = json.loads(content.decode())
        json.dumps(value, ensure_ascii=False).encode()  # "\\ud800" alone can be read, not written
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a {what}: {error}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} is not a {what}: a JSON object was expected")
    return value


def read_lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 text file without their line ends, one at a time; LF or CRLF ends a line.

    Raises:
        UserError: the file is missing, a folder, or not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for line in file:
                yield line.removesuffix("\n").removesuffix("\r")
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path}: no such text file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def combined_hash(parts: Sequence[str]) -> str:
    """One SHA-256 over several strings, none of which can run into the next."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
