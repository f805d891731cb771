"""MODEL on the command line as something that suggests words."""

from collections.abc import Set
from pathlib import Path

from pocketlm.model.blocklist import offensive_words
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.predictor import Predictor
from pocketlm.model.steady import read_steadily
from pocketlm.model.suggest import Suggester
from pocketlm.model.text_entry import EXPANSIONS, TextEntry
from pocketlm.models import model_marker, open_model, resolve_model


def open_suggester(
    model: Path,
    blocked: Set[str] | None = None,
    expansions: int = EXPANSIONS,
    thorough: bool = False,
) -> Suggester:
    """The suggester over a MODEL, with the lexicon that lies beside it.

    Args:
        model: a shipped model's name, or a folder.
        blocked: folded words that are never suggested; our list of offensive words if None.
        expansions: see Suggester.
        thorough: see Suggester.
    """
    blocked = offensive_words() if blocked is None else blocked
    folder = resolve_model(model)
    predictor, known = read_steadily(model_marker(folder), lambda: _open_with_lexicon(folder))
    return Suggester(predictor, known, blocked, expansions, thorough)


def _open_with_lexicon(folder: Path) -> tuple[Predictor, Lexicon | None]:
    predictor = open_model(folder)
    return predictor, Lexicon.of(folder, predictor.tokenizer)


def open_text_entry(
    model: Path, blocked: Set[str], expansions: int, thorough: bool = False
) -> TextEntry:
    """The suggester over a MODEL, or Presage where the folder is one of Presage's."""
    if (model / "presage.json").is_file():
        from pocketlm.benchmarks.presage import open_presage

        return open_presage(model)
    return open_suggester(model, blocked, expansions, thorough)
