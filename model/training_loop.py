"""The loop of any training here: steps to a bound, validations, a log, checkpoints, resuming.

    one step -> update (schedule, gradient, clipping, optimizers) -> validation when due -> log
             -> checkpoint every few minutes, and where a signal interrupts

What is trained, and on what, is its subclasses': trainer.py and tasks/trainer.py. Of several
processes (ranks.py) each goes through the same steps; rank 0 writes.
"""

import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pocketlm.model.checkpoint import (
    Checkpoint,
    load_checkpoint,
    restore_training,
    save_checkpoint,
    training_tensors,
)
from pocketlm.model.errors import InterruptedRunError, UserError
from pocketlm.model.files import finite
from pocketlm.model.optimizer import Schedule, adamw, learning_rate, set_learning_rate
from pocketlm.model.progress import Progress, Status
from pocketlm.model.ranks import Ranks
from pocketlm.model.run_folder import CHECKPOINT, CONFIG, LOG
from pocketlm.model.train_log import open_log

LOG_EVERY = 50  # steps
CHECKPOINT_VERSION = 2


class LoopSettings(Schedule, Protocol):
    """What a training's settings say of its loop."""

    @property
    def clip(self) -> float:
        """The largest norm of the gradient."""

    @property
    def epochs(self) -> float | None:
        """Passes over the data at most."""

    @property
    def max_steps(self) -> int | None:
        """Steps at most."""

    @property
    def max_minutes(self) -> float | None:
        """Minutes at most, those of earlier sessions included."""

    @property
    def checkpoint_minutes(self) -> float:
        """Minutes between checkpoints."""


Settings = TypeVar("Settings", bound=LoopSettings)


