"""Words of more than one piece, with their counts: what may come after the pieces typed so far.

A sub-word model takes a step for each piece of a rare word. Which words begin with the first ones,
and how often each was seen, tells what they most likely become without those steps. In bytes, as a
part of the lexicon's file (little endian):

    P x u16        pieces inside these words, the most frequent first; a place here is a rank
    (V + 1) x u32  where in what follows the words of each first piece begin, and its length
    L bytes        for each word, in the order of their pieces:
        1 byte     how many pieces it shares with the word before, after the first piece, in the
                   upper 3 bits; in the lower 5 twice the binary logarithm of its count
        1 or 2 bytes for each further piece: its rank, below 64 in the lower 6 bits of one byte,
                   else the upper 6 of 14 bits there and the rest in the second; bit 6 says that
                   there is a second, bit 7 that the word ends
"""

import itertools
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pocketlm.model.predictor import IntArray
from pocketlm.model.tokenizer import WORD_START, Tokenizer
from pocketlm.model.word_pieces import DoubleArray, is_in_word

Pieces = tuple[int, ...]
MOST_WORDS = 1 << 16  # of a larger text the more frequent ones
MOST_PIECES = 64
LEAST_COUNT = 2  # of a word that the lexicon has
LARGEST_SHARED, LARGEST_COUNT, MOST_RANKS = 7, 31, 1 << 14
_TWO_BYTES, _ENDS, _LOW = 0x40, 0x80, 0x3F


class Longer(NamedTuple):
    """The n words that begin with some pieces and go on."""

    logs: DoubleArray  # [n], of each one's share of what the pieces begin
    following: IntArray  # [n], the piece of each that comes next
    words: list[Pieces]  # without their first piece


_NO_LONGER = Longer(np.empty(0), np.empty(0, dtype=np.int64), [])


