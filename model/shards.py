"""Tokens on disk: shards of fixed size, built in one stream over the text by several processes.

    lines of a split -> encoding.py -> tokens-00000.u16, tokens-00001.u16, ...
                                    -> documents-00000.u32, ... (where each document starts)
                                    -> index.json (counts and hashes, written last)

Each line ends with the end token. A share of the documents may be taken in lower case, for readers
who type without capitals. A shard holds at most `SHARD_TOKENS`: a document that would cross its end
is cut after the last line that fits, and goes on in the next shard as a document of its own (a line
longer than a shard is cut too). So a shard can be read without any other. Neither building nor
reading needs the corpus in memory: who reads maps one shard at a time.
"""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.model.corpus import Corpus
from pocketlm.model.encoding import COUNTS, encode_lines
from pocketlm.model.errors import UserError
from pocketlm.model.files import (
    atomic_folder,
    cache_directory,
    combined_hash,
    file_damage,
    read_json,
    write_json,
)
from pocketlm.model.settings import from_json
from pocketlm.model.tokenizer import END_ID, Tokenizer

FORMAT_VERSION = 3
SHARD_TOKENS = 1 << 24  # at most in a shard: 32 MiB
_INDEX = "index.json"
_TOKEN = np.dtype("<u2")
_START = np.dtype("<u4")

TokenArray = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class ShardEntry:
    """What index.json says of a shard: its counts, the SHA-256 of its two files."""

    tokens: int
    documents: int
    sha256: str
    documents_sha256: str

    def __post_init__(self) -> None:
        if not 0 < self.documents <= self.tokens <= SHARD_TOKENS:
            raise UserError(f"no shard has {self.documents} documents of {self.tokens} tokens")


@dataclass(frozen=True)
class ShardIndex:
    """What index.json says; the counts are those of all shards."""

    format_version: int
    text_sha256: str
    tokenizer_sha256: str
    lines: int
    words: int
    tokens: int
    documents: int
    shards: list[ShardEntry]

    def __post_init__(self) -> None:
        if not self.shards:
            raise UserError("an index names at least one shard")
        for name in ("tokens", "documents"):
            if getattr(self, name) != sum(getattr(shard, name) for shard in self.shards):
                raise UserError(f"the shards have not the {name} that their index says")


@dataclass(frozen=True)
class Shard:
    """One shard: its tokens, a memory map, and where in it each document starts."""

    tokens: TokenArray
    starts: npt.NDArray[np.uint32]

    def document(self, number: int) -> TokenArray:
        """The tokens of a document of this shard, end tokens included."""
        stop = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.tokens)
        return self.tokens[int(self.starts[number]) : int(stop)]

    def lengths(self) -> npt.NDArray[np.uint32]:
        """The number of tokens of each document."""
        return np.diff(self.starts, append=np.uint32(len(self.tokens)))