class TrainingLoop(ABC, Generic[Settings]):
    """The state that every training has, and what it does with it."""

    log_columns: Sequence[str]
    device: torch.device  # of the module; set by subclasses

    def __init__(
        self,
        config: Settings,
        folder: Path,
        progress: Progress,
        module: nn.Module,
        ranks: Ranks | None = None,
    ) -> None:
        self.config, self.folder, self.progress = config, folder, progress
        self.ranks = ranks or Ranks()
        self._module = module
        self.optimizers = self._make_optimizers()
        self.step = 0
        self.seconds = 0.0  # of this run, earlier sessions included
        self.sessions = 1
        self.best = math.inf  # of what validation makes small
        self.best_step = 0
        self.curve: list[dict[str, float]] = []
        self.losses: deque[float] = deque(maxlen=LOG_EVERY)

    def run(self, interrupted: Callable[[], bool]) -> None:
        """Step until a bound, early stopping or a signal."""
        if self.step == 0:
            self.save()  # from now on there is something to resume
        started = time.monotonic() - self.seconds
        last_checkpoint = self.seconds
        with self._open_log() as log:
            while (fraction := self._fraction()) < 1 and not self._out_of_patience():
                row = self.train_step(fraction)
                self.seconds = time.monotonic() - started
                if self._validation_is_due():
                    log(self._log_row({**row, **self._validate()}))
                    if self.best_step == self.step:
                        self.save()  # a resumed run knows of the best weights; the log has its row
                elif self.step % LOG_EVERY == 0:
                    log(self._log_row(row))
                self.progress.update(self._status())
                if self._agree(interrupted()):
                    self.save()
                    raise InterruptedRunError(
                        f"interrupted at step {self.step}; go on with --resume of {self.folder}"
                    )
                if self.seconds - last_checkpoint > 60 * self.config.checkpoint_minutes:
                    self.save()
                    last_checkpoint = self.seconds
            if not self.curve or self.curve[-1]["step"] != self.step:
                log(self._log_row(self._validate()))
        self.progress.update(self._status())
        self.save()

    def _learning_rate(self, fraction: float) -> float:
        return learning_rate(self.config, self.step, fraction)

    def _make_optimizers(self) -> Sequence[torch.optim.Optimizer]:
        return [adamw(self._module, self.config)]

    def _open_log(self) -> AbstractContextManager[Callable[[dict[str, Any]], None]]:
        if not self.ranks.leads:
            return nullcontext(lambda _: None)
        return open_log(self.folder / LOG, self.step, self.log_columns)

    def _agree(self, interrupted: bool) -> bool:
        """Take rank 0's clock for everybody's; whether any process was interrupted."""
        mine = [self.seconds if self.ranks.leads else 0.0, float(interrupted)]
        self.seconds, stops = self.ranks.total(mine, self.device)
        return stops > 0

    def _update(self, losses: Iterable[Tensor], fraction: float) -> dict[str, float]:
        """One step of the optimizers; its row of the log.

        Args:
            losses: of parts of the step, whose sum is this process' loss.
            fraction: of the run.
        """
        rate = self._learning_rate(fraction)
        set_learning_rate(self.optimizers, rate)
        self._module.zero_grad(set_to_none=True)
        parts = []
        for loss in losses:
            loss.backward()
            parts.append(loss.detach())
        mine = torch.stack(parts).sum().item()  # waits for a GPU: once, when all is under way
        value = self.ranks.total([mine], self.device)[0] / self.ranks.size
        norm = torch.nn.utils.clip_grad_norm_(self._module.parameters(), self.config.clip).item()
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise UserError(
                f"the loss is not finite at step {self.step}: lower the learning rate; "
                "the last checkpoint is kept"
            )
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.losses.append(value)
        return {"loss": float(np.mean(self.losses)), "learning_rate": rate, "gradient_norm": norm}

    def _fraction(self) -> float:
        """How much of the run is done, by the bound that comes first."""
        epochs, steps, minutes = self.config.epochs, self.config.max_steps, self.config.max_minutes
        by_epochs = self._epochs() / epochs if epochs else 0.0
        by_steps = self.step / steps if steps else 0.0
        by_time = self.seconds / (60 * minutes) if minutes else 0.0
        return max(by_epochs, by_steps, by_time)

    def _status(self) -> Status:
        fraction = min(self._fraction(), 1.0)
        return Status(
            step=self.step,
            tokens=self.tokens,
            loss=float(np.mean(self.losses)) if self.losses else math.nan,
            tokens_per_second=self._speed(),
            fraction=fraction,
            seconds_left=self.seconds * (1 - fraction) / max(fraction, 1e-9),
            valid=self._shown_best() if self.curve else None,
        )

    def save(self) -> None:
        """Write the checkpoint: everything that the next step depends on, of all processes."""
        own_tensors, own_state = self._own_tensors(), self._own_state()
        if not self.ranks.leads:
            return
        tensors = {**training_tensors(self._module, self.optimizers), **own_tensors}
        state = {
            "format_version": CHECKPOINT_VERSION,
            "step": self.step,
            "seconds": self.seconds,
            "sessions": self.sessions,
            "best": [self.best if math.isfinite(self.best) else None, self.best_step],
            "curve": finite(self.curve),
            **own_state,
        }
        save_checkpoint(self.folder / CHECKPOINT, Checkpoint(tensors, state))

    def restore(self) -> None:
        """Go back to the folder's checkpoint.

        Raises:
            UserError: it is of another version, of other data, or damaged.
        """
        path = self.folder / CHECKPOINT
        checkpoint = load_checkpoint(path)
        if checkpoint.state.get("format_version") != CHECKPOINT_VERSION:
            raise UserError(f"{path} was written by another version of PocketLM")
        self._check_origin(checkpoint.state, path)
        try:
            restore_training(self._module, self.optimizers, checkpoint.tensors, path)
            self._restore_state(checkpoint.state)
            self._restore_own(checkpoint.tensors, checkpoint.state)
        except UserError:
            raise
        except (LookupError, ArithmeticError, TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path} does not fit {self.folder / CONFIG}: {reason:.100}") from None
        self.progress.note(f"resumed at step {self.step}")

    def _restore_state(self, state: dict[str, Any]) -> None:
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.sessions = int(state["sessions"]) + 1
        best, self.best_step = state["best"]
        self.best = math.inf if best is None else best
        self.curve = list(state["curve"])

    @property
    @abstractmethod
    def tokens(self) -> int:
        """Tokens, or whatever else losses are averages of, trained on so far."""

    @abstractmethod
    def train_step(self, fraction: float) -> dict[str, float]:
        """One step: the next data, the loss and an `_update`; its row of the log.

        Args:
            fraction: how much of the run is done, for the learning rate.
        """

    @abstractmethod
    def _epochs(self) -> float:
        """Passes over the data so far."""

    @abstractmethod
    def _validation_is_due(self) -> bool:
        """Whether the step that was just taken is followed by a validation."""

    @abstractmethod
    def _validate(self) -> dict[str, float]:
        """Add to the curve, and keep the weights if they are the best; columns of the log."""

    @abstractmethod
    def _out_of_patience(self) -> bool:
        """Whether validation has not improved for too long."""

    @abstractmethod
    def _speed(self) -> float:
        """Tokens a second over the last steps, validation left out."""

    @abstractmethod
    def _shown_best(self) -> float:
        """The best validation, as people read it."""

    @abstractmethod
    def _log_row(self, values: dict[str, Any]) -> dict[str, Any]:
        """A row of the log: where the training is, and `values`."""

    @abstractmethod
    def _own_tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds beside weights and optimizer; all processes ask at once."""

    @abstractmethod
    def _own_state(self) -> dict[str, Any]:
        """The same of numbers and hashes."""

    @abstractmethod
    def _check_origin(self, state: dict[str, Any], path: Path) -> None:
        """UserError if a checkpoint is of other data."""

    @abstractmethod
    def _restore_own(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Take back `_own_tensors` and `_own_state`; what fails is said by `restore`."""
