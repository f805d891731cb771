"""What a training tells those who watch it, and the plainest way to show it."""

import math
import sys
import time
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Status:
    """What a progress display shows after a step."""

    step: int
    tokens: int
    loss: float
    tokens_per_second: float
    fraction: float  # of the run, 0..1
    seconds_left: float
    valid: float | None  # of the validation: word perplexity, or a task's loss


class Progress(Protocol):
    """Where a training reports to."""

    def note(self, text: str) -> None:
        """Say something that happened, in one line."""

    def update(self, status: Status) -> None:
        """Show the state of the run; called after each step."""


class PlainProgress:
    """Lines on standard error, a few a minute: for logs and machines without a terminal library."""

    def __init__(self, every_seconds: float = 20.0) -> None:
        self._every, self._last = every_seconds, -math.inf

    def note(self, text: str) -> None:
        """See Progress."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201

    def update(self, status: Status) -> None:
        """See Progress."""
        if time.monotonic() - self._last < self._every:
            return
        self._last = time.monotonic()
        self.note(
            f"step {status.step}  {100 * status.fraction:.0f} %  loss {status.loss:.3f}  "
            f"{status.tokens_per_second:,.0f} tokens/s  {status.seconds_left / 60:.1f} min left"
        )


class NoProgress:
    """Shows nothing: for all processes of a training but one."""

    def note(self, text: str) -> None:
        """See Progress."""

    def update(self, status: Status) -> None:
        """See Progress."""
