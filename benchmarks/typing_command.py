"""The command `bench typing`: models -> keystrokes.py -> a table or JSON."""

import math
import random
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pocketlm.benchmarks.typed_as import WAYS, WITHOUT_CASE, typed_as
from pocketlm.model.commands import JSON_OPTION
from pocketlm.model.text_entry import EXPANSIONS

FORMAT_VERSION = 1
_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("models", metavar="[MODEL]...", nargs=-1, type=_PATH)
@click.option("--text", required=True, type=_PATH, help="Text to type, one utterance a line.")
@click.option(
    "--slots", type=click.IntRange(1, 10), default=3, show_default=True, help="On the strip."
)
@click.option("--ignore-case", is_flag=True, help="A word in another case is the right one too.")
@click.option(
    "--typed",
    type=click.Choice(list(WAYS)),
    default="written",
    show_default=True,
    help="As it is written, or otherwise; with other capitals, case is ignored.",
)
@click.option("--lines", type=click.IntRange(1), help="Only so many lines, drawn with the seed.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of all draws.")
@click.option(
    "--expansions",
    type=click.IntRange(1),
    default=EXPANSIONS,
    show_default=True,
    help="Steps of the network that a list may cost, a finished word's among them.",
)
@click.option(
    "--thorough",
    is_flag=True,
    help="Look into all that may matter, not only by estimates; with many, exhaustive.",
)
@click.option(
    "--times",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Type the text so often, for times less of the machine's noise: a list's is its median.",
)
@JSON_OPTION
def typing(
    models: tuple[Path, ...],
    text: Path,
    slots: int,
    ignore_case: bool,
    typed: str,
    lines: int | None,
    seed: int,
    expansions: int,
    thorough: bool,
    times: int,
    as_json: bool,
) -> None:
    """Keystroke savings and next-word recall of models (default: en-base), on the same lines.

    The first MODEL is compared with each of the others. A folder of `ngram train --kind presage`
    is a MODEL here too. No word is blocked. docs/typing.md defines the figures.

    \b
    Example:
      pocketlm bench typing en-base kenlm-5 --text test.txt --lines 500
      pocketlm bench typing en-small --text test.txt --lines 500 --typed emoji
    """
    from pocketlm.benchmarks.keystrokes import difference, summary, together
    from pocketlm.console import emit_json, output
    from pocketlm.models import DEFAULT_MODEL

    drawn = draw_lines(text, lines, seed)
    drawn = typed_as(drawn, typed, seed)
    ignore_case = ignore_case or typed in WITHOUT_CASE
    rounds = [
        [
            _type(model, drawn, slots, ignore_case, expansions, thorough)
            for model in models or (DEFAULT_MODEL,)
        ]
        for _ in range(times)
    ]
    measured = [together(each) for each in zip(*rounds, strict=True)]
    results: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "command": shlex.join(["pocketlm", *sys.argv[1:]]),
        "text": text.name,
        "lines": len(drawn),
        "slots": slots,
        "ignore_case": ignore_case,
        "typed": typed,
        "expansions": expansions,
        "thorough": thorough,
        "times": times,
        "models": [summary(each, seed) for each in measured],
        "differences": [difference(measured[0], other, seed) for other in measured[1:]],
    }
    if as_json:
        emit_json(results)
        return
    output.print(_table(results["models"]))
    for line in _time_lines(results["models"]) + _difference_lines(results["differences"]):
        click.echo(line)


def draw_lines(path: Path, count: int | None, seed: int) -> list[str]:
    """Lines of a text in their order: all, or `count` drawn without replacement."""
    from pocketlm.model.corpus import text_lines

    lines = [line for document in text_lines(path) for line in document]
    if count is None or count >= len(lines):
        return lines
    drawn = random.Random(seed).sample(range(len(lines)), count)
    return [lines[i] for i in sorted(drawn)]


def _type(
    model: Path,
    lines: Sequence[str],
    slots: int,
    ignore_case: bool,
    expansions: int,
    thorough: bool,
) -> Any:
    """One model's counts; one thread, as on a phone."""
    import torch

    from pocketlm.benchmarks.keystrokes import type_text
    from pocketlm.console import note, progress_bar
    from pocketlm.export.quiet import quiet_native
    from pocketlm.text_entries import open_text_entry

    with quiet_native():
        from pocketlm.export.runtime import use_one_thread

    torch.set_num_threads(1)
    use_one_thread()
    entry = open_text_entry(model, frozenset(), expansions, thorough)
    for doubt in entry.doubts(ignore_case):
        note(f"{entry.name}: {doubt}")
    done = 0
    with progress_bar(f"typing with {entry.name}") as progress:

        def each_line() -> None:
            nonlocal done
            done += 1
            progress(done / len(lines))

        return type_text(entry, lines, slots, ignore_case, each_line)


def _table(models: Sequence[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("model")
    for title in ("saved %", "95 %", "at most", "top-1 %", "top-3 %", "ms", "p99 ms"):
        table.add_column(title, justify="right")
    for model in models:
        low, high = model["confidence_95"]["keystroke_savings"]
        table.add_row(
            model["name"],
            f"{model['keystroke_savings']:.1f}",
            f"{low:.1f}..{high:.1f}",
            f"{model['keystroke_savings_upper_bound']:.1f}",
            f"{model['top1']:.1f}",
            f"{model['top3']:.1f}",
            *(
                "-" if model["latency_ms"][name] is None else f"{model['latency_ms'][name]:.2f}"
                for name in ("median", "p99")
            ),
        )
    return table


def _time_lines(models: Sequence[dict[str, Any]]) -> list[str]:
    """What the times of single typings were, where there are several."""
    lines = []
    for model in models:
        each = [once["p99"] for once in model["latency_ms_each_time"]]
        if len(each) > 1 and None not in each:
            lines.append(
                f"{model['name']}: a list's time is the median of {len(each)}; "
                f"the p99 of each typing was {min(each):.2f}..{max(each):.2f} ms"
            )
    return lines


def _difference_lines(differences: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    for each in differences:
        parts = []
        for name, what in (
            ("keystroke_savings_points", "points saved"),
            ("top1_percent", "% top-1"),
            ("top3_percent", "% top-3"),
        ):
            low, high = each["confidence_95"][name]
            if math.isfinite(each[name]):
                parts.append(f"{each[name]:+.1f} {what} ({low:+.1f}..{high:+.1f})")
        lines.append(f"{each['name']} against {each['against']}: {', '.join(parts)}")
    return lines
