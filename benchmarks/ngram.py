"""N-gram models as folders: what is in one, which settings can be, checks when one is opened.

ngram_training.py -> finish_folder -> FOLDER: ngram.json, tokenizer.model, the model's files
                                      -> read_ngram -> NgramFolder -> open_ngram -> Predictor

| kind       | structure       | files                                          | predictor        |
|------------|-----------------|------------------------------------------------|------------------|
| table      | sorted arrays   | count_table.py                                 | smoothing.py     |
| kneser-ney | backoff arrays  | backoff_table.py, estimated by kneser_ney.py   | backoff_table.py |
| arpa       | backoff arrays  | backoff_table.py, read by arpa.py              | backoff_table.py |
| kenlm      | trie or probing | model.binary                                   | kenlm.py         |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pocketlm.benchmarks.backoff_table import BackoffTable, backoff_table_files
from pocketlm.benchmarks.count_table import count_table_files
from pocketlm.benchmarks.kenlm import STRUCTURES, KenLM
from pocketlm.benchmarks.smoothing import (
    ADD_K,
    SMOOTHINGS,
    STUPID_BACKOFF,
    check_smoothing,
    open_count_table,
)
from pocketlm.model.errors import UserError
from pocketlm.model.files import describe_file, file_damage, read_json, write_json
from pocketlm.model.lexicon import LEXICON, Lexicon
from pocketlm.model.predictor import Predictor
from pocketlm.model.settings import matches
from pocketlm.model.steady import steady
from pocketlm.model.tokenizer import Tokenizer

MANIFEST = "ngram.json"
FORMAT_VERSION = 1
TRAINED_KINDS = ("table", "kneser-ney", "kenlm")
ARPA = "arpa"
KINDS = (*TRAINED_KINDS, ARPA)
LARGEST_ORDER = 6
KENLM_FILE = "model.binary"
TOKENIZER_FILE = "tokenizer.model"
_STRUCTURES = {
    "table": ("sorted arrays",),
    "kneser-ney": ("backoff arrays",),
    ARPA: ("backoff arrays",),
    "kenlm": tuple(STRUCTURES),
}
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
    smoothing: str = STUPID_BACKOFF  # a count table's
    add_k: float | None = None


def finish_folder(
    folder: Path,
    tokenizer: Tokenizer,
    lexicon: Lexicon | None = None,
    *,
    kind: str,
    order: int,
    structure: str,
    details: dict[str, Any],
) -> dict[str, Any]:
    """Write what belongs to every n-gram folder beside the model's files that are in it.

    Args:
        folder: holds the model's files and nothing else.
        tokenizer: the one that made the tokens.
        lexicon: for the suggester.
        kind: one of `KINDS`.
        order: N.
        structure: KenLM's; the others have one each.
        details: what the manifest says of this kind: counts, where it is from, its settings.

    Returns:
        The manifest.
    """
    model_files = sorted(path.name for path in folder.iterdir())
    tokenizer.save(folder / TOKENIZER_FILE)
    if lexicon:
        lexicon.save(folder / LEXICON)
    manifest = {
        "format_version": FORMAT_VERSION,
        "kind": kind,
        "order": order,
        "structure": structure if kind == "kenlm" else _STRUCTURES[kind][0],
        "vocabulary_size": tokenizer.vocabulary_size,
        "end_id": tokenizer.end_id,
        "tokenizer_sha256": tokenizer.sha256,
        **details,
        "files": {name: describe_file(folder / name) for name in model_files},
    }
    write_json(folder / MANIFEST, manifest)
    return manifest


def check_settings(
    kind: str,
    order: int,
    prune: Sequence[int],
    structure: str,
    smoothing: str = STUPID_BACKOFF,
    add_k: float | None = None,
) -> list[int]:
    """The pruning threshold of each order; UserError for settings that cannot be."""
    if kind not in TRAINED_KINDS:
        raise UserError(f"unknown kind of n-gram model {kind!r}: one of {', '.join(TRAINED_KINDS)}")
    check_order(kind, order)
    if kind == "kenlm" and structure not in STRUCTURES:
        raise UserError(f"unknown structure {structure!r}: one of {', '.join(STRUCTURES)}")
    thresholds = list(prune) or [0]
    if len(thresholds) > order:
        raise UserError(f"{len(thresholds)} pruning thresholds for order {order}")
    thresholds += [thresholds[-1]] * (order - len(thresholds))
    if thresholds[0] != 0 or thresholds != sorted(thresholds):
        raise UserError("pruning thresholds start at 0 and never fall, as in 0 1 2")
    if kind == "kneser-ney" and any(thresholds):
        raise UserError("kneser-ney is not pruned: --kind kenlm makes pruned Kneser-Ney models")
    if kind != "table" and (smoothing != STUPID_BACKOFF or add_k is not None):
        raise UserError(f"--smoothing and --add-k are for --kind table, not {kind}")
    check_smoothing(smoothing, add_k, thresholds)
    return thresholds


def check_order(kind: str, order: int) -> None:
    """UserError for an order that a kind of model cannot have."""
    smallest = 2 if kind == "kenlm" else 1
    if not smallest <= order <= LARGEST_ORDER:
        raise UserError(f"order {order} is outside {smallest}..{LARGEST_ORDER} for {kind}")


@steady(MANIFEST)
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
        smoothing=manifest.get("smoothing", STUPID_BACKOFF),
        add_k=manifest.get("add_k"),
    )


def _is_sound(manifest: dict[str, Any]) -> bool:
    """Whether the fields that are read have their types and ranges, and files are the kind's."""
    if not matches(manifest, _SHAPE):
        return False
    kind, order = manifest["kind"], manifest["order"]
    try:
        check_order(kind, order)
    except UserError:
        return False
    names = _model_files(kind, order)
    return (
        manifest["structure"] in _STRUCTURES[kind]
        and manifest["files"].keys() == set(names)
        and matches(manifest["files"], dict.fromkeys(names, _FILE))
        and _has_sound_smoothing(manifest)
    )


def _has_sound_smoothing(manifest: dict[str, Any]) -> bool:
    """Whether it is a known one with its k; a manifest of an earlier version names none."""
    smoothing, k = manifest.get("smoothing", STUPID_BACKOFF), manifest.get("add_k")
    if smoothing == ADD_K:
        return isinstance(k, int | float) and matches(k, float) and k > 0
    return smoothing in SMOOTHINGS and k is None


def _model_files(kind: str, order: int) -> list[str]:
    if kind == "kenlm":
        return [KENLM_FILE]
    return count_table_files(order) if kind == "table" else backoff_table_files(order)


@steady(MANIFEST)
def open_ngram(folder: Path) -> Predictor:
    """The predictor of an n-gram folder; UserError as in `read_ngram`."""
    model = read_ngram(folder)
    name = folder.name
    if model.kind == "table":
        return open_count_table(
            name, model.tokenizer, folder, model.order, model.smoothing, model.add_k
        )
    if model.kind == "kenlm":
        return KenLM(name, model.tokenizer, folder / KENLM_FILE)
    return BackoffTable(name, model.kind, model.tokenizer, folder, model.order)
