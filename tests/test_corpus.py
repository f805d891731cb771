"""Corpora by name, folder and file, and the token shards made of them."""

from pathlib import Path

import pytest
from helpers import SENTENCES, write_corpus

from pocketlm.model.corpus import EMBEDDED, SPLITS, open_corpus, text_lines
from pocketlm.model.errors import UserError
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETLM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("POCKETLM_CORPORA", str(tmp_path / "corpora"))
    monkeypatch.setenv("POCKETLM_DATA", str(tmp_path / "data"))


def test_a_name_is_found_below_the_corpora_and_the_data_folder(tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpora" / "multilingual" / "one", SENTENCES)
    write_corpus(tmp_path / "data" / "corpora" / "two", SENTENCES)
    assert open_corpus("multilingual/one").folder.parent.name == "multilingual"
    assert open_corpus("two").folder == tmp_path / "data" / "corpora" / "two"


def test_an_unknown_name_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_corpus("nowhere")
    message = str(caught.value)
    assert str(tmp_path / "corpora") in message
    assert str(tmp_path / "data") in message
    assert "bring your own text" in message


def test_the_embedded_corpus_is_always_there_and_always_the_same() -> None:
    first, second = open_corpus(EMBEDDED), open_corpus(EMBEDDED)
    assert first.sha256 == second.sha256
    assert all(first.path(split).stat().st_size > 10_000 for split in SPLITS)


def test_a_file_is_split_by_document_with_the_seed(tmp_path: Path) -> None:
    path = tmp_path / "messages.txt"
    documents = [f"first {i}\nsecond {i}\n" for i in range(200)]
    path.write_text("\n".join(documents), encoding="utf-8")
    corpus = open_corpus(str(path), seed=1)
    lines = {s: [line for line in corpus.lines(s) if line] for s in SPLITS}
    assert (
        sorted(line for split in SPLITS for line in lines[split])
        == sorted("\n".join(documents).split("\n"))[-400:]
    )
    for split in SPLITS:  # no document crosses splits
        assert {x.split()[1] for x in lines[split] if "first" in x} == {
            x.split()[1] for x in lines[split] if "second" in x
        }
        assert lines[split]
    assert open_corpus(str(path), seed=1).sha256 == corpus.sha256
    assert open_corpus(str(path), seed=2).sha256 != corpus.sha256


def test_in_a_file_without_blank_lines_every_line_is_a_document(tmp_path: Path) -> None:
    path = tmp_path / "messages.txt"
    path.write_text("\n".join(f"line {i}" for i in range(50)), encoding="utf-8")
    assert len(text_lines(open_corpus(str(path)).path("train"))) > 30


def test_in_a_folder_without_blank_lines_every_line_is_a_document(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    (tmp_path / "train.txt").write_text("see you\nok\nthank you\n", encoding="utf-8")
    corpus = open_corpus(str(tmp_path))
    assert list(corpus.lines("train")) == ["see you", "", "ok", "", "thank you", ""]
    assert len(open_shards(corpus, "train", tokenizer)) == 3


@pytest.mark.parametrize(("content", "message"), [(b"", "documents"), (b"one\n\ntwo", "documents"),
                                                  (b"\xff\xfe\x00", "UTF-8")])  # fmt: skip
def test_an_unusable_file_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(UserError, match=message):
        open_corpus(str(tmp_path / "bad.txt"))


def test_text_keeps_its_documents_and_drops_marks_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes("\ufeffone\r\ntwo\n\n \nthree\x0bfour\u2028five".encode())
    assert text_lines(path) == [["one", "two"], ["three\x0bfour\u2028five"]]
    assert text_lines(path, limit=1) == [["one"]]


def test_empty_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("\n \n", encoding="utf-8")
    with pytest.raises(UserError, match="no text"):
        text_lines(tmp_path / "t.txt")
