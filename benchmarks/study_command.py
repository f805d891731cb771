"""The command `bench all`: settings -> study/study.py -> a report's folder, a summary or JSON."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from pocketlm.benchmarks.options import CORPUS_OPTION
from pocketlm.model.commands import JSON_OPTION

STAGES = ("growth", "quality", "reach", "speed", "process")
_PATH = click.Path(path_type=Path)


@click.command("all")
@click.option("--out", required=True, type=_PATH, help="The report's folder.")
@CORPUS_OPTION
@click.option(
    "--network",
    "networks",
    multiple=True,
    type=_PATH,
    help="A bundle; may be given again.  [default: en-base, en-small]",
)
@click.option("--quick", is_flag=True, help="Smaller everything, in minutes; not for quoting.")
@click.option(
    "--stage",
    "stages",
    multiple=True,
    type=click.Choice(STAGES),
    help="Only this part, and a report of it; may be given again.",
)
@JSON_OPTION
def all_command(
    out: Path,
    corpus: str,
    networks: tuple[Path, ...],
    quick: bool,
    stages: tuple[str, ...],
    as_json: bool,
) -> None:
    """N-gram models against networks: memory, quality, reach, speed, as one report.

    The n-gram models are built over the networks' own tokens. What is finished is kept, and the
    same command goes on where it stopped; docs/bench.md says what is in the folder.

    \b
    Example:
      pocketlm bench all --out report --quick
    """
    from pocketlm.benchmarks.study.plan import FULL, QUICK
    from pocketlm.benchmarks.study.study import run_study
    from pocketlm.console import emit_json, note

    results = run_study(
        QUICK if quick else FULL,
        corpus,
        networks or (Path("en-base"), Path("en-small")),
        out,
        stages=stages or STAGES,
        command=shlex.join(["pocketlm", *sys.argv[1:]]),
        notify=note,
    )
    if as_json:
        emit_json(results)
        return
    for line in _summary(results):
        click.echo(line)
    click.echo(f"report: {out / 'report.html'}")


def _summary(results: dict[str, Any]) -> list[str]:
    """The argument in a few lines."""
    from pocketlm.benchmarks.study.sentences import headline

    return headline(results)
