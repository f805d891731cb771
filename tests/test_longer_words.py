"""The words of more than one piece: counted as they are, and read as they were written."""

import hashlib
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.longer_words import LongerWords, Pieces
from pocketlm.model.tokenizer import WORD_START, Tokenizer
from pocketlm.model.words import words_of

HEADER = 8 + 32 + 5 * 4


def expected(counts: dict[Pieces, float], begun: Pieces) -> dict[Pieces, float]:
    """Shares by the definition, of what goes on after one piece, or begins with several."""
    beginning = {word: n for word, n in counts.items() if word[: len(begun)] == begun}
    longer = {word: n for word, n in beginning.items() if word != begun}
    total = sum(beginning.values())
    return {word[1:]: n / total for word, n in longer.items()}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from("stationermx"), min_size=1, max_size=12).map("".join),
            st.integers(1, 70_000),
        ),
        max_size=40,
    )
)
def test_shares_are_those_of_the_counts(tokenizer: Tokenizer, words: list[tuple[str, int]]) -> None:
    ways = dict(words)
    built = LongerWords.build(ways, tokenizer)
    read = LongerWords.from_bytes(built.to_bytes(), tokenizer, built.ranks)
    counts: dict[Pieces, float] = {}
    for word, n in ways.items():
        pieces = tuple(tokenizer.encode(word))
        if n > 1 and len(pieces) > 1:  # to the nearest half octave, at most 2^15.5
            counts[pieces] = 2 ** (min(31, round(2 * np.log2(n))) / 2)
    for begun in {word[:i] for word in counts for i in range(1, len(word) + 1)}:
        logs, following, longer = read.after(begun)
        assert following.tolist() == [word[len(begun) - 1] for word in longer]
        found = dict(zip(longer, np.exp(logs), strict=True))
        shares = expected(counts, begun)
        assert found == pytest.approx(shares)
        assert len(set(logs)) == len(set(shares.values()))  # equal counts tie, as in Kotlin
    first = tokenizer.pieces.index(WORD_START + "you")
    assert read.after((first,)).words == read.after((first, 5)).words == []


def test_a_word_that_is_a_single_piece_or_has_bytes_is_not_among_them(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("you") == [tokenizer.pieces.index(WORD_START + "you")]
    ways = {"you": 9, "station\u4e2d": 9, "": 9}
    assert LongerWords.build(ways, tokenizer).ranks == 0


def test_of_too_many_words_the_frequent_ones_stay(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pocketlm.model.longer_words.MOST_WORDS", 2)
    ways = {"xaxa": 3, "xexe": 5, "xoxo": 4, "xaxo": 4}
    longer = LongerWords.build(ways, tokenizer)
    first = tokenizer.encode("xexe")[0]
    words = {(first, *word) for word in longer.after((first,)).words}
    assert words == {tuple(tokenizer.encode(word)) for word in ("xaxo", "xexe")}


def test_the_lexicon_counts_them_in_its_text(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    tokens = [np.array(tokenizer.encode(line)) for line in corpus.lines("train")]
    Lexicon.build(corpus.lines("train"), tokens, tokenizer).save(tmp_path / "lexicon.bin")
    lexicon = Lexicon.load(tmp_path / "lexicon.bin", tokenizer)
    counts = Counter(word for line in corpus.lines("train") for word in words_of(line))
    pieces = {word: tokenizer.encode(word) for word, n in counts.items() if n > 1}
    longer = [w for w, ids in pieces.items() if len(ids) > 1 and all(map(tokenizer.is_text, ids))]
    assert len(longer) > 20
    begun = {tuple(pieces[word][:i]) for word in longer for i in range(1, len(pieces[word]) + 1)}
    for each in begun:
        goes_on = (pieces[word] for word in longer if tuple(pieces[word][: len(each)]) == each)
        next_pieces = {ids[len(each)] for ids in goes_on if len(ids) > len(each)}
        assert lexicon.next_pieces(each) == next_pieces
    for word in longer:
        first, *rest = pieces[word]
        logs, _, found = lexicon.after((first,))
        assert tuple(rest) in found
        going_on = 1 - lexicon.endings()[first]
        assert np.exp(logs).sum() == pytest.approx(going_on)


def sealed(content: bytes) -> bytes:
    return content + hashlib.sha256(content).digest()


def test_what_cannot_be_is_refused_although_the_hash_is_right(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "lexicon.bin"
    lines = ["stationmaster stationary"] * 2
    tokens = [np.array(tokenizer.encode(line)) for line in lines]
    Lexicon.build(lines, tokens, tokenizer).save(path)
    body = path.read_bytes()[:-32]
    size, _, bits, _, ranks = struct.unpack_from("<5I", body, 40)
    longer = HEADER + size + bits // 8

    def refused(place: int, value: bytes, match: str) -> None:
        path.write_bytes(sealed(body[:place] + value + body[place + len(value) :]))
        with pytest.raises(UserError, match=match) as raised:
            Lexicon.load(path, tokenizer)
        assert "\n" not in str(raised.value)

    refused(56, struct.pack("<I", 1 << 31), "do not agree")
    refused(56, struct.pack("<I", size + 1), "do not agree")
    refused(
        56, struct.pack("<I", ranks - 1), "begin where they cannot|no word has|that there are not"
    )
    refused(longer, struct.pack("<H", tokenizer.end_id), "pieces that no word has")
    refused(longer, b"\xff\xff", "pieces that there are not")
    refused(longer + 2 * ranks, struct.pack("<I", 1), "begin where they cannot")
    words = longer + 2 * ranks + 4 * (size + 1)
    refused(words, b"\xe0", "of its words one is none")  # shares pieces with none
    refused(words + 1, b"\x7f\xff", "of its words one is none")  # no such rank
    refused(len(body) - 1, b"\x00", "of its words one is none")  # the last one does not end
    refused(words, b"\x02\x80\x02\x80", "of its words one is none")  # twice the same
