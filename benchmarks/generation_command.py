"""The command `bench generation`: models, prompts, a judge -> generation.py -> a table or JSON."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from pocketlm.model.commands import JSON_OPTION

FORMAT_VERSION = 1
PEOPLE = "people"
SHOWN = 5  # texts of each model
_PATH = click.Path(path_type=Path)


@click.command("generation")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=_PATH)
@click.option("--prompts", required=True, type=_PATH, help="Beginnings of lines, one a line.")
@click.option(
    "--judge", default="en-base", show_default=True, type=_PATH, help="A MODEL that writes nothing."
)
@click.option("--people", type=_PATH, help="Text that people wrote, judged as the models' texts.")
@click.option(
    "--count", type=click.IntRange(1), default=10, show_default=True, help="Texts a prompt."
)
@click.option("--temperature", type=float, default=1.0, show_default=True, help="Of the draws.")
@click.option("--top-k", type=int, default=0, help="Draw from the k likeliest (0: all).")
@click.option(
    "--top-p", type=float, default=1.0, show_default=True, help="Draw from those that hold p."
)
@click.option("--max-tokens", type=click.IntRange(1), default=40, show_default=True, help="A text.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of all draws.")
@JSON_OPTION
def generation(
    models: tuple[Path, ...],
    prompts: Path,
    judge: Path,
    people: Path | None,
    count: int,
    temperature: float,
    top_k: int,
    top_p: float,
    max_tokens: int,
    seed: int,
    as_json: bool,
) -> None:
    """What models write from the same prompts and seeds: a judge's perplexity, and distinct-n.

    docs/family.md defines the figures.

    \b
    Example:
      pocketlm bench generation kenlm-3 runs/gru --prompts prompts.txt --judge en-base
    """
    from pocketlm.benchmarks.generation import Writing, judged, write
    from pocketlm.benchmarks.typing_command import draw_lines
    from pocketlm.console import emit_json, output, progress_bar
    from pocketlm.model.corpus import text_lines
    from pocketlm.model.errors import UserError
    from pocketlm.model.generate import Sampling
    from pocketlm.models import open_model

    writing = Writing(Sampling(temperature, top_k, top_p), count, seed, max_tokens)
    begun = [line for document in text_lines(prompts) for line in document]
    if not begun:
        raise UserError(f"{prompts} has no prompt")
    written = {}
    for model in models:
        predictor = open_model(model)
        with progress_bar(f"writing with {predictor.name}") as progress:
            written[predictor.name] = write(predictor, begun, writing, progress)
    if people:
        written[PEOPLE] = draw_lines(people, len(begun) * count, seed)
    words = min(sum(len(text.split()) for text in texts) for texts in written.values())
    opened = open_model(judge)
    results: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "command": shlex.join(["pocketlm", *sys.argv[1:]]),
        "judge": opened.name,
        "prompts": begun,
        "seed": seed,
        "distinct_of_words": words,
        "models": [
            {
                "name": name,
                **judged(texts, opened, words),
                "shown": [] if name == PEOPLE else texts[:SHOWN],  # a corpus' text is not ours
            }
            for name, texts in written.items()
        ],
    }
    if as_json:
        emit_json(results)
        return
    output.print(_table(results["models"]))


def _table(models: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("model")
    titles = ("words a text", "judge's perplexity", "distinct-1", "distinct-2", "distinct-3")
    for title in titles:
        table.add_column(title, justify="right")
    for model in models:
        table.add_row(
            model["name"],
            f"{model['words_a_text']:.1f}",
            f"{model['judge_word_perplexity']:.1f}",
            *(f"{model[f'distinct_{n}']:.3f}" for n in (1, 2, 3)),
        )
    return table