class LongerWords:
    """The words, by their first piece.

    Args:
        ranks: pieces [P] by rank.
        starts: where the words of each first piece begin [V + 1].
        content: the words.

    Raises:
        ValueError: what stands there are no words.
    """

    def __init__(
        self, ranks: npt.NDArray[np.uint16], starts: npt.NDArray[np.uint32], content: bytes
    ) -> None:
        self._ranks, self._starts, self._content = ranks, starts, content
        # All at once: to decode those of a first piece when it is met makes that list a slow one.
        parts, rank_list = starts.tolist(), ranks.tolist()
        self._words_of = {
            first: _decode(content[start:stop], rank_list)
            for first, (start, stop) in enumerate(itertools.pairwise(parts))
            if start < stop
        }
        self._second = {
            first: np.array([word[0] for word in words])
            for first, (words, _) in self._words_of.items()
        }

    @classmethod
    def build(cls, ways: Mapping[str, int], tokenizer: Tokenizer) -> "LongerWords":
        """From words as they are written, and how often each is."""
        counts = _by_pieces(ways, tokenizer)
        often = Counter(piece for word in counts for piece in word[1:])
        ranks = sorted(often, key=lambda piece: (-often[piece], piece))[:MOST_RANKS]
        rank = {piece: i for i, piece in enumerate(ranks)}
        words: list[list[tuple[Pieces, int]]] = [[] for _ in range(tokenizer.vocabulary_size)]
        for word, count in sorted(counts.items()):
            if all(piece in rank for piece in word[1:]):
                words[word[0]].append((tuple(rank[piece] for piece in word[1:]), count))
        groups = [_encode(group) for group in words]
        starts = np.array([0, *itertools.accumulate(map(len, groups))], dtype=np.uint32)
        return cls(np.array(ranks, dtype=np.uint16), starts, b"".join(groups))

    @classmethod
    def from_bytes(cls, content: bytes, tokenizer: Tokenizer, ranks: int) -> "LongerWords":
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: it is not that.
        """
        vocabulary_size = tokenizer.vocabulary_size
        first = 2 * ranks + 4 * (vocabulary_size + 1)
        if ranks > min(vocabulary_size, MOST_RANKS) or len(content) < first:
            raise ValueError("its length and its sizes do not agree")
        pieces = np.frombuffer(content, "<u2", ranks)
        starts = np.frombuffer(content, "<u4", vocabulary_size + 1, 2 * ranks)
        if pieces.max(initial=0) >= vocabulary_size:
            raise ValueError("it has pieces that there are not")
        if not all(is_in_word(tokenizer, piece) for piece in pieces.tolist()):
            raise ValueError("its words have pieces that no word has")
        if starts[0] or starts[-1] != len(content) - first or np.any(starts[1:] < starts[:-1]):
            raise ValueError("its words begin where they cannot")
        return cls(pieces, starts, content[first:])

    def to_bytes(self) -> bytes:
        """See the module."""
        return (
            self._ranks.astype("<u2").tobytes()
            + self._starts.astype("<u4").tobytes()
            + self._content
        )

    @property
    def ranks(self) -> int:
        """How many pieces are inside the words, P."""
        return len(self._ranks)

    def largest_shares(self) -> DoubleArray:
        """For each first piece [V] the share of its likeliest word, 0 where there is none."""
        shares = np.zeros(len(self._starts) - 1)
        for first, (_, counts) in self._words_of.items():
            shares[first] = counts.max() / counts.sum()
        return shares

    def after(self, pieces: Pieces) -> Longer:
        """The words that begin with some pieces and go on.

        Their shares are of all that goes on after one piece, and of all that begins with several,
        a word that ends there among them.
        """
        if pieces[0] not in self._words_of:
            return _NO_LONGER
        words, counts = self._words_of[pieces[0]]
        begun = pieces[1:]
        first, last = 0, len(words)
        if begun:
            first = bisect_left(words, begun)
            last = bisect_left(words, (*begun[:-1], begun[-1] + 1), first)
        longer = first + (first < last and words[first] == begun)
        if longer >= last:
            return _NO_LONGER
        logs = np.log(counts[longer:last] / counts[first:last].sum())
        if not begun:
            return Longer(logs, self._second[pieces[0]], words)
        following = np.array([word[len(begun)] for word in words[longer:last]])
        return Longer(logs, following, words[longer:last])


def _decode(block: bytes, ranks: Sequence[int]) -> tuple[list[Pieces], DoubleArray]:
    """The words of a first piece without it, and their counts [n]; ValueError if one is none."""
    counts: list[float] = []
    words: list[Pieces] = []
    word: list[int] = []
    at = 0
    try:
        while at < len(block):
            head, code, at = block[at], 0, at + 1
            if head >> 5 > len(word):
                raise IndexError
            del word[head >> 5 :]
            while not code & _ENDS:
                code, at = block[at], at + 1
                if code & _TWO_BYTES:
                    word.append(ranks[(code & _LOW) << 8 | block[at]])
                    at += 1
                else:
                    word.append(ranks[code & _LOW])
            if len(word) >= MOST_PIECES or (words and tuple(word) <= words[-1]):
                raise IndexError
            words.append(tuple(word))
            counts.append(2 ** ((head & LARGEST_COUNT) / 2))
    except IndexError:
        raise ValueError("of its words one is none") from None
    return words, np.array(counts)


def _by_pieces(ways: Mapping[str, int], tokenizer: Tokenizer) -> dict[Pieces, int]:
    """The most frequent words of more than one piece, all of which are text."""
    frequent = [(-count, word) for word, count in ways.items() if count >= LEAST_COUNT]
    counts: dict[Pieces, int] = {}
    for count, word in sorted(frequent):
        pieces = tuple(tokenizer.encode(word))
        if (
            1 < len(pieces) <= MOST_PIECES
            and tokenizer.pieces[pieces[0]].startswith(WORD_START)
            and all(is_in_word(tokenizer, piece) for piece in pieces)
        ):
            counts[pieces] = -count
            if len(counts) == MOST_WORDS:
                break
    return counts


def _encode(words: Iterable[tuple[Pieces, int]]) -> bytes:
    """Words in order, each by what differs from the one before."""
    content = bytearray()
    before: Pieces = ()
    for word, count in words:
        shared = _shared(before, word)
        content.append(shared << 5 | min(LARGEST_COUNT, round(2 * math.log2(count))))
        for i in range(shared, len(word)):
            ends = _ENDS if i == len(word) - 1 else 0
            if word[i] <= _LOW:
                content.append(ends | word[i])
            else:
                content += bytes((ends | _TWO_BYTES | word[i] >> 8, word[i] & 0xFF))
        before = word
    return bytes(content)


def _shared(before: Pieces, word: Pieces) -> int:
    """How many pieces both begin with, as far as they can be told; one of `word` is left."""
    most = min(len(before), len(word) - 1, LARGEST_SHARED)
    return next((i for i in range(most) if before[i] != word[i]), most)
