"""Tokens on disk: memory-mapped uint16 shards, built in one stream over the text.

    lines of a split -> encode in groups -> tokens-00000.u16, tokens-00001.u16, ...
                                         -> documents.u64 (where each document starts)
                                         -> index.json (counts and hashes)

Each line ends with the end token. A share of the documents may be taken in lower case, for readers
who type without capitals. A document lies in one shard; a new shard starts with the first
document after `SHARD_TOKENS`. Neither building nor reading needs the corpus in memory.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.files import (
    atomic_folder,
    cache_directory,
    combined_hash,
    read_json,
    write_json,
)
from pocketlm.model.tokenizer import Tokenizer

FORMAT_VERSION = 2
SHARD_TOKENS = 1 << 26  # 128 MiB a shard
_GROUP_LINES = 4096
_INDEX = "index.json"
_DOCUMENTS = "documents.u64"

TokenArray = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class ShardIndex:
    """What index.json says."""

    format_version: int
    text_sha256: str
    tokenizer_sha256: str
    lines: int
    words: int
    tokens: int
    documents: int
    shards: list[int]  # tokens in each


class TokenShards:
    """The tokens of one split, opened as memory maps."""

    def __init__(self, folder: Path) -> None:
        index = read_json(folder / _INDEX, "index of token shards")
        if index.get("format_version") != FORMAT_VERSION:
            raise UserError(f"{folder} was written by another version of PocketLM: delete it")
        self.folder = folder
        self.index = ShardIndex(**index)
        self._starts = np.concatenate([[0], np.cumsum(self.index.shards, dtype=np.int64)])
        self._shards = [
            _open_map(folder / _shard_name(i), np.dtype("<u2"), size)
            for i, size in enumerate(self.index.shards)
        ]
        self._documents = _open_map(folder / _DOCUMENTS, np.dtype("<u8"), self.index.documents)

    def __len__(self) -> int:
        """The number of documents."""
        return self.index.documents

    def lengths(self) -> npt.NDArray[np.uint64]:
        """The number of tokens of each document."""
        return np.diff(self._documents, append=np.uint64(self.index.tokens))

    def document(self, number: int) -> TokenArray:
        """The tokens of a document, end tokens included; read from the disk when touched."""
        start = int(self._documents[number])
        last = number + 1 == len(self)
        stop = self.index.tokens if last else int(self._documents[number + 1])
        shard = int(np.searchsorted(self._starts, start, side="right")) - 1
        offset = int(self._starts[shard])
        return self._shards[shard][start - offset : stop - offset]

    def chunks(self) -> Iterator[TokenArray]:
        """The whole stream of tokens, shard after shard."""
        yield from self._shards


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
) -> None:
    """Encode lines, blank ones ending documents, into a new folder of shards."""
    with atomic_folder(folder, _INDEX, replace=False) as temporary:
        writer = _ShardWriter(temporary, tokenizer, shard_tokens)
        group: list[str] = []
        for line in lines:
            group.append(line)
            if len(group) == _GROUP_LINES:
                writer.write(group)
                group = []
        writer.write(group)
        write_json(temporary / _INDEX, asdict(writer.finish(text_sha256)))


class _ShardWriter:
    """Appends groups of lines to the shards of a folder."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, shard_tokens: int) -> None:
        self._folder, self._tokenizer, self._shard_tokens = folder, tokenizer, shard_tokens
        self._documents = (folder / _DOCUMENTS).open("wb")
        self._shard = (folder / _shard_name(0)).open("wb")
        self._shards = [0]
        self._lines = self._words = self._tokens = self._document_count = 0
        self._at_document_start = True

    def write(self, lines: list[str]) -> None:
        encoded = self._tokenizer.encode_batch(lines)
        for line, tokens in zip(lines, encoded, strict=True):
            if not line.strip():
                self._at_document_start = True
                continue
            if self._at_document_start:
                self._start_document()
            np.array([*tokens, self._tokenizer.end_id], dtype="<u2").tofile(self._shard)
            self._tokens += len(tokens) + 1
            self._shards[-1] += len(tokens) + 1
            self._lines += 1
            self._words += len(line.split())

    def _start_document(self) -> None:
        if self._shards[-1] >= self._shard_tokens:
            self._shard.close()
            self._shard = (self._folder / _shard_name(len(self._shards))).open("wb")
            self._shards.append(0)
        np.array([self._tokens], dtype="<u8").tofile(self._documents)
        self._document_count += 1
        self._at_document_start = False

    def finish(self, text_sha256: str) -> ShardIndex:
        self._shard.close()
        self._documents.close()
        if not self._lines:
            raise UserError("there is no text to make tokens of")
        return ShardIndex(
            format_version=FORMAT_VERSION,
            text_sha256=text_sha256,
            tokenizer_sha256=self._tokenizer.sha256,
            lines=self._lines,
            words=self._words,
            tokens=self._tokens,
            documents=self._document_count,
            shards=self._shards,
        )


def _shard_name(number: int) -> str:
    return f"tokens-{number:05d}.u16"


def _open_map(path: Path, dtype: np.dtype[np.unsignedinteger], size: int) -> npt.NDArray[Any]:
    try:
        array = np.memmap(path, dtype=dtype, mode="r")
    except (FileNotFoundError, ValueError):
        raise UserError(f"{path} is missing or cut short: delete its folder") from None
    if len(array) != size:
        raise UserError(f"{path} holds {len(array)} values, its index says {size}")
    return array
