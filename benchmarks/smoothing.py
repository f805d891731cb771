"""Probabilities from counts: maximum likelihood, add-k, stupid backoff; each sums to one over V.

Maximum likelihood and add-k (Lidstone), k = 0 and k > 0 of

    P(w|c) = (count(c w) + k) / (count(c) + k V)

where c is the longest context of at most N-1 tokens that was seen. One that was not says nothing,
so that the shorter one is asked; the empty one was always seen, T times in a text of T tokens. With
maximum likelihood a token that was never seen after the context has the probability 0, whose
logarithm is minus infinity: the perplexity of a text that holds one is infinite, and is reported as
that. Source: Jurafsky and Martin, "Speech and Language Processing", 3rd edition, chapter 3.

Stupid backoff, normalised. For a context c, and c' which is c without its oldest token (Brants et
al. 2007, "Large language models in machine translation", alpha = 0.4):

    S(w|c) = count(c w) / count(c) if seen, else alpha * S(w|c')     S(w) = (count(w) + 1) / (T + V)
    P(w|c) = S(w|c) / Z(c)
    Z(c)   = sum_followers S(w|c) + alpha * (Z(c') - sum_followers S(w|c'))             Z() = 1

where a follower of c is a token seen after it. It was seen after c' as well, and its counts there
are at least as large, which also holds of pruned tables, whose thresholds never fall with the
order. The other two need every count: followers' counts have to sum to their context's.

Shapes: B batch, F followers, P positions, V vocabulary.
"""

from pathlib import Path

import numpy as np

from pocketlm.benchmarks.count_table import CountTable
from pocketlm.benchmarks.sorted_ngrams import Contexts, DoubleArray
from pocketlm.model.errors import UserError
from pocketlm.model.predictor import FloatArray, IntArray
from pocketlm.model.tokenizer import Tokenizer

MAXIMUM_LIKELIHOOD, ADD_K, STUPID_BACKOFF = SMOOTHINGS = ("mle", "add-k", "stupid-backoff")
DEFAULT_K = 0.1
BACKOFF = 0.4


def check_smoothing(smoothing: str, add_k: float | None, thresholds: list[int]) -> float | None:
    """The k of add-k smoothing, None of another; UserError for settings that cannot be."""
    if smoothing not in SMOOTHINGS:
        raise UserError(f"unknown smoothing {smoothing!r}: one of {', '.join(SMOOTHINGS)}")
    if smoothing != STUPID_BACKOFF and any(thresholds):
        raise UserError(f"{smoothing} needs every count: only stupid backoff and KenLM are pruned")
    if smoothing != ADD_K:
        if add_k is not None:
            raise UserError(f"--add-k is for --smoothing add-k, not {smoothing}")
        return None
    k = DEFAULT_K if add_k is None else add_k
    if not 0 < k < np.inf:
        raise UserError(f"the k of add-k is a number above 0, not {k}")
    return k


def open_count_table(
    name: str, tokenizer: Tokenizer, folder: Path, order: int, smoothing: str, add_k: float | None
) -> CountTable:
    """The predictor over a folder's counts, whose settings `check_smoothing` has passed."""
    if smoothing == STUPID_BACKOFF:
        return StupidBackoff(name, tokenizer, folder, order)
    return Additive(name, tokenizer, folder, order, add_k or 0.0)


class Additive(CountTable):
    """Add-k smoothing in the longest seen context; maximum likelihood with k = 0."""

    def __init__(self, name: str, tokenizer: Tokenizer, folder: Path, order: int, k: float) -> None:
        super().__init__(name, tokenizer, folder, order)
        self.k = k
        self._total = float(self.counts[0].sum(dtype=np.int64))

    def log_probabilities(self, state: Contexts) -> FloatArray:
        """Natural logarithms [B, V]; minus infinity for what maximum likelihood excludes."""
        probabilities = np.empty((len(state.ranks), self.vocabulary))
        for row, ranks in enumerate(state.ranks):
            lengths = [i for i in range(1, self.order) if self._seen(i, ranks[i : i + 1])[0]]
            if not lengths:
                probabilities[row] = self._smoothed(self.counts[0], self._total)
                continue
            length = max(lengths)
            rank = ranks[length]
            total = float(self.counts[length - 1][rank])
            places, tokens = self.keys.followers(length, rank)
            probabilities[row] = self._smoothed(0, total)
            probabilities[row, tokens] = self._smoothed(self.counts[length][places], total)
        return _log(probabilities)

    def _score(self, tokens: IntArray, contexts: IntArray) -> FloatArray:
        """Each longer context that was seen has the last word."""
        probabilities = self._smoothed(self.counts[0][tokens], self._total)
        for length in range(1, self.order):
            rows = np.flatnonzero(self._seen(length, contexts[:, length]))
            ranks = contexts[rows, length]
            found = self.keys.find(length + 1, ranks, tokens[rows])
            counted = np.where(found >= 0, self.counts[length][found], 0)
            probabilities[rows] = self._smoothed(counted, self.counts[length - 1][ranks])
        return _log(probabilities)

    def _smoothed(self, counts: object, totals: object) -> DoubleArray:
        """(counts + k) / (totals + k V)."""
        above = np.asarray(counts, dtype=np.float64) + self.k
        below = np.asarray(totals, dtype=np.float64) + self.k * self.vocabulary
        result: DoubleArray = above / below
        return result


