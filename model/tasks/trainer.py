"""One training of a task: its loop, its validations, its checkpoints.

    epoch_batches -> TaskNetwork.loss -> AdamW -> running average of the weights
                                                       |
                           valid loss (the best are kept), checkpoint.safetensors

As the language model's trainer: a warm-up and a cosine over whichever bound comes first, stopping
early when validation no longer improves, and a checkpoint from which the run goes on bit for bit.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pocketlm.model.checkpoint import (
    Checkpoint,
    load_checkpoint,
    restore_training,
    save_checkpoint,
    training_tensors,
)
from pocketlm.model.errors import InterruptedRunError, UserError
from pocketlm.model.files import finite
from pocketlm.model.hardware import resolve_device, resolve_precision
from pocketlm.model.optimizer import adamw, learning_rate
from pocketlm.model.progress import Progress, Status
from pocketlm.model.run_folder import CHECKPOINT, LOG, WEIGHTS
from pocketlm.model.tasks.batches import Example, collate, cut_batches, epoch_batches
from pocketlm.model.tasks.config import TaskConfig
from pocketlm.model.tasks.network import TaskNetwork, answers_of
from pocketlm.model.train_log import open_log

LOG_EVERY = 50  # steps
LOG_COLUMNS = ("step", "epoch", "seconds", "loss", "learning_rate", "gradient_norm", "valid_loss")
CHECKPOINT_VERSION = 1


class TaskTrainer:
    """The parts of a training, its state, and the loop."""

    def __init__(
        self,
        config: TaskConfig,
        folder: Path,
        progress: Progress,
        train: Sequence[Example],
        valid: Sequence[Example],
        data_sha256: str,
    ) -> None:
        self.config, self.folder, self.progress = config, folder, progress
        self.train, self.valid, self.data_sha256 = train, valid, data_sha256
        self.device = resolve_device(config.device)
        self.dtype = resolve_precision(config.precision, self.device)
        torch.manual_seed(config.seed)
        self.network = TaskNetwork(config.network).to(self.device)
        self.optimizer = adamw(self.network, config)
        self.averages = {n: p.detach().clone() for n, p in self.network.named_parameters()}
        self.epoch, self.position = 0, 0  # batches of the epoch that are done
        self.batches = epoch_batches(train, config.batch, config.seed, 0)
        self.step = 0
        self.seconds = 0.0  # of this run, earlier sessions included
        self.sessions = 1
        self.answers = 0  # that the losses so far were averages of
        self.best = math.inf  # nats, or squared error, an answer of valid
        self.best_step = 0
        self.waited = 0  # validations since
        self.curve: list[dict[str, float]] = []
        self.losses: deque[float] = deque(maxlen=LOG_EVERY)
        self.speeds: deque[float] = deque(maxlen=LOG_EVERY)  # answers a second

    def begin_from(self, weights: dict[str, Tensor]) -> None:
        """Take some of the weights from elsewhere, before the first step."""
        missing = self.network.load_state_dict(weights, strict=False)
        assert not missing.unexpected_keys
        self.averages = {n: p.detach().clone() for n, p in self.network.named_parameters()}

    def run(self, interrupted: Callable[[], bool]) -> None:
        """Step until a bound, early stopping or a signal."""
        last_checkpoint = time.monotonic()
        earlier, started = self.seconds, time.monotonic()
        with open_log(self.folder / LOG, self.step, LOG_COLUMNS) as log:
            while (fraction := self._fraction()) < 1 and self.waited < self.config.patience:
                row = self._train_step(fraction)
                self.seconds = earlier + time.monotonic() - started
                if self._validation_is_due():
                    log(self._log_row({**row, "valid_loss": self._validate()}))
                elif self.step % LOG_EVERY == 0:
                    log(self._log_row(row))
                self.progress.update(self._status())
                if interrupted():
                    self.save()
                    raise InterruptedRunError(
                        f"interrupted at step {self.step}; go on with --resume of {self.folder}"
                    )
                if time.monotonic() - last_checkpoint > 60 * self.config.checkpoint_minutes:
                    self.save()
                    last_checkpoint = time.monotonic()
            if not self.curve or self.curve[-1]["step"] != self.step:
                log(self._log_row({"valid_loss": self._validate()}))
        self.progress.update(self._status())
        self.save()

    def _train_step(self, fraction: float) -> dict[str, float]:
        """One update; its row of the log."""
        began = time.monotonic()
        rate = learning_rate(self.config, self.step, fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = collate([self.train[i] for i in self._next_batch()]).to(self.device)
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.network.loss(batch, self.dtype, self.config.smoothing)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip).item()
        value = loss.item()
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise UserError(
                f"the loss is not finite at step {self.step}: lower the learning rate; "
                "the last checkpoint is kept"
            )
        self.optimizer.step()
        self.step += 1
        self._average()
        count = answers_of(batch, self.config.network)
        self.answers += count
        self.losses.append(value)
        self.speeds.append(count / max(time.monotonic() - began, 1e-9))
        return {"loss": float(np.mean(self.losses)), "learning_rate": rate, "gradient_norm": norm}

    def _next_batch(self) -> list[int]:
        if self.position == len(self.batches):
            self.epoch, self.position = self.epoch + 1, 0
            self.batches = epoch_batches(
                self.train, self.config.batch, self.config.seed, self.epoch
            )
        self.position += 1
        return self.batches[self.position - 1]

    @torch.no_grad()
    def _average(self) -> None:
        """A step of the running average, whose memory grows with the run up to `average`."""
        kept = min(self.config.average, (1 + self.step) / (10 + self.step))
        now = [p.detach() for p in self.network.parameters()]
        torch._foreach_lerp_(list(self.averages.values()), now, 1 - kept)

    def _fraction(self) -> float:
        """How much of the run is done, by the bound that comes first."""
        epochs, steps, minutes = self.config.epochs, self.config.max_steps, self.config.max_minutes
        by_epochs = self._epochs() / epochs if epochs else 0.0
        by_steps = self.step / steps if steps else 0.0
        by_time = self.seconds / (60 * minutes) if minutes else 0.0
        return max(by_epochs, by_steps, by_time)

    def _epochs(self) -> float:
        return self.epoch + self.position / len(self.batches)

    def _validation_is_due(self) -> bool:
        every, now = self.config.valid_every, self._epochs()
        before = now - 1 / len(self.batches)
        # The smallest part of an epoch is a batch; rounding would else make one of them late.
        return math.floor(now / every + 1e-9) > math.floor(before / every + 1e-9)

    def _validate(self) -> float:
        """The average loss of valid with the averaged weights, which are kept if it is the best."""
        trained = {n: p.detach().clone() for n, p in self.network.named_parameters()}
        self.network.load_state_dict(self.averages)
        loss = self._valid_loss()
        self.curve.append({"step": self.step, "epoch": self._epochs(), "valid_loss": loss})
        self.waited += 1
        improved = loss < self.best
        if improved:
            self.best, self.best_step, self.waited = loss, self.step, 0
            weights = Checkpoint(self.network.state_dict(), {"step": self.step})
            save_checkpoint(self.folder / WEIGHTS, weights)
        self.network.load_state_dict(trained)
        if improved:
            self.save()  # a resumed run knows of the best weights
        self.progress.note(f"step {self.step}, epoch {self._epochs():.2f}: valid loss {loss:.4f}")
        return loss

    @torch.no_grad()
    def _valid_loss(self) -> float:
        self.network.eval()
        lengths = [max(1, np.size(example.inputs)) for example in self.valid]
        order = sorted(range(len(self.valid)), key=lambda i: lengths[i])
        total = count = 0.0
        for indices in cut_batches(order, lengths, 4 * self.config.batch):
            batch = collate([self.valid[i] for i in indices]).to(self.device)
            answers = answers_of(batch, self.config.network)
            total += self.network.loss(batch, self.dtype).item() * answers
            count += answers
        return total / count

    def _status(self) -> Status:
        fraction = min(self._fraction(), 1.0)
        return Status(
            step=self.step,
            tokens=self.answers,
            loss=float(np.mean(self.losses)) if self.losses else math.nan,
            tokens_per_second=float(np.mean(self.speeds)) if self.speeds else 0.0,
            fraction=fraction,
            seconds_left=self.seconds * (1 - fraction) / max(fraction, 1e-9),
            valid=self.best if self.curve else None,
        )

    def _log_row(self, values: dict[str, float]) -> dict[str, Any]:
        known = {"step": self.step, "epoch": self._epochs(), "seconds": round(self.seconds, 1)}
        return {**known, **values}

    def save(self) -> None:
        """Write the checkpoint: everything that the next step depends on."""
        tensors = training_tensors(self.network, self.optimizer)
        tensors |= {f"average.{name}": t for name, t in self.averages.items()}
        state = {
            "format_version": CHECKPOINT_VERSION,
            "step": self.step,
            "seconds": self.seconds,
            "sessions": self.sessions,
            "answers": self.answers,
            "best": [self.best if math.isfinite(self.best) else None, self.best_step, self.waited],
            "curve": finite(self.curve),
            "position": [self.epoch, self.position],
            "data_sha256": self.data_sha256,
        }
        save_checkpoint(self.folder / CHECKPOINT, Checkpoint(tensors, state))

    def restore(self) -> None:
        """Go back to the folder's checkpoint."""
        path = self.folder / CHECKPOINT
        checkpoint = load_checkpoint(path)
        state, tensors = checkpoint.state, checkpoint.tensors
        if state.get("format_version") != CHECKPOINT_VERSION:
            raise UserError(f"{path} was written by another version of PocketLM")
        if state.get("data_sha256") != self.data_sha256:
            raise UserError(f"{self.config.data} has changed since {path} was written")
        try:
            restore_training(self.network, self.optimizer, tensors, path)
            self.averages = {n: tensors[f"average.{n}"].to(self.device) for n in self.averages}
            self.step, self.seconds = int(state["step"]), float(state["seconds"])
            self.sessions, self.answers = int(state["sessions"]) + 1, int(state["answers"])
            best, self.best_step, self.waited = state["best"]
            self.best = math.inf if best is None else best
            self.curve = list(state["curve"])
            self.epoch, self.position = state["position"]
        except UserError:
            raise
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path} does not fit its config.json: {reason:.100}") from None
        self.batches = epoch_batches(self.train, self.config.batch, self.config.seed, self.epoch)
        self.progress.note(f"resumed at step {self.step}")
