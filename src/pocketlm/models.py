"""MODEL on the command line: a run folder, a bundle or an n-gram folder, opened as a predictor."""

from pathlib import Path

from pocketlm.model.errors import UserError
from pocketlm.model.predictor import Predictor
from pocketlm.model.tokenizer import Tokenizer

_MARKERS = {"manifest.json": "bundle", "ngram.json": "n-gram", "config.json": "run"}


def model_kind(path: Path) -> str:
    """`bundle`, `n-gram` or `run`, by the file that marks such a folder."""
    if not path.is_dir():
        raise UserError(f"{path}: no such model folder")
    for marker, kind in _MARKERS.items():
        if (path / marker).is_file():
            return kind
    raise UserError(f"{path} is no model: none of {', '.join(_MARKERS)} is in it")


def open_model(path: Path) -> Predictor:
    """Open a MODEL of any kind; what it needs is imported only then."""
    kind = model_kind(path)
    if kind == "bundle":
        from pocketlm.export.bundle import open_bundle

        return open_bundle(path)
    if kind == "n-gram":
        from pocketlm.benchmarks.ngram import open_ngram

        return open_ngram(path)
    from pocketlm.model.network import open_run

    return open_run(path)


def open_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a `.model` file, or of a MODEL folder."""
    if path.is_dir():
        model_kind(path)
        return Tokenizer.load(path / "tokenizer.model")
    return Tokenizer.load(path)
