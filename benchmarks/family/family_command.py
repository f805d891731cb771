"""The command `bench family`: settings -> family.py -> a folder, a table or JSON."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from pocketlm.benchmarks.options import CORPUS_OPTION, TOKENS_OPTION
from pocketlm.model.commands import JSON_OPTION


@click.command("family")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder.")
@CORPUS_OPTION
@TOKENS_OPTION
@click.option(
    "--parameters",
    type=click.IntRange(10_000, 20_000_000),
    default=1_000_000,
    show_default=True,
    help="Of each network, as near as its width allows.",
)
@click.option(
    "--steps",
    type=click.IntRange(4),
    default=150,
    show_default=True,
    help="Of each training, of 3,072 tokens.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of all draws.")
@JSON_OPTION
def family(
    out: Path, corpus: str, tokens: str, parameters: int, steps: int, seed: int, as_json: bool
) -> None:
    """RNN, GRU, and both with two layers: equal in parameters and tokens.

    Perplexity, speed, multiply-adds, reach, what is left of a gradient back in time, and an
    exploding one with and without clipping. What is finished is kept, and the same command goes on
    where it stopped; docs/family.md.

    \b
    Example:
      pocketlm bench family --out family
      pocketlm bench family --steps 1200 --out family
    """
    from pocketlm.benchmarks.family.family import measure_family
    from pocketlm.benchmarks.family.members import FamilyPlan
    from pocketlm.console import emit_json, note, output, progress_bar

    plan = FamilyPlan(parameters=parameters, steps=steps, seed=seed)
    command = shlex.join(["pocketlm", *sys.argv[1:]])
    with progress_bar("exploding") as progress:
        results = measure_family(plan, corpus, tokens, out, command, note, progress)
    if as_json:
        emit_json(results)
        return
    output.print(_table(results))
    note(f"charts: {out / 'charts'}")


def _table(results: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("network")
    titles = ("hidden", "parameters", "perplexity", "by document", "tokens/s", "multiply-adds",
              "gradient left 8 back", "34 back")  # fmt: skip
    for title in titles:
        table.add_column(title, justify="right")
    lags = results["lags"]
    for member in results["members"]:
        shares = [member["gradient_share"][lags.index(lag)]["median"] for lag in (8, 34)]
        table.add_row(
            member["name"],
            f"{member['hidden']:,}",
            f"{member['parameters']:,}",
            f"{member['word_perplexity_line']:.1f}",
            f"{member['word_perplexity_document']:.1f}",
            f"{member['tokens_per_second']['median']:,.0f}",
            f"{member['multiply_adds']:,}",
            *(f"{share:.2g}" for share in shares),
        )
    return table
