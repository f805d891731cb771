"""SentencePiece tokens: unigram pieces with byte fallback, so that every text has an encoding.

    lines of text -> train, train_words -> standard .model file -> encode / decode

Text is taken as it is written (the identity normalisation: no case folding, no Unicode
compatibility folding), but for white space: SentencePiece folds runs of spaces, drops those at the
ends, and takes the character "▁" (U+2581) for a space. A line has no line breaks of its own. Ids:
0 <unk> (never produced, thanks to byte fallback), 1 </s> (the end of a line), then 256 bytes, then
pieces; a piece that starts a word starts with "▁".

A closed vocabulary of words (`train_words`) is a SentencePiece model too, for n-grams of the
classical kind. Its tokens are what `str.split` makes of a line, as they are written, punctuation
attached; a word that is not among its pieces is one <unk>. It has no bytes.

Sources: Kudo 2018 (the unigram model); Kudo and Richardson 2018 (SentencePiece).
"""

import hashlib
import io
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import sentencepiece

from pocketlm.model.errors import UserError
from pocketlm.model.files import atomic_path, read_file
from pocketlm.model.sentencepiece_file import NotOursError, check_model

WORD_START = "▁"
UNKNOWN_ID = 0
END_ID = 1
SMALLEST_VOCABULARY = 260  # 2 control ids and 256 bytes leave 2 pieces
LARGEST_VOCABULARY = 16_384
SMALLEST_WORD_VOCABULARY = 3  # 2 control ids leave 1 word
LARGEST_WORD_VOCABULARY = 1 << 16  # what token shards hold
NEVER_IN_WORDS = (WORD_START, "▅", "\0", "<unk>", "</s>")
# SentencePiece sums in one order per thread, so the number of threads is part of the recipe.
TRAINING_THREADS = 2
# The trainer silently skips longer lines (in bytes), so they are cut.
LONGEST_TRAINING_LINE = 1_000
TRAINING_LINES = 1_000_000


