"""Training: windows of text through the GRU, AdamW, a finished schedule, a resumable trajectory.

    WindowStream -> Segments -> GRULanguageModel.packed -> tied_softmax_loss -> AdamW
                                     |                                           |
                      valid: word perplexity by line and by document     checkpoint.safetensors

A run ends after `epochs`, `max_steps` or `max_minutes`, or when validation stops improving; the
learning rate is warmed up and follows a cosine over whichever bound comes first, so that a bounded
run still ends with a finished schedule. Needs only torch, sentencepiece, numpy and safetensors:

    python -m pocketlm.model.train CONFIG.json RUN     (`pocketlm train --print-config` writes one)
"""

import json
import math
import platform
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pocketlm.model.checkpoint import Checkpoint, load_checkpoint, load_weights, save_checkpoint
from pocketlm.model.corpus import Corpus, open_corpus, text_lines
from pocketlm.model.errors import UserError
from pocketlm.model.evaluate import CONTEXTS, evaluate
from pocketlm.model.files import read_json, write_json
from pocketlm.model.hardware import resolve_device, resolve_precision
from pocketlm.model.language_model import GRULanguageModel
from pocketlm.model.loss import tied_softmax_loss
from pocketlm.model.network import NetworkPredictor
from pocketlm.model.optimizer import adamw, learning_rate
from pocketlm.model.progress import PlainProgress, Progress, Status
from pocketlm.model.run_folder import (
    CHECKPOINT,
    CONFIG,
    LOG,
    RECORD,
    TOKENIZER,
    WEIGHTS,
    TrainConfig,
    config_from_json,
    config_to_json,
    locked_run,
)
from pocketlm.model.segments import Segments, WindowStream
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train_log import open_log

LOG_EVERY = 50  # steps


class InterruptedRunError(Exception):
    """A signal ended the run after a checkpoint was written."""


def train(
    config: TrainConfig, folder: Path, progress: Progress, tokenizer: Tokenizer | None = None
) -> dict[str, Any]:
    """Train into a new run folder and return the run record.

    Args:
        config: the settings.
        folder: the run folder.
        progress: told of each step.
        tokenizer: used instead of learning one from the corpus; its size is then the vocabulary's.

    Raises:
        UserError: the folder is in use or holds another training, the corpus is unusable, or the
            loss stopped being finite.
        InterruptedRunError: SIGINT or SIGTERM; a checkpoint was written.
    """
    corpus = open_corpus(config.corpus, config.seed)
    corpus.path("valid")  # missing: say so before anything is written
    with locked_run(folder):
        if any((folder / name).exists() for name in (CHECKPOINT, WEIGHTS, RECORD)):
            raise UserError(
                f"{folder} already holds a training: --resume it, or choose another --out"
            )
        if tokenizer is None:
            size = config.model.vocabulary_size
            progress.note(f"learning {size} pieces from {corpus.name}")
            tokenizer = Tokenizer.train(corpus.lines("train"), size, config.seed)
            if tokenizer.vocabulary_size < size:
                progress.note(f"the text is small: it has {tokenizer.vocabulary_size} pieces")
        sizes = replace(config.model, vocabulary_size=tokenizer.vocabulary_size)
        config = replace(config, model=sizes)
        tokenizer.save(folder / TOKENIZER)
        write_json(folder / CONFIG, config_to_json(config))
        return _finish(_Trainer(config, folder, progress, corpus, tokenizer))


def resume(folder: Path, progress: Progress, **bounds: float | None) -> dict[str, Any]:
    """Go on from a run folder's checkpoint, on the same trajectory, and return the run record.

    Args:
        folder: the run folder.
        progress: told of each step.
        bounds: `epochs`, `max_steps`, `max_minutes` that replace those of the folder; a changed
            bound changes the rest of the learning-rate schedule.

    Raises:
        UserError, InterruptedRunError: as `train`; also if the corpus or the tokenizer changed.
    """
    if not (folder / CHECKPOINT).is_file():
        raise UserError(f"{folder} has no {CHECKPOINT} to resume from")
    with locked_run(folder):
        path = folder / CONFIG
        kept = config_to_json(config_from_json(read_json(path, "run's config"), str(path)))
        changed = {name: bound for name, bound in bounds.items() if bound is not None}
        config = config_from_json({**kept, **changed}, "the new bounds")
        corpus = open_corpus(config.corpus, config.seed)
        trainer = _Trainer(config, folder, progress, corpus, Tokenizer.load(folder / TOKENIZER))
        trainer.restore()
        write_json(path, config_to_json(config))
        return _finish(trainer)


