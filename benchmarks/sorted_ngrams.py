"""What all n-gram tables over sorted arrays share: keys, search, and the contexts of a line.

    keys of orders 1..N -> KeyArrays: find, followers
                        -> SortedNgrams (a Predictor): start -> advance -> contexts

An n-gram of order 2 and more has the key `context_rank * V + token` in the ascending uint64 array
of its order; context_rank is the place of its first N-1 tokens in the array of order N-1. Order 1
is dense, so that a token's rank is its id and it needs no keys. An utterance w1..wn is the windows
over [</s>, w1, .., wn, </s>]: the end token at the front of an n-gram is the beginning of a line,
anywhere else the end of one, which is never a context.

Shapes: B batch, F followers, N order, P positions, V vocabulary.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.model.errors import UserError
from pocketlm.model.predictor import FloatArray, IntArray, Predictor
from pocketlm.model.tokenizer import Tokenizer

KeyArray = npt.NDArray[np.uint64]
BoolArray = npt.NDArray[np.bool_]
DoubleArray = npt.NDArray[np.float64]
KEYS = "keys"
KEY_TYPE = "<u8"
_BLOCK = 1 << 20


def part_path(folder: Path, order: int, part: str) -> Path:
    """The file of one order: its keys, counts, probabilities or backoffs."""
    return folder / f"order-{order}.{part}"


def map_part(folder: Path, order: int, part: str, kind: str) -> npt.NDArray[np.generic]:
    """A part's file, memory-mapped as an array of type `kind`."""
    path = part_path(folder, order, part)
    if path.stat().st_size == 0:  # nothing can be mapped
        return np.empty(0, dtype=kind)
    try:
        return np.memmap(path, dtype=kind, mode="r")
    except ValueError:
        raise UserError(f"{path} is cut short") from None