class Tokenizer:
    """A trained SentencePiece model."""

    end_id = END_ID

    def __init__(self, model: bytes, source: str = "tokenizer") -> None:
        self._model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            check_model(model)
            self._processor.LoadFromSerializedProto(model)
            sound = all(self.pieces) and all(map(math.isfinite, self.scores))
        except NotOursError as error:
            reason = f"not a SentencePiece model, or not one of PocketLM's: {error}"
            raise UserError(f"{source} is {reason}") from None
        except (RuntimeError, UnicodeDecodeError):  # pieces, or what is said of them, not UTF-8
            raise UserError(f"{source} is not a SentencePiece model, or is cut short") from None
        if not sound or self.vocabulary_size > LARGEST_WORD_VOCABULARY:
            raise UserError(f"{source} is damaged: its pieces or scores are not a vocabulary")
        if self._processor.eos_id() != END_ID or self._processor.bos_id() != -1:
            raise UserError(f"{source} was not made by PocketLM: the id of </s> has to be {END_ID}")

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read a .model file; UserError if it is missing or not one of ours."""
        return cls(read_file(path, "tokenizer"), str(path))

    @classmethod
    def train(cls, lines: Iterable[str], vocabulary_size: int, seed: int = 1) -> "Tokenizer":
        """Learn a vocabulary from at most TRAINING_LINES lines, drawn with the seed.

        A small text may have fewer pieces than `vocabulary_size`; the result says how many.

        Raises:
            UserError: the size is out of range, or there is no text.
        """
        if not SMALLEST_VOCABULARY <= vocabulary_size <= LARGEST_VOCABULARY:
            raise UserError(
                f"vocabulary size {vocabulary_size} is outside "
                f"{SMALLEST_VOCABULARY}..{LARGEST_VOCABULARY}"
            )
        sample = _sample(_training_lines(lines), TRAINING_LINES, seed)
        if not sample:
            raise UserError("there is no text to learn a vocabulary from")
        return cls._train(
            sample,
            vocabulary_size,
            model_type="unigram",
            byte_fallback=True,
            character_coverage=0.9995,
        )

    @classmethod
    def train_words(cls, lines: Iterable[str], vocabulary_size: int) -> "Tokenizer":
        """The most frequent words of all lines as pieces; of those as frequent, the first by code.

        The size includes <unk> and </s>; a small text may have fewer words. Words that hold one of
        NEVER_IN_WORDS, and overlong ones, are left out: SentencePiece has no such pieces.

        Raises:
            UserError: the size is out of range, or there is no text.
        """
        if not SMALLEST_WORD_VOCABULARY <= vocabulary_size <= LARGEST_WORD_VOCABULARY:
            raise UserError(
                f"vocabulary size {vocabulary_size} is outside "
                f"{SMALLEST_WORD_VOCABULARY}..{LARGEST_WORD_VOCABULARY} for words"
            )
        counts = Counter(word for line in lines for word in _encodable(line).split())
        possible = [
            (-count, word)
            for word, count in counts.items()
            if len(word) <= LONGEST_TRAINING_LINE and not any(n in word for n in NEVER_IN_WORDS)
        ]
        if not possible:
            raise UserError("there is no text to learn a vocabulary from")
        most_frequent = sorted(possible)[: vocabulary_size - 2]
        return cls._train(
            [f"{word}\t{-count}" for count, word in most_frequent],
            len(most_frequent) + 2,
            model_type="word",
            input_format="tsv",
            character_coverage=1.0,
        )

    @classmethod
    def _train(cls, sample: list[str], vocabulary_size: int, **settings: Any) -> "Tokenizer":
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.Train(
                sentence_iterator=iter(sample),
                model_writer=model,
                vocab_size=vocabulary_size,
                hard_vocab_limit=False,
                normalization_rule_name="identity",
                shuffle_input_sentence=False,
                num_threads=TRAINING_THREADS,
                unk_id=UNKNOWN_ID,
                eos_id=END_ID,
                bos_id=-1,
                pad_id=-1,
                minloglevel=2,
                **settings,
            )
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"no vocabulary can be learnt from this text: {reason}") from None
        return cls(model.getvalue())

    def save(self, path: Path) -> None:
        """Write the standard .model file, whole or not at all."""
        with atomic_path(path) as temporary:
            temporary.write_bytes(self._model)

    @property
    def serialized(self) -> bytes:
        """The .model file."""
        return self._model

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the .model file: two models share tokens only if they share this."""
        return hashlib.sha256(self._model).hexdigest()

    @cached_property
    def vocabulary_size(self) -> int:
        """The number V of token ids."""
        return int(self._processor.GetPieceSize())

    @cached_property
    def pieces(self) -> list[str]:
        """The written form of each id; "▁" stands for the space before a word."""
        return [self._processor.IdToPiece(i) for i in range(self.vocabulary_size)]

    @cached_property
    def characters(self) -> frozenset[str]:
        """What pieces of text are written with; other characters are spelt in bytes, or unknown."""
        ids = filter(self.is_text, range(self.vocabulary_size))
        return frozenset("".join(self.pieces[i] for i in ids))

    @cached_property
    def of_words(self) -> bool:
        """Whether the tokens are words of a closed vocabulary: each piece is one, none is a byte.

        A model of sub-words has bytes, or at least letters to go on with.
        """
        return all(piece.startswith(WORD_START) for piece in self.pieces[END_ID + 1 :])

    @cached_property
    def scores(self) -> list[float]:
        """The unigram model's log-probability of each id; bytes and control ids have 0 or less."""
        return [self._processor.GetScore(i) for i in range(self.vocabulary_size)]

    def is_text(self, token: int) -> bool:
        """Whether a token is a piece of text, and not a byte or a control id."""
        p = self._processor
        return not (
            p.IsByte(token) or p.IsControl(token) or p.IsUnknown(token) or p.IsUnused(token)
        )

    def encode(self, text: str) -> list[int]:
        """Token ids of one line, without an end token."""
        if self.of_words:
            return self._encode_words(text)
        return list(self._processor.EncodeAsIds(_encodable(text)))

    def encode_batch(self, lines: Sequence[str], threads: int = 2) -> list[list[int]]:
        """Token ids of many lines."""
        if self.of_words:
            return [self._encode_words(line) for line in lines]
        return list(
            self._processor.Encode([_encodable(line) for line in lines], num_threads=threads)
        )

    def _encode_words(self, text: str) -> list[int]:
        """A token a word; SentencePiece would make one <unk> of several unknown words in a row."""
        return [self._ids.get(WORD_START + word, UNKNOWN_ID) for word in _encodable(text).split()]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {piece: token for token, piece in enumerate(self.pieces)}

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of token ids; bytes that are not UTF-8 become U+FFFD, unknown words "<unk>"."""
        if self.of_words:
            pieces = [self.pieces[token] for token in tokens if token != END_ID]
            return " ".join(piece.removeprefix(WORD_START) for piece in pieces)
        return str(self._processor.DecodeIds([int(t) for t in tokens if t != END_ID]))


def _encodable(text: str) -> str:
    """Lone surrogates, which UTF-8 cannot hold, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _training_lines(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        for start in range(0, len(line), LONGEST_TRAINING_LINE):
            part = line[start : start + LONGEST_TRAINING_LINE].strip()
            if part:
                yield part


def _sample(lines: Iterable[str], size: int, seed: int) -> list[str]:
    """At most `size` of the lines, each as likely, by Vitter's algorithm R (1985).

    SentencePiece can sample by itself, but does not draw the same lines twice.
    """
    generator = random.Random(seed)
    sample: list[str] = []
    for count, line in enumerate(lines):
        if count < size:
            sample.append(line)
        elif (place := generator.randrange(count + 1)) < size:
            sample[place] = line
    return sample
