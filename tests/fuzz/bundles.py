"""Targets that are bundles: manifests, and the tricks that files of a folder can play.

A manifest is sealed anew over what a fuzzer made: whoever can write a file can write its hash.
"""

import io
import json
import os
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from fuzz.specimens import Specimens, link_files
from pocketlm.export.bundle import checked_manifest, seal
from pocketlm.export.commands import inspect
from pocketlm.export.task_bundle import read_task_manifest, write_task_manifest
from pocketlm.model.files import describe_file
from pocketlm.model.tasks.config import config_to_json
from pocketlm.model.tasks.runs import read_config
from pocketlm.model.tasks.task import Encoding
from pocketlm.model.tasks.tasks import open_task

Read = Callable[[bytes, Path], object]


def manifest(s: Specimens) -> Read:
    """A manifest over good files, with its own hash; inspected as text and as JSON."""

    def read(data: bytes, folder: Path) -> object:
        link_files(s.bundle, folder, "manifest.json")
        _write_json(folder / "manifest.json", data, _sealed_anew)
        for as_json in (True, False):
            with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()):
                inspect.main([str(folder), *["--json"] * as_json], standalone_mode=False)
            assert out.getvalue().replace("\n", "").isprintable()
        return checked_manifest(folder)

    return read


def _sealed_anew(manifest: dict[str, Any]) -> dict[str, Any]:
    return seal({key: value for key, value in manifest.items() if key != "manifest_sha256"})


def bundle_files(s: Specimens) -> Read:
    """A bundle whose files are missing, folders, links, pipes, or named by tricks.

    Each byte is one change: its lower half says which, its upper half to which file.
    """

    def read(data: bytes, folder: Path) -> object:
        shutil.copytree(s.bundle, folder / "bundle")
        names = sorted(path.name for path in s.bundle.iterdir())
        for byte in data[:8]:
            _CHANGES[byte % len(_CHANGES)](folder / "bundle", names[(byte >> 4) % len(names)])
        return checked_manifest(folder / "bundle")

    return read


def _replace(make: Callable[[Path], object]) -> Callable[[Path, str], None]:
    def change(folder: Path, name: str) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        make(path)

    return change


def _rename_in_manifest(new: str) -> Callable[[Path, str], None]:
    """The manifest names a file of another place, which is there and has the right hash."""

    def change(folder: Path, name: str) -> None:
        outside = folder.parent / "outside"
        outside.write_bytes(b"x")
        named = new.replace("OUTSIDE", str(outside))
        entry = {named: describe_file(outside)}
        _edit_manifest(folder, lambda m: {**m, "files": {**m["files"], **entry}})

    return change


def _claim(size: object) -> Callable[[Path, str], None]:
    def change(folder: Path, name: str) -> None:
        _edit_manifest(
            folder,
            lambda m: {**m, "files": {k: {**v, "bytes": size} for k, v in m["files"].items()}},
        )

    return change


def _edit_manifest(folder: Path, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = folder / "manifest.json"
    with suppress(OSError, KeyError):  # it may be no manifest by now
        if path.is_file():
            _write_json(path, path.read_bytes(), lambda manifest: _sealed_anew(edit(manifest)))


_CHANGES: tuple[Callable[[Path, str], None], ...] = (
    _replace(lambda path: None),
    _replace(lambda path: path.mkdir()),
    _replace(os.mkfifo),
    _replace(lambda path: path.symlink_to(path)),
    _replace(lambda path: path.symlink_to("/dev/zero")),
    _replace(lambda path: path.symlink_to("/etc/passwd")),
    _replace(lambda path: path.symlink_to("../outside")),
    _replace(lambda path: path.write_bytes(b"")),
    _rename_in_manifest("../outside"),
    _rename_in_manifest("OUTSIDE"),
    _rename_in_manifest("./../bundle/../outside"),
    _rename_in_manifest("lexicon.bin/../../outside"),
    _claim(-1),
    _claim(1 << 70),
    _claim(1e9),
)


def _write_json(path: Path, data: bytes, change: Callable[[dict[str, Any]], Any]) -> None:
    """What the fuzzer made, changed if it is an object; else as it is."""
    try:
        value = json.loads(data)
        data = json.dumps(change(value)).encode() if isinstance(value, dict) else data
    except (ValueError, RecursionError):
        pass
    path.write_bytes(data)


def task_seed(s: Specimens) -> bytes:
    """A task's manifest, encoding and settings as one object; the files lie beside."""
    config = config_to_json(open_task("case").quick)
    config["network"] |= {"vocabulary_size": s.tokenizer.vocabulary_size, "classes": 2}
    encoding = {"tags": ["as it is", "Upper"], "mixed": {"iphone": "iPhone"}}
    manifest = {
        "format_version": 1,
        "task": "case",
        "alignment": "each",
        "quality": {"rows": 1, "argmax_agreement": 1.0, "largest_difference": 0.0},
    }
    return json.dumps({"manifest": manifest, "encoding": encoding, "config": config}).encode()


def task_manifest(s: Specimens) -> Read:
    """All that is JSON in a task's bundle, sealed; its program is not run."""
    task = open_task("case")

    def read(data: bytes, folder: Path) -> object:
        try:
            value = json.loads(data)
            found = [value[key] for key in ("manifest", "encoding", "config")]
        except (ValueError, RecursionError, KeyError, TypeError):
            found = [data.decode(errors="replace")] * 3
        link_files(s.bundle, folder, "manifest.json")
        for name, content in zip(("manifest", "encoding", "config"), found, strict=True):
            (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        if isinstance(found[0], dict):
            with suppress(UnicodeEncodeError):  # it stays unsealed
                write_task_manifest(folder, found[0])
        read_task_manifest(folder)
        return Encoding.load(folder, task, read_config(task, folder).network)

    return read
