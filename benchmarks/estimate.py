"""What each n-gram structure takes, by a formula, before it is built.

    token stream -> ngram_counts.py -> NgramCounts -> estimates -> bytes of each structure

| structure        | bytes                                                   | where           |
|------------------|---------------------------------------------------------|-----------------|
| sorted arrays    | 4 V + 12 for each n-gram of order 2 and more            | file, mapped    |
| backoff arrays   | 8 V + 16 for each n-gram of orders 2..N-1 + 12 of N     | file, mapped    |
| dictionary       | 32 for each n-gram, 8 for each bucket                   | private memory  |
| probing          | kenlm_sizes.py                                          | file, mapped    |
| trie             | kenlm_sizes.py, 8-bit values and array pointers         | file, mapped    |
| trie of 4 bits   | the same with values of 4 bits; and of 5, and of 6      | file, mapped    |
| unquantised trie | kenlm_sizes.py, whole values and whole pointers         | file, mapped    |

Names are those of an n-gram folder's `structure` where it has one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pocketlm.benchmarks.kenlm_sizes import TRIES, probing_bytes, trie_bytes
from pocketlm.benchmarks.ngram_counts import NgramCounts

SORTED_ARRAYS = "sorted arrays"
BACKOFF_ARRAYS = "backoff arrays"
DICTIONARY = "dictionary"
_MALLOC_HEADER, _MALLOC_STEP = 8, 16
# libstdc++ takes the next of its list of primes, each about 1.082 times the one before: on average
# a bucket array is 4 % above what was asked for. That is within 0.9 % of the whole, either way.
_BUCKETS_AN_ENTRY = 1.04


@dataclass(frozen=True)
class Estimate:
    """A structure's bytes; `file` is false for what is the process's own memory."""

    structure: str
    bytes: int
    file: bool


def table_bytes(counts: NgramCounts) -> int:
    """The files of `write_count_table`: a count for each token, keys and counts of longer ones."""
    return 4 * counts.vocabulary + 12 * sum(counts.sizes[1:])


def backoff_table_bytes(counts: NgramCounts) -> int:
    """The files of backoff_table.py: keys, float32 probabilities, backoffs but for the longest."""
    if len(counts.sizes) == 1:
        return 4 * counts.vocabulary
    return 8 * counts.vocabulary + 16 * sum(counts.sizes[1:-1]) + 12 * counts.sizes[-1]


def dictionary_bytes(counts: NgramCounts) -> int:
    """Private memory of native/table_dictionary.h: one `std::unordered_map` an order.

    A node of libstdc++'s (bits/hashtable_policy.h) is a pointer, six tokens of two bytes and a
    count of four, 24 bytes; the hash is not kept, as it is fast and does not throw. glibc's malloc
    adds 8 and rounds up to 16 bytes. A bucket is a pointer.
    """
    node = 8 + 6 * 2 + 4
    chunk = -(-(node + _MALLOC_HEADER) // _MALLOC_STEP) * _MALLOC_STEP
    # Order 1's buckets are for all tokens, as its file is dense.
    buckets = (counts.vocabulary + sum(counts.sizes[1:])) * _BUCKETS_AN_ENTRY
    return chunk * sum(counts.sizes) + round(8 * buckets)


# Of KenLM, in the sense of `STRUCTURES` of kenlm.py.
_KENLM: dict[str, Callable[[NgramCounts], int]] = {
    "probing": probing_bytes,
    **{name: partial(trie_bytes, bits=bits) for name, bits in TRIES.items()},
}


def estimates(counts: NgramCounts) -> list[Estimate]:
    """Every structure's bytes; KenLM's, which begin at bigrams, only for order 2 and more."""
    found = [
        Estimate(SORTED_ARRAYS, table_bytes(counts), file=True),
        Estimate(BACKOFF_ARRAYS, backoff_table_bytes(counts), file=True),
        Estimate(DICTIONARY, dictionary_bytes(counts), file=False),
    ]
    if len(counts.sizes) > 1:
        found += [Estimate(name, size(counts), file=True) for name, size in _KENLM.items()]
    return found
