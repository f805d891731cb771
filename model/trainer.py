"""One training of a language model: its parts, its steps, its validations.

The loop is training_loop.py's; see train.py for how it is begun and resumed.
"""

import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pocketlm.model.checkpoint import Checkpoint, load_checkpoint, load_weights, save_checkpoint
from pocketlm.model.corpus import Corpus, text_lines
from pocketlm.model.errors import UserError
from pocketlm.model.evaluate import Evaluation, exp_or_infinity
from pocketlm.model.gap_objective import GapFilling
from pocketlm.model.hardware import machine_record, resolve_device, resolve_precision
from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.objective import NextToken, Objective, to_device
from pocketlm.model.progress import Progress
from pocketlm.model.run_folder import WEIGHTS, TrainConfig, config_to_json
from pocketlm.model.segments import WindowStream
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train_log import LOG_COLUMNS
from pocketlm.model.training_loop import LOG_EVERY, TrainingLoop


class Trainer(TrainingLoop[TrainConfig]):
    """One training: its parts and their state."""

    log_columns = LOG_COLUMNS

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        progress: Progress,
        corpus: Corpus,
        tokenizer: Tokenizer,
    ) -> None:
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
        super().__init__(config, folder, progress, self.model)
        self.carried = self.model.start_state(config.rows).detach()
        self.training_seconds = 0.0  # of `seconds`, without validations
        self.speeds: deque[float] = deque(maxlen=LOG_EVERY)  # seconds a step

    def begin_from(self, model: RecurrentLanguageModel) -> None:
        """Take the weights of a model of the same sizes, before the first step."""
        self.model.load_state_dict(model.state_dict())
        self.carried = self.model.start_state(self.config.rows).detach()

    @property
    def tokens(self) -> int:
        """Tokens trained on so far."""
        return self.step * self.config.rows * self.config.window

    def _train_step(self, fraction: float) -> dict[str, float]:
        began = time.monotonic()
        segments = self.stream.next_window()
        self.optimizer.zero_grad(set_to_none=True)
        self.model.train()
        loss, final = self.objective.loss(segments, self.carried, self.dtype)
        row = self._update(loss, fraction)
        last = to_device(segments.last_of_row, self.device)
        self.carried = final[:, last].detach()
        self.speeds.append(time.monotonic() - began)
        self.training_seconds += self.speeds[-1]
        return row

    def _epochs(self) -> float:
        return self.tokens / self.shards.index.tokens

    def _validation_is_due(self) -> bool:
        return self.step % self.config.valid_every == 0

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
        found = ", ".join(f"{r.word_perplexity:.1f} by {c}" for c, r in results.items())
        self.progress.note(f"step {self.step}: word perplexity on valid {found}")
        return perplexities

    def _speed(self) -> float:
        """Tokens a second over the last steps, validation left out."""
        steps = len(self.speeds)
        return steps * self.config.rows * self.config.window / sum(self.speeds) if steps else 0.0

    def _shown_best(self) -> float:
        return exp_or_infinity(self.best)

    def _log_row(self, values: dict[str, Any]) -> dict[str, Any]:
        known = {"step": self.step, "tokens": self.tokens, "seconds": round(self.seconds, 1)}
        return {**known, "tokens_per_second": round(self._speed()), **values}

    def _own_tensors(self) -> dict[str, Tensor]:
        return {"carried": self.carried}

    def _own_state(self) -> dict[str, Any]:
        return {
            "training_seconds": self.training_seconds,
            "position": self.stream.position(),
            "tokenizer_sha256": self.tokenizer.sha256,
            "corpus_sha256": self.corpus.sha256,
        }

    def _check_origin(self, state: dict[str, Any], path: Path) -> None:
        if state.get("corpus_sha256") != self.corpus.sha256:
            raise UserError(f"{self.corpus.name} has changed since {path} was written")
        if state.get("tokenizer_sha256") != self.tokenizer.sha256:
            raise UserError(f"{self.folder}: the tokenizer is not the one of the checkpoint")

    def _restore_own(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        if tensors["carried"].shape != self.carried.shape:
            raise ValueError("the carried states are of other rows")
        self.carried = tensors["carried"].to(self.device)
        self.training_seconds = float(state["training_seconds"])
        self.stream.seek(state["position"])

    def record(self) -> dict[str, Any]:
        """The run record, with the best weights measured on the whole valid split."""
        best = load_checkpoint(self.folder / WEIGHTS)
        load_weights(self.model, best.tensors, self.folder / WEIGHTS)
        valid = text_lines(self.corpus.path("valid"))
        perplexities = _word_perplexities(self.objective.evaluate(valid))
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
            "epochs": self._epochs(),
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
