"""What a word is, and the lexicon of them."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocketlm.model.blocklist import offensive_words, read_blocklist
from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import WORD_START, Tokenizer
from pocketlm.model.words import (
    capitalise_sentences,
    fold,
    is_boundary,
    plain_apostrophes,
    plain_spaces,
    recent,
    split_context,
    starts_sentence,
    word_span,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("see you", ("see ", "you")),
        ("see ", ("see ", "")),
        ("", ("", "")),
        ("a\nb", ("a\n", "b")),
        ('she said "hel', ('she said "', "hel")),
        ("a well-kn", ("a well-", "kn")),
        ("I don't", ("I ", "don't")),
        ("I don’t", ("I ", "don’t")),
        ("'tis", ("'", "tis")),
        ("done.", ("done.", "")),
        ("😀️", ("😀️", "")),
        ("cafe\u0301", ("", "cafe\u0301")),
    ],
)
def test_the_prefix_is_the_run_of_word_characters_at_the_end(
    text: str, split: tuple[str, str]
) -> None:
    assert split_context(text) == split


@pytest.mark.parametrize(
    ("token", "word"),
    [("hello,", "hello"), ('"Hello', "Hello"), ("rock-n-roll", "rock"), ("dogs'", "dogs"),
     ("o'clock", "o'clock"), (":)", ""), ("3.5", "3")],
)  # fmt: skip
def test_a_word_is_without_the_signs_around_it(token: str, word: str) -> None:
    start, stop = word_span(token)
    assert token[start:stop] == word


def test_all_words_of_a_line_are_found() -> None:
    assert list(words_of("Well-known: it's 'fun', 3.5!")) == [
        "Well", "known", "it's", "fun", "3", "5",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("context", "starts"),
    [("", True), ("So. ", True), ("So ", False), ("a\n", True), ('Why? "', True), ("3, ", False)],
)
def test_where_a_sentence_starts(context: str, starts: bool) -> None:
    assert starts_sentence(context) is starts


@pytest.mark.parametrize(
    ("text", "capitalised"),
    [("guten m. so b", "Guten m. So b"), ("see\n\nyou", "See\n\nYou"), ("iPhone. NO", "iPhone. NO"),
     ("“let’s", "“Let’s"), ("ßo? ქარ! ǆ", "ßo? ქარ! ǅ"), ("3d, é", "3d, é"), ("", "")],
)  # fmt: skip
def test_a_sentence_gets_a_capital_if_its_first_word_has_none(text: str, capitalised: str) -> None:
    assert capitalise_sentences(text) == capitalised


@given(st.text())
def test_folding_keeps_every_character_in_its_place(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)


@pytest.fixture(scope="module")
def lexicon(corpus: Corpus, tokenizer: Tokenizer) -> Lexicon:
    shards = open_shards(corpus, "train", tokenizer)
    return Lexicon.build(corpus.lines("train"), shards.chunks(), tokenizer)


def test_the_lexicon_holds_the_words_seen_twice_in_any_case(
    corpus: Corpus, lexicon: Lexicon
) -> None:
    counts: dict[str, int] = {}
    for line in corpus.lines("train"):
        for word in words_of(line):
            counts[fold(word)] = counts.get(fold(word), 0) + 1
    frequent = [word for word, count in counts.items() if count >= 2]
    assert lexicon.words == len(frequent)
    assert all(word in lexicon and word.upper() in lexicon for word in frequent)
    strangers = [f"qx{i}" for i in range(20_000)]
    assert sum(word in lexicon for word in strangers) <= 0.002 * len(strangers)  # 0.0005 if large


def test_the_share_of_endings_is_counted(
    corpus: Corpus, tokenizer: Tokenizer, lexicon: Lexicon
) -> None:
    token = tokenizer.pieces.index(WORD_START + "you")
    seen = ended = 0
    for line in corpus.lines("train"):
        ids = [*tokenizer.encode(line), tokenizer.end_id] if line.strip() else []
        for this, following in itertools.pairwise(ids):
            if this == token:
                seen += 1
                ended += is_boundary(tokenizer, following)
    assert seen > 5
    assert lexicon.endings()[token] == pytest.approx((ended + 0.5) / (seen + 1), abs=1 / 255)


def test_a_text_of_any_size_is_counted_in_little_memory(
    corpus: Corpus, tokenizer: Tokenizer, lexicon: Lexicon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In slices of the tokens; and of a long tail of words only the frequent ones stay."""
    shards = open_shards(corpus, "train", tokenizer)
    monkeypatch.setattr("pocketlm.model.lexicon._SLICE", 7)
    monkeypatch.setattr("pocketlm.model.lexicon._COUNTED_PARTS", 1000)
    tail = (f"often qx{i} qx{i}" for i in range(3000))
    lexicon_of_tail = Lexicon.build(tail, shards.chunks(), tokenizer)
    assert np.array_equal(lexicon_of_tail.endings(), lexicon.endings())
    assert "often" in lexicon_of_tail
    assert lexicon_of_tail.words <= 1001


