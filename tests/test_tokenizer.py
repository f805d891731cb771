"""SentencePiece tokens: round trips, reproducibility, errors."""

from pathlib import Path

import pytest
from helpers import SENTENCES, VOCABULARY
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.tokenizer import Tokenizer

SHARED = Tokenizer.train(SENTENCES * 20, VOCABULARY)


def folded(text: str) -> str:
    """What SentencePiece keeps of a text: single spaces, none at the ends; "▁" is its space."""
    return " ".join(text.replace("▁", " ").split(" ")).strip(" ")


@settings(max_examples=400, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=60))
@example("😀 👩‍👩‍👧 ﷽ ı İ ß ﬁ")
@example("a\u0301 \u200b\u202e\ufeff\u00ad")
@example("\x00\x01\x7f\t\r")
@example("   ")
@example("</s> <unk> <0x41>")
def test_every_text_survives_the_round_trip(text: str) -> None:
    decoded = SHARED.decode(SHARED.encode(text))
    while "  " in (text := folded(text)):
        text = text.replace("  ", " ")
    assert decoded == text


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_no_text_crashes_or_makes_a_control_token(text: str) -> None:
    tokens = SHARED.encode(text)
    assert all(1 < token < SHARED.vocabulary_size for token in tokens)


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert SHARED.decode(SHARED.encode("a\ud800b")) == "a\ufffdb"


def test_the_same_seed_gives_the_same_model(corpus: Corpus) -> None:
    lines = list(corpus.lines("train"))
    models = {Tokenizer.train(lines, VOCABULARY, seed=5).sha256 for _ in range(2)}
    assert len(models) == 1


def test_a_large_text_is_sampled_with_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pocketlm.model.tokenizer.TRAINING_LINES", 150)
    models = [Tokenizer.train(SENTENCES * 2, VOCABULARY, seed).sha256 for seed in (5, 5, 6)]
    assert models[0] == models[1] != models[2]


def test_the_batch_is_the_single_encoding() -> None:
    assert SHARED.encode_batch(SENTENCES) == [SHARED.encode(line) for line in SENTENCES]


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    SHARED.save(tmp_path / "t.model")
    loaded = Tokenizer.load(tmp_path / "t.model")
    assert loaded.sha256 == SHARED.sha256
    assert loaded.pieces == SHARED.pieces


def test_the_end_token_is_1_and_words_start_with_the_word_start() -> None:
    assert SHARED.pieces[SHARED.end_id] == "</s>"
    assert SHARED.pieces[SHARED.encode("see you")[0]].startswith("▁")


@pytest.mark.parametrize("lines", [[], ["", "  "]])
def test_no_text_is_an_error(lines: list[str]) -> None:
    with pytest.raises(UserError, match="no text"):
        Tokenizer.train(lines, VOCABULARY)


def test_a_small_text_has_a_small_vocabulary() -> None:
    tokenizer = Tokenizer.train(SENTENCES, 8192)
    assert VOCABULARY < tokenizer.vocabulary_size < 8192
    assert tokenizer.decode(tokenizer.encode("see you 😀")) == "see you 😀"


@pytest.mark.parametrize("size", [0, 100, 100_000])
def test_a_vocabulary_out_of_range_is_an_error(size: int) -> None:
    with pytest.raises(UserError, match="outside"):
        Tokenizer.train(SENTENCES, size)


def test_a_damaged_model_is_an_error(tmp_path: Path) -> None:
    SHARED.save(tmp_path / "t.model")
    data = (tmp_path / "t.model").read_bytes()
    for damaged in (data[: len(data) // 2], b"", b"not a model"):
        (tmp_path / "t.model").write_bytes(damaged)
        with pytest.raises(UserError, match=r"t\.model"):
            Tokenizer.load(tmp_path / "t.model")


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such tokenizer"):
        Tokenizer.load(tmp_path / "none.model")


def test_a_long_line_is_learned_from() -> None:
    long = " ".join(SENTENCES * 500)
    assert Tokenizer.train([long], VOCABULARY).vocabulary_size == VOCABULARY
