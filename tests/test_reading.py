"""What a suggester reads of signs that its tokenizer has not, and of text in capitals."""

import pytest
from helpers import Bigram
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketlm.model.corpus import Corpus
from pocketlm.model.reading import Capitals, is_in_capitals, read, readable
from pocketlm.model.suggest import Suggester
from pocketlm.model.tokenizer import WORD_START, Tokenizer
from pocketlm.model.words import plain_apostrophes, split_context


@pytest.fixture(scope="module")
def ascii_only(corpus: Corpus) -> Tokenizer:
    """A tokenizer without a piece for any other character."""
    tokenizer = Tokenizer.train(filter(str.isascii, corpus.lines("train")), 400)
    assert tokenizer.characters - {WORD_START} < set(map(chr, range(128)))
    return tokenizer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I’m “so” – wait…", 'I\'m "so" - wait...'),
        ("so—no ‘yes’", "so - no \"yes'"),
        ("great 😀😀 th", "great    th"),
        ("great👍🏽th", "great  th"),
        ("love ❤️ you", "love   you"),
        ("👨‍👩‍👧 x", "    x"),
        ("1️⃣ cafe\u0301", "1 cafe\u0301"),
        ("sup\u00adport\u200b", "support"),
        ("a\u00a0b\tc\nd", "a b c\nd"),
        ("naïve привет 日本 नमस्ते ² ½", "naïve привет 日本 नमस्ते ² ½"),
        ("a&b ~ {x} \x01", "a&b ~ {x} \x01"),
        ("", ""),
    ],
)
def test_signs_without_a_piece_are_read_as_what_is_known(
    ascii_only: Tokenizer, text: str, expected: str
) -> None:
    assert readable(text, ascii_only) == expected


def test_signs_with_a_piece_stay() -> None:
    tokenizer = Tokenizer.train(["you’re 😀 … so"] * 50 + ["abc def"] * 9, 300)
    assert set("’😀…") <= tokenizer.characters
    assert readable("I’m 😀 … 😡", tokenizer) == "I’m 😀 …  "


def test_a_line_of_capitals_is_more_than_an_abbreviation() -> None:
    assert is_in_capitals("SEE YOU")
    assert is_in_capitals("I CAN'T WAIT, 2")
    assert not any(map(is_in_capitals, ["", "I", "NASA ", "I A B", "SEE YOu", "日本 日本", "1 2"]))


def test_lines_of_capitals_are_read_without_them(tokenizer: Tokenizer) -> None:
    assert read("SEE YOU. I\nNASA it\nLET'S GO T", tokenizer) == (
        *("See you. I\nNASA it\nLet's go ", "T", Capitals.ALL),
    )
    assert read("SEE YOU\nME yo", tokenizer) == ("See you\nME ", "yo", Capitals.NONE)
    assert read("SEE YO", tokenizer) == ("See ", "YO", Capitals.ALL)
    for prefix in ("h", "He"):
        assert read("SEE YOU " + prefix, tokenizer) == ("See you ", prefix, Capitals.NONE)


def test_words_are_read_without_the_capitals_that_they_have_not_by_themselves(
    tokenizer: Tokenizer,
) -> None:
    read_so = (
        ("See You At The ", "See you at the ", Capitals.WORDS),
        ("Will You See The Station, I ", "Will you see the station, I ", Capitals.WORDS),
        ("See You At The Well-known ", "See you at the well-known ", Capitals.WORDS),
        ("See You at The ", "See You at The ", Capitals.NONE),
        ("See You ", "See You ", Capitals.NONE),  # one may be a name
        ("See. You. At. The. ", "See. You. At. The. ", Capitals.NONE),
        ("Qzx Qzx Qzx ", "Qzx Qzx Qzx ", Capitals.NONE),
    )
    for text, context, capitals in read_so:
        assert read(text, tokenizer) == (context, "", capitals)
        assert read(text + "T", tokenizer) == (context, "T", capitals)
        assert read(text + "t", tokenizer) == (context, "t", Capitals.NONE)


def test_what_cannot_be_read_changes_no_suggestion(ascii_only: Tokenizer) -> None:
    suggester = Suggester(Bigram(ascii_only, 1))
    for odd, plain in (
        ("see you 😀 ", "see you "),
        ("see you😀", "see you "),
        ("see 😂😂 y", "see y"),
        ("😀 s", "s"),
        ("I don’t ", "I don't "),
        ("“see ", '"see '),
    ):
        assert suggester.suggest(odd) == suggester.suggest(plain)


def test_capitals_are_answered_with_capitals(tokenizer: Tokenizer) -> None:
    suggester = Suggester(Bigram(tokenizer, 1))
    for typed, plain, way in (
        ("SEE YOU ", "See you ", str.upper),
        ("SEE YOU T", "See you t", str.upper),
        ("SEE TH", "See th", str.upper),
        ("See You At ", "See you at ", capitalised),
        ("See You At T", "See you at t", capitalised),
    ):
        found, expected = suggester.suggest(typed), suggester.suggest(plain)
        assert [each.word for each in found] == [way(each.word) for each in expected]
        assert found[0].probability == pytest.approx(expected[0].probability)


def capitalised(word: str) -> str:
    return word[0].upper() + word[1:]


@settings(max_examples=200, deadline=None)
@given(text=st.text("aB é’‘\u00ad\u200b\u0301\ufe0f😀—日", max_size=12))
def test_the_word_that_is_completed_is_the_one_that_a_keyboard_replaces(
    tokenizer: Tokenizer, text: str
) -> None:
    prefix = split_context(text)[1]
    assert read(text, tokenizer).prefix == plain_apostrophes(readable(prefix, tokenizer))


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=40))
def test_reading_again_changes_nothing(tokenizer: Tokenizer, text: str) -> None:
    once = readable(text, tokenizer)
    assert readable(once, tokenizer) == once
    assert len(once) <= 3 * len(text)
