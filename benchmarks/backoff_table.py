"""Backoff tables: any model of the ARPA kind, in sorted arrays on disk, memory-mapped.

    kneser_ney.py | arpa.py -> order-N.keys, order-N.probabilities, order-N.backoffs -> BackoffTable

An n-gram c w has the log-probability p(c w), and a backoff b(c w) for when it is a context itself.
With c' for c without its oldest token (Katz 1987; interpolated models are written this way too):

    log P(w|c) = p(c w) if the n-gram is there, else b(c) + log P(w|c')        b = 0 where c is not

Files: keys as in sorted_ngrams.py; float32 logarithms to base 10, as ARPA files have them, in
`order-N.probabilities` and, but for the highest order, `order-N.backoffs`. Order 1 is dense and has
no keys: V of each. The end token's entry there holds the probability of a line's end, </s>, and the
backoff of its beginning, <s>: the one is never a context, the other never comes. Bytes: 16 for each
n-gram of order 2 and more (12 of the highest order), and 8 V (4 V of order 1 alone).

Shapes: B batch, N order, P positions, V vocabulary.
"""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pocketlm.benchmarks.sorted_ngrams import (
    KEY_TYPE,
    KEYS,
    BoolArray,
    Contexts,
    DoubleArray,
    KeyArrays,
    SortedNgrams,
    check_arrays,
    map_part,
    part_path,
)
from pocketlm.model.predictor import FloatArray, IntArray
from pocketlm.model.tokenizer import Tokenizer

PROBABILITIES, BACKOFFS = "probabilities", "backoffs"
_LOG_TYPE = "<f4"
_LARGEST_LOGARITHM = 1e9
_LN_10 = math.log(10)
KeysToWrite = npt.NDArray[np.uint64] | IntArray
LogsToWrite = DoubleArray | FloatArray


def write_keys(folder: Path, order: int, keys: KeysToWrite) -> None:
    """The ascending keys of order 2 or more."""
    part_path(folder, order, KEYS).write_bytes(keys.astype(KEY_TYPE).data)


def write_logarithms(folder: Path, order: int, part: str, logarithms: LogsToWrite) -> None:
    """`PROBABILITIES` or `BACKOFFS` of one order, logarithms to base 10, in the order of keys."""
    part_path(folder, order, part).write_bytes(logarithms.astype(_LOG_TYPE).data)


def is_log_probability(values: FloatArray) -> BoolArray:
    """Which numbers can be logarithms of a probability."""
    return (values <= 0) & is_backoff(values)


def is_backoff(values: FloatArray) -> BoolArray:
    """Which numbers can be backoffs: a sum of them is far from what a float32 holds."""
    fits: BoolArray = np.abs(values) <= _LARGEST_LOGARITHM
    return fits


def backoff_table_files(order: int) -> list[str]:
    """The names of a table's files."""
    parts = [(PROBABILITIES, 1, order), (BACKOFFS, 1, order - 1), (KEYS, 2, order)]
    return [
        part_path(Path(), i, part).name
        for part, first, last in parts
        for i in range(first, last + 1)
    ]


class BackoffTable(SortedNgrams):
    """The predictor over a folder of such files; `kind` says where they come from."""

    def __init__(
        self, name: str, kind: str, tokenizer: Tokenizer, folder: Path, order: int
    ) -> None:
        keys = KeyArrays.open(folder, order, tokenizer.vocabulary_size)
        super().__init__(name, kind, tokenizer, order, keys)
        probabilities = [map_part(folder, i, PROBABILITIES, _LOG_TYPE) for i in range(1, order + 1)]
        backoffs = [map_part(folder, i, BACKOFFS, _LOG_TYPE) for i in range(1, order)]
        self.probabilities: list[FloatArray] = [array.view(np.float32) for array in probabilities]
        self.backoffs: list[FloatArray] = [array.view(np.float32) for array in backoffs]
        check_arrays(folder, keys, self.probabilities, is_log_probability)
        check_arrays(folder, keys, self.backoffs, is_backoff)

    def log_probabilities(self, state: Contexts) -> FloatArray:
        """Natural logarithms [B, V]: a longer context's followers over what backing off gives."""
        logarithms = np.tile(self.probabilities[0].astype(np.float64), (len(state.ranks), 1))
        for length in range(1, self.order):
            for row in np.flatnonzero(state.ranks[:, length] >= 0):
                rank = state.ranks[row, length]
                places, tokens = self.keys.followers(length, rank)
                logarithms[row] += self.backoffs[length - 1][rank]
                logarithms[row, tokens] = self.probabilities[length][places]
        return _natural(logarithms)

    def _score(self, tokens: IntArray, contexts: IntArray) -> FloatArray:
        """From the shortest context to the longest that is there."""
        logarithms = self.probabilities[0][tokens].astype(np.float64)
        for length in range(1, self.order):
            rows = np.flatnonzero(contexts[:, length] >= 0)
            ranks = contexts[rows, length]
            logarithms[rows] += self.backoffs[length - 1][ranks]
            found = self.keys.find(length + 1, ranks, tokens[rows])
            here = found >= 0
            logarithms[rows[here]] = self.probabilities[length][found[here]]
        return _natural(logarithms)


def _natural(logarithms: DoubleArray) -> FloatArray:
    result: FloatArray = (logarithms * _LN_10).astype(np.float32)
    return result
