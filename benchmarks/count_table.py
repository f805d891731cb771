"""Count tables with stupid backoff, normalised: sorted packed arrays on disk, memory-mapped.

    token stream -> ranks of all n-grams of order 1 -> 2 -> ... -> N (one sort an order)
                 -> order-N.keys, order-N.counts -> CountTable

Files: `order-N.keys` holds sorted uint64 keys, `context_rank * V + token`, where context_rank is
the place of the n-gram's first N-1 tokens in `order-(N-1).keys`; `order-N.counts` holds uint32
counts. Order 1 is dense: counts of all V tokens and no keys, so that a token's rank is its id.
Bytes: 12 for each n-gram of order 2 and more, and 4 V.

An utterance w1..wn is the windows over [</s>, w1, .., wn, </s>], in which the first </s> is
context only. For a context c, and c' which is c without its oldest token (Brants et al. 2007,
"Large language models in machine translation", alpha = 0.4):

    S(w|c) = count(c w) / count(c) if seen, else alpha * S(w|c')     S(w) = (count(w) + 1) / (T + V)
    P(w|c) = S(w|c) / Z(c)
    Z(c)   = sum_followers S(w|c) + alpha * (Z(c') - sum_followers S(w|c'))             Z() = 1

where a follower of c is a token seen after it. It was seen after c' as well, and its counts there
are at least as large, which also holds of pruned tables, whose thresholds never fall with the
order.

Shapes: B batch, N order, V vocabulary, P positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pocketlm.model.errors import UserError
from pocketlm.model.predictor import FloatArray, IntArray, Predictor
from pocketlm.model.tokenizer import Tokenizer

BACKOFF = 0.4
_LARGEST_COUNT = int(np.iinfo(np.uint32).max)
FileArray = npt.NDArray[np.unsignedinteger]  # a mapped file: uint64 keys or uint32 counts
DoubleArray = npt.NDArray[np.float64]


def write_count_table(
    tokens: npt.NDArray[np.integer], vocabulary: int, end: int, prune: Sequence[int], folder: Path
) -> list[int]:
    """Count every n-gram of a token stream.

    Args:
        tokens: [P], lines of which each ends with `end`.
        vocabulary: V.
        end: the end token's id.
        prune: for each order 1..N, n-grams seen at most so often are left out; the first is 0.
        folder: where the files go.

    Returns:
        The number of n-grams of each order.
    """
    stream = np.concatenate([[end], tokens]).astype(np.int64)
    counts = np.bincount(stream[1:], minlength=vocabulary)
    _write(folder, 1, None, counts)
    sizes = [int(np.count_nonzero(counts))]
    ranks = stream  # [P + 1]: of the n-gram that ends here, or -1
    for order in range(2, len(prune) + 1):
        context = ranks[:-1]
        if order > 2:  # an n-gram that ends a line is nobody's context
            context = np.where(stream[:-1] == end, -1, context)
        places = np.flatnonzero(context >= 0)
        ranks = np.full(len(stream), -1)
        keys, inverse, counts = np.unique(
            context[places] * vocabulary + stream[places + 1],
            return_inverse=True,
            return_counts=True,
        )
        kept = counts > prune[order - 1]
        new_rank = np.where(kept, np.cumsum(kept) - 1, -1)
        ranks[places + 1] = new_rank[inverse]
        _write(folder, order, keys[kept], counts[kept])
        sizes.append(int(kept.sum()))
    return sizes


def _write(folder: Path, order: int, keys: IntArray | None, counts: IntArray) -> None:
    if counts.size and counts.max() > _LARGEST_COUNT:
        raise UserError(f"an n-gram of order {order} was seen more than {_LARGEST_COUNT:,} times")
    if keys is not None:
        keys.astype("<u8").tofile(folder / f"order-{order}.keys")
    counts.astype("<u4").tofile(folder / f"order-{order}.counts")


def flatten(sequences: Sequence[Sequence[int]], end: int) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """All sequences as one stream [P], and whether a line begins there [P].

    A line begins with each sequence, and after each end token.
    """
    tokens = np.array([token for sequence in sequences for token in sequence], dtype=np.int64)
    first = np.concatenate([[False], tokens == end])
    first[np.cumsum([0, *(len(sequence) for sequence in sequences)])] = True
    return tokens, first[:-1]


@dataclass(frozen=True)
class Contexts:
    """Ranks [B, N]: column k is that of the last k tokens among order k's n-grams; -1 if unseen."""

    ranks: IntArray


