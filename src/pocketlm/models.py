"""MODEL on the command line: a shipped model's name or a folder, opened as a predictor.

A folder is a run, a bundle or an n-gram folder. The names are those of the models in the package;
a model's folder of the same name in the current directory comes first.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pocketlm.model.errors import UserError
from pocketlm.model.predictor import Predictor
from pocketlm.model.steady import read_steadily
from pocketlm.model.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pocketlm.model.language_model import RecurrentLanguageModel

DEFAULT_MODEL = Path("en-base")
_SHIPPED = Path(__file__).parent / "shipped"
_MARKERS = {"manifest.json": "bundle", "ngram.json": "n-gram", "config.json": "run"}


def shipped_models() -> list[str]:
    """The names of the models in the package."""
    return sorted(path.parent.name for path in _SHIPPED.glob("*/manifest.json"))


def resolve_model(model: Path) -> Path:
    """The folder (or file) of a MODEL: the path itself, or a shipped model of that name."""
    is_one = model.is_file() or any((model / marker).is_file() for marker in _MARKERS)
    if not is_one and str(model) in shipped_models():
        return _SHIPPED / model
    return model


def model_kind(folder: Path) -> str:
    """`bundle`, `n-gram` or `run`, by the file that marks such a folder."""
    if not folder.is_dir():
        names = ", ".join(shipped_models())
        raise UserError(f"{folder}: no such model folder, nor a model of the package ({names})")
    for marker, kind in _MARKERS.items():
        if (folder / marker).is_file():
            return kind
    raise UserError(f"{folder} is no model: none of {', '.join(_MARKERS)} is in it")


def model_marker(model: Path) -> Path:
    """The file that a new one takes the place of when a MODEL's folder is replaced."""
    folder = resolve_model(model)
    found = (folder / marker for marker in _MARKERS if (folder / marker).is_file())
    return next(found, folder / next(iter(_MARKERS)))


def open_model(model: Path) -> Predictor:
    """Open a MODEL of any kind; what it needs is imported only then."""
    folder = resolve_model(model)
    kind = model_kind(folder)
    if kind == "bundle":
        from pocketlm.export.bundle import open_bundle

        return open_bundle(folder)
    if kind == "n-gram":
        from pocketlm.benchmarks.ngram import open_ngram

        return open_ngram(folder)
    from pocketlm.model.network import open_run

    return open_run(folder)


def open_network(model: Path) -> tuple["RecurrentLanguageModel", Tokenizer]:
    """The float32 weights and the tokens of a run, or of a bundle that carries its weights.

    Raises:
        UserError: it is an n-gram folder, or a bundle without weights, or damaged.
    """
    return read_steadily(model_marker(model), lambda: _open_network(model))


def _open_network(model: Path) -> tuple["RecurrentLanguageModel", Tokenizer]:
    folder = resolve_model(model)
    kind = model_kind(folder)
    if kind == "run":
        from pocketlm.model.run_folder import load_run

        return load_run(folder)[:2]
    from pocketlm.model.weights import WEIGHTS, open_weights

    if kind != "bundle" or not (folder / WEIGHTS).is_file():
        raise UserError(f"{model} has no weights to go on from: no {WEIGHTS} is in it")
    tokenizer = open_tokenizer(folder)  # which checks the bundle
    return open_weights(folder / WEIGHTS, tokenizer), tokenizer


def open_tokenizer(model: Path) -> Tokenizer:
    """The tokenizer of a `.model` file, or of a MODEL."""
    path = resolve_model(model)
    if path.is_dir():
        return read_steadily(model_marker(path), lambda: _tokenizer_of(path))
    return Tokenizer.load(path)


def _tokenizer_of(folder: Path) -> Tokenizer:
    if model_kind(folder) == "bundle":
        from pocketlm.export.bundle import checked_manifest

        checked_manifest(folder)
    return Tokenizer.load(folder / "tokenizer.model")
