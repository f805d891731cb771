"""What is being written: whose it is, who removes it, and how it comes to its place."""

import fcntl
import os
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from crash_scenarios import leftovers

from pocketlm.benchmarks.kenlm import build_kenlm, write_kenlm_arpa
from pocketlm.model import temporaries
from pocketlm.model.checkpoint import Checkpoint, save_checkpoint
from pocketlm.model.errors import UserError
from pocketlm.model.files import atomic_folder, atomic_path, write_text
from pocketlm.model.run_folder import locked_run
from pocketlm.model.steady import must_stay, read_steadily

MARKER = "marker"


def _write(target: Path, content: str) -> None:
    with atomic_folder(target, MARKER) as folder:
        (folder / MARKER).write_text(content, encoding="ascii")


def _content(target: Path) -> str:
    return (target / MARKER).read_text(encoding="ascii")


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    (tmp_path / ".file.pocketlm-00000000").touch()
    (tmp_path / ".folder.pocketlm-00000000").mkdir()
    (tmp_path / ".folder.pocketlm-00000000" / "half").touch()
    for other in (".file.txt", ".other.pocketlm-00000000"):
        (tmp_path / other).touch()
    write_text(tmp_path / "file", "text")
    _write(tmp_path / "folder", "new")
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == [".file.txt", ".other.pocketlm-00000000", "file", "folder"]


def test_what_a_living_writer_holds_is_not_removed(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "file") as first:
        first.write_text("first", encoding="ascii")
        write_text(tmp_path / "file", "second")
        assert first.is_file()
    assert (tmp_path / "file").read_text(encoding="ascii") == "first"
    assert not leftovers(tmp_path)


def test_of_two_writers_of_a_new_folder_the_last_stays(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with atomic_folder(target, MARKER) as first:
        (first / MARKER).write_text("first", encoding="ascii")
        _write(target, "second")
        assert _content(target) == "second"
    assert _content(target) == "first"
    assert not leftovers(tmp_path)


def test_a_folder_that_was_filled_meanwhile_with_other_files_stays(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    writer = atomic_folder(target, MARKER)
    writer.__enter__()
    target.mkdir()
    (target / "of the user").touch()
    with pytest.raises(UserError, match="holds other files"):
        writer.__exit__(None, None, None)
    assert [path.name for path in target.iterdir()] == ["of the user"]
    assert not leftovers(tmp_path)


def test_without_an_exchange_a_killed_writer_s_old_folder_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporaries, "exchange", lambda *_: False)
    target, old = tmp_path / "folder", tmp_path / ".folder.pocketlm-old-00000000"
    _write(target, "first")
    _write(target, "second")
    assert _content(target) == "second"
    target.rename(old)  # as if killed between the two renames
    with atomic_folder(target, MARKER) as folder:
        assert _content(target) == "second"
        (folder / MARKER).write_text("third", encoding="ascii")
    assert _content(target) == "third"
    assert not leftovers(tmp_path)


def test_without_locks_nothing_is_taken_for_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".file.pocketlm-00000000").touch()
    write_text(tmp_path / "file", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".file.pocketlm-00000000", "file"]


def test_an_error_names_the_target(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with pytest.raises(FileNotFoundError) as caught, atomic_folder(target, MARKER) as folder:
        (folder / "nothing").read_bytes()
    assert caught.value.filename == str(target / "nothing")
    with pytest.raises(UserError, match="another name"), atomic_path(Path()):
        pass


def test_a_folder_that_is_replaced_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    target, seen = tmp_path / "folder", []
    _write(target, "first")

    def read() -> str:
        seen.append(_content(target))
        if len(seen) == 1:
            _write(target, "second")
            raise UserError("the parts do not fit")
        return seen[-1]

    assert read_steadily(target / MARKER, read) == "second"
    assert seen == ["first", "second"]


def test_a_folder_that_stays_is_read_once_and_its_error_is_told(tmp_path: Path) -> None:
    _write(tmp_path / "folder", "first")
    seen: list[int] = []

    def read() -> None:
        seen.append(1)
        raise UserError("damaged")

    with pytest.raises(UserError, match="damaged"):
        read_steadily(tmp_path / "folder" / MARKER, read)
    assert len(seen) == 1


def test_a_folder_that_never_stays_is_an_error(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with pytest.raises(UserError, match="faster than it can be read"):
        read_steadily(target / MARKER, lambda: _write(target, "another"))


def test_what_was_measured_must_not_have_been_replaced(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    _write(target, "first")
    with must_stay(target / MARKER):
        pass
    with pytest.raises(UserError, match="was replaced meanwhile"), must_stay(target / MARKER):
        _write(target, "first")


def test_the_program_is_compared_before_the_runtime_sees_it(bundle: Path) -> None:
    from pocketlm.export.runtime import load_program

    with pytest.raises(UserError, match="does not match the SHA-256"):
        load_program(bundle / "model.pte", 1, "0" * 64)
    with pytest.raises(UserError, match="is missing"):
        load_program(bundle / "nothing.pte", 1, "0" * 64)


@pytest.mark.parametrize("name", ["SIGBUS", "SIGXFSZ"])
def test_a_program_of_kenlm_s_that_dies_of_a_full_disk_says_so(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nkill -{name.removeprefix('SIG')} $$\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setattr("pocketlm.benchmarks.kenlm.native_program", lambda _: program)
    target = tmp_path / "target"
    reason = {"SIGBUS": "No space left on device", "SIGXFSZ": "File too large"}[name]
    for write in (
        lambda: build_kenlm(tmp_path / "model.arpa", "trie", target),
        lambda: write_kenlm_arpa(
            [np.array([3, 1])],
            4,
            1,
            order=2,
            prune=[0, 0],
            target=tmp_path / "target",
            notify=print,
        ),
    ):
        with pytest.raises(OSError, match=f"{reason}.*target"):
            write()
    assert os.listdir(tmp_path) == ["program"]  # noqa: PTH208


def test_what_only_looks_like_a_temporary_is_the_users(tmp_path: Path) -> None:
    names = (".t.pocketlm-notes", ".t.pocketlm-0123456", ".t.pocketlm-y.pocketlm-01234567")
    for name in names:
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / ".t.pocketlm-01234567")  # opening it would wait
    write_text(tmp_path / "t", "new")
    assert {path.name for path in tmp_path.iterdir()} == {*names, ".t.pocketlm-01234567", "t"}


def test_the_users_mask_holds_for_checkpoints_too(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        save_checkpoint(tmp_path / "c", Checkpoint({"w": torch.zeros(2)}, {}))
        write_text(tmp_path / "t", "new")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ct"] == [0o600, 0o600]


def test_the_lock_of_a_run_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "kept")
    with pytest.raises(OSError, match="symbolic links"), locked_run(tmp_path / "run"):
        pass
    assert (tmp_path / "kept").read_text() == "kept"
