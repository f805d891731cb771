"""Presage as a peer: counted and asked by its own code; skipped where it is not installed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pocketlm.benchmarks.commands import ngram
from pocketlm.benchmarks.presage import (
    DATABASE,
    MANIFEST,
    PresageTextEntry,
    _deltas,
    open_presage,
    train_presage,
)
from pocketlm.benchmarks.toolchain import native_program
from pocketlm.model.errors import UserError
from pocketlm.model.files import cache_directory, sha256_file

LINES = [
    "See you tomorrow at the station",
    "see you tomorrow, Tom",
    "See you later!",
    "I don't know the station",
    "I don't know",
    "i don't think so",
    "the café is closed",
]


@pytest.fixture(scope="module")
def _installed() -> None:
    """Skip where Presage is not installed; where it is, our program has to build."""
    if shutil.which("text2ngram") is None:
        pytest.skip("Presage is not installed: text2ngram is missing")
    if not Path("/usr/include/presage.h").is_file():
        pytest.skip("Presage's library is not installed: presage.h is missing")
    native_program("presage_peer")


needs_presage = pytest.mark.usefixtures("_installed")


def train(folder: Path, lower_case: bool = True, order: int = 3) -> dict[str, Any]:
    return train_presage(
        iter(LINES), folder, order=order, lower_case=lower_case, corpus={"name": "lines"}
    )


@pytest.fixture(scope="module")
def folder(_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("presage") / "presage-3"
    train(path)
    return path


@pytest.fixture
def presage(folder: Path) -> Iterator[PresageTextEntry]:
    with open_presage(folder) as entry:
        yield entry


def words(entry: PresageTextEntry, text: str, k: int = 3) -> list[str]:
    return [suggestion.word for suggestion in entry.suggest(text, k)]


@needs_presage
def test_next_words_and_completions(presage: PresageTextEntry) -> None:
    assert presage.name == "presage-3"
    assert words(presage, "see you ")[:2] == ["tomorrow", "later"]
    assert words(presage, "See You tom")[:1] == ["tomorrow"]
    assert words(presage, "caf") == ["café"]
    assert words(presage, "zzz") == []
    assert words(presage, "zzz\nsee you lat") == ["later"]
    assert words(presage, "see, you! ")[0] == "tomorrow"


@needs_presage
def test_a_word_with_an_apostrophe_is_one_word(presage: PresageTextEntry) -> None:
    assert words(presage, "i d") == ["don't"]
    assert words(presage, "i don'") == ["don't"]
    assert words(presage, "I don't k") == ["know"]


@needs_presage
def test_probabilities_are_the_weighted_frequencies(presage: PresageTextEntry) -> None:
    # 29 words, and text2ngram's empty one at the end. "tomorrow" twice; thrice "you", "see you".
    (first, *_) = presage.suggest("see you tom")
    assert first.probability == pytest.approx(0.01 * 2 / 30 + 0.1 * 2 / 3 + 0.89 * 2 / 3)


@needs_presage
def test_k_is_the_number_of_suggestions(presage: PresageTextEntry) -> None:
    one, five = words(presage, "", 1), words(presage, "", 5)
    assert (len(one), len(five)) == (1, 5)
    assert five[:3] == words(presage, "", 3)


@needs_presage
def test_nothing_is_learnt_and_suggestions_repeat(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("POCKETLM_CACHE", str(cache_directory()))
    monkeypatch.setenv("HOME", str(home))
    before = sha256_file(folder / DATABASE)
    with open_presage(folder) as entry:
        first = entry.suggest("see you ")
        for _ in range(5):
            entry.suggest("see you never again, my friend ")
        assert entry.suggest("see you ") == first
    assert sha256_file(folder / DATABASE) == before
    assert sorted(path.name for path in folder.iterdir()) == [DATABASE, MANIFEST]
    assert list(home.iterdir()) == []


@needs_presage
def test_case_is_kept_unless_the_model_is_lower_case(tmp_path: Path) -> None:
    manifest = train(tmp_path / "cased", lower_case=False, order=2)
    assert (manifest["lower_case"], manifest["order"]) == (False, 2)
    with open_presage(tmp_path / "cased") as entry:
        assert words(entry, "tomorrow, T")[0] == "Tom"
        assert "See" in words(entry, "S")


@needs_presage
def test_a_process_that_dies_is_one_line(folder: Path, presage: PresageTextEntry) -> None:
    presage.suggest("see you ")
    assert presage._peer is not None
    presage._peer._process.kill()
    with pytest.raises(UserError, match="Presage has stopped: status -9"):
        presage.suggest("see you ")
    presage.close()
    assert words(presage, "see you ")[0] == "tomorrow"


@needs_presage
def test_a_database_that_is_none_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("no database")
    with (
        PresageTextEntry("broken", tmp_path / DATABASE, 3, True) as entry,
        pytest.raises(UserError, match=r"Presage has stopped: .*not a database"),
    ):
        entry.suggest("see")


@needs_presage
@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 1},
        {"kind": "table"},
        {"order": "3"},
        {"order": 0},
        {"lower_case": 1},
        {"files": {}},
        {"files": {DATABASE: {"bytes": 1}}},
        {"files": {DATABASE: {"bytes": 1, "sha256": "0"}}},
    ],
)
def test_a_damaged_manifest(folder: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps({**manifest, **change}))
    with pytest.raises(UserError, match="copy"):
        open_presage(copy)


@needs_presage
def test_a_changed_database(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    content = bytearray((copy / DATABASE).read_bytes())
    content[-1] ^= 1
    (copy / DATABASE).write_bytes(content)
    with pytest.raises(UserError, match="SHA-256"):
        open_presage(copy)


@needs_presage
def test_no_text_and_bad_orders(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match="no text"):
        train_presage(["", " "], out, lower_case=True, corpus={})
    with pytest.raises(UserError, match="order 7 is outside"):
        train(out, order=7)
    assert list(tmp_path.iterdir()) == []


def test_without_text2ngram_one_line_names_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="text2ngram is not installed: install presage"):
        train(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_text2ngram_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "text2ngram"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'out of memory' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    with pytest.raises(UserError, match="text2ngram: out of memory"):
        train(tmp_path / "out")
    assert list(tmp_path.iterdir()) == [program.parent]


@pytest.mark.parametrize(
    ("order", "deltas"),
    [(1, "1"), (2, "0.1 0.9"), (3, "0.01 0.1 0.89"), (4, "0.001 0.01 0.1 0.889")],
)
def test_deltas_are_presages_own_for_order_3(order: int, deltas: str) -> None:
    assert _deltas(order) == deltas


@needs_presage
def test_the_command(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "train.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    out = tmp_path / "out"
    command = ["train", "--corpus", str(corpus), "--kind", "presage", "--lower-case", "1"]
    result = CliRunner().invoke(ngram, [*command, "--order", "2", "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads((out / MANIFEST).read_text())
    with open_presage(out) as entry:
        assert words(entry, "see yo") == ["you"]


def test_presages_text_is_in_lower_case_as_a_whole_or_not(tmp_path: Path) -> None:
    command = ["train", "--corpus", "first-look", "--kind", "presage", "--lower-case", "0.5"]
    result = CliRunner().invoke(ngram, [*command, "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, UserError)
