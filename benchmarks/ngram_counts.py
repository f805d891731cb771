"""How many distinct n-grams a token stream holds, of each order, without writing a table.

    token stream -> count_orders, one sort an order -> NgramCounts -> estimate.py

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

from pocketlm.benchmarks.count_table import count_orders
from pocketlm.model.errors import UserError


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
    """Count the distinct n-grams of a token stream, in some 150 bytes of memory a token at most.

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
    sizes, words = [], 0
    for order, counted in enumerate(count_orders(tokens, vocabulary, end, prune), start=1):
        if order == 1:
            seen = np.flatnonzero(counted.counts).tolist()
            words = sum(len(str(token)) for token in seen if token != end)
        sizes.append(int(np.count_nonzero(counted.counts)))
        progress(order / len(prune))
    return NgramCounts(vocabulary, tuple(sizes), words)