def test_it_is_read_as_it_was_written(
    tmp_path: Path, tokenizer: Tokenizer, lexicon: Lexicon
) -> None:
    lexicon.save(tmp_path / "lexicon.bin")
    again = Lexicon.load(tmp_path / "lexicon.bin", tokenizer)
    assert again.words == lexicon.words
    assert np.array_equal(again.endings(), lexicon.endings())
    assert "tomorrow" in again


@pytest.mark.parametrize("place", [0, 10, 45, 60, 500, -1])
def test_a_damaged_lexicon_is_refused(
    tmp_path: Path, tokenizer: Tokenizer, lexicon: Lexicon, place: int
) -> None:
    path = tmp_path / "lexicon.bin"
    lexicon.save(path)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        Lexicon.load(path, tokenizer)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="damaged"):
        Lexicon.load(path, tokenizer)


def test_a_lexicon_of_another_tokenizer_is_refused(
    tmp_path: Path, corpus: Corpus, lexicon: Lexicon
) -> None:
    lexicon.save(tmp_path / "lexicon.bin")
    other = Tokenizer.train(corpus.lines("train"), 320)
    with pytest.raises(UserError, match="another tokenizer"):
        Lexicon.load(tmp_path / "lexicon.bin", other)
    with pytest.raises(UserError, match="no such lexicon"):
        Lexicon.load(tmp_path / "none.bin", other)


def test_a_blocklist_has_one_word_a_line(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("Tom\n\n don't \n", encoding="utf-8")
    assert read_blocklist(path) == {"tom", "don't"}
    path.write_text("two words\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 1: not one word"):
        read_blocklist(path)


def test_the_list_of_offensive_words_holds_folded_words() -> None:
    assert len(offensive_words()) > 50
    assert all(list(words_of(word)) == [fold(word)] for word in offensive_words())


def test_a_long_text_is_cut_at_a_space_and_stays_cut_there_for_a_while() -> None:
    text = " ".join(f"word{i}" for i in range(1000))
    cuts = [recent(text[:n], 100) for n in range(len(text) - 300, len(text))]
    for n, cut in enumerate(cuts, start=len(text) - 300):
        assert text[:n].endswith(cut)
        assert 80 < len(cut) < 200
        assert cut.startswith("word")
    starts = {n - len(cut) for n, cut in enumerate(cuts)}
    assert 3 <= len(starts) <= 4  # of 300 texts
    assert recent("short", 100) == "short"
    assert len(recent("x" * 1000, 100)) < 200


def test_spaces_and_apostrophes_of_any_kind_are_plain() -> None:
    assert plain_spaces("a\u00a0b\tc\nd") == "a b c\nd"
    assert plain_apostrophes("let’s") == "let's"


def test_a_long_token_costs_linear_time() -> None:
    assert sum(1 for _ in words_of("a," * 200_000)) == 200_000
