"""Corpora: three text files (train, valid, test) in a folder, found by name, folder or file.

    name | folder | file -> open_corpus -> Corpus -> lines of a split

One utterance a line; a blank line ends a document. Names are folders below $POCKETLM_CORPORA or the
user's data directory; `first-look` is a small text that PocketLM writes itself. A single file is
split by document with a seed; in a file without blank lines every line is a document.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TextIO

import numpy as np

from pocketlm.model.errors import UserError
from pocketlm.model.files import (
    atomic_folder,
    cache_directory,
    combined_hash,
    data_directory,
    read_lines,
    sha256_file,
    write_text,
)
from pocketlm.model.first_look import first_look_splits

SPLITS = ("train", "valid", "test")
EMBEDDED = "first-look"
SHARES = (0.9, 0.05, 0.05)  # of the documents of a single file
_MARKER = "pocketlm-corpus"


@dataclass(frozen=True)
class Corpus:
    """A named folder with train.txt and, beside it, valid.txt and test.txt."""

    name: str
    folder: Path

    def path(self, split: str) -> Path:
        """The text file of a split; UserError if the corpus lacks it."""
        path = self.folder / f"{split}.txt"
        if not path.is_file():
            raise UserError(f"corpus {self.name} has no {split}.txt in {self.folder}")
        return path

    def lines(self, split: str) -> Iterator[str]:
        """The lines of a split; a blank one ends a document.

        Where the text has none, every line is a document, and a blank line is put after it.
        """
        path = self.path(split)
        if any(not line.strip() for line in read_lines(path)):
            return read_lines(path)
        return (part for line in read_lines(path) for part in (line, ""))

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each split's text."""
        files = {split: self.folder / f"{split}.txt" for split in SPLITS}
        return {split: sha256_file(path) for split, path in files.items() if path.is_file()}

    @cached_property
    def sha256(self) -> str:
        """One hash over all splits."""
        return combined_hash([f"{split} {value}" for split, value in self.hashes.items()])

    def record(self) -> dict[str, object]:
        """What a run record says of the corpus."""
        return {"name": self.name, "sha256": self.sha256, "splits": self.hashes}


def open_corpus(name: str, seed: int = 1) -> Corpus:
    """Find a corpus by name, folder or file.

    Args:
        name: see the module's docstring.
        seed: for splitting a single file.

    Raises:
        UserError: nothing of that name; the message says where was looked.
    """
    if name == EMBEDDED:
        return Corpus(EMBEDDED, _embedded_folder())
    folders = [Path(name), *(root / name for root in corpus_roots())]
    for folder in folders:
        if (folder / "train.txt").is_file():
            return Corpus(name, folder)
    if Path(name).is_file():
        return _corpus_of_file(Path(name), seed)
    roots = ", ".join(str(root) for root in corpus_roots())
    hint = "" if os.environ.get("POCKETLM_CORPORA") else " (POCKETLM_CORPORA is not set)"
    raise UserError(
        f"no corpus {name!r}: not a text file, not a folder with train.txt, and not below "
        f"{roots}{hint}; to bring your own text, name a file with one utterance a line"
    )


def corpus_roots() -> list[Path]:
    """The folders in which named corpora are looked for."""
    named = os.environ.get("POCKETLM_CORPORA")
    return [*([Path(named)] if named else []), data_directory() / "corpora"]


def text_lines(path: Path, limit: int | None = None) -> list[list[str]]:
    """A text file as documents of lines, without blank lines; at most `limit` lines.

    Raises:
        UserError: the file is missing, is not UTF-8, or holds no line.
    """
    documents: list[list[str]] = [[]]
    count = 0
    for line in read_lines(path):
        if limit is not None and count == limit:
            break
        if line.strip():
            documents[-1].append(line)
            count += 1
        elif documents[-1]:
            documents.append([])
    if not count:
        raise UserError(f"{path} holds no text")
    return [document for document in documents if document]


def read_sources(path: Path) -> list[str]:
    """The source of each document of a text file, from the file of the same name that ends in .src.

    Raises:
        UserError: that file is missing.
    """
    sources = path.with_suffix(".src")
    if not sources.is_file():
        raise UserError(f"{sources} is missing: it has to name the source of each document")
    return list(read_lines(sources))


def documents_by_source(path: Path, documents: list[list[str]]) -> dict[str, list[list[str]]]:
    """The first documents of a text file, as `text_lines` gives them, by their source's name.

    Raises:
        UserError: no file names the sources, or it names too few.
    """
    sources = read_sources(path)
    if len(sources) < len(documents):
        raise UserError(f"{path.with_suffix('.src')} names fewer documents than the text has")
    groups: dict[str, list[list[str]]] = {name: [] for name in sorted(set(sources))}
    for name, document in zip(sources, documents, strict=False):
        groups[name].append(document)
    return {name: group for name, group in groups.items() if group}


def _embedded_folder() -> Path:
    splits = first_look_splits()
    folder = (
        cache_directory() / "corpora" / f"{EMBEDDED}-{combined_hash(list(splits.values()))[:16]}"
    )
    if not folder.exists():
        with atomic_folder(folder, _MARKER, replace=False) as temporary:
            (temporary / _MARKER).touch()
            for split, text in splits.items():
                write_text(temporary / f"{split}.txt", text)
    return folder


def _corpus_of_file(path: Path, seed: int) -> Corpus:
    """Split a file's documents into three files in the cache, known by the file's hash."""
    key = combined_hash([sha256_file(path), str(seed)])[:16]
    folder = cache_directory() / "corpora" / key
    if not folder.exists():
        has_documents = any(not line.strip() for line in read_lines(path))
        with atomic_folder(folder, _MARKER, replace=False) as temporary:
            (temporary / _MARKER).touch()
            dealt = _split_documents(read_lines(path), has_documents, temporary, seed)
            if dealt < len(SPLITS):
                raise UserError(
                    f"{path} holds {dealt} documents: at least {len(SPLITS)} are needed"
                )
    return Corpus(path.name, folder)


def _split_documents(lines: Iterable[str], has_documents: bool, folder: Path, seed: int) -> int:
    """Deal documents to the splits, line by line; how many there were.

    The first three go one to each split, so that none is empty.
    """
    generator = np.random.default_rng(seed)
    dealt = 0
    with ExitStack() as stack:
        files = {
            split: stack.enter_context((folder / f"{split}.txt").open("w", encoding="utf-8"))
            for split in SPLITS
        }
        document: TextIO | None = None  # where the document goes that has begun
        for line in lines:
            if line.strip():
                if document is None:
                    drawn = str(generator.choice(SPLITS, p=SHARES))
                    document = files[SPLITS[dealt] if dealt < len(SPLITS) else drawn]
                    dealt += 1
                document.write(line + "\n")
            if document and (not has_documents or not line.strip()):
                document.write("\n")
                document = None
        if document:
            document.write("\n")
    return dealt
