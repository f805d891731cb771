"""Count tables: every n-gram of a text and how often it was seen, in sorted arrays on disk.

    token stream -> ranks of all n-grams of order 1 -> 2 -> ... -> N (one sort an order)
                 -> order-N.keys, order-N.counts -> CountTable -> smoothing.py: probabilities

Files: `order-N.keys` holds the keys of sorted_ngrams.py; `order-N.counts` holds uint32 counts.
Order 1 is dense: counts of all V tokens and no keys. Bytes: 12 for each n-gram of order 2 and more,
and 4 V.

Shapes: B batch, N order, P positions, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pocketlm.benchmarks.sorted_ngrams import (
    KEY_TYPE,
    KEYS,
    BoolArray,
    KeyArrays,
    SortedNgrams,
    check_arrays,
    map_part,
    part_path,
)
from pocketlm.model.errors import UserError
from pocketlm.model.predictor import IntArray
from pocketlm.model.tokenizer import Tokenizer

COUNTS = "counts"
_COUNT_TYPE = "<u4"
_LARGEST_COUNT = int(np.iinfo(np.uint32).max)
CountArray = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class CountedOrder:
    """The n-grams of one order.

    Attributes:
        keys: ascending, one for each n-gram; of order 1 the V token ids.
        counts: how often each was seen; of order 1 it may be 0.
        ranks: [P + 1], that of the n-gram that ends at each place of [</s>, tokens]; -1 if none.
    """

    keys: IntArray
    counts: IntArray
    ranks: IntArray


def count_orders(
    tokens: npt.NDArray[np.integer], vocabulary: int, end: int, prune: Sequence[int]
) -> Iterator[CountedOrder]:
    """Count every n-gram of a token stream, order by order.

    Args:
        tokens: [P], lines of which each ends with `end`.
        vocabulary: V.
        end: the end token's id.
        prune: for each order 1..N, n-grams seen at most so often are left out; the first is 0.
    """
    stream = np.concatenate([[end], tokens]).astype(np.int64)
    ranks = stream
    counts = np.bincount(stream[1:], minlength=vocabulary)
    yield CountedOrder(np.arange(vocabulary), counts, ranks)
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
        yield CountedOrder(keys[kept], counts[kept], ranks)


def write_count_table(
    tokens: npt.NDArray[np.integer], vocabulary: int, end: int, prune: Sequence[int], folder: Path
) -> list[int]:
    """Write the files of a count table; arguments as of `count_orders`.

    Returns:
        The number of n-grams of each order.

    Raises:
        UserError: a count is larger than a file's numbers can be.
    """
    sizes = []
    for order, counted in enumerate(count_orders(tokens, vocabulary, end, prune), start=1):
        if counted.counts.size and counted.counts.max() > _LARGEST_COUNT:
            raise UserError(
                f"an n-gram of order {order} was seen more than {_LARGEST_COUNT:,} times"
            )
        if order > 1:
            part_path(folder, order, KEYS).write_bytes(counted.keys.astype(KEY_TYPE).data)
        part_path(folder, order, COUNTS).write_bytes(counted.counts.astype(_COUNT_TYPE).data)
        sizes.append(int(np.count_nonzero(counted.counts)))
    return sizes


def count_table_files(order: int) -> list[str]:
    """The names of a table's files."""
    counts = [part_path(Path(), i, COUNTS).name for i in range(1, order + 1)]
    return counts + [part_path(Path(), i, KEYS).name for i in range(2, order + 1)]


class CountTable(SortedNgrams):
    """The counts of a folder; smoothing.py makes probabilities of them."""

    def __init__(self, name: str, tokenizer: Tokenizer, folder: Path, order: int) -> None:
        keys = KeyArrays.open(folder, order, tokenizer.vocabulary_size)
        super().__init__(name, "table", tokenizer, order, keys)
        maps = [map_part(folder, i, COUNTS, _COUNT_TYPE) for i in range(1, order + 1)]
        self.counts: list[CountArray] = [array.view(np.uint32) for array in maps]
        check_arrays(folder, keys, self.counts, lambda counts: counts >= 0)

    def _seen(self, length: int, ranks: IntArray) -> BoolArray:
        """Whether contexts of `length` tokens were seen, [B]."""
        counts = self.counts[length - 1]
        if not len(counts):  # no line is so long, or all are pruned
            return np.zeros(len(ranks), dtype=bool)
        return (ranks >= 0) & (counts[ranks] > 0)
