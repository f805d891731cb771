"""One training: its parts, its loop, its checkpoints.

See train.py for how it is begun and resumed.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pocketlm.model.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_weights,
    restore_training,
    save_checkpoint,
    training_tensors,
)
from pocketlm.model.corpus import Corpus, text_lines
from pocketlm.model.errors import InterruptedRunError, UserError
from pocketlm.model.evaluate import Evaluation, exp_or_infinity
from pocketlm.model.files import finite
from pocketlm.model.gap_objective import GapFilling
from pocketlm.model.hardware import machine_record, resolve_device, resolve_precision
from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.objective import NextToken, Objective, to_device
from pocketlm.model.optimizer import adamw, learning_rate
from pocketlm.model.progress import Progress, Status
from pocketlm.model.run_folder import (
    CHECKPOINT,
    CONFIG,
    LOG,
    WEIGHTS,
    TrainConfig,
    config_to_json,
)
from pocketlm.model.segments import WindowStream
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train_log import open_log

LOG_EVERY = 50  # steps
CHECKPOINT_VERSION = 1


class Trainer:
    """One training: its parts, its state, and the loop."""

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        progress: Progress,
        corpus: Corpus,
        tokenizer: Tokenizer,
    ) -> None:
        self.config, self.folder, self.progress = config, folder, progress
        self.corpus, self.tokenizer = corpus, tokenizer
        self.device = resolve_device(config.device)
        self.dtype = resolve_precision(config.precision, self.device)
        self.shards = open_shards(
            corpus, "train", tokenizer, progress.note, config.lower_case, config.seed
        )
        self.stream = WindowStream(
            self.shards, config.rows, config.window, config.fresh_lines, config.seed
        )
        self.valid = text_lines(corpus.path("valid"), config.valid_lines)
        torch.manual_seed(config.seed)
        self.objective = _objective(config, tokenizer, self.device)
        self.model = self.objective.model
        self.optimizer = adamw(self.model, config)
        self.carried = self.model.start_state(config.rows).detach()
        self.step = 0
        self.seconds = 0.0  # of this run, earlier sessions included
        self.sessions = 1
        self.training_seconds = 0.0  # of them, without validations
        self.best = math.inf  # nats a word on the valid lines
        self.best_step = 0
        self.curve: list[dict[str, float]] = []
        self.losses: deque[float] = deque(maxlen=LOG_EVERY)
        self.speeds: deque[float] = deque(maxlen=LOG_EVERY)

    def begin_from(self, model: RecurrentLanguageModel) -> None:
        """Take the weights of a model of the same sizes, before the first step."""
        self.model.load_state_dict(model.state_dict())
        self.carried = self.model.start_state(self.config.rows).detach()

    @property
    def tokens(self) -> int:
        """Tokens trained on so far."""
        return self.step * self.config.rows * self.config.window

    def run(self, interrupted: Callable[[], bool]) -> None:
        """Step until a bound, early stopping or a signal."""
        if self.step == 0:
            self.save()  # from the first validation on there is something to resume
        last_checkpoint = time.monotonic()
        resumed_seconds, started = self.seconds, time.monotonic()
        with open_log(self.folder / LOG, self.step) as log:
            while (fraction := self._fraction()) < 1 and not self._out_of_patience():
                began = time.monotonic()
                loss, norm, rate = self._train_step(fraction)
                self.speeds.append(time.monotonic() - began)
                self.training_seconds += self.speeds[-1]
                self.losses.append(loss)
                self.seconds = resumed_seconds + time.monotonic() - started
                row = {"loss": np.mean(self.losses), "learning_rate": rate, "gradient_norm": norm}
                if self.step % self.config.valid_every == 0:
                    log(self._log_row({**row, **self._validate()}))
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
                log(self._log_row(self._validate()))
        self.progress.update(self._status())
        self.save()

    def _train_step(self, fraction: float) -> tuple[float, float, float]:
        """One update; its loss, the norm of its gradient and its learning rate."""
        rate = learning_rate(self.config, self.step, fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        segments = self.stream.next_window()
        self.optimizer.zero_grad(set_to_none=True)
        self.model.train()
        loss, final = self.objective.loss(segments, self.carried, self.dtype)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        value = loss.item()
        if not (math.isfinite(value) and math.isfinite(norm.item())):
            raise UserError(
                f"the loss is not finite at step {self.step}: lower the learning rate; "
                "the last checkpoint is kept"
            )
        self.optimizer.step()
        last = to_device(segments.last_of_row, self.device)
        self.carried = final[:, last].detach()
        self.step += 1
        return value, norm.item(), rate

    def _fraction(self) -> float:
        """How much of the run is done, by the bound that comes first."""
        epochs, steps, minutes = self.config.epochs, self.config.max_steps, self.config.max_minutes
        by_epochs = self.tokens / (epochs * self.shards.index.tokens) if epochs else 0.0
        by_steps = self.step / steps if steps else 0.0
        by_time = self.seconds / (60 * minutes) if minutes else 0.0
        return max(by_epochs, by_steps, by_time)

    def _out_of_patience(self) -> bool:
        waited = self.step - self.best_step
        return bool(self.curve) and waited >= self.config.patience * self.config.valid_every

    def _validate(self) -> dict[str, float]:
        """Word perplexities on the valid lines of the curve; keeps the weights if they are best."""
        results = self.objective.evaluate(self.valid)
        perplexities = _word_perplexities(results)
        self.curve.append({"step": self.step, "tokens": self.tokens, **perplexities})
        by_line = results["line"]
        # Nats, since the perplexity of a text without spaces may be more than a float holds.
        nats = by_line.nats / max(by_line.words, 1)
        if nats < self.best:
            self.best, self.best_step = nats, self.step
            state = {"tokenizer_sha256": self.tokenizer.sha256, "step": self.step}
            save_checkpoint(self.folder / WEIGHTS, Checkpoint(self.model.state_dict(), state))
            self.save()  # a resumed run knows of the best weights
        found = ", ".join(f"{r.word_perplexity:.1f} by {c}" for c, r in results.items())
        self.progress.note(f"step {self.step}: word perplexity on valid {found}")
        return perplexities

    def _speed(self) -> float:
        """Tokens a second over the last steps, validation left out."""
        steps = len(self.speeds)
        return steps * self.config.rows * self.config.window / sum(self.speeds) if steps else 0.0

    def _status(self) -> Status:
        fraction = min(self._fraction(), 1.0)
        return Status(
            step=self.step,
            tokens=self.tokens,
            loss=float(np.mean(self.losses)) if self.losses else math.nan,
            tokens_per_second=self._speed(),
            fraction=fraction,
            seconds_left=self.seconds * (1 - fraction) / max(fraction, 1e-9),
            valid=exp_or_infinity(self.best) if self.curve else None,
        )

    def _log_row(self, values: dict[str, Any]) -> dict[str, Any]:
        known = {"step": self.step, "tokens": self.tokens, "seconds": round(self.seconds, 1)}
        return {**known, "tokens_per_second": round(self._speed()), **values}

    def save(self) -> None:
        """Write the checkpoint: everything that the next step depends on."""
        tensors = training_tensors(self.model, self.optimizer)
        tensors["carried"] = self.carried
        state = {
            "format_version": CHECKPOINT_VERSION,
            "step": self.step,
            "seconds": self.seconds,
            "training_seconds": self.training_seconds,
            "sessions": self.sessions,
            "best": [self.best if math.isfinite(self.best) else None, self.best_step],
            "curve": finite(self.curve),
            "position": self.stream.position(),
            "tokenizer_sha256": self.tokenizer.sha256,
            "corpus_sha256": self.corpus.sha256,
        }
        save_checkpoint(self.folder / CHECKPOINT, Checkpoint(tensors, state))

    def restore(self) -> None:
        """Go back to the folder's checkpoint."""
        path = self.folder / CHECKPOINT
        checkpoint = load_checkpoint(path)
        if checkpoint.state.get("format_version") != CHECKPOINT_VERSION:
            raise UserError(f"{path} was written by another version of PocketLM")
        if checkpoint.state.get("corpus_sha256") != self.corpus.sha256:
            raise UserError(f"{self.corpus.name} has changed since {path} was written")
        if checkpoint.state.get("tokenizer_sha256") != self.tokenizer.sha256:
            raise UserError(f"{self.folder}: the tokenizer is not the one of the checkpoint")
        try:
            self._restore_tensors(checkpoint.tensors, path)
            self._restore_state(checkpoint.state)
        except UserError:
            raise
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path} does not fit {self.folder / CONFIG}: {reason:.100}") from None
        self.progress.note(f"resumed at step {self.step}")

    def _restore_tensors(self, tensors: dict[str, Tensor], path: Path) -> None:
        if tensors["carried"].shape != self.carried.shape:
            raise ValueError("the carried states are of other rows")
        restore_training(self.model, self.optimizer, tensors, path)
        self.carried = tensors["carried"].to(self.device)

    def _restore_state(self, state: dict[str, Any]) -> None:
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.training_seconds = float(state["training_seconds"])
        self.sessions = int(state["sessions"]) + 1
        best, self.best_step = state["best"]
        self.best = math.inf if best is None else best
        self.curve = list(state["curve"])
        self.stream.seek(state["position"])

    def record(self) -> dict[str, Any]:
        """The run record, with the best weights measured on the whole valid split."""
        best = load_checkpoint(self.folder / WEIGHTS)
        load_weights(self.model, best.tensors, self.folder / WEIGHTS)
        valid = text_lines(self.corpus.path("valid"))
        perplexities = _word_perplexities(self.objective.evaluate(valid))
        training_tokens = self.shards.index.tokens
        return {
            "format_version": 1,
            "config": config_to_json(self.config),
            "corpus": {**self.corpus.record(), "train": asdict(self.shards.index)},
            "tokenizer_sha256": self.tokenizer.sha256,
            "parameters": sum(p.numel() for p in self.model.parameters()),
            **machine_record(self.device, self.dtype),
            "seed": self.config.seed,
            "steps": self.step,
            "tokens": self.tokens,
            "epochs": self.tokens / training_tokens,
            "seconds": round(self.seconds, 1),
            "sessions": self.sessions,
            "tokens_per_second": round(self.tokens / max(self.training_seconds, 1e-9)),
            "metrics": {**perplexities, "best_step": self.best_step},
            "curve": self.curve,
        }


def _objective(config: TrainConfig, tokenizer: Tokenizer, device: torch.device) -> Objective:
    kind = GapFilling if config.direction == "both" else NextToken
    return kind(config.model, tokenizer, device)


def _word_perplexities(results: dict[str, Evaluation]) -> dict[str, float]:
    return {f"valid_word_perplexity_{c}": result.word_perplexity for c, result in results.items()}
