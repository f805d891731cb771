"""How the command speaks: results on standard output, everything else on standard error."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from pocketlm.model.files import finite
from pocketlm.model.progress import PlainProgress, Status

console = Console(stderr=True, highlight=False)
output = Console(highlight=False)


def emit_json(value: Any) -> None:
    """Print one JSON object on standard output; numbers that JSON lacks become null.

    What a terminal would act on is spelt out, as names in a file may hold anything.
    """
    text = json.dumps(finite(value), ensure_ascii=False, allow_nan=False)
    click.echo("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text))


def note(text: str) -> None:
    """Say in one line what goes on."""
    console.print(text, style="dim", markup=False, soft_wrap=True)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[float], None]]:
    """A bar on a terminal, nothing elsewhere; the block tells it the share that is done."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


class TrainingBar:
    """The live display of a training: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("step {task.fields[step]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[speed]} tokens/s"),
            TextColumn("valid {task.fields[valid]}"),
            TextColumn("{task.fields[left]} left"),
            console=console,
        )
        self._task = self._bar.add_task(
            "train", total=1.0, step=0, loss="-", speed="-", valid="-", left="-"
        )

        self._lines = PlainProgress()

    def __enter__(self) -> "TrainingBar":
        if console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar.live.is_started:
            self._bar.stop()

    def note(self, text: str) -> None:
        """See pocketlm.model.progress.Progress."""
        console.print(text, markup=False, soft_wrap=True)

    def update(self, status: Status) -> None:
        """See pocketlm.model.progress.Progress."""
        if not self._bar.live.is_started:
            self._lines.update(status)
            return
        valid = status.valid
        minutes, seconds = divmod(round(status.seconds_left), 60)
        self._bar.update(
            self._task,
            completed=status.fraction,
            step=status.step,
            loss=f"{status.loss:.3f}",
            speed=f"{status.tokens_per_second:,.0f}",
            valid="-" if valid is None else f"{valid:.1f}",
            left=f"{minutes}:{seconds:02d}",
        )
