"""Which pieces of a tokenizer may stand where in a word.

A prefix and the pieces are compared by keys: their folded text, and where the prefix has no
apostrophe, without apostrophes.
"""

import bisect
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pocketlm.model.predictor import IntArray
from pocketlm.model.tokenizer import WORD_START, Tokenizer
from pocketlm.model.words import fold, is_boundary, is_inner, is_letter, without_apostrophes

DoubleArray = npt.NDArray[np.float64]
LAST_CHARACTER = "\U0010ffff"
SMALLEST_FIT = 1e-12


class WordPieces:
    """Tables over the pieces of text of one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        size = tokenizer.vocabulary_size
        ids = [i for i in range(size) if is_in_word(tokenizer, i)]
        self._text = {i: tokenizer.pieces[i].removeprefix(WORD_START) for i in ids}
        folded = {i: fold(tokenizer.pieces[i]) for i in ids}
        bare = {i: without_apostrophes(key) for i, key in folded.items()}
        self._keys = {True: folded, False: bare}
        self._key_lengths = {
            apostrophes: np.array([len(keys.get(i, "")) for i in range(size)])
            for apostrophes, keys in self._keys.items()
        }
        self._exactly = {apostrophes: _by_key(keys) for apostrophes, keys in self._keys.items()}
        self._longest = max(map(len, folded.values()), default=0)
        inner = [i for i in ids if tokenizer.pieces[i][0] != WORD_START]  # none of whole words
        self._inner = np.array(inner, dtype=np.int64)
        # What follows a complete word.
        self.boundaries: IntArray = np.array([i for i in range(size) if is_boundary(tokenizer, i)])
        # [V] whether the first letter is lower case, and whether it is upper case
        self.begins_lower, self.begins_upper = np.zeros((2, size), dtype=np.bool_)
        for i, text in self._text.items():
            first = next((c for c in text if is_letter(c)), "")
            self.begins_lower[i], self.begins_upper[i] = first.islower(), first.isupper()
        # The same text after a space, for each piece [V], itself where there is none.
        known = {tokenizer.pieces[i]: i for i in ids}
        self.after_space = [known.get(WORD_START + tokenizer.pieces[i], i) for i in range(size)]
        scores = np.array(tokenizer.scores)
        all_inner = np.logaddexp.reduce(scores[self._inner]) if inner else np.inf
        self._inner_share = np.exp(scores - all_inner)  # [V]
        share = self._inner_share.tolist()
        self._key_share = {  # of all pieces of a key
            apostrophes: {key: sum(share[i] for i in each) for key, each in keys.items()}
            for apostrophes, keys in self._exactly.items()
        }
        self._sorted = {
            apostrophes: _Sorted(keys, self._inner_share)
            for apostrophes, keys in self._keys.items()
        }
        self.continuations = lru_cache(maxsize=256)(self._find_continuations)
        self.going_on = lru_cache(maxsize=256)(self._find_going_on)
        self._starts = [text[:1] == WORD_START for text in tokenizer.pieces]

    def text(self, token: int) -> str:
        """The piece without the sign for the space before it."""
        return self._text[token]

    def key(self, token: int, apostrophes: bool) -> str:
        """What is compared with a prefix that has, or has not, apostrophes."""
        return self._keys[apostrophes][token]

    def key_lengths(self, apostrophes: bool) -> IntArray:
        """Characters [V] of the keys."""
        return self._key_lengths[apostrophes]

    def _find_continuations(self, rest: str, apostrophes: bool) -> tuple[IntArray, DoubleArray]:
        """Pieces that are a part of `rest` from its start, or `rest` and more of a word.

        Returns:
            their ids [n], and for each the logarithm [n] of the share of pieces inside words that
            go on with what is then left of `rest`, by the tokenizer's own unigram model.
        """
        if not rest:
            return self._inner, np.zeros(len(self._inner))
        ids: list[int] = []
        fits: list[float] = []
        known = self._fits(rest, apostrophes)
        # An apostrophe alone has an empty key; no word begins with it.
        shortest = 1 if rest[0] == WORD_START else 0
        for length in range(shortest, min(len(rest), self._longest + 1)):
            parts = self._exactly[apostrophes].get(rest[:length], [])
            ids += parts
            fits += [known[length]] * len(parts)
        longer = self._sorted[apostrophes].beginning_with(rest)
        logs = np.zeros(len(ids) + len(longer))
        logs[: len(ids)] = np.log(fits)
        return np.concatenate((np.array(ids, dtype=np.int64), longer)), logs

    def _find_going_on(self, rest: str, apostrophes: bool) -> npt.NDArray[np.bool_]:
        """Whether each piece [V] is one of the continuations."""
        whether = np.zeros(len(self._starts), dtype=np.bool_)
        whether[self.continuations(rest, apostrophes)[0]] = True
        return whether

    def of_last_word(self, tokens: Sequence[int]) -> int:
        """How many tokens there are from the last one that starts a word; all if none does."""
        backwards = enumerate(reversed(tokens), start=1)
        return next((n for n, token in backwards if self._starts[token]), len(tokens))

    def _fits(self, rest: str, apostrophes: bool) -> list[float]:
        """For each end of `rest`, the share of ways to go on inside a word that spell it.

        At i stands the share for `rest[i:]`; none is 0.
        """
        shares, known = [0.0] * len(rest), self._key_share[apostrophes]
        keys = self._sorted[apostrophes]
        for start in range(len(rest) - 1, -1, -1):
            share = keys.share_beginning_with(rest[start:])
            for stop in range(start + 1, min(len(rest), start + self._longest + 1)):
                share += known.get(rest[start:stop], 0.0) * shares[stop]
            shares[start] = max(share, SMALLEST_FIT)
        return shares


class _Sorted:
    """Pieces in the order of their keys, and their shares [V] of something."""

    def __init__(self, keys: dict[int, str], shares: DoubleArray) -> None:
        order = sorted((key, i) for i, key in keys.items())
        self._keys = [key for key, _ in order]
        self._ids: IntArray = np.array([i for _, i in order], dtype=np.int64)
        self._sums: list[float] = [0.0, *np.cumsum(shares[self._ids]).tolist()]

    def beginning_with(self, key: str) -> IntArray:
        """The pieces whose key begins with `key`."""
        return self._ids[slice(*self._range(key))]

    def share_beginning_with(self, key: str) -> float:
        """The share of all of these."""
        first, last = self._range(key)
        return self._sums[last] - self._sums[first]

    def _range(self, key: str) -> tuple[int, int]:
        first = bisect.bisect_left(self._keys, key)
        return first, bisect.bisect_left(self._keys, key + LAST_CHARACTER, first)


def _by_key(keys: dict[int, str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for token in sorted(keys):
        found.setdefault(keys[token], []).append(token)
    return found


def is_in_word(tokenizer: Tokenizer, token: int) -> bool:
    """Whether a piece is text that may be part of a word."""
    text = tokenizer.pieces[token].removeprefix(WORD_START)
    return tokenizer.is_text(token) and all(map(is_inner, text))
