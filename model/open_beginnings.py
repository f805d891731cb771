"""What a search for words has not looked into yet: beginnings of words, as arrays of numbers."""

from typing import NamedTuple

import numpy as np

from pocketlm.model.predictor import IntArray
from pocketlm.model.steps import Tokens
from pocketlm.model.word_pieces import DoubleArray


class Beginning(NamedTuple):
    """Pieces that begin a word, after a context."""

    text: str  # without WORD_START
    key: str  # of the text and of WORD_START, as matched with the prefix
    tokens: Tokens  # the context's, then the pieces
    log_probability: float


class OpenBeginnings:
    """Open beginnings: of each the one that it makes longer, its piece, and five logarithms [n].

    Of probabilities: SCORE its own; FIT of what has, by the tokenizer's own model, the rest of the
    prefix; HIDDEN of what lies in words that are longer still; WORD of the word that it is, by the
    share of endings, -inf if it has not all of the prefix; LONGER no less than that of any word of
    the lexicon that begins with it. All are -inf of one that was taken.
    """

    ROWS = SCORE, FIT, HIDDEN, WORD, LONGER = range(5)

    def __init__(self) -> None:
        self.parents: list[Beginning] = []
        self.tokens: list[int] = []
        self.logs = np.empty((len(self.ROWS), 0))

    def add(self, parent: Beginning, tokens: IntArray, logs: DoubleArray) -> None:
        """Open a beginning made longer by each of n pieces: their logarithms [5, n]."""
        self.parents += [parent] * len(tokens)
        self.tokens += tokens.tolist()
        self.logs = np.concatenate((self.logs, logs), axis=1)

    def take(self, row: int, least: float) -> tuple[Beginning, int, float] | None:
        """Of those whose `row` is above `least` the one that hides most, the first of equals.

        Returns:
            what it makes longer, its piece, its log-probability; None if there is none.
        """
        above = np.flatnonzero(self.logs[row] > least)
        if not len(above):
            return None
        i = int(above[self.logs[self.HIDDEN, above].argmax()])
        taken = self.at(i)
        self.logs[:, i] = -np.inf
        return taken

    def at(self, i: int) -> tuple[Beginning, int, float]:
        """What the i-th one makes longer, its piece, its log-probability."""
        return self.parents[i], self.tokens[i], float(self.logs[self.SCORE, i])

    def kth_word(self, found: list[float], k: int) -> float:
        """The k-th largest of words found and of WORD, -inf if there are fewer."""
        known = np.append(self.logs[self.WORD], found)
        return float(np.partition(known, -k)[-k]) if k <= len(known) else -np.inf
