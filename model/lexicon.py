"""What the suggester knows of words beside the model: which there are, and what pieces become.

    lines of the training text -> words seen at least twice -> Bloom filter
                               -> those of more than one piece, with their counts
    tokens of it               -> how often each piece was the last of its word

A sub-word model gives some probability to fragments and misspellings; the filter keeps them off
the strip. The share of endings and the words of more than one piece complete a word without a
step of the network. The file, little endian, is what any runtime reads:

    8 bytes   "PLMLEX2" and a zero
    32 bytes  SHA-256 of the tokenizer's file
    5 x u32   vocabulary size V, hash functions k, bits m of the filter, words n in it, pieces P
              inside words
    V bytes   share of endings, in 255ths
    m/8 bytes the filter, bit i at byte i / 8, counted from the lowest
    the rest  words of more than one piece: model/longer_words.py
    32 bytes  SHA-256 of everything before

Bit j of a word is (a + j b) mod m, a the 64-bit FNV-1a hash of its folded UTF-8 and b the upper 32
bits of a, made odd (Bloom 1970; Kirsch and Mitzenmacher 2006).
"""

import hashlib
import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pocketlm.model.errors import UserError
from pocketlm.model.files import atomic_path, read_file
from pocketlm.model.longer_words import LEAST_COUNT, Longer, LongerWords, Pieces
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.words import fold, is_boundary, words_of

LEXICON = "lexicon.bin"
BITS_PER_WORD, HASHES = 16, 11  # 0.05 % of other words pass
_MAGIC, _FORMER_MAGIC = b"PLMLEX2\0", b"PLMLEX1\0"
_HEADER = struct.Struct("<8s32s5I")
_LARGEST_FILTER = 1 << 27  # bits
_COUNTED_PARTS = 2_000_000  # distinct ones kept while counting
_SLICE = 1 << 20  # tokens looked at together