class StupidBackoff(CountTable):
    """Stupid backoff, divided by its sum over the vocabulary."""

    def __init__(self, name: str, tokenizer: Tokenizer, folder: Path, order: int) -> None:
        super().__init__(name, tokenizer, folder, order)
        total = self.counts[0].sum(dtype=np.int64) + self.vocabulary
        self._unigrams: DoubleArray = (self.counts[0] + 1.0) / total

    def log_probabilities(self, state: Contexts) -> FloatArray:
        """Natural logarithms [B, V]: a longer context's followers over the shorter one's scores."""
        scores = np.tile(self._unigrams, (len(state.ranks), 1))
        for length in range(1, self.order):
            for row in np.flatnonzero(self._seen(length, state.ranks[:, length])):
                rank = state.ranks[row, length]
                places, tokens = self.keys.followers(length, rank)
                scores[row] *= BACKOFF
                scores[row, tokens] = self.counts[length][places] / self.counts[length - 1][rank]
        return _log(scores / scores.sum(axis=1, keepdims=True))

    def _score(self, tokens: IntArray, contexts: IntArray) -> FloatArray:
        """Scores and their sums, from the shortest context to the longest that was seen."""
        scores = self._unigrams[tokens]
        normalisers = np.ones(len(tokens))
        for length in range(1, self.order):
            rows = np.flatnonzero(self._seen(length, contexts[:, length]))
            if not len(self.counts[length]):  # all pruned: nothing follows any context
                break
            ranks = contexts[rows, length]
            found = self.keys.find(length + 1, ranks, tokens[rows])
            counted = self.counts[length][found] / self.counts[length - 1][ranks]
            scores[rows] = np.where(found >= 0, counted, BACKOFF * scores[rows])
            normalisers[rows] = self._normalisers(
                length, ranks, contexts[rows, length - 1], normalisers[rows]
            )
        return _log(scores / normalisers)

    def _normalisers(
        self, length: int, ranks: IntArray, shorter: IntArray, shorter_sums: DoubleArray
    ) -> DoubleArray:
        """Z [B] of contexts of `length` tokens, from Z of the contexts one token shorter.

        `ranks`, `shorter`: ranks [B] of the contexts and of the shorter ones.
        """
        keys = self.keys.arrays[length - 1]
        unique, first, inverse = np.unique(ranks, return_index=True, return_inverse=True)
        edges = np.stack([unique, unique + 1]).astype(np.uint64) * np.uint64(self.vocabulary)
        begin, end = np.searchsorted(keys, edges)
        owner = np.repeat(np.arange(len(unique)), end - begin)  # [F]: all followers of all contexts
        places = np.arange(len(owner)) - np.repeat(
            np.cumsum(end - begin) - (end - begin), end - begin
        )
        places += begin[owner]
        tokens = keys[places].astype(np.int64) - unique[owner] * self.vocabulary
        here = self.counts[length][places] / self.counts[length - 1][unique[owner]]
        if length == 1:
            there = self._unigrams[tokens]
        else:
            parents = shorter[first][owner]
            counts = self.counts[length - 1][self.keys.find(length, parents, tokens)]
            there = counts / self.counts[length - 2][parents]
        sums_here = np.bincount(owner, here, minlength=len(unique))
        sums_there = np.bincount(owner, there, minlength=len(unique))
        sums: DoubleArray = sums_here + BACKOFF * (shorter_sums[first] - sums_there)
        return sums[inverse]


def _log(probabilities: DoubleArray) -> FloatArray:
    """Natural logarithms; that of 0 is minus infinity."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: FloatArray = np.log(probabilities).astype(np.float32)
    return result
