"""A bundle: the folder that a phone takes.

    model.pte         the program: forward(token, state), initial_state()
    tokenizer.model   SentencePiece
    manifest.json     what the files are, how large, how good, and their SHA-256

and, where they were there to export or asked for,

    lexicon.bin           the words that may be suggested
    weights.safetensors   float16, to train on from; no phone needs them

The manifest holds a hash of itself too, so that damage anywhere in the folder is seen before the
runtime maps the program.
"""

import json
from pathlib import Path
from typing import Any

from pocketlm.export.program_check import program_damage
from pocketlm.export.quiet import quiet_native
from pocketlm.model.errors import UserError
from pocketlm.model.files import (
    combined_hash,
    describe_file,
    file_damage,
    read_json,
    write_json,
)
from pocketlm.model.lexicon import LEXICON
from pocketlm.model.predictor import Predictor
from pocketlm.model.settings import matches
from pocketlm.model.steady import steady
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.weights import WEIGHTS

FORMAT_VERSION = 1
MANIFEST, PROGRAM, TOKENIZER = "manifest.json", "model.pte", "tokenizer.model"
NEEDED, OPTIONAL = (PROGRAM, TOKENIZER), (LEXICON, WEIGHTS)
_OWN_HASH = "manifest_sha256"
_FILE = {"bytes": int, "sha256": str}
# What readers of a manifest rely on.
_SHAPE = {
    "name": str,
    "recipe": str,
    "files": {PROGRAM: _FILE, TOKENIZER: _FILE},
    "bytes_by_part": {"embedding": int, "recurrent": int, "program": int},
    "model": dict.fromkeys(("vocabulary_size", "embedding", "hidden", "layers", "parameters"), int),
    "tokenizer": {"end_id": int, "vocabulary_size": int, "sha256": str},
    "quantisation": {"weights": str, "activations": str, "largest_error": float},
    "operators": {"delegates": list[str], "outside_delegates": list[str]},
    "predicted_memory": {"private_bytes": int, "file_backed_bytes_at_most": int},
    "quality": {
        "tokens": int,
        "word_perplexity": float,
        "word_perplexity_eager": float,
        "perplexity_loss": float,
        "argmax_agreement": float,
        "mean_kl": float,
    },
}


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Bytes and SHA-256 of what is in a bundle beside its manifest."""
    present = [name for name in OPTIONAL if (folder / name).is_file()]
    return {name: describe_file(folder / name) for name in (*NEEDED, *present)}


def write_manifest(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Add the manifest's own hash and write it; returns what was written."""
    whole = seal(manifest)
    write_json(folder / MANIFEST, whole)
    return whole


def seal(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with its own hash."""
    return {**manifest, _OWN_HASH: _manifest_hash(manifest)}


def read_sealed(folder: Path) -> dict[str, Any]:
    """A manifest of any kind of bundle, checked against its own hash and format; else UserError."""
    manifest = read_json(folder / MANIFEST, "bundle's manifest")
    found = manifest.get("format_version")
    if found != FORMAT_VERSION:
        raise UserError(
            f"{folder / MANIFEST}: format {found!r}, this PocketLM reads {FORMAT_VERSION}"
        )
    content = {key: value for key, value in manifest.items() if key != _OWN_HASH}
    if manifest.get(_OWN_HASH) != _manifest_hash(content):
        raise UserError(f"{folder / MANIFEST} is damaged: it does not match its own hash")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, checked against its own hash and format.

    Raises:
        UserError: it is missing, damaged or of another format.
    """
    manifest = read_sealed(folder)
    if manifest.get("kind") == "task":
        raise UserError(f"{folder} is a bundle of a task: see `pocketlm task --help`")
    sound = matches(manifest, _SHAPE) and _names_known_files(manifest["files"])
    if not sound or not all(type(size) is int for size in manifest["bytes_by_part"].values()):
        raise UserError(f"{folder / MANIFEST} lacks what a bundle's manifest holds")
    return manifest


def damaged_file(folder: Path, manifest: dict[str, Any]) -> str | None:
    """What is wrong with the first file that does not match the manifest; None if all do.

    A program that matches and is none of our exports is as wrong.
    """
    for name, expected in manifest["files"].items():
        if damage := file_damage(folder / name, expected["bytes"], expected["sha256"]):
            return damage
    return program_damage(folder / PROGRAM)


@steady(MANIFEST)
def checked_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, once every file that it names is checked against it; UserError if one fails."""
    manifest = read_manifest(folder)
    if damage := damaged_file(folder, manifest):
        raise UserError(damage)
    return manifest


@steady(MANIFEST)
def open_bundle(folder: Path) -> Predictor:
    """A bundle as a predictor, once everything in it is checked.

    Raises:
        UserError: a file is missing, damaged or of another format.
    """
    manifest = checked_manifest(folder)
    with quiet_native():  # the runtime comes with torch and the exporter, and takes seconds
        from pocketlm.export.runtime import ProgramPredictor
    tokenizer, sha256 = Tokenizer.load(folder / TOKENIZER), manifest["files"][PROGRAM]["sha256"]
    return ProgramPredictor(folder / PROGRAM, tokenizer, folder.name, sha256)


def _names_known_files(files: dict[str, Any]) -> bool:
    return all(name in NEEDED + OPTIONAL and matches(file, _FILE) for name, file in files.items())


def _manifest_hash(manifest: dict[str, Any]) -> str:
    return combined_hash([json.dumps(manifest, sort_keys=True, ensure_ascii=False)])