class Lexicon:
    """Words of a training text, and the share of endings [V] of a tokenizer's pieces."""

    def __init__(
        self,
        tokenizer_sha256: str,
        endings: npt.NDArray[np.uint8],
        bits: bytes,
        words: int,
        longer_words: LongerWords,
    ) -> None:
        self.tokenizer_sha256 = tokenizer_sha256
        self.words = words
        self._longer_words = longer_words
        self._endings, self._bits = endings, bits
        self._size = 8 * len(bits)
        self._holds = lru_cache(maxsize=4096)(self._look_up)
        self.after = lru_cache(maxsize=2048)(self._find_after)
        self.next_pieces = lru_cache(maxsize=2048)(self._find_next_pieces)

    @classmethod
    def build(
        cls,
        lines: Iterable[str],
        tokens: Iterable[npt.NDArray[np.unsignedinteger]],
        tokenizer: Tokenizer,
    ) -> "Lexicon":
        """Count the words of lines, and the endings in the same text as tokens."""
        ways = _ways_to_write(lines)
        words = _frequent_words(ways)
        bits = bytearray(max(1, -(-len(words) * BITS_PER_WORD // 8)))
        for word in words:
            value, step = _hash(word)
            for j in range(HASHES):
                bit = (value + j * step) % (8 * len(bits))
                bits[bit >> 3] |= 1 << (bit & 7)
        endings, longer = _endings(tokens, tokenizer), LongerWords.build(ways, tokenizer)
        return cls(tokenizer.sha256, endings, bytes(bits), len(words), longer)

    @classmethod
    def of(cls, folder: Path, tokenizer: Tokenizer) -> "Lexicon | None":
        """That of a model's folder, if one lies there; UserError as `load`."""
        path = folder / LEXICON
        return cls.load(path, tokenizer) if path.is_file() else None

    @classmethod
    def load(cls, path: Path, tokenizer: Tokenizer) -> "Lexicon":
        """Read a file.

        Raises:
            UserError: it is missing, damaged, or was made with another tokenizer.
        """
        content = read_file(path, "lexicon")
        body, checksum = content[:-32], content[-32:]
        if len(body) < _HEADER.size or hashlib.sha256(body).digest() != checksum:
            raise UserError(f"{path} is damaged: it does not match its own hash")
        if body.startswith(_FORMER_MAGIC):
            raise UserError(
                f"{path} is of a former format: remove it from its run, `pocketlm train --resume` "
                "makes it anew, and export again"
            )
        magic, sha256, size, hashes, bits, words, ranks = _HEADER.unpack_from(body)
        if magic != _MAGIC or hashes != HASHES or not 0 < bits <= _LARGEST_FILTER or bits % 8:
            raise UserError(f"{path} is no lexicon of this format")
        if sha256.hex() != tokenizer.sha256:
            raise UserError(f"{path} was made with another tokenizer")
        rest = _HEADER.size + size + bits // 8
        if size != tokenizer.vocabulary_size or len(body) < rest:
            raise UserError(f"{path} has not the length that it says")
        try:
            longer = LongerWords.from_bytes(body[rest:], tokenizer, ranks)
        except ValueError as error:
            raise UserError(f"{path} is no lexicon of this format: {error}") from None
        endings = np.frombuffer(body, np.uint8, size, _HEADER.size)
        return cls(sha256.hex(), endings, body[_HEADER.size + size : rest], words, longer)

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        sha256 = bytes.fromhex(self.tokenizer_sha256)
        longer = self._longer_words
        sizes = (len(self._endings), HASHES, self._size, self.words, longer.ranks)
        body = _HEADER.pack(_MAGIC, sha256, *sizes) + self._endings.tobytes() + self._bits
        body += longer.to_bytes()
        with atomic_path(path) as temporary:
            temporary.write_bytes(body + hashlib.sha256(body).digest())

    def __contains__(self, word: str) -> bool:
        """Whether a word was in the text, in any case; wrong for 0.05 % of those that were not."""
        return self._holds(fold(word))

    def _look_up(self, folded: str) -> bool:
        value, step = _hash(folded)
        for j in range(HASHES):
            bit = (value + j * step) % self._size
            if not self._bits[bit >> 3] >> (bit & 7) & 1:
                return False
        return True

    def endings(self) -> npt.NDArray[np.float64]:
        """The share [V] of times that a piece was the last of its word, above 0 and below 1."""
        return np.clip(self._endings.astype(np.float64), 0.5, 254.5) / 255

    def most_after(self) -> npt.NDArray[np.float64]:
        """The logarithm [V] of the largest share that a word in `after` a single piece has."""
        with np.errstate(divide="ignore"):
            logs: npt.NDArray[np.float64] = np.log(self._longer_words.largest_shares())
        return logs + self._log_going_on

    @cached_property
    def _log_going_on(self) -> npt.NDArray[np.float64]:
        return np.log(1 - self.endings())

    def _find_after(self, pieces: Pieces) -> Longer:
        """The words that begin with some pieces and go on, by their shares of what these begin."""
        longer = self._longer_words.after(pieces)
        if not longer.words:
            return longer
        going_on = 0.0 if pieces[1:] else self._log_going_on[pieces[0]]
        return longer._replace(logs=longer.logs + going_on)

    def _find_next_pieces(self, pieces: Pieces) -> frozenset[int]:
        """What stands after some pieces in the words that begin with them and go on."""
        return frozenset(self.after(pieces).following.tolist())


def _ways_to_write(lines: Iterable[str]) -> Counter[str]:
    """How often each word is written so."""
    parts: Counter[str] = Counter()  # between spaces: far fewer distinct ones than words in all
    for line in lines:
        parts.update(line.split())
        if len(parts) > _COUNTED_PARTS:
            parts = _without_tail(parts)
    ways: Counter[str] = Counter()
    for part, n in parts.items():
        for word in words_of(part):
            ways[word] += n
    return ways


def _frequent_words(ways: Mapping[str, int]) -> list[str]:
    counts: Counter[str] = Counter()
    for word, n in ways.items():
        counts[fold(word)] += n
    return sorted(word for word, n in counts.items() if n >= LEAST_COUNT)


def _without_tail(parts: Counter[str]) -> Counter[str]:
    """The more frequent ones, at most half of what may be counted."""
    least = LEAST_COUNT
    while len(parts) > _COUNTED_PARTS // 2:
        parts = Counter({part: n for part, n in parts.items() if n >= least})
        least += 1
    return parts


def _endings(
    tokens: Iterable[npt.NDArray[np.unsignedinteger]], tokenizer: Tokenizer
) -> npt.NDArray[np.uint8]:
    size = tokenizer.vocabulary_size
    boundary = np.array([is_boundary(tokenizer, token) for token in range(size)])
    seen, ended = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for chunk in tokens:
        for first in range(0, len(chunk) - 1, _SLICE):
            token = chunk[first : first + _SLICE + 1]
            seen += np.bincount(token[:-1], minlength=size)
            ended += np.bincount(token[:-1][boundary[token[1:]]], minlength=size)
    return np.round(255 * (ended + 0.5) / (seen + 1)).astype(np.uint8)


def _hash(folded: str) -> tuple[int, int]:
    """The first place of a word in the filter and the step to the next ones (FNV-1a's halves)."""
    value = 0xCBF29CE484222325
    for byte in folded.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value, value >> 32 | 1
