"""A corpus without one of its sources, to test on text unlike the training text.

    train, valid without SOURCE; test of SOURCE alone -> a folder that `--corpus` takes, and
    held-out.json, by which an earlier one is known and may be replaced

    python -m pocketlm.benchmarks.hold_out keyboard-en self-dialogue OUT

Needs train.src, valid.src and test.src beside the text: one source a line for each document.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from pocketlm.model.corpus import SPLITS, Corpus, open_corpus, read_sources
from pocketlm.model.errors import UserError
from pocketlm.model.files import atomic_folder, write_json
from pocketlm.module_command import run_module

MARKER = "held-out.json"


def hold_out(corpus: Corpus, source: str, out: Path) -> dict[str, int]:
    """Write the folder and return how many documents each split keeps.

    Raises:
        UserError: the corpus does not name its sources, or has none of this name.
    """
    with atomic_folder(out, MARKER) as folder:
        kept = {}
        for split in SPLITS:
            keep = source.__eq__ if split == "test" else source.__ne__
            kept[split] = _copy(corpus, split, keep, folder / f"{split}.txt")
        if not kept["test"]:
            raise UserError(f"no document of {corpus.name} test is of a source {source!r}")
        described = {"corpus": corpus.record(), "source": source, "documents": kept}
        write_json(folder / MARKER, described)
    return kept


def _copy(corpus: Corpus, split: str, keep: Callable[[str], bool], target: Path) -> int:
    path = corpus.path(split)
    sources = read_sources(path)
    documents, inside = 0, False
    with target.open("w", encoding="utf-8") as file:
        for line in corpus.lines(split):
            documents += bool(line.strip()) and not inside
            inside = bool(line.strip())
            if documents > len(sources):
                raise UserError(f"{path} has more documents than its .src names")
            if documents and keep(sources[documents - 1]):
                file.write(line + "\n")
    if documents != len(sources):
        raise UserError(f"{path} has {documents} documents, its .src names {len(sources)}")
    return sum(map(keep, sources))


def _write(corpus: str, source: str, out: str) -> None:
    kept = hold_out(open_corpus(corpus), source, Path(out))
    print(", ".join(f"{split}: {count} documents" for split, count in kept.items()))  # noqa: T201


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    return run_module("pocketlm.benchmarks.hold_out CORPUS SOURCE OUT", arguments, _write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
