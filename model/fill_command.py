"""The command `fill`: a text with a gap -> a Filler -> words."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pocketlm.model.commands import JSON_OPTION, MODEL_OPTION

if TYPE_CHECKING:
    from collections.abc import Set

    from pocketlm.model.fill import Filler


@click.command()
@click.argument("text")
@MODEL_OPTION
@click.option(
    "-k", "count", type=click.IntRange(1, 100), default=3, show_default=True, help="How many words."
)
@click.option("--allow-offensive", is_flag=True, help="Offer slurs and vulgar words too.")
@JSON_OPTION
def fill(text: str, model_path: Path, count: int, allow_offensive: bool, as_json: bool) -> None:
    """Words for the gap, ___, in TEXT, from both of its sides.

    MODEL is a run of `train --direction both`, which reads both sides, or any model: its
    candidates after the left side are then ranked by the probability of the whole line;
    docs/family.md. Letters before the gap begin the word.

    \b
    Example:
      pocketlm fill "see you ___ morning"
      pocketlm fill "see you t___ morning" --model runs/fill
    """
    from pocketlm.console import emit_json
    from pocketlm.model.blocklist import offensive_words
    from pocketlm.model.fill import split_gap

    left, right = split_gap(text)
    filler = open_filler(model_path, frozenset() if allow_offensive else offensive_words())
    found = filler.fill(left, right, count)
    if as_json:
        words = [dataclasses.asdict(each) for each in found]
        emit_json({"left": left, "right": right, "words": words})
        return
    for each in found:
        click.echo(f"{each.probability:8.4f}  {each.word}")


def open_filler(model: Path, blocked: "Set[str]") -> "Filler":
    """What fills gaps with a MODEL: of both directions where it is one."""
    from pocketlm.model.steady import read_steadily
    from pocketlm.models import model_marker

    return read_steadily(model_marker(model), lambda: _open_filler(model, blocked))


def _open_filler(model: Path, blocked: "Set[str]") -> "Filler":
    from pocketlm.model.fill import BothSides, Rescored
    from pocketlm.model.lexicon import Lexicon
    from pocketlm.model.network import NetworkPredictor
    from pocketlm.model.run_folder import load_gap_run, run_config
    from pocketlm.model.weights import WEIGHTS
    from pocketlm.models import model_kind, open_model, open_network, resolve_model

    folder = resolve_model(model)
    kind = model_kind(folder)
    if kind == "run" and run_config(folder).direction == "both":
        network, tokenizer = load_gap_run(folder)
        lexicon = Lexicon.of(folder, tokenizer)
        return BothSides(network, tokenizer, folder.name, lexicon, blocked)
    whole_lines = kind == "bundle" and (folder / WEIGHTS).is_file()  # at once, not by steps
    predictor = (
        NetworkPredictor(*open_network(model), folder.name) if whole_lines else open_model(model)
    )
    return Rescored(predictor, Lexicon.of(folder, predictor.tokenizer), blocked)
