"""One training of a task: its steps and its validations.

    epoch_batches -> TaskNetwork.loss -> AdamW -> running average of the weights
                                                       |
                           valid loss (the best are kept), checkpoint.safetensors

The loop is training_loop.py's, as the language model's.
"""

import math
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pocketlm.model.checkpoint import Checkpoint, save_checkpoint
from pocketlm.model.errors import UserError
from pocketlm.model.hardware import resolve_device, resolve_precision
from pocketlm.model.progress import Progress
from pocketlm.model.run_folder import WEIGHTS
from pocketlm.model.tasks.batches import Example, collate, cut_batches, epoch_batches
from pocketlm.model.tasks.config import TaskConfig
from pocketlm.model.tasks.network import TaskNetwork, answers_of
from pocketlm.model.training_loop import LOG_EVERY, TrainingLoop

LOG_COLUMNS = ("step", "epoch", "seconds", "loss", "learning_rate", "gradient_norm", "valid_loss")


class TaskTrainer(TrainingLoop[TaskConfig]):
    """The parts of a training, and their state."""

    log_columns = LOG_COLUMNS

    def __init__(
        self,
        config: TaskConfig,
        folder: Path,
        progress: Progress,
        train: Sequence[Example],
        valid: Sequence[Example],
        data_sha256: str,
    ) -> None:
        self.train, self.valid, self.data_sha256 = train, valid, data_sha256
        self.device = resolve_device(config.device)
        self.dtype = resolve_precision(config.precision, self.device)
        torch.manual_seed(config.seed)
        self.network = TaskNetwork(config.network).to(self.device)
        super().__init__(config, folder, progress, self.network)
        self.averages = {n: p.detach().clone() for n, p in self.network.named_parameters()}
        self.epoch, self.position = 0, 0  # batches of the epoch that are done
        self.batches = epoch_batches(train, config.batch, config.seed, 0)
        self.answers = 0  # that the losses so far were averages of
        self.waited = 0  # validations since the best
        self.speeds: deque[float] = deque(maxlen=LOG_EVERY)  # answers a second

    def begin_from(self, weights: dict[str, Tensor]) -> None:
        """Take some of the weights from elsewhere, before the first step."""
        missing = self.network.load_state_dict(weights, strict=False)
        assert not missing.unexpected_keys
        self.averages = {n: p.detach().clone() for n, p in self.network.named_parameters()}

    @property
    def tokens(self) -> int:
        """Answers trained on so far."""
        return self.answers

    def train_step(self, fraction: float) -> dict[str, float]:
        """See TrainingLoop."""
        began = time.monotonic()
        batch = collate([self.train[i] for i in self._next_batch()]).to(self.device)
        self.network.train()
        loss = self.network.loss(batch, self.dtype, self.config.smoothing)
        row = self._update([loss], fraction)
        self._average()
        count = answers_of(batch, self.config.network)
        self.answers += count
        self.speeds.append(count / max(time.monotonic() - began, 1e-9))
        return row

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

    def _epochs(self) -> float:
        return self.epoch + self.position / len(self.batches)

    def _validation_is_due(self) -> bool:
        every, now = self.config.valid_every, self._epochs()
        before = now - 1 / len(self.batches)
        # The smallest part of an epoch is a batch; rounding would else make one of them late.
        return math.floor(now / every + 1e-9) > math.floor(before / every + 1e-9)

    def _out_of_patience(self) -> bool:
        return self.waited >= self.config.patience

    def _validate(self) -> dict[str, float]:
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
        self.progress.note(f"step {self.step}, epoch {self._epochs():.2f}: valid loss {loss:.4f}")
        return {"valid_loss": loss}

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

    def _speed(self) -> float:
        return float(np.mean(self.speeds)) if self.speeds else 0.0

    def _shown_best(self) -> float:
        return self.best

    def _log_row(self, values: dict[str, float]) -> dict[str, Any]:
        known = {"step": self.step, "epoch": self._epochs(), "seconds": round(self.seconds, 1)}
        return {**known, **values}

    def _own_tensors(self) -> dict[str, Tensor]:
        return {f"average.{name}": tensor for name, tensor in self.averages.items()}

    def _own_state(self) -> dict[str, Any]:
        return {
            "answers": self.answers,
            "waited": self.waited,
            "position": [self.epoch, self.position],
            "data_sha256": self.data_sha256,
        }

    def _check_origin(self, state: dict[str, Any], path: Path) -> None:
        if state.get("data_sha256") != self.data_sha256:
            raise UserError(f"{self.config.data} has changed since {path} was written")

    def _restore_own(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        self.averages = {n: tensors[f"average.{n}"].to(self.device) for n in self.averages}
        self.answers, self.waited = int(state["answers"]), int(state["waited"])
        self.epoch, self.position = state["position"]
        self.batches = epoch_batches(self.train, self.config.batch, self.config.seed, self.epoch)