class TokenShards:
    """The tokens of one split; no more of it stays in memory than the shards that are read."""

    def __init__(self, folder: Path) -> None:
        index = read_json(folder / _INDEX, "index of token shards")
        if index.get("format_version") != FORMAT_VERSION:
            raise UserError(f"{folder} was written by another version of PocketLM: delete it")
        self.folder = folder
        self.index = from_json(ShardIndex, index, str(folder / _INDEX))
        self._checked: set[int] = set()
        counts = (shard.documents for shard in self.index.shards)
        self._first_documents = list(accumulate(counts, initial=0))
        self._read: tuple[int, Shard] | None = None  # the shard that `document` has read last

    def __len__(self) -> int:
        """The number of documents."""
        return self.index.documents

    def shard(self, number: int) -> Shard:
        """A shard, mapped anew: its pages are given back once nobody holds it.

        Raises:
            UserError: a file of it is damaged. It is read through for that when first asked for.
        """
        entry = self.index.shards[number]
        tokens = self.folder / _tokens_name(number)
        documents = self.folder / _documents_name(number)
        if number not in self._checked:
            _check_file(tokens, _TOKEN, entry.tokens, entry.sha256)
            _check_file(documents, _START, entry.documents, entry.documents_sha256)
        shard = Shard(
            np.memmap(tokens, dtype=_TOKEN, mode="r", shape=(entry.tokens,)),
            np.fromfile(documents, dtype=_START),
        )
        if number not in self._checked:
            bounds = np.append(shard.starts.astype(np.int64), entry.tokens)
            if bounds[0] != 0 or (np.diff(bounds) <= 0).any():
                raise UserError(f"{documents} does not hold the starts of documents")
            self._checked.add(number)
        return shard

    def shards(self) -> Iterator[Shard]:
        """Every shard in turn, one of them mapped at a time."""
        return (self.shard(number) for number in range(len(self.index.shards)))

    def lengths(self) -> npt.NDArray[np.uint32]:
        """The number of tokens of each document."""
        return np.concatenate([shard.lengths() for shard in self.shards()])

    def document(self, number: int) -> TokenArray:
        """The tokens of a document, end tokens included; one shard stays mapped between calls."""
        place = int(np.searchsorted(self._first_documents, number, side="right")) - 1
        if self._read is None or self._read[0] != place:
            self._read = (place, self.shard(place))
        return self._read[1].document(number - self._first_documents[place])

    def chunks(self) -> Iterator[TokenArray]:
        """The whole stream of tokens, shard after shard, one of them mapped at a time."""
        return (shard.tokens for shard in self.shards())


def open_shards(
    corpus: Corpus,
    split: str,
    tokenizer: Tokenizer,
    notify: Callable[[str], None] = lambda _: None,
    lower_case: float = 0.0,
    seed: int = 1,
) -> TokenShards:
    """The shards of a corpus' split, from the cache or built now.

    Args:
        corpus: the text.
        split: of the corpus.
        tokenizer: its tokens.
        notify: told in one line when tokens are built, which takes a while on a large corpus.
        lower_case: share of the documents taken in lower case.
        seed: for drawing them.
    """
    corpus.path(split)  # says so where the corpus lacks the split
    text_sha256 = corpus.hashes[split]
    parts = [str(FORMAT_VERSION), text_sha256, tokenizer.sha256]
    lines = corpus.lines(split)
    if lower_case:
        parts.append(f"lower case {lower_case} {seed}")
        lines = some_lower_case(lines, lower_case, seed)
    folder = cache_directory() / "tokens" / combined_hash(parts)[:20]
    if not (folder / _INDEX).is_file():
        notify(f"tokenising {corpus.name} {split}")
        build_shards(lines, tokenizer, folder, text_sha256)
    return TokenShards(folder)


def some_lower_case(lines: Iterable[str], share: float, seed: int = 1) -> Iterator[str]:
    """The lines, with about `share` of the documents in lower case."""
    generator = random.Random(seed)
    lower = generator.random() < share
    for line in lines:
        yield line.lower() if lower else line
        if not line.strip():
            lower = generator.random() < share


def build_shards(
    lines: Iterable[str],
    tokenizer: Tokenizer,
    folder: Path,
    text_sha256: str,
    shard_tokens: int = SHARD_TOKENS,
    processes: int | None = None,
) -> None:
    """Encode lines, blank ones ending documents, into a new folder of shards.

    Args:
        lines: of the text.
        tokenizer: its tokens.
        folder: the new one; a folder of shards that is there stays.
        text_sha256: of the text that the lines are taken from, for the index.
        shard_tokens: at most in a shard.
        processes: see `encode_lines`; the files are the same for any number.

    Raises:
        UserError: there is no text, or a process that encodes was killed.
    """
    with (
        atomic_folder(folder, _INDEX, replace=False) as temporary,
        closing(_ShardWriter(temporary, shard_tokens)) as writer,
        closing(encode_lines(lines, tokenizer, processes)) as groups,
    ):
        for group in groups:
            writer.write(group)
        write_json(temporary / _INDEX, asdict(writer.index(text_sha256, tokenizer.sha256)))