def _finish(trainer: "_Trainer") -> dict[str, Any]:
    with _signals() as interrupted:
        trainer.run(interrupted)
    record = trainer.record()
    write_json(trainer.folder / RECORD, record)
    return record


class _Trainer:
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
        shards = open_shards(corpus, "train", tokenizer, progress.note)
        self.train_index = shards.index
        self.stream = WindowStream(
            shards, config.rows, config.window, config.fresh_lines, config.seed
        )
        self.valid = text_lines(corpus.path("valid"), config.valid_lines)
        torch.manual_seed(config.seed)
        self.model = GRULanguageModel(config.model).to(self.device)
        self.optimizer = adamw(self.model, config)
        self.carried = self.model.start_state(config.rows).detach()
        self.step = 0
        self.seconds = 0.0  # of this run, earlier sessions included
        self.sessions = 1
        self.best = math.inf
        self.best_step = 0
        self.curve: list[dict[str, float]] = []
        self.losses: deque[float] = deque(maxlen=LOG_EVERY)
        self.speeds: deque[float] = deque(maxlen=LOG_EVERY)

    @property
    def tokens(self) -> int:
        """Tokens trained on so far."""
        return self.step * self.config.rows * self.config.window

    def run(self, interrupted: Callable[[], bool]) -> None:
        """Step until a bound, early stopping or a signal."""
        last_checkpoint = time.monotonic()
        resumed_seconds, started = self.seconds, time.monotonic()
        with open_log(self.folder / LOG, self.step) as log:
            while (fraction := self._fraction()) < 1 and not self._out_of_patience():
                began = time.monotonic()
                loss, norm, rate = self._train_step(fraction)
                self.speeds.append(time.monotonic() - began)
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
                    raise InterruptedRunError(f"interrupted at step {self.step}")
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
        loss, final = self._loss(segments)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        value = loss.item()
        if not (math.isfinite(value) and math.isfinite(norm.item())):
            raise UserError(
                f"the loss is not finite at step {self.step}: lower the learning rate; "
                "the last checkpoint is kept"
            )
        self.optimizer.step()
        self.carried = final[:, self._tensor(segments.last_of_row)].detach()
        self.step += 1
        return value, norm.item(), rate

    def _loss(self, segments: Segments) -> tuple[Tensor, Tensor]:
        """Average cross-entropy of a window, and the final states of its segments [L, S, H]."""
        self.model.train()
        rows = self._tensor(segments.carried_row)  # [S]
        carried = self.carried[:, rows.clamp(min=0)]
        state = torch.where((rows >= 0)[None, :, None], carried, self.model.start_state(len(rows)))
        mixed = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype, enabled=mixed):
            projected, final = self.model.packed(
                self._tensor(segments.inputs), torch.from_numpy(segments.batch_sizes), state
            )
        targets = self._tensor(segments.targets)
        weight = self.model.embedding.weight
        return tied_softmax_loss(projected.float(), weight, targets, self.dtype), final.float()

    def _tensor(self, array: np.ndarray[Any, Any]) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor

    def _fraction(self) -> float:
        """How much of the run is done, by the bound that comes first."""
        epochs, steps, minutes = self.config.epochs, self.config.max_steps, self.config.max_minutes
        by_epochs = self.tokens / (epochs * self.train_index.tokens) if epochs else 0.0
        by_steps = self.step / steps if steps else 0.0
        by_time = self.seconds / (60 * minutes) if minutes else 0.0
        return max(by_epochs, by_steps, by_time)

    def _out_of_patience(self) -> bool:
        waited = self.step - self.best_step
        return bool(self.curve) and waited >= self.config.patience * self.config.valid_every

    def _validate(self) -> dict[str, float]:
        """Word perplexities on the valid lines of the curve; keeps the weights if they are best."""
        perplexities = self._perplexities(self.valid)
        self.curve.append({"step": self.step, "tokens": self.tokens, **perplexities})
        line = perplexities["valid_word_perplexity_line"]
        if line < self.best:
            self.best, self.best_step = line, self.step
            state = {"tokenizer_sha256": self.tokenizer.sha256, "step": self.step}
            save_checkpoint(self.folder / WEIGHTS, Checkpoint(self.model.state_dict(), state))
        document = perplexities["valid_word_perplexity_document"]
        self.progress.note(
            f"step {self.step}: word perplexity on valid {line:.1f} by line, "
            f"{document:.1f} by document"
        )
        return perplexities

    def _perplexities(self, documents: Sequence[Sequence[str]]) -> dict[str, float]:
        predictor = NetworkPredictor(self.model.eval(), self.tokenizer, "training")
        return {
            f"valid_word_perplexity_{context}": evaluate(
                predictor, documents, context
            ).word_perplexity
            for context in CONTEXTS
        }

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
            valid_word_perplexity=self.best if self.curve else None,
        )

    def _log_row(self, values: dict[str, Any]) -> dict[str, Any]:
        known = {"step": self.step, "tokens": self.tokens, "seconds": round(self.seconds, 1)}
        return {**known, "tokens_per_second": round(self._speed()), **values}

    def save(self) -> None:
        """Write the checkpoint: everything that the next step depends on."""
        tensors = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{key}.{name}"] = value
        tensors["carried"] = self.carried
        tensors["random.cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "sessions": self.sessions,
            "best": [self.best if math.isfinite(self.best) else None, self.best_step],
            "curve": self.curve,
            "position": self.stream.position(),
            "tokenizer_sha256": self.tokenizer.sha256,
            "corpus_sha256": self.corpus.sha256,
        }
        save_checkpoint(self.folder / CHECKPOINT, Checkpoint(tensors, state))

    def restore(self) -> None:
        """Go back to the folder's checkpoint."""
        path = self.folder / CHECKPOINT
        checkpoint = load_checkpoint(path)
        state, tensors = checkpoint.state, checkpoint.tensors
        if state.get("corpus_sha256") != self.corpus.sha256:
            raise UserError(f"{self.corpus.name} has changed since {path} was written")
        if state.get("tokenizer_sha256") != self.tokenizer.sha256:
            raise UserError(f"{self.folder}: the tokenizer is not the one of the checkpoint")
        weights = {k.removeprefix("model."): t for k, t in tensors.items() if k[:6] == "model."}
        load_weights(self.model, weights, path)
        for name, parameter in self.model.named_parameters():
            self.optimizer.state[parameter] = {
                key: tensors[f"optimizer.{key}.{name}"].to(
                    "cpu" if key == "step" and self.device.type == "cpu" else self.device
                )
                for key in ("step", "exp_avg", "exp_avg_sq")
            }
        self.carried = tensors["carried"].to(self.device)
        torch.set_rng_state(tensors["random.cpu"])
        if self.device.type == "cuda" and "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.sessions = int(state["sessions"]) + 1
        best, self.best_step = state["best"]
        self.best = math.inf if best is None else best
        self.curve = list(state["curve"])
        self.stream.seek(state["position"])
        self.progress.note(f"resumed at step {self.step}")

    def record(self) -> dict[str, Any]:
        """The run record, with the best weights measured on the whole valid split."""
        best = load_checkpoint(self.folder / WEIGHTS)
        load_weights(self.model, best.tensors, self.folder / WEIGHTS)
        perplexities = self._perplexities(text_lines(self.corpus.path("valid")))
        training_tokens = self.train_index.tokens
        return {
            "format_version": 1,
            "config": config_to_json(self.config),
            "corpus": {**self.corpus.record(), "train": asdict(self.train_index)},
            "tokenizer_sha256": self.tokenizer.sha256,
            "parameters": self.model.parameter_count(),
            "device": str(self.device),
            "precision": str(self.dtype).removeprefix("torch."),
            "versions": _versions(),
            "machine": {"platform": platform.platform(), "threads": torch.get_num_threads()},
            "seed": self.config.seed,
            "steps": self.step,
            "tokens": self.tokens,
            "epochs": self.tokens / training_tokens,
            "seconds": round(self.seconds, 1),
            "sessions": self.sessions,
            "tokens_per_second": round(self._speed()),
            "metrics": {**perplexities, "best_step": self.best_step},
            "curve": self.curve,
        }


def _versions() -> dict[str, str]:
    packages = ("torch", "sentencepiece", "numpy", "safetensors")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


@contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Turn SIGINT and SIGTERM into a flag, so that a step is never cut in two."""
    caught: list[int] = []
    previous = {
        number: signal.signal(number, lambda n, _frame: caught.append(n))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def main(arguments: list[str]) -> int:
    """`python -m pocketlm.model.train CONFIG.json RUN [--resume]`."""
    if len(arguments) not in (2, 3) or arguments[2:] not in ([], ["--resume"]):
        print("usage: python -m pocketlm.model.train CONFIG.json RUN [--resume]", file=sys.stderr)  # noqa: T201
        return 2
    try:
        path = Path(arguments[0])
        config = config_from_json(read_json(path, "training config"), str(path))
        folder, progress = Path(arguments[1]), PlainProgress()
        bounds = {name: getattr(config, name) for name in ("epochs", "max_steps", "max_minutes")}
        again = len(arguments) == 3
        record = resume(folder, progress, **bounds) if again else train(config, folder, progress)
    except (UserError, OSError, InterruptedRunError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 130 if isinstance(error, InterruptedRunError) else 2
    print(json.dumps(record))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
