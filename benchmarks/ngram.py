"""N-gram models as folders: made from a token stream, checked when they are opened.

tokens -> count tables | KenLM -> FOLDER: ngram.json, tokenizer.model, the model's files
                                  -> read_ngram -> NgramFolder -> open_ngram -> Predictor
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
from pocketlm.model.lexicon import LEXICON, Lexicon
from pocketlm.model.predictor import Predictor
from pocketlm.model.settings import matches
from pocketlm.model.tokenizer import Tokenizer

MANIFEST = "ngram.json"
FORMAT_VERSION = 1
KINDS = ("table", "kenlm")
LARGEST_ORDER = 6
KENLM_FILE = "model.binary"
TOKENIZER_FILE = "tokenizer.model"
_SORTED_ARRAYS = "sorted arrays"
_FILE = {"bytes": int, "sha256": str}
_SHAPE = {
    "kind": str,
    "order": int,
    "structure": str,
    "vocabulary_size": int,
    "end_id": int,
    "tokenizer_sha256": str,
    "files": {},
}


@dataclass(frozen=True)
class NgramFolder:
    """An n-gram folder, checked."""

    path: Path
    kind: str
    order: int
    structure: str
    files: tuple[Path, ...]
    tokenizer: Tokenizer


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
    lexicon: Lexicon | None = None,
    notify: Callable[[str], None] = lambda _: None,
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
        lexicon: written beside the model, for the suggester.
        notify: told in one line when KenLM cannot estimate its discounts from the text.

    Returns:
        The manifest.

    Raises:
        UserError: a bad setting, no tokens, or KenLM's refusal.
    """
    thresholds = check_settings(kind, order, prune, structure)
    vocabulary, end = tokenizer.vocabulary_size, tokenizer.end_id
    chunks = _checked(tokens)
    fallback = False
    with atomic_folder(out, MANIFEST) as folder:
        if kind == "table":
            stream = np.concatenate(list(chunks))
            counts = write_count_table(stream, vocabulary, end, thresholds, folder)
        else:
            counts, fallback = train_kenlm(
                chunks,
                vocabulary,
                end,
                order=order,
                prune=thresholds,
                structure=structure,
                target=folder / KENLM_FILE,
                notify=notify,
            )
        model_files = sorted(path.name for path in folder.iterdir())
        tokenizer.save(folder / TOKENIZER_FILE)
        if lexicon:
            lexicon.save(folder / LEXICON)
        manifest = {
            "format_version": FORMAT_VERSION,
            "kind": kind,
            "order": order,
            "prune": thresholds,
            "structure": structure if kind == "kenlm" else _SORTED_ARRAYS,
            "discount_fallback": fallback,
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
    smallest = _smallest_order(kind)
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


def read_ngram(folder: Path) -> NgramFolder:
    """An n-gram folder whose files are all there and as they were written.

    Raises:
        UserError: it is no such folder, of another version, or a file is missing, cut or changed.
    """
    path = folder / MANIFEST
    manifest = read_json(path, "n-gram model")
    if manifest.get("format_version") != FORMAT_VERSION or manifest.get("kind") not in KINDS:
        raise UserError(f"{path} has a format that this PocketLM does not know")
    if not _is_sound(manifest):
        raise UserError(f"{path} is damaged: its fields are not those of an n-gram model")
    files = manifest["files"]
    for name, file in files.items():
        if damage := file_damage(folder / name, file["bytes"], file["sha256"]):
            raise UserError(damage)
    tokenizer = Tokenizer.load(folder / TOKENIZER_FILE)
    found = (tokenizer.sha256, tokenizer.vocabulary_size, tokenizer.end_id)
    if found != tuple(manifest[key] for key in ("tokenizer_sha256", "vocabulary_size", "end_id")):
        raise UserError(f"{folder / TOKENIZER_FILE} is not the model's own tokenizer")
    return NgramFolder(
        path=folder,
        kind=manifest["kind"],
        order=manifest["order"],
        structure=manifest["structure"],
        files=tuple(folder / name for name in files),
        tokenizer=tokenizer,
    )


def _is_sound(manifest: dict[str, Any]) -> bool:
    """Whether the fields that are read have their types and ranges, and files are the kind's."""
    if not matches(manifest, _SHAPE):
        return False
    kind, order = manifest["kind"], manifest["order"]
    structures = STRUCTURES if kind == "kenlm" else (_SORTED_ARRAYS,)
    if not _smallest_order(kind) <= order <= LARGEST_ORDER:
        return False
    names = _model_files(kind, order)
    return (
        manifest["structure"] in structures
        and manifest["files"].keys() == set(names)
        and matches(manifest["files"], dict.fromkeys(names, _FILE))
    )


def _smallest_order(kind: str) -> int:
    return 2 if kind == "kenlm" else 1


def _model_files(kind: str, order: int) -> list[str]:
    if kind == "kenlm":
        return [KENLM_FILE]
    counts = [f"order-{i}.counts" for i in range(1, order + 1)]
    return counts + [f"order-{i}.keys" for i in range(2, order + 1)]


def open_ngram(folder: Path) -> Predictor:
    """The predictor of an n-gram folder; UserError as in `read_ngram`."""
    model = read_ngram(folder)
    if model.kind == "table":
        return CountTable(folder.name, model.tokenizer, folder, model.order)
    return KenLM(folder.name, model.tokenizer, folder / KENLM_FILE)
