"""Interpolated modified Kneser-Ney, estimated from a token stream as KenLM's lmplz does.

    token stream -> count_orders: counts of order 1 -> 2 -> ... -> N
                 -> adjusted counts -> discounts -> probabilities, backoffs -> BackoffTable's files

An n-gram's adjusted count a(g) is its count at the highest order and where it begins a line; else
it is the number of different tokens seen before it, the beginning of a line among them. With n_i
n-grams of adjusted count i in an order, Y = n_1 / (n_1 + 2 n_2), and c' for c without its oldest
token:

    D_i    = i - (i + 1) Y n_(i+1) / n_i            i = 1, 2, 3; D_3 is for 3 and more, D_0 = 0
    P(w|c) = (a(c w) - D(a(c w))) / sum_x a(c x) + gamma(c) P(w|c')
    gamma(c) = sum_i D_i N_i(c) / sum_x a(c x)      N_i: followers of adjusted count i, 3 and more
    P(w)   = (a(w) - D(a(w))) / sum_x a(x) + gamma / V

so that every P sums to one. Nothing is pruned: KenLM makes pruned models. Sources: Chen and Goodman
1998, "An empirical study of smoothing techniques for language modeling"; Heafield et al. 2013,
"Scalable modified Kneser-Ney language model estimation".

Two differences from lmplz 0.3.0, both far below 1e-4: it takes the last n-gram of an order into
n_i by its plain count, and it computes in float32. A discount of exactly 0 is out of range here,
so that every backoff has a logarithm. lmplz counts <unk> to the V of its `--vocab_pad`, which makes
no difference as long as one token was never seen; the tokenizer never gives token 0.

Shapes: G n-grams of one order, C those of the order below, P positions, V vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pocketlm.benchmarks.backoff_table import BACKOFFS, PROBABILITIES, write_keys, write_logarithms
from pocketlm.benchmarks.count_table import CountedOrder, count_orders
from pocketlm.benchmarks.sorted_ngrams import BoolArray, DoubleArray
from pocketlm.model.predictor import IntArray

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)  # those of lmplz --discount_fallback


@dataclass(frozen=True)
class Discounts:
    """D_1, D_2 and D_3 of one order; whether they are the fallback."""

    values: tuple[float, float, float]
    fallback: bool

    def of(self, adjusted: IntArray) -> DoubleArray:
        """What is taken from each adjusted count [G]."""
        return np.array([0.0, *self.values])[np.minimum(adjusted, 3)]


@dataclass(frozen=True)
class Estimate:
    """What a manifest says of an estimated model; both by order."""

    sizes: list[int]
    discounts: list[Discounts]


@dataclass(frozen=True)
class _Order:
    """An order on its way to probabilities.

    Attributes:
        counted: [G] keys and counts, [P + 1] ranks.
        suffixes: [G] ranks in the order below of the n-grams without their oldest token.
        begins: [G] whether, as a context, the n-gram begins a line.
        below: probabilities [C] of the order below.
    """

    counted: CountedOrder
    suffixes: IntArray
    begins: BoolArray
    below: DoubleArray


def write_kneser_ney(
    tokens: npt.NDArray[np.integer],
    vocabulary: int,
    end: int,
    order: int,
    folder: Path,
    notify: Callable[[str], None] = lambda _: None,
) -> Estimate:
    """Estimate a model and write the files of a `BackoffTable`.

    Args:
        tokens: [P], lines of which each ends with `end`.
        vocabulary: V.
        end: the end token's id.
        order: N, at least 1.
        folder: where the files go.
        notify: told in one line of each order whose discounts cannot be estimated.

    Returns:
        The number of n-grams and the discounts of each order.
    """
    orders = count_orders(tokens, vocabulary, end, [0] * order)
    current = _first_order(next(orders), end)
    estimate = Estimate([int(np.count_nonzero(current.counted.counts))], [])
    for number, above in enumerate(orders, start=2):
        suffixes = _suffixes(above, current.counted)
        adjusted = _adjusted(number - 1, current, suffixes)
        below = _finish_order(folder, number - 1, current, adjusted, vocabulary, estimate, notify)
        begins = current.begins[above.keys // vocabulary]
        current = _Order(above, suffixes, begins, below)
        estimate.sizes.append(len(above.keys))
    counts = current.counted.counts
    _finish_order(folder, order, current, counts, vocabulary, estimate, notify)
    return estimate


def estimate_discounts(adjusted: IntArray) -> Discounts:
    """The discounts of an order from its adjusted counts [G], in closed form, or the fallback."""
    n = np.bincount(np.minimum(adjusted, 5), minlength=6).astype(np.float64)
    if n[1:4].all():
        y = n[1] / (n[1] + 2 * n[2])
        first, second, third = (float(i - (i + 1) * y * n[i + 1] / n[i]) for i in (1, 2, 3))
        if 0 < first <= 1 and 0 < second <= 2 and 0 < third <= 3:
            return Discounts((first, second, third), fallback=False)
    return Discounts(FALLBACK_DISCOUNTS, fallback=True)


def _first_order(counted: CountedOrder, end: int) -> _Order:
    """Tokens, whose suffix is the empty n-gram, and that one's "probability" the uniform one."""
    size = len(counted.keys)
    return _Order(counted, np.zeros(size, np.int64), counted.keys == end, np.array([1 / size]))


def _suffixes(counted: CountedOrder, below: CountedOrder) -> IntArray:
    """[G]: an n-gram and its suffix end at the same places."""
    suffixes = np.empty(len(counted.keys), dtype=np.int64)
    places = np.flatnonzero(counted.ranks >= 0)
    suffixes[counted.ranks[places]] = below.ranks[places]
    return suffixes


def _adjusted(number: int, order: _Order, suffixes: IntArray) -> IntArray:
    """Adjusted counts [G] of an order, from the suffixes of the n-grams of the order above."""
    adjusted = np.bincount(suffixes, minlength=len(order.counted.keys))
    if number > 1:  # as a unigram the end token is a line's end
        adjusted[order.begins] = order.counted.counts[order.begins]
    return adjusted


def _finish_order(
    folder: Path,
    number: int,
    order: _Order,
    adjusted: IntArray,
    vocabulary: int,
    estimate: Estimate,
    notify: Callable[[str], None],
) -> DoubleArray:
    """Write an order's probabilities and the order below's backoffs; probabilities [G]."""
    discounts = estimate_discounts(adjusted)
    estimate.discounts.append(discounts)
    if discounts.fallback:
        notify(
            f"too little or too regular text for the discounts of order {number}: "
            "using those of KenLM's --discount_fallback"
        )
    contexts = order.counted.keys // vocabulary  # [G]; of order 1 all 0, the empty context
    size = len(order.below)
    sums = np.bincount(contexts, adjusted, minlength=size)
    taken = discounts.of(adjusted)
    gammas = np.bincount(contexts, taken, minlength=size)
    gammas = np.divide(gammas, sums, out=np.ones(size), where=sums > 0)  # [C]; 1: no context
    probabilities: DoubleArray = (adjusted - taken) / sums[contexts]
    probabilities += gammas[contexts] * order.below[order.suffixes]
    logarithms = np.minimum(np.log10(probabilities), 0)  # rounding may go above
    write_logarithms(folder, number, PROBABILITIES, logarithms)
    if number > 1:
        write_keys(folder, number, order.counted.keys)
        write_logarithms(folder, number - 1, BACKOFFS, np.log10(gammas))
    return probabilities
