"""The command `bench fill`: models and gaps -> filling.py -> a table or JSON."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pocketlm.model.commands import JSON_OPTION

if TYPE_CHECKING:
    from pocketlm.model.fill import Filler

FORMAT_VERSION = 1
_PATH = click.Path(path_type=Path)


@click.command("fill")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=_PATH)
@click.option("--text", required=True, type=_PATH, help="Text to take words out of.")
@click.option(
    "--gaps", type=click.IntRange(2), default=1000, show_default=True, help="One a line, drawn."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of all draws.")
@JSON_OPTION
def fill_command(models: tuple[Path, ...], text: Path, gaps: int, seed: int, as_json: bool) -> None:
    """How often the word of a gap is found first, and among three.

    A MODEL that reads forward is asked twice: for suggestions after the left side alone, and as
    `pocketlm fill` does. Each way is compared with the first. docs/family.md defines the figures.

    \b
    Example:
      pocketlm bench fill runs/gru runs/fill --text test.txt
    """
    from pocketlm.benchmarks.filling import accuracies, draw_gaps, filled, gains
    from pocketlm.benchmarks.typing_command import draw_lines
    from pocketlm.console import emit_json, output, progress_bar
    from pocketlm.model.errors import UserError

    drawn = draw_gaps(draw_lines(text, None, seed), gaps, seed)
    if not drawn:
        raise UserError(f"{text} has no line with a word that could be a gap")
    measured = []
    for how, filler in ((how, filler) for model in models for how, filler in _fillers(model)):
        with progress_bar(f"{filler.name}, {how}") as progress:
            measured.append((filler.name, how, filled(filler, drawn, progress)))
    first = measured[0][2]
    results: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "command": shlex.join(["pocketlm", *sys.argv[1:]]),
        "text": text.name,
        "gaps": len(drawn),
        "ways": [
            {
                "model": name,
                "sides": how,
                "accuracy": accuracies(found, seed),
                "gain": gains(found, first, seed),
            }
            for name, how, found in measured
        ],
    }
    if as_json:
        emit_json(results)
        return
    output.print(_table(results["ways"]))


def _fillers(model: Path) -> "list[tuple[str, Filler]]":
    """The ways in which a MODEL fills gaps; no word is blocked."""
    from pocketlm.benchmarks.filling import LeftOnly
    from pocketlm.model.fill import Rescored
    from pocketlm.model.fill_command import open_filler

    filler = open_filler(model, frozenset())
    if isinstance(filler, Rescored):
        return [("left", LeftOnly(filler.suggester)), ("left, ranked by the line", filler)]
    return [("both", filler)]


def _table(ways: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("model", "sides"):
        table.add_column(title)
    for title in ("first %", "among three %", "points more", "points more"):
        table.add_column(title, justify="right")
    for way in ways:
        estimates = [way[part][at] for part in ("accuracy", "gain") for at in ("at_1", "at_3")]
        cells = [f"{e['value']:.1f} ({e['low']:.1f}..{e['high']:.1f})" for e in estimates]
        table.add_row(way["model"], way["sides"], *cells)
    return table