class _ShardWriter:
    """Appends groups of encoded lines to the shards of a folder."""

    def __init__(self, folder: Path, shard_tokens: int) -> None:
        self._folder, self._shard_tokens = folder, shard_tokens
        self._entries: list[ShardEntry] = []
        self._lines = self._words = 0
        self._open_shard()

    def _open_shard(self) -> None:
        number = len(self._entries)
        self._tokens = _HashedFile(self._folder / _tokens_name(number), _TOKEN)
        self._starts = _HashedFile(self._folder / _documents_name(number), _START)
        self._at_document_start = True

    def close(self) -> None:
        self._tokens.close()
        self._starts.close()

    def _close_shard(self) -> None:
        self.close()
        self._entries.append(
            ShardEntry(
                tokens=self._tokens.count,
                documents=self._starts.count,
                sha256=self._tokens.sha256(),
                documents_sha256=self._starts.sha256(),
            )
        )

    def write(self, group: bytes) -> None:
        """Append what `encode_lines` gives."""
        count, words = COUNTS.unpack_from(group)
        lengths = np.frombuffer(group, np.uint32, count, COUNTS.size).astype(np.int64)
        tokens = np.frombuffer(group, np.uint16, offset=COUNTS.size + 4 * count)
        self._words += words
        self._lines += int(np.count_nonzero(tokens == END_ID))
        while len(lengths):
            ends = np.cumsum(lengths)
            room = self._shard_tokens - self._tokens.count
            fitting = int(np.searchsorted(ends, room, side="right"))
            if not fitting and room == self._shard_tokens:  # a line longer than a shard
                self._append(np.array([room]), tokens[:room])
                lengths[0] -= room
                tokens = tokens[room:]
            elif fitting:
                size = int(ends[fitting - 1])
                self._append(lengths[:fitting], tokens[:size])
                lengths, tokens = lengths[fitting:], tokens[size:]
            if len(lengths) and self._tokens.count:
                self._close_shard()
                self._open_shard()

    def _append(self, lengths: npt.NDArray[np.int64], tokens: TokenArray) -> None:
        """Lines of these lengths, which fit; 0 is a blank one."""
        blank = lengths == 0
        begins = ~blank & np.concatenate([[self._at_document_start], blank[:-1]])
        offsets = self._tokens.count + np.cumsum(lengths) - lengths
        self._starts.write(offsets[begins])
        self._tokens.write(tokens)
        self._at_document_start = bool(blank[-1])

    def index(self, text_sha256: str, tokenizer_sha256: str) -> ShardIndex:
        """Close the last shard."""
        if not self._lines:
            raise UserError("there is no text to make tokens of")
        self._close_shard()
        return ShardIndex(
            format_version=FORMAT_VERSION,
            text_sha256=text_sha256,
            tokenizer_sha256=tokenizer_sha256,
            lines=self._lines,
            words=self._words,
            tokens=sum(entry.tokens for entry in self._entries),
            documents=sum(entry.documents for entry in self._entries),
            shards=self._entries,
        )


class _HashedFile:
    """A file of numbers that knows its SHA-256."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._file, self._dtype, self._sha256 = path.open("wb"), dtype, hashlib.sha256()
        self.count = 0

    def write(self, numbers: npt.NDArray[Any]) -> None:
        content = numbers.astype(self._dtype).tobytes()
        self._file.write(content)
        self._sha256.update(content)
        self.count += len(numbers)

    def close(self) -> None:
        self._file.close()

    def sha256(self) -> str:
        return self._sha256.hexdigest()


def _tokens_name(number: int) -> str:
    return f"tokens-{number:05d}.u16"


def _documents_name(number: int) -> str:
    return f"documents-{number:05d}.u32"


def _check_file(path: Path, dtype: np.dtype[Any], count: int, sha256: str) -> None:
    if damage := file_damage(path, count * dtype.itemsize, sha256):
        raise UserError(f"{damage}: delete its folder")
