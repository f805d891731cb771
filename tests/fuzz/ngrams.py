"""Targets that are n-gram models: ARPA files, and folders of sorted arrays."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzz import parts
from fuzz.specimens import ORDER, TEXT, Specimens, link_files
from pocketlm.benchmarks.arpa import import_arpa
from pocketlm.benchmarks.backoff_table import backoff_table_files
from pocketlm.benchmarks.count_table import count_table_files
from pocketlm.benchmarks.ngram import open_ngram
from pocketlm.model.files import describe_file, read_json
from pocketlm.model.predictor import Predictor

TABLE, BACKOFF = count_table_files(ORDER), backoff_table_files(ORDER)
Read = Callable[[bytes, Path], object]


def arpa(s: Specimens) -> Read:
    """An ARPA file, imported and asked."""

    def read(data: bytes, folder: Path) -> object:
        path = folder / "model.arpa"
        path.write_bytes(data)
        import_arpa(path, s.tokenizer, folder / "model")
        return _ask(open_ngram(folder / "model"))

    return read


def _ask(predictor: Predictor) -> object:
    """Probabilities by both ways that there are; a model that says NaN should have been refused."""
    tokens = predictor.tokenizer.encode(TEXT)
    (scores,) = predictor.score([tokens])
    state = predictor.start()
    for token in tokens[:4]:
        logs = predictor.log_probabilities(state)
        assert not np.isnan(logs).any()
        state = predictor.advance(state, np.array([token]))
    assert not np.isnan(scores).any()
    return scores


def ngram_manifest(s: Specimens) -> Read:
    """ngram.json over a good table."""

    def read(data: bytes, folder: Path) -> object:
        link_files(s.table, folder, "ngram.json")
        (folder / "ngram.json").write_bytes(data)
        return _ask(open_ngram(folder))

    return read


def parts_of(folder: Path, names: list[str]) -> bytes:
    """Files as the parts of one input."""
    return parts.join([(folder / name).read_bytes() for name in names])


def sorted_table(source: Path, names: list[str]) -> Read:
    """The arrays of a table, under a manifest with their sizes and hashes."""

    def read(data: bytes, folder: Path) -> object:
        link_files(source, folder, *names, "ngram.json")
        for name, part in zip(names, parts.split(data, len(names)), strict=True):
            (folder / name).write_bytes(part)
        manifest = read_json(source / "ngram.json", "manifest")
        manifest["files"] = {name: describe_file(folder / name) for name in names}
        (folder / "ngram.json").write_text(json.dumps(manifest), encoding="utf-8")
        return _ask(open_ngram(folder))

    return read
