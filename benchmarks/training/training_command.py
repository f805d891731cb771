"""The command `bench training`: settings -> parts, race, scaling -> results.json and tables."""

import shlex
import sys
from pathlib import Path

import click

from pocketlm.benchmarks.options import CORPUS_OPTION, TOKENS_OPTION
from pocketlm.model.commands import JSON_OPTION

PARTS = ("parts", "loops", "softmax", "compile", "ranks")


@click.command("training")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder.")
@CORPUS_OPTION
@TOKENS_OPTION
@click.option(
    "--preset",
    type=click.Choice(["tiny", "small", "base"]),
    default="base",
    show_default=True,
    help="Sizes of the network.",
)
@click.option(
    "--steps",
    type=click.IntRange(10),
    default=400,
    show_default=True,
    help="Of each training that is compared, of 3,072 tokens.",
)
@click.option(
    "--only",
    type=click.Choice(PARTS),
    multiple=True,
    help="Measure only this, again for more than one.  [default: all]",
)
@JSON_OPTION
def training(
    out: Path,
    corpus: str,
    tokens: str,
    preset: str,
    steps: int,
    only: tuple[str, ...],
    as_json: bool,
) -> None:
    """How fast the trainer is, on this machine's CPU.

    Where the time of a step goes; this trainer beside a plain PyTorch loop of the same network, a
    step of each in turn; sampled softmaxes beside the whole one; torch.compile; one process beside
    two. What each reaches after the same tokens stands beside its speed; docs/scaling.md.

    \b
    Example:
      pocketlm bench training --out training
      pocketlm bench training --only ranks --out training
    """
    from pocketlm.benchmarks.training.measure import measure_training, tables
    from pocketlm.console import emit_json, note, output, progress_bar

    command = shlex.join(["pocketlm", *sys.argv[1:]])
    results = measure_training(
        out, corpus, tokens, preset, steps, only or PARTS, command, note, progress_bar
    )
    if as_json:
        emit_json(results)
        return
    for text in tables(results):
        output.print(text, markup=False, highlight=False, soft_wrap=True)
