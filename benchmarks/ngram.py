"""N-gram models as folders: made from a token stream, checked when they are opened.

tokens -> count tables | KenLM -> FOLDER: ngram.json, tokenizer.model, the model's files
                                  -> open_ngram -> Predictor
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.benchmarks.count_table import CountTable, write_count_table
from pocketlm.benchmarks.kenlm import STRUCTURES, KenLM, train_kenlm
from pocketlm.model.errors import UserError
from pocketlm.model.files import (
    atomic_folder,
    describe_file,
    file_damage,
    read_json,
    write_json,
)
from pocketlm.model.predictor import Predictor
from pocketlm.model.tokenizer import Tokenizer

MANIFEST = "ngram.json"
FORMAT_VERSION = 1
KINDS = ("table", "kenlm")
LARGEST_ORDER = 6
KENLM_FILE = "model.binary"
TOKENIZER_FILE = "tokenizer.model"


def train_ngram(
    tokens: Iterable[npt.NDArray[np.integer]],
    tokenizer: Tokenizer,
    *,
    kind: str,
    order: int,
    prune: Sequence[int] = (),
    structure: str = "trie",
    out: Path,
    corpus: dict[str, Any],
) -> dict[str, Any]:
    """Train an n-gram model and write its folder, whole or not at all.

    Args:
        tokens: the token stream in parts, lines of which each ends with the end token.
        tokenizer: the one that made them.
        kind: "table" (counts, stupid backoff) or "kenlm" (modified Kneser-Ney).
        order: 1..6 (KenLM: 2..6).
        prune: for orders 1, 2, ..: n-grams seen at most so often are left out; the last holds for
            the orders after it; thresholds never fall, and the first is 0.
        structure: KenLM's "trie" (quantised) or "probing"; nothing for a table.
        out: the folder.
        corpus: what the manifest says of the corpus (its name and hash).

    Returns:
        The manifest.

    Raises:
        UserError: a bad setting, no tokens, or KenLM's refusal.
    """
    thresholds = check_settings(kind, order, prune, structure)
    vocabulary, end = tokenizer.vocabulary_size, tokenizer.end_id
    chunks = _checked(tokens)
    with atomic_folder(out, MANIFEST) as folder:
        if kind == "table":
            stream = np.concatenate(list(chunks))
            counts = write_count_table(stream, vocabulary, end, thresholds, folder)
        else:
            counts = train_kenlm(
                chunks,
                vocabulary,
                end,
                order=order,
                prune=thresholds,
                structure=structure,
                target=folder / KENLM_FILE,
            )
        model_files = sorted(path.name for path in folder.iterdir())
        tokenizer.save(folder / TOKENIZER_FILE)
        manifest = {
            "format_version": FORMAT_VERSION,
            "kind": kind,
            "order": order,
            "prune": thresholds,
            "structure": structure if kind == "kenlm" else "sorted arrays",
            "vocabulary_size": vocabulary,
            "end_id": end,
            "tokenizer_sha256": tokenizer.sha256,
            "counts": counts,
            "files": {name: describe_file(folder / name) for name in model_files},
            "corpus": corpus,
        }
        write_json(folder / MANIFEST, manifest)
    return manifest


def check_settings(kind: str, order: int, prune: Sequence[int], structure: str) -> list[int]:
    """The pruning threshold of each order; UserError for settings that cannot be."""
    if kind not in KINDS:
        raise UserError(f"unknown kind of n-gram model {kind!r}: one of {', '.join(KINDS)}")
    smallest = 2 if kind == "kenlm" else 1
    if not smallest <= order <= LARGEST_ORDER:
        raise UserError(f"order {order} is outside {smallest}..{LARGEST_ORDER} for {kind}")
    if kind == "kenlm" and structure not in STRUCTURES:
        raise UserError(f"unknown structure {structure!r}: one of {', '.join(STRUCTURES)}")
    thresholds = list(prune) or [0]
    if len(thresholds) > order:
        raise UserError(f"{len(thresholds)} pruning thresholds for order {order}")
    thresholds += [thresholds[-1]] * (order - len(thresholds))
    if thresholds[0] != 0 or thresholds != sorted(thresholds):
        raise UserError("pruning thresholds start at 0 and never fall, as in 0 1 2")
    return thresholds


def _checked(tokens: Iterable[npt.NDArray[np.integer]]) -> Iterable[npt.NDArray[np.integer]]:
    empty = True
    for chunk in tokens:
        empty = empty and not len(chunk)
        yield chunk
    if empty:
        raise UserError("the corpus holds no tokens")


def read_ngram_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an n-gram folder whose files are all there and as they were written.

    Raises:
        UserError: it is no such folder, of another version, or a file is missing, cut or changed.
    """
    path = folder / MANIFEST
    manifest = read_json(path, "n-gram model")
    if manifest.get("format_version") != FORMAT_VERSION or manifest.get("kind") not in KINDS:
        raise UserError(f"{path} has a format that this PocketLM does not know")
    try:
        expected = set(_model_files(manifest["kind"], int(manifest["order"])))
        files = {
            name: (int(file["bytes"]), file["sha256"]) for name, file in manifest["files"].items()
        }
        sizes = int(manifest["vocabulary_size"]), int(manifest["end_id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        expected, files, sizes = {MANIFEST}, {}, (0, 0)
    if files.keys() != expected or not 0 <= sizes[1] < sizes[0]:
        raise UserError(f"{path} is damaged: its fields are not those of an n-gram model")
    for name, (size, sha256) in files.items():
        if damage := file_damage(folder / name, size, sha256):
            raise UserError(damage)
    return manifest


def _model_files(kind: str, order: int) -> list[str]:
    if kind == "kenlm":
        return [KENLM_FILE]
    counts = [f"order-{i}.counts" for i in range(1, order + 1)]
    return counts + [f"order-{i}.keys" for i in range(2, order + 1)]


def open_ngram(folder: Path) -> Predictor:
    """The predictor of an n-gram folder; UserError as in `read_ngram_manifest`."""
    manifest = read_ngram_manifest(folder)
    tokenizer = Tokenizer.load(folder / TOKENIZER_FILE)
    if (
        tokenizer.sha256 != manifest.get("tokenizer_sha256")
        or tokenizer.vocabulary_size != manifest["vocabulary_size"]
    ):
        raise UserError(f"{folder / TOKENIZER_FILE} is not the model's own tokenizer")
    if manifest["kind"] == "table":
        return CountTable(folder.name, tokenizer, folder, manifest["order"])
    return KenLM(folder.name, tokenizer, folder / KENLM_FILE)
