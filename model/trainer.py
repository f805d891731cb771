"""One training of a language model: its parts, its steps, its validations.

The loop is training_loop.py's; see train.py for how it is begun and resumed.

A step's rows are cut into equal groups, one after another of this process (gradient accumulation)
and the same of each other process (ranks.py). Each group's loss is an average over as many tokens,
so that the average of their gradients is the gradient of the whole.

Shapes: B rows of this process, L layers, H hidden.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pocketlm.model.checkpoint import Checkpoint, load_checkpoint, load_weights, save_checkpoint
from pocketlm.model.corpus import Corpus, text_lines
from pocketlm.model.errors import UserError
from pocketlm.model.evaluate import Evaluation, exp_or_infinity
from pocketlm.model.gap_objective import GapFilling
from pocketlm.model.hardware import allow_tf32, machine_record, resolve_device, resolve_precision
from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.loss import SoftTargets
from pocketlm.model.objective import NextToken, Objective, to_device
from pocketlm.model.optimizer import muon, with_restart
from pocketlm.model.progress import NoProgress, Progress
from pocketlm.model.ranks import Ranks
from pocketlm.model.run_folder import WEIGHTS, TrainConfig, config_to_json
from pocketlm.model.sampled_loss import SampledSoftmax, token_counts
from pocketlm.model.segments import Segments, WindowStream
from pocketlm.model.shards import open_shards
from pocketlm.model.teacher import open_teachers
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train_log import LOG_COLUMNS
from pocketlm.model.training_loop import LOG_EVERY, TrainingLoop
from pocketlm.models import open_network


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
        ranks: Ranks | None = None,
    ) -> None:
        ranks = ranks or Ranks()
        self.corpus, self.tokenizer = corpus, tokenizer
        self.device = resolve_device(config.device)
        allow_tf32(self.device)
        self.dtype = resolve_precision(config.precision, self.device)
        progress = progress if ranks.leads else NoProgress()
        with ranks.leader_first():
            self.shards = open_shards(
                corpus, "train", tokenizer, progress.note, config.lower_case, config.seed
            )
        self.mine = _rows_of(config, ranks)
        self.stream = WindowStream(
            self.shards, config.rows, config.window, config.fresh_lines, config.seed, self.mine
        )
        self.valid = text_lines(corpus.path("valid"), config.valid_lines)
        torch.manual_seed(config.seed)
        self.objective = _objective(config, tokenizer, self.device)
        self.objective.score_exponent = config.score_exponent
        self.model = self.objective.model
        if config.softmax_samples:
            counts = token_counts(self.shards, tokenizer.vocabulary_size)
            self.objective.sampled = SampledSoftmax(counts, config.softmax_samples, self.device)
        if config.compile:
            _compile(self.model)
        super().__init__(config, folder, progress, self.model, ranks)
        self.window_loss = ranks.averaging(_WindowLoss(self.objective, self.dtype))
        self.carried = self.model.start_state(len(self.mine)).detach()  # [L, B, H]
        self.teachers = open_teachers(
            config.teachers,
            tokenizer,
            config.teacher_share,
            len(self.mine),
            self.device,
            self.dtype,
        )
        self.position = self.stream.position()  # of what has been trained on
        self.ahead: Segments | None = None  # the next window, made while a GPU computes
        self.training_seconds = 0.0  # of `seconds`, without validations
        self.speeds: deque[float] = deque(maxlen=LOG_EVERY)  # seconds a step

    def begin_from(self, model: RecurrentLanguageModel) -> None:
        """Take the weights of a model of the same sizes, before the first step."""
        self.model.load_state_dict(model.state_dict())
        self.carried = self.model.start_state(len(self.mine)).detach()

    @property
    def tokens(self) -> int:
        """Tokens trained on so far."""
        return self.step * self.config.rows * self.config.window

    def train_step(self, fraction: float) -> dict[str, float]:
        """See TrainingLoop."""
        began = time.monotonic()
        self.model.train()
        row = self._update(self._losses(), fraction)
        self.speeds.append(time.monotonic() - began)
        self.training_seconds += self.speeds[-1]
        return row

    def _losses(self) -> Iterator[Tensor]:
        """The loss of each group of rows, divided by their number; backward before the next one."""
        count = self.config.accumulate
        size = len(self.mine) // count
        for group in range(count):
            rows = slice(group * size, (group + 1) * size)
            self._seed(self.mine[rows.start] // size)
            segments, self.ahead = self.ahead or self.stream.next_window(rows), None
            last = group + 1 == count
            soft = [teacher.read(segments, rows) for teacher in self.teachers]
            # What DistributedDataParallel does on the way back is decided on the way forth.
            with nullcontext() if last else self.ranks.unaveraged(self.window_loss):
                loss, final = self.window_loss(segments, self.carried[:, rows], soft)
                yield loss / count
            ends = to_device(segments.last_of_row, self.device)
            self.carried[:, rows] = final[:, ends].detach()
        self.position = self.stream.position()
        self.ahead = self.stream.next_window(slice(size))

    def _seed(self, group: int) -> None:
        """Begin the random numbers of a group of rows, by its number among those of all ranks.

        A step's draws then depend on nothing before it: whoever resumes draws the same.
        """
        entropy = [self.config.seed, self.step, group]
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]))

    def _learning_rate(self, fraction: float) -> float:
        within, share = with_restart(fraction, self.config.restart)
        return share * super()._learning_rate(within)

    def _make_optimizers(self) -> Sequence[torch.optim.Optimizer]:
        if self.config.optimizer == "muon":
            return muon(self.model, self.config)
        return super()._make_optimizers()

    def _epochs(self) -> float:
        return self.tokens / self.shards.index.tokens

    def _validation_is_due(self) -> bool:
        return self.step % self.config.valid_every == 0

    def _out_of_patience(self) -> bool:
        waited = self.step - self.best_step
        return bool(self.curve) and waited >= self.config.patience * self.config.valid_every

    def _validate(self) -> dict[str, float]:
        """Word perplexities on the valid lines of the curve; keeps the weights if they are best."""
        results = self.objective.evaluate(self.valid) if self.ranks.leads else {}
        perplexities = _word_perplexities(results)
        self.curve.append({"step": self.step, "tokens": self.tokens, **perplexities})
        # Nats, since the perplexity of a text without spaces may be more than a float holds.
        by_line = results.get("line")
        mine = by_line.nats / max(by_line.words, 1) if by_line else 0.0
        (nats,) = self.ranks.total([mine], self.device)
        if nats < self.best:
            self.best, self.best_step = nats, self.step
            if self.ranks.leads:
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
        carried = {"carried": self.carried}
        carried |= {f"teacher_{i}_carried": t.carried for i, t in enumerate(self.teachers)}
        return {name: self.ranks.gathered(states, dim=1) for name, states in carried.items()}

    def _own_state(self) -> dict[str, Any]:
        return {
            "training_seconds": self.training_seconds,
            "position": self._positions(),
            "tokenizer_sha256": self.tokenizer.sha256,
            "corpus_sha256": self.corpus.sha256,
        }

    def _positions(self) -> list[list[int]]:
        """Where each row of all processes stands in the text: its part and the offset in it."""
        mine = torch.from_numpy(self.position).to(self.device)
        positions: list[list[int]] = self.ranks.gathered(mine).tolist()
        return positions

    def _check_origin(self, state: dict[str, Any], path: Path) -> None:
        if state.get("corpus_sha256") != self.corpus.sha256:
            raise UserError(f"{self.corpus.name} has changed since {path} was written")
        if state.get("tokenizer_sha256") != self.tokenizer.sha256:
            raise UserError(f"{self.folder}: the tokenizer is not the one of the checkpoint")

    def _restore_own(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        rows = slice(self.mine.start, self.mine.stop)
        self.carried = self._own_states(tensors["carried"], self.carried)
        for i, teacher in enumerate(self.teachers):
            states = tensors[f"teacher_{i}_carried"]
            teacher.carried = self._own_states(states, teacher.carried)
        self.training_seconds = float(state["training_seconds"])
        self.stream.seek(state["position"][rows])
        self.position, self.ahead = self.stream.position(), None

    def _own_states(self, carried: Tensor, like: Tensor) -> Tensor:
        """Of the carried states [L, rows, H] of all processes those [L, B, H] of this one."""
        if carried.shape != (like.shape[0], self.config.rows, like.shape[2]):
            raise ValueError("the carried states are of other rows")
        return carried[:, self.mine.start : self.mine.stop].to(self.device)

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
            "ranks": self.ranks.size,
            "tokens_per_second": round(self.tokens / max(self.training_seconds, 1e-9)),
            "metrics": {**perplexities, "best_step": self.best_step},
            "curve": self.curve,
        }

    def keep_initial(self) -> None:
        """Average the best weights with those that the training began from, once, if it is to.

        Two networks of which one was trained on from the other lie in one basin: their mean is
        often better than both, as the mean of their predictions would be (Wortsman et al. 2022,
        "Model soups", arXiv:2203.05482).
        """
        path, share = self.folder / WEIGHTS, self.config.keep_initial
        if not share:
            return
        best = load_checkpoint(path)
        if best.state.get("kept_initial") == share:
            return
        initial = open_network(Path(str(self.config.initial)))[0].state_dict()
        mixed = {name: torch.lerp(best.tensors[name], initial[name], share) for name in initial}
        save_checkpoint(path, Checkpoint(mixed, {**best.state, "kept_initial": share}))


class _WindowLoss(nn.Module):
    """A window's loss as a module, for what averages the gradients of modules."""

    def __init__(self, objective: Objective, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = objective.model
        self._objective, self._dtype = objective, dtype

    def forward(
        self, segments: Segments, carried: Tensor, soft: Sequence[SoftTargets]
    ) -> tuple[Tensor, Tensor]:
        """See Objective.loss."""
        return self._objective.loss(segments, carried, self._dtype, soft)


def _rows_of(config: TrainConfig, ranks: Ranks) -> range:
    """The rows of a process; UserError if they cannot be dealt evenly."""
    if config.rows % (ranks.size * config.accumulate):
        raise UserError(
            f"{config.rows} rows cannot be dealt evenly to {ranks.size} processes "
            f"with {config.accumulate} groups each"
        )
    if ranks.size > 1 and config.direction == "both":
        raise UserError("a model of both directions is trained by one process")
    return ranks.share(config.rows)


def _compile(model: nn.Module) -> None:
    """Have the recurrence compiled; UserError on a GPU, whose recurrence is cuDNN's."""
    assert isinstance(model, RecurrentLanguageModel)
    if model.embedding.weight.is_cuda:
        raise UserError("--compile is of the recurrence on a CPU: on a GPU it is cuDNN's")
    model.compile_cell()
    try:
        model.packed(torch.zeros(1, dtype=torch.int64), torch.ones(1).long(), model.start_state(1))
    except Exception as error:  # of many kinds, from the compiler's own on
        raise UserError(f"torch.compile does not work here: {error!s:.200}") from None


def _objective(config: TrainConfig, tokenizer: Tokenizer, device: torch.device) -> Objective:
    kind = GapFilling if config.direction == "both" else NextToken
    return kind(config.model, tokenizer, device)


def _word_perplexities(results: dict[str, Evaluation]) -> dict[str, float]:
    return {f"valid_word_perplexity_{c}": result.word_perplexity for c, result in results.items()}
