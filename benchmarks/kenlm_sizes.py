"""Bytes of KenLM's binary files, from the numbers of n-grams alone.

    header | vocabulary's hashes | search structure | words

Every formula is that of KenLM's own source (version in toolchain.py); the file that it follows is
named beside it. The words are tokens' ids in decimal (see kenlm.py), and <unk>, <s>, </s>.

Shapes: `sizes` [N] are KenLM's own numbers of n-grams of orders 1..N, N >= 2, <unk> and <s> among
the first; thresholds that never fall leave the trie without blanks (see ngram_counts.py).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pocketlm.benchmarks.ngram_counts import NgramCounts

_SPECIALS = ("<unk>", "<s>", "</s>")  # </s> is the end token, which the text holds already
_PROBING_MULTIPLIER = np.float32(1.5)  # lm/config.cc
_MIDDLE_ENTRY, _LONGEST_ENTRY = 16, 12  # key, probability, backoff (not in the longest)
_VOCABULARY_ENTRY = 12  # key, id


@dataclass(frozen=True)
class TrieBits:
    """A trie's widths in bits: build_binary's -q, -b and -a; nothing is quantised where None."""

    probability: int | None = None
    backoff: int | None = None
    array_pointers: int | None = None

    @property
    def middle(self) -> int:
        """Of probability and backoff (lm/quantize.hh); the probability's sign is not stored."""
        return 63 if self.probability is None else self.probability + (self.backoff or 0)

    @property
    def longest(self) -> int:
        """Of the longest order's probability (lm/quantize.hh)."""
        return 31 if self.probability is None else self.probability

    @property
    def options(self) -> list[str]:
        """What build_binary is called with for such a trie."""
        widths = {"-q": self.probability, "-b": self.backoff, "-a": self.array_pointers}
        given = [[name, str(bits)] for name, bits in widths.items() if bits is not None]
        return [*(word for pair in given for word in pair), "trie"]


UNQUANTISED_TRIE = "unquantised trie"
# By name. KenLM's usual small form has 8-bit probabilities and backoffs, and pointers in up to 22
# bits of array. With fewer bits more n-grams fit the same memory.
TRIES = {
    "trie": TrieBits(8, 8, 22),
    **{f"trie of {bits} bits": TrieBits(bits, bits, 22) for bits in (6, 5, 4)},
    UNQUANTISED_TRIE: TrieBits(),
}


def kenlm_sizes(counts: NgramCounts) -> list[int]:
    """KenLM's numbers of n-grams [N], as in an ARPA file's header: <unk> and <s> count too."""
    return [counts.sizes[0] + 2, *counts.sizes[1:]]


def probing_bytes(counts: NgramCounts) -> int:
    """The file with hash tables (lm/search_hashed.hh, lm/value.hh, lm/vocab.cc)."""
    sizes = kenlm_sizes(counts)
    vocabulary = 8 + _hash_table(sizes[0], _VOCABULARY_ENTRY)
    unigrams = (sizes[0] + 1) * 8  # probability and backoff; one more for a missing <unk>
    middles = sum(_hash_table(size, _MIDDLE_ENTRY) for size in sizes[1:-1])
    longest = _hash_table(sizes[-1], _LONGEST_ENTRY)
    return _frame(counts) + vocabulary + unigrams + middles + longest


def trie_bytes(counts: NgramCounts, bits: TrieBits) -> int:
    """The file with a trie (lm/search_trie.hh, lm/trie.hh, lm/trie.cc, lm/vocab.cc)."""
    sizes = kenlm_sizes(counts)
    vocabulary = 8 + 8 * sizes[0]  # how many there are, and a hash each
    unigrams = (sizes[0] + 2) * 16  # probability, backoff, pointer; a missing <unk>, an end
    middles = sum(
        _trie_middle(size, following, sizes[0], bits) for size, following in pairwise(sizes[1:])
    )
    longest = _bit_packed(sizes[-1], sizes[0], bits.longest)
    tables = _quantiser(len(sizes), bits)
    return _frame(counts) + vocabulary + tables + unigrams + middles + longest


def _frame(counts: NgramCounts) -> int:
    """Header and words, the same for all (lm/binary_format.cc, `WriteWordsWrapper` in lm/vocab.cc).

    The header is the magic line and test values, 88 bytes; its fields, 20; 8 for each order;
    in whole 8 bytes. Each word ends with a zero byte.
    """
    header = _align8(88 + 20 + 8 * len(counts.sizes))
    words = counts.word_bytes + sum(map(len, _SPECIALS)) + kenlm_sizes(counts)[0]
    return header + words


def _align8(count: int) -> int:
    return (count + 7) // 8 * 8


def _hash_table(entries: int, entry_bytes: int) -> int:
    """util/probing_hash_table.hh: 1.5 buckets an entry, in 32-bit floating point as there."""
    buckets = int(_PROBING_MULTIPLIER * np.float32(entries))
    return max(entries + 1, buckets) * entry_bytes


def _quantiser(order: int, bits: TrieBits) -> int:
    """lm/quantize.hh: a float for each code of each order past the first, and 8 of header."""
    if bits.probability is None:
        return 0
    probabilities, backoffs = 4 << bits.probability, 4 << (bits.backoff or 0)
    return (order - 2) * (probabilities + backoffs) + probabilities + 8


def _bit_packed(entries: int, words: int, other_bits: int) -> int:
    """lm/trie.cc, `BitPacked::BaseSize`: an entry for the last pointer, 8 bytes to read past."""
    return ((1 + entries) * (words.bit_length() + other_bits) + 7) // 8 + 8


def _trie_middle(entries: int, following: int, words: int, bits: TrieBits) -> int:
    """One order's array, with pointers into the next (lm/trie.cc, lm/bhiksha.cc).

    Pointers are inline, in whole, or (-a) their upper bits go to an array of 8-byte offsets.
    """
    pointer = following.bit_length()
    array = 0
    if bits.array_pointers is not None:
        chopped = _chopped_bits(entries + 1, following, bits.array_pointers)
        array = 8 * (1 + (following >> (pointer - chopped)) + 1) + 7
        pointer -= chopped
    return array + _bit_packed(entries, words, bits.middle + pointer)


def _chopped_bits(entries: int, largest: int, most: int) -> int:
    """lm/bhiksha.cc, `ChopBits`: the number that saves most, the first of equals."""
    required = largest.bit_length()
    return min(
        range(min(required, most) + 1),
        key=lambda chopped: (largest >> (required - chopped)) * 64 - entries * chopped,
    )
