"""MODEL on the command line as something that suggests words."""

from collections.abc import Set
from pathlib import Path

from pocketlm.model.lexicon import LEXICON, Lexicon
from pocketlm.model.suggest import EXPANSIONS, Suggester
from pocketlm.model.text_entry import TextEntry
from pocketlm.models import open_model, resolve_model


def open_suggester(
    model: Path, blocked: Set[str] = frozenset(), expansions: int = EXPANSIONS
) -> Suggester:
    """The suggester over a MODEL, with the lexicon that lies beside it."""
    folder = resolve_model(model)
    predictor = open_model(folder)
    lexicon = folder / LEXICON
    known = Lexicon.load(lexicon, predictor.tokenizer) if lexicon.is_file() else None
    return Suggester(predictor, known, blocked, expansions)


def open_text_entry(model: Path, blocked: Set[str], expansions: int) -> TextEntry:
    """The suggester over a MODEL, or Presage where the folder is one of Presage's."""
    if (model / "presage.json").is_file():
        from pocketlm.benchmarks.presage import open_presage

        return open_presage(model)
    return open_suggester(model, blocked, expansions)
