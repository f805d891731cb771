"""How many distinct n-grams a token stream holds, of each order, without writing a table.

    token stream -> ranks of the n-grams seen twice or more, places of those seen once
                 -> order 1 -> 2 -> ... -> N, one sort an order -> NgramCounts

An n-gram that was seen once is never sorted again: whatever continues it was seen once too. The
rest are sorted by (rank of the context, token), as `write_count_table` does. Memory is at most some
110 bytes a token, whatever the order.

One set of counts holds for count tables and for KenLM alike:

- A line w1..wn is the n-grams of [</s>, w1, .., wn, </s>] in the table and of
  [<s>, w1, .., wn, </s>] in KenLM, none of which is the first token alone.
- Both prune by the n-gram's own count. KenLM's adjusted counts give its probabilities only; what
  it compares with a threshold is `actual_counts` (lm/builder/adjust_counts.cc).
- As thresholds never fall with the order, an n-gram that stays has a context and a suffix that
  stay. So the table keeps every n-gram above its threshold, and KenLM's trie needs no blanks.

Shapes: N order, P positions, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pocketlm.model.errors import UserError
from pocketlm.model.predictor import IntArray

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class NgramCounts:
    """What every structure's bytes follow from.

    Attributes:
        vocabulary: V, seen or not.
        sizes: distinct n-grams of orders 1..N that are kept; order 1 counts the tokens seen.
        word_bytes: letters of the seen tokens' ids as decimal words, the end token's not among
            them: how KenLM spells them.
    """

    vocabulary: int
    sizes: tuple[int, ...]
    word_bytes: int


def count_ngrams(
    tokens: npt.NDArray[np.integer],
    vocabulary: int,
    end: int,
    prune: Sequence[int],
    progress: Callable[[float], None] = lambda _: None,
) -> NgramCounts:
    """Count the distinct n-grams of a token stream.

    Args:
        tokens: [P], lines of which each ends with `end`.
        vocabulary: V.
        end: the end token's id.
        prune: for each order 1..N, n-grams seen at most so often are left out; thresholds never
            fall, and the first is 0.
        progress: told the share of the orders that are done, 0..1.

    Raises:
        UserError: there are no tokens.
    """
    if not len(tokens):
        raise UserError("the corpus holds no tokens")
    stream = np.concatenate([[end], tokens]).astype(np.int64)  # [P + 1]
    seen = np.flatnonzero(np.bincount(stream[1:], minlength=vocabulary))
    sizes = [len(seen)]
    ranks = stream
    once = np.zeros(len(stream), dtype=bool)
    for order in range(2, len(prune) + 1):
        progress((order - 1) / len(prune))
        size, ranks, once = _count_order(stream, ranks, once, vocabulary, end, order, prune)
        sizes.append(size)
    progress(1.0)
    words = sum(len(str(token)) for token in seen.tolist() if token != end)
    return NgramCounts(vocabulary, tuple(sizes), words)


def _count_order(
    stream: IntArray,
    ranks: IntArray,
    once: BoolArray,
    vocabulary: int,
    end: int,
    order: int,
    prune: Sequence[int],
) -> tuple[int, IntArray, BoolArray]:
    """One order from the order before.

    `ranks` [P + 1] are those of the n-grams that end here, -1 where dropped or seen once; `once`
    [P + 1] is true where the n-gram that ends here was seen once and kept.

    Returns:
        The n-grams that are kept, and this order's `ranks` and `once`.
    """
    threshold = prune[order - 1]
    # An n-gram that ends a line is nobody's context, but for the token that begins the first.
    goes_on = (stream[:-1] != end) | (order == 2)
    places = np.flatnonzero((ranks[:-1] >= 0) & goes_on) + 1
    keys = ranks[places - 1] * vocabulary + stream[places]
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    kept = counts > threshold
    repeated = kept & (counts > 1)
    new_once = np.zeros_like(once)
    if threshold == 0:
        new_once[1:] = once[:-1] & goes_on
    size = int(np.count_nonzero(new_once)) + int(np.count_nonzero(kept))
    new_once[places] = (kept & ~repeated)[inverse]
    new_ranks = np.full_like(ranks, -1)
    new_ranks[places] = np.where(repeated, np.cumsum(repeated) - 1, -1)[inverse]
    return size, new_ranks, new_once
