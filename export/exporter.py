"""From a run folder, or a bundle with weights, to a verified bundle.

open_network -> recipe -> model.pte -> gates -> run the written file against eager -> manifest
             -> rename
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pocketlm import __version__
from pocketlm.export.bundle import (
    FORMAT_VERSION,
    MANIFEST,
    PROGRAM,
    TOKENIZER,
    describe_files,
    read_manifest,
    write_manifest,
)
from pocketlm.export.layout import (
    bytes_by_part,
    check_operators,
    check_weights_once,
    operators,
    predicted_memory,
)
from pocketlm.export.quiet import quiet_native
from pocketlm.export.recipes import RECIPES
from pocketlm.export.runtime import ProgramPredictor
from pocketlm.export.verify import check_quality, compare
from pocketlm.model.errors import UserError
from pocketlm.model.files import atomic_folder, read_json
from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.lexicon import LEXICON, Lexicon
from pocketlm.model.network import NetworkPredictor
from pocketlm.model.run_folder import RECORD
from pocketlm.model.steady import read_steadily
from pocketlm.model.tokenizer import END_ID, UNKNOWN_ID, Tokenizer
from pocketlm.model.weights import WEIGHTS, save_weights
from pocketlm.models import model_marker, open_network, resolve_model

VERIFY_TOKENS = 4000


def export_bundle(
    run: Path,
    recipe: str,
    out: Path,
    lines: Sequence[str],
    notify: Callable[[str], None] = lambda _: None,
    verify_tokens: int = VERIFY_TOKENS,
    with_weights: bool = False,
) -> dict[str, Any]:
    """Export the best weights of a run and return the manifest.

    Args:
        run: a run, or a bundle that carries its weights.
        recipe: one of RECIPES.
        out: the bundle; replaced only if it is one, and only once the new one has passed.
        lines: real text for the verification.
        notify: told of each step in one line.
        verify_tokens: how many tokens are compared.
        with_weights: whether the weights go along, to train on from.

    Raises:
        UserError: the run is unusable, or the program fails a gate.
    """
    if recipe not in RECIPES:
        raise UserError(f"no recipe {recipe!r}: choose one of {', '.join(RECIPES)}")
    model, tokenizer, lexicon, training = read_steadily(
        model_marker(run), lambda: _read_source(run)
    )
    with atomic_folder(out, MANIFEST) as folder:
        notify(f"lowering {model.parameter_count():,} parameters with the recipe {recipe}")
        with quiet_native():
            program, largest_error = RECIPES[recipe](model)
        with (folder / PROGRAM).open("wb") as file:
            program.write_to_file(file)
        tokenizer.save(folder / TOKENIZER)
        if lexicon:
            lexicon.save(folder / LEXICON)
        if with_weights:
            save_weights(folder / WEIGHTS, model, tokenizer)

        found = operators(program)
        check_operators(found, recipe)
        if recipe == "zero-copy":
            check_weights_once(folder / PROGRAM, model)

        notify(f"verifying the written file on {verify_tokens:,} tokens")
        exported = ProgramPredictor(folder / PROGRAM, tokenizer, out.name)
        eager = NetworkPredictor(model, tokenizer, resolve_model(run).name)
        quality = compare(eager, exported, lines, verify_tokens)
        check_quality(quality)

        files = describe_files(folder)
        parts = bytes_by_part(model, recipe, files[PROGRAM]["bytes"])
        manifest = {
            "format_version": FORMAT_VERSION,
            "name": out.name,
            "recipe": recipe,
            "made_by": f"pocketlm {__version__}",
            "files": files,
            "bytes_by_part": parts,
            "model": {**asdict(model.config), "parameters": model.parameter_count()},
            "methods": _methods(model),
            "tokenizer": _tokenizer_entry(tokenizer),
            "quantisation": _quantisation(recipe, largest_error),
            "operators": found,
            "predicted_memory": predicted_memory(program, model, recipe, parts),
            "quality": asdict(quality),
            "training": training,
        }
        return write_manifest(folder, manifest)


def _read_source(
    model: Path,
) -> tuple[RecurrentLanguageModel, Tokenizer, Lexicon | None, dict[str, Any] | None]:
    """The weights and tokens of a MODEL, its lexicon, and what its training was."""
    network, tokenizer = open_network(model)
    folder = resolve_model(model)
    return network, tokenizer, Lexicon.of(folder, tokenizer), _training_summary(folder)


def _methods(model: RecurrentLanguageModel) -> dict[str, Any]:
    config = model.config
    state = {"name": "state", "dtype": "float32", "shape": [config.layers, 1, config.hidden]}
    token = {"name": "token", "dtype": "int64", "shape": [1, 1]}
    logits = {"name": "logits", "dtype": "float32", "shape": [1, config.vocabulary_size]}
    return {
        "forward": {"inputs": [token, state], "outputs": [logits, state]},
        "initial_state": {"inputs": [], "outputs": [state]},
    }


def _tokenizer_entry(tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "type": "sentencepiece unigram, byte fallback, identity normalisation",
        "vocabulary_size": tokenizer.vocabulary_size,
        "end_id": END_ID,
        "unknown_id": UNKNOWN_ID,
        "sha256": tokenizer.sha256,
    }


def _quantisation(recipe: str, largest_error: float) -> dict[str, Any]:
    if recipe == "float":
        return {"weights": "float32", "activations": "float32", "largest_error": 0.0}
    activations = "int8, dynamic" if recipe == "xnnpack" else "float32"
    return {
        "weights": "int8, symmetric, one scale a row",
        "activations": activations,
        "largest_error": largest_error,
    }


def _training_summary(run: Path) -> dict[str, Any] | None:
    """What the run record says of where the weights come from; None for a run still going on."""
    if (run / MANIFEST).is_file():
        summary: dict[str, Any] | None = read_manifest(run).get("training")
        return summary
    if not (run / RECORD).is_file():
        return None
    record = read_json(run / RECORD, "run record")
    summary = {key: record.get(key) for key in ("corpus", "tokens", "epochs", "metrics", "seed")}
    if isinstance(summary["corpus"], dict):
        summary["corpus"] = {k: summary["corpus"].get(k) for k in ("name", "sha256")}
    return summary
