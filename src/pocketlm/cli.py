"""All commands in one place; what they do is in the folders that they belong to."""

import click

from pocketlm import __version__
from pocketlm.benchmarks.commands import bench, ngram
from pocketlm.demo import demo
from pocketlm.export.commands import export, inspect
from pocketlm.model.commands import evaluate, generate, score, suggest
from pocketlm.model.fill_command import fill
from pocketlm.model.tasks.commands import task
from pocketlm.model.train_command import train


class _InOrder(click.Group):
    """A group that lists its commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="pocketlm")
def cli() -> None:
    """Compact language models for phone keyboards.

    From text to a phone-ready model: train, evaluate, export, measure, suggest. MODEL is a run
    folder, a bundle, an n-gram folder, or one of the English models in the package, en-base (where
    none is named) and en-small.

    \b
    Example:
      pocketlm suggest "see you "
      pocketlm demo
      pocketlm train --corpus messages.txt --preset small --max-minutes 30 --out runs/mine
      pocketlm export runs/mine --out bundles/mine
      pocketlm suggest "see you " --model bundles/mine
    """


ASKING = (evaluate, score, generate, suggest, fill)
for command in (train, *ASKING, export, inspect, task, ngram, bench, demo):
    cli.add_command(command)