def check_arrays(
    folder: Path,
    keys: "KeyArrays",
    values: Sequence[npt.NDArray[Any]],
    sound: Callable[[npt.NDArray[Any]], BoolArray],
) -> None:
    """Hold that the arrays fit each other, so that no rank leads outside of one.

    Args:
        folder: named in the error line.
        keys: of all orders.
        values: one part, of each order from the first on that has it.
        sound: which values can be; asked of a block at a time, as memory may be smaller.

    Raises:
        UserError: sizes differ, keys do not ascend or have no context, or a value cannot be.
    """
    sizes = [keys.vocabulary, *map(len, keys.arrays)]
    fits = [len(part) for part in values] == sizes[: len(values)]
    for array, below in zip(keys.arrays, sizes, strict=False):
        starts = range(0, len(array), _BLOCK)
        blocks = (array[start : start + _BLOCK + 1] for start in starts)  # one key in common
        fits = fits and all(bool(np.all(block[1:] > block[:-1])) for block in blocks)
        fits = fits and (not len(array) or int(array[-1]) // keys.vocabulary < below)
    for part in values:
        blocks = (part[start : start + _BLOCK] for start in range(0, len(part), _BLOCK))
        fits = fits and all(bool(np.all(sound(block))) for block in blocks)
    if not fits:
        raise UserError(f"{folder} is damaged: its arrays are not those of a table")


def flatten(sequences: Sequence[Sequence[int]], end: int) -> tuple[IntArray, BoolArray]:
    """All sequences as one stream [P], and whether a line begins there [P].

    A line begins with each sequence, and after each end token.
    """
    tokens = np.array([token for sequence in sequences for token in sequence], dtype=np.int64)
    first = np.concatenate([[False], tokens == end])
    first[np.cumsum([0, *(len(sequence) for sequence in sequences)])] = True
    return tokens, first[:-1]


class KeyArrays:
    """The sorted keys of orders 2..N; `arrays[0]` is order 2's."""

    def __init__(self, arrays: Sequence[KeyArray], vocabulary: int) -> None:
        self.arrays = list(arrays)
        self.vocabulary = vocabulary

    @classmethod
    def open(cls, folder: Path, order: int, vocabulary: int) -> "KeyArrays":
        """The files `order-N.keys`, memory-mapped."""
        maps = [map_part(folder, i, KEYS, KEY_TYPE) for i in range(2, order + 1)]
        return cls([array.view(np.uint64) for array in maps], vocabulary)

    def find(self, order: int, contexts: IntArray, tokens: IntArray) -> IntArray:
        """Ranks [B] of each context with its token among the order's n-grams, -1 where unseen."""
        if order == 1:
            return tokens
        keys = self.arrays[order - 2]
        if not len(keys):
            return np.full(len(tokens), -1)
        wanted = (np.maximum(contexts, 0) * self.vocabulary + tokens).astype(np.uint64)
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((contexts >= 0) & (keys[places] == wanted), places, -1)

    def find_all(self, tokens: IntArray) -> IntArray:
        """Ranks [B] of n-grams [B, n] of at least one token, -1 where unseen."""
        ranks = tokens[:, 0]
        for length in range(2, tokens.shape[1] + 1):
            ranks = self.find(length, ranks, tokens[:, length - 1])
        return ranks

    def followers(self, length: int, rank: int) -> tuple[slice, IntArray]:
        """Where the followers of a context of `length` tokens lie in the next order, and them.

        Tokens [F] ascend.
        """
        base = int(rank) * self.vocabulary
        edges = np.array([base, base + self.vocabulary], dtype=np.uint64)
        keys = self.arrays[length - 1]
        first, last = np.searchsorted(keys, edges)
        return slice(first, last), keys[first:last].astype(np.int64) - base

    def tokens(self, order: int, ranks: IntArray) -> IntArray:
        """The tokens [B, order] of n-grams."""
        columns = np.empty((len(ranks), order), dtype=np.int64)
        for column in range(order - 1, 0, -1):
            keys = self.arrays[column - 1][ranks].astype(np.int64)
            columns[:, column] = keys % self.vocabulary
            ranks = keys // self.vocabulary
        columns[:, 0] = ranks
        return columns


@dataclass(frozen=True)
class Contexts:
    """Ranks [B, N]: column k is that of the last k tokens among order k's n-grams; -1 if unseen."""

    ranks: IntArray


class SortedNgrams(Predictor):
    """A predictor whose state is the ranks of its contexts; models say what they are worth."""

    def __init__(
        self, name: str, kind: str, tokenizer: Tokenizer, order: int, keys: KeyArrays
    ) -> None:
        super().__init__(name, kind, tokenizer)
        self.order = order
        self.vocabulary = tokenizer.vocabulary_size
        self.keys = keys

    def start(self, batch: int = 1) -> Contexts:
        """Contexts of one token, the end token."""
        ranks = self.start_inside(batch).ranks
        if self.order > 1:
            ranks[:, 1] = self.tokenizer.end_id
        return Contexts(ranks)

    def start_inside(self, batch: int = 1) -> Contexts:
        """Contexts of no token."""
        ranks = np.full((batch, self.order), -1)
        ranks[:, 0] = 0
        return Contexts(ranks)

    def advance(self, state: Contexts, tokens: IntArray) -> Contexts:
        """Look each context up, one token longer; the end token gives a line's start."""
        ranks = np.full_like(state.ranks, -1)
        ranks[:, 0] = 0
        for length in range(1, self.order):
            ranks[:, length] = self.keys.find(length, state.ranks[:, length - 1], tokens)
        ended = tokens == self.tokenizer.end_id
        ranks[ended] = self.start().ranks
        return Contexts(ranks)

    def select(self, state: Contexts, rows: IntArray) -> Contexts:
        """The contexts at `rows`."""
        return Contexts(state.ranks[rows])

    def score(self, sequences: Sequence[Sequence[int]]) -> list[FloatArray]:
        """All positions of all sequences at once, [P]."""
        if not sequences:
            return []
        tokens, first = flatten(sequences, self.tokenizer.end_id)
        with np.errstate(divide="ignore", invalid="ignore"):  # by counts that contradict each other
            result = self._score(tokens, self._all_contexts(tokens, first))
        if np.isnan(result).any():
            raise UserError(f"{self.name} is damaged: its counts contradict each other")
        return np.split(result, np.cumsum([len(sequence) for sequence in sequences])[:-1])

    @abstractmethod
    def _score(self, tokens: IntArray, contexts: IntArray) -> FloatArray:
        """Natural log-probabilities [P] of tokens [P] after contexts, ranks [P, N]."""

    def _all_contexts(self, tokens: IntArray, first: BoolArray) -> IntArray:
        """Ranks [P, N] of the context of each position; a line begins where `first` is true."""
        contexts = np.full((len(tokens), self.order), -1)
        contexts[:, 0] = 0
        for length in range(1, self.order):
            contexts[1:, length] = self.keys.find(length, contexts[:-1, length - 1], tokens[:-1])
            contexts[first, length] = self.tokenizer.end_id if length == 1 else -1
        return contexts
