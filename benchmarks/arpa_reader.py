"""Reads an ARPA file into the files of a backoff table; arpa.py says what is in one.

FILE.arpa -> arpa_lines.py -> for each order: blocks of lines -> tokens, logarithms
                                       -> keys by the order below -> sorted -> order-N.*

Each mistake is a UserError of one line, with the file's line where it is one line's. Only one
order's numbers are in memory, 16 bytes an n-gram and as much again to sort them.

Shapes: G n-grams of one order, L lines that are parsed together, n an order, V vocabulary.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np

from pocketlm.benchmarks.arpa_lines import ArpaLines, read_head
from pocketlm.benchmarks.arpa_words import BEGIN, END, UNKNOWN, UNKNOWN_TOKEN, ArpaWords
from pocketlm.benchmarks.backoff_table import (
    BACKOFFS,
    PROBABILITIES,
    is_backoff,
    is_log_probability,
    write_keys,
    write_logarithms,
)
from pocketlm.benchmarks.ngram import ARPA, check_order
from pocketlm.benchmarks.sorted_ngrams import KEY_TYPE, KEYS, BoolArray, KeyArrays, map_part
from pocketlm.model.errors import UserError
from pocketlm.model.predictor import FloatArray, IntArray
from pocketlm.model.tokenizer import Tokenizer


def read_arpa(path: Path, tokenizer: Tokenizer, folder: Path) -> list[int]:
    """Read an ARPA file and write the files of a `BackoffTable`.

    Args:
        path: the file.
        tokenizer: that of the tokens which its words are.
        folder: where the files go.

    Returns:
        The number of n-grams of each order, as the file's head has it.

    Raises:
        UserError: the file is not an ARPA file, is cut short, or says what cannot be.
    """
    lines = ArpaLines(path)
    counts = read_head(lines, tokenizer)
    check_order(ARPA, len(counts))
    reader = _Reader(lines, tokenizer, len(counts), folder)
    reader.read_unigrams(counts[0])
    for order, count in enumerate(counts[1:], start=2):
        reader.read_order(order, count)
    lines.expect("\\end\\")
    return counts


class _Reader:
    """Reads the sections; keeps what the next order is looked up in."""

    def __init__(self, lines: ArpaLines, tokenizer: Tokenizer, orders: int, folder: Path) -> None:
        self.lines = lines
        self.vocabulary, self.end = tokenizer.vocabulary_size, tokenizer.end_id
        self.orders = orders
        self.folder = folder
        self.keys = KeyArrays([], self.vocabulary)
        self.words = ArpaWords(self.vocabulary, self.end)
        # Which tokens n-grams are of, and whether "<unk>" is token 0 and no other.
        self.listed = np.zeros(self.vocabulary, dtype=bool)
        self.unknown_is_a_token = False

    def read_unigrams(self, count: int) -> None:
        """Order 1, dense: a token that is not listed is <unk>."""
        begin, unknown = self.vocabulary, self.vocabulary + 1
        tokens, probabilities, backoffs = self._read_section(1, count)
        dense = np.full((2, self.vocabulary + 2), np.nan, dtype=np.float32)
        dense[:, tokens] = [probabilities, backoffs]
        found = ~np.isnan(dense[0])
        if len(tokens) != np.count_nonzero(found):
            self._refuse_file("a word is twice among the 1-grams")
        self.listed = found[: self.vocabulary].copy()
        needed = {END: self.end, BEGIN: begin}
        if not self.listed.all():
            needed[UNKNOWN] = unknown
        for word, token in needed.items():
            if not found[token]:
                self._refuse_file(f"{word} is not among the 1-grams")
        dense[:, ~found] = dense[:, [unknown]]
        dense[1, self.end] = dense[1, begin]
        if np.flatnonzero(~self.listed).tolist() == [UNKNOWN_TOKEN]:
            self.listed[UNKNOWN_TOKEN] = self.unknown_is_a_token = True
        self._write(1, dense[0, : self.vocabulary], dense[1, : self.vocabulary])

    def read_order(self, order: int, count: int) -> None:
        """Order 2 and more."""
        keys, probabilities, backoffs = self._read_section(order, count)
        places = np.argsort(keys, kind="stable")
        keys = keys[places]
        if (twice := np.flatnonzero(keys[1:] == keys[:-1])).size:
            rank, token = divmod(int(keys[twice[0]]), self.vocabulary)
            ngram = np.append(self.keys.tokens(order - 1, np.array([rank])), token)[None]
            self._refuse_file(f'the {order}-gram "{self.words.of(ngram)[0]}" is there twice')
        write_keys(self.folder, order, keys)
        self._write(order, probabilities[places], backoffs[places])
        mapped = map_part(self.folder, order, KEYS, KEY_TYPE)
        self.keys.arrays.append(mapped.view(np.uint64))

    def _write(self, order: int, probabilities: FloatArray, backoffs: FloatArray) -> None:
        write_logarithms(self.folder, order, PROBABILITIES, probabilities)
        if order < self.orders:
            write_logarithms(self.folder, order, BACKOFFS, backoffs)

    def _read_section(self, order: int, count: int) -> tuple[IntArray, FloatArray, FloatArray]:
        """Keys [G] (of order 1 the tokens), probabilities [G] and backoffs [G] as they come."""
        parts = [(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32))]
        size = 0
        for first, block in self.lines.section(order):
            size += len(block)
            if size > count:
                self._refuse_count(order, f"more than {count:,}", count)
            parts.append(self._parse(order, first, block))
        if size != count:
            self._refuse_count(order, f"{size:,}", count)
        keys, probabilities, backoffs = zip(*parts, strict=True)
        return np.concatenate(keys), np.concatenate(probabilities), np.concatenate(backoffs)

    def _parse(
        self, order: int, first: int, block: list[str]
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """Keys [L], probabilities [L] and backoffs [L] of the lines from number `first` on."""
        rows = [line.split() for line in block]

        def refuse(wrong: BoolArray, reason: str) -> None:
            if wrong.any():
                row = int(np.argmax(wrong))
                self.lines.refuse(f"{reason}: {block[row]!r:.80}", first + row)

        fields = np.array([len(row) for row in rows])
        refuse((fields < order + 1) | (fields > order + 2), f"this is no {order}-gram")
        probabilities = _numbers([row[0] for row in rows])
        refuse(~(probabilities <= 0), "the log-probability is not a number of at most 0")
        refuse(~is_log_probability(probabilities), "the log-probability is not finite")
        backoffs = _numbers([row[order + 1] if len(row) > order + 1 else "0" for row in rows])
        refuse(~is_backoff(backoffs), "the backoff is not a finite number")
        if order == self.orders:
            refuse(backoffs != 0, "the highest order has no backoffs")
        tokens = np.array([[self.words.ids.get(w, -1) for w in row[1 : order + 1]] for row in rows])
        strange = np.any(tokens < 0, axis=1)
        refuse(
            strange, f"a word is no token id below {self.vocabulary}, {BEGIN}, {END} or {UNKNOWN}"
        )
        keys = tokens[:, 0] if order == 1 else self._keys_of(tokens, refuse)
        return keys, probabilities, backoffs

    def _keys_of(self, tokens: IntArray, refuse: Callable[[BoolArray, str], None]) -> IntArray:
        """Keys [L] of n-grams [L, n]."""
        refuse(np.any(tokens[:, 1:] == self.vocabulary, axis=1), f"{BEGIN} is not in its place")
        refuse(np.any(tokens[:, :-1] == self.end, axis=1), f"{END} is not in its place")
        tokens[tokens == self.vocabulary] = self.end
        unknown = tokens == self.vocabulary + 1
        if not self.unknown_is_a_token:
            reason = f"{UNKNOWN} stands for tokens that are not listed, as a 1-gram only"
            refuse(np.any(unknown, axis=1), reason)
        tokens[unknown] = UNKNOWN_TOKEN
        refuse(~np.all(self.listed[tokens], axis=1), "a word of it is not among the 1-grams")
        contexts = self.keys.find_all(tokens[:, :-1])
        below = tokens.shape[1] - 1
        refuse(contexts < 0, f"its context is not among the {below}-grams")
        return contexts * self.vocabulary + tokens[:, -1]

    def _refuse_file(self, reason: str) -> NoReturn:
        raise UserError(f"{self.lines.path}: {reason}")

    def _refuse_count(self, order: int, found: str, count: int) -> NoReturn:
        self._refuse_file(f"{found} {order}-grams, but its head says {count:,}")


def _numbers(texts: list[str]) -> FloatArray:
    """float32; NaN for what is no number."""
    try:
        numbers = np.array([float(text) for text in texts])
    except ValueError:
        numbers = np.array([_number(text) for text in texts])
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