class CountTable(Predictor):
    """The predictor over a folder of count tables."""

    def __init__(self, name: str, tokenizer: Tokenizer, folder: Path, order: int) -> None:
        super().__init__(name, "table", tokenizer)
        self.order = order
        self.vocabulary = tokenizer.vocabulary_size
        self._counts = [_map(folder, i, "counts", "<u4") for i in range(1, order + 1)]
        # keys[0] is unused: order 1 is dense.
        self._keys = [np.empty(0, dtype=np.uint64)]
        self._keys += [_map(folder, i, "keys", "<u8") for i in range(2, order + 1)]
        total = self._counts[0].sum(dtype=np.int64) + self.vocabulary
        self._unigrams: DoubleArray = (self._counts[0] + 1.0) / total

    def start(self, batch: int = 1) -> Contexts:
        """Contexts of one token, the end token."""
        ranks = np.full((batch, self.order), -1)
        ranks[:, 0] = 0
        if self.order > 1:
            ranks[:, 1] = self.tokenizer.end_id
        return Contexts(ranks)

    def advance(self, state: Contexts, tokens: IntArray) -> Contexts:
        """Look each context up, one token longer; the end token gives a line's start."""
        ranks = np.full_like(state.ranks, -1)
        ranks[:, 0] = 0
        for length in range(1, self.order):
            ranks[:, length] = self._find(length, state.ranks[:, length - 1], tokens)
        ended = tokens == self.tokenizer.end_id
        ranks[ended] = self.start().ranks
        return Contexts(ranks)

    def select(self, state: Contexts, rows: IntArray) -> Contexts:
        """The contexts at `rows`."""
        return Contexts(state.ranks[rows])

    def log_probabilities(self, state: Contexts) -> FloatArray:
        """Natural logarithms [B, V]: a longer context's followers over the shorter one's scores."""
        scores = np.tile(self._unigrams, (len(state.ranks), 1))
        for length in range(1, self.order):
            for row, rank in enumerate(state.ranks[:, length]):
                if rank >= 0 and self._counts[length - 1][rank]:
                    tokens, counts = self._followers(length, rank)
                    scores[row] *= BACKOFF
                    scores[row, tokens] = counts / self._counts[length - 1][rank]
        probabilities = scores / scores.sum(axis=1, keepdims=True)
        result: FloatArray = np.log(probabilities).astype(np.float32)
        return result

    def score(self, sequences: Sequence[Sequence[int]]) -> list[FloatArray]:
        """All positions of all sequences at once, [P]."""
        if not sequences:
            return []
        tokens, first = flatten(sequences, self.tokenizer.end_id)
        contexts = self._all_contexts(tokens, first)
        scores = self._unigrams[tokens]
        normalisers = np.ones(len(tokens))
        for length in range(1, self.order):
            rows = np.flatnonzero(self._seen(length, contexts[:, length]))
            if not len(self._counts[length]):  # all pruned: nothing follows any context
                break
            ranks = contexts[rows, length]
            found = self._find(length + 1, ranks, tokens[rows])
            counted = self._counts[length][found] / self._counts[length - 1][ranks]
            scores[rows] = np.where(found >= 0, counted, BACKOFF * scores[rows])
            normalisers[rows] = self._normalisers(
                length, ranks, contexts[rows, length - 1], normalisers[rows]
            )
        result = np.log(scores / normalisers).astype(np.float32)
        return np.split(result, np.cumsum([len(sequence) for sequence in sequences])[:-1])

    def _all_contexts(self, tokens: IntArray, first: npt.NDArray[np.bool_]) -> IntArray:
        """Ranks [P, N] of the context of each position; a line begins where `first` is true."""
        contexts = np.full((len(tokens), self.order), -1)
        contexts[:, 0] = 0
        for length in range(1, self.order):
            contexts[1:, length] = self._find(length, contexts[:-1, length - 1], tokens[:-1])
            contexts[first, length] = self.tokenizer.end_id if length == 1 else -1
        return contexts

    def _seen(self, length: int, ranks: IntArray) -> npt.NDArray[np.bool_]:
        return (ranks >= 0) & (self._counts[length - 1][ranks] > 0)

    def _find(self, order: int, contexts: IntArray, tokens: IntArray) -> IntArray:
        """Ranks [B] of each context with its token among the order's n-grams, -1 where unseen."""
        if order == 1:
            return tokens
        keys = self._keys[order - 1]
        if not len(keys):
            return np.full(len(tokens), -1)
        wanted = (np.maximum(contexts, 0) * self.vocabulary + tokens).astype(np.uint64)
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((contexts >= 0) & (keys[places] == wanted), places, -1)

    def _followers(self, length: int, rank: int) -> tuple[IntArray, FileArray]:
        """Tokens seen after a context of `length` tokens, ascending, and how often."""
        base = int(rank) * self.vocabulary
        edges = np.array([base, base + self.vocabulary], dtype=np.uint64)
        first, last = np.searchsorted(self._keys[length], edges)
        tokens = self._keys[length][first:last].astype(np.int64) - base
        return tokens, self._counts[length][first:last]

    def _normalisers(
        self, length: int, ranks: IntArray, shorter: IntArray, shorter_sums: DoubleArray
    ) -> DoubleArray:
        """Z [B] of contexts of `length` tokens, from Z of the contexts one token shorter.

        `ranks`, `shorter`: ranks [B] of the contexts and of the shorter ones.
        """
        unique, first, inverse = np.unique(ranks, return_index=True, return_inverse=True)
        edges = np.stack([unique, unique + 1]).astype(np.uint64) * np.uint64(self.vocabulary)
        begin, end = np.searchsorted(self._keys[length], edges)
        owner = np.repeat(np.arange(len(unique)), end - begin)  # [F]: all followers of all contexts
        places = np.arange(len(owner)) - np.repeat(
            np.cumsum(end - begin) - (end - begin), end - begin
        )
        places += begin[owner]
        tokens = self._keys[length][places].astype(np.int64) - unique[owner] * self.vocabulary
        here = self._counts[length][places] / self._counts[length - 1][unique[owner]]
        if length == 1:
            there = self._unigrams[tokens]
        else:
            parents = shorter[first][owner]
            counts = self._counts[length - 1][self._find(length, parents, tokens)]
            there = counts / self._counts[length - 2][parents]
        sums_here = np.bincount(owner, here, minlength=len(unique))
        sums_there = np.bincount(owner, there, minlength=len(unique))
        sums: DoubleArray = sums_here + BACKOFF * (shorter_sums[first] - sums_there)
        return sums[inverse]


def _map(folder: Path, order: int, part: str, kind: str) -> FileArray:
    path = folder / f"order-{order}.{part}"
    if path.stat().st_size == 0:  # nothing can be mapped
        return np.empty(0, dtype=kind)
    return np.memmap(path, dtype=kind, mode="r")
