"""Words found for a list of suggestions: the ways to write each, and their probabilities."""

import math
from collections.abc import Iterator

from pocketlm.model.words import fold

Ways = dict[str, float]  # each way to write a word, and its log-probability


class FoundWords:
    """Ways to write words, by what differs in more than case."""

    def __init__(self) -> None:
        self._ways: dict[str, Ways] = {}
        self._totals: dict[str, float] = {}

    def add(self, word: str, log_probability: float) -> float:
        """Add probability to one way to write a word; returns that of all of them."""
        folded = fold(word)
        if folded not in self._totals:
            self._ways[folded], self._totals[folded] = {word: log_probability}, log_probability
            return log_probability
        ways = self._ways[folded]
        ways[word] = _log_add(ways.get(word, -math.inf), log_probability)
        total = self._totals[folded] = _log_add(self._totals[folded], log_probability)
        return total

    def kth_best(self, *ks: int) -> list[float]:
        """The log-probabilities of the k-th likeliest words, -inf where there are fewer."""
        totals = sorted(self._totals.values())
        return [totals[-k] if k <= len(totals) else -math.inf for k in ks]

    def totals(self) -> list[float]:
        """The log-probability of each word."""
        return list(self._totals.values())

    def __iter__(self) -> Iterator[tuple[Ways, float]]:
        """The ways to write each word, and the log-probability of all of them."""
        return ((ways, self._totals[folded]) for folded, ways in self._ways.items())


def _log_add(a: float, b: float) -> float:
    """log(exp a + exp b)."""
    low, high = min(a, b), max(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
