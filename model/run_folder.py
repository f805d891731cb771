"""A run folder: all that a training leaves behind, and what it goes on from.

config.json             settings, strict: an unknown key is an error
tokenizer.model         SentencePiece
lexicon.bin             the words of the text, for the suggester
model.safetensors       the best weights so far (by word perplexity on valid)
checkpoint.safetensors  weights, optimizer, carried state, data position
log.csv                 the curve
record.json             the summary of the finished run
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pocketlm.model.checkpoint import Network, load_checkpoint, open_weighted
from pocketlm.model.errors import UserError
from pocketlm.model.files import read_json
from pocketlm.model.gap_model import GapModel
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel
from pocketlm.model.settings import PRECISIONS, check_choices, from_json
from pocketlm.model.tokenizer import Tokenizer

CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.model", "model.safetensors"
CHECKPOINT, LOG, RECORD = "checkpoint.safetensors", "log.csv", "record.json"


BOUNDS = ("epochs", "max_steps", "max_minutes")  # of which a training needs one
CHOICES = {
    "direction": ("forward", "both"),
    "optimizer": ("adamw", "muon"),
    "precision": PRECISIONS,
}
LARGEST_EXPONENT = 8
LARGEST_WINDOW = 1 << 22  # tokens of one step


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training, but for the machine it runs on."""

    corpus: str
    model: ModelConfig = field(default_factory=ModelConfig)
    tokenizer: str | None = None  # the file or MODEL whose tokens are used; none: learn new ones
    initial: str | None = None  # the MODEL whose weights, sizes and tokens are trained on from
    keep_initial: float = 0.0  # share of those weights in the final ones (trainer.py)
    direction: str = "forward"  # or both: a model that fills gaps (gap_model.py)
    rows: int = 64  # parallel streams of text
    window: int = 48  # tokens of truncated back-propagation
    accumulate: int = 1  # groups of rows that a process takes one after another
    fresh_lines: float = 0.5  # share of lines inside a document that start from the initial state
    lower_case: float = 0.0  # share of the training documents taken in lower case
    optimizer: str = "adamw"  # or muon (optimizer.py)
    learning_rate: float = 3e-3  # the peak
    warmup_steps: int = 200
    restart: float = 0.0  # share of the run after which the schedule begins once more; 0: never
    weight_decay: float = 0.01
    teachers: list[str] = field(default_factory=list)  # MODELs that are learnt from (teacher.py)
    teacher_share: float = 0.5  # of what is to be predicted, of all of them together
    score_exponent: float = 1.0  # of the score that is the loss; 1: cross-entropy (loss.py)
    softmax_samples: int | None = None  # tokens beside the target; none: all (sampled_loss.py)
    clip: float = 1.0  # the largest norm of the gradient
    seed: int = 1
    epochs: float | None = None  # passes over the training text
    max_steps: int | None = None
    max_minutes: float | None = None
    valid_every: int = 1000  # steps
    valid_lines: int = 4000  # of the valid split, for the curve; the record uses all of it
    patience: int = 10  # validations without improvement before stopping early
    checkpoint_minutes: float = 3.0
    device: str = "auto"
    precision: str = "auto"
    compile: bool = False  # the recurrence's cell, on a CPU

    def __post_init__(self) -> None:
        least = {
            "rows": 1,
            "window": 1,
            "valid_every": 1,
            "valid_lines": 1,
            "patience": 1,
            "accumulate": 1,
        }
        least |= {"warmup_steps": 0, "weight_decay": 0, "checkpoint_minutes": 0, "seed": 0}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise UserError(f"{name} has to be at least {smallest}")
        if self.rows * self.window > LARGEST_WINDOW:
            raise UserError(f"rows times window has to be at most {LARGEST_WINDOW:,} tokens")
        bounds = [b for b in (getattr(self, name) for name in BOUNDS) if b is not None]
        if not bounds or min(bounds) <= 0:
            raise UserError("a training needs epochs, max_steps or max_minutes, above 0")
        if not (0 < self.learning_rate < 1 and self.clip > 0 and 0 <= self.fresh_lines <= 1):
            raise UserError("learning_rate, clip or fresh_lines is out of range")
        self._check_choices()
        self._check_loss()
        self._check_shares()
        if self.seed >= 1 << 31:
            raise UserError("seed has to be below 2147483648")

    def _check_loss(self) -> None:
        if not 1 <= self.score_exponent <= LARGEST_EXPONENT:
            raise UserError(f"score_exponent is outside 1..{LARGEST_EXPONENT}")
        if self.softmax_samples is None:
            return
        if not 1 <= self.softmax_samples <= 1 << 16:
            raise UserError("softmax_samples is outside 1..65536")
        if self.teachers:
            raise UserError("a teacher predicts all tokens: no softmax_samples")
        if self.score_exponent > 1:
            raise UserError("a score_exponent above 1 is of the whole softmax: no softmax_samples")

    def _check_shares(self) -> None:
        for name in ("lower_case", "restart", "teacher_share", "keep_initial"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} is outside 0..1")
        if 1 in (self.restart, self.keep_initial):
            raise UserError("restart or keep_initial leaves nothing of the training: below 1")
        if self.keep_initial and not self.initial:
            raise UserError("keep_initial is of the weights that a training goes on from: --from")

    def _check_choices(self) -> None:
        check_choices(self, CHOICES)
        if self.tokenizer and self.initial:
            raise UserError("a training goes on with the tokens of the model that it begins from")
        forward_only = {
            "--from": self.initial,
            "--accumulate": self.accumulate > 1,
            "--compile": self.compile,
            "--recurrent-projection": self.model.recurrent_projection,
            "--teacher": self.teachers,
        }
        if self.direction == "both" and any(forward_only.values()):
            raise UserError(f"a model of both directions has no {', '.join(forward_only)}")


def config_from_json(value: Any, source: str) -> TrainConfig:
    """The strict loader: an unknown key, or a value that cannot be, is a UserError."""
    return from_json(TrainConfig, value, source)


def config_to_json(config: TrainConfig) -> dict[str, Any]:
    """What `config_from_json` reads."""
    return asdict(config)


def load_run(folder: Path) -> tuple[RecurrentLanguageModel, Tokenizer, TrainConfig]:
    """The best weights of a run, ready to predict, with their tokenizer and settings."""
    config = run_config(folder)
    if config.direction == "both":
        raise UserError(f"{folder} is of both directions: it fills gaps only (pocketlm fill)")
    return *open_best(folder, config, lambda: RecurrentLanguageModel(config.model)), config


def load_gap_run(folder: Path) -> tuple[GapModel, Tokenizer]:
    """The best weights of a run of both directions, ready to fill gaps."""
    config = run_config(folder)
    if config.direction != "both":
        raise UserError(f"{folder} is of one direction")
    return open_best(folder, config, lambda: GapModel(config.model))


def run_config(folder: Path) -> TrainConfig:
    """The settings of a run; UserError if it is of no language model."""
    value = read_json(folder / CONFIG, "run's config")
    if "task" in value:
        raise UserError(f"{folder} is a run of a task, no language model: see pocketlm task --help")
    return config_from_json(value, str(folder / CONFIG))


def open_best(
    folder: Path, config: TrainConfig, make: Callable[[], Network]
) -> tuple[Network, Tokenizer]:
    """The network of a run's best weights, and their tokenizer."""
    tokenizer = Tokenizer.load(folder / TOKENIZER)
    if tokenizer.vocabulary_size != config.model.vocabulary_size:
        raise UserError(
            f"{folder}: the tokenizer has {tokenizer.vocabulary_size} pieces, "
            f"the model {config.model.vocabulary_size}"
        )
    checkpoint = load_checkpoint(folder / WEIGHTS)
    if checkpoint.state.get("tokenizer_sha256") != tokenizer.sha256:
        raise UserError(f"{folder}: tokenizer.model is not the one that the model was trained with")
    return open_weighted(make, checkpoint.tensors, folder / WEIGHTS), tokenizer


@contextmanager
def locked_run(folder: Path) -> Iterator[None]:
    """Hold a run folder, so that two trainings cannot write it at once."""
    folder.mkdir(parents=True, exist_ok=True)
    # No link is followed: it may lead to a file of somebody else's choice.
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{folder} is in use by another training") from None
        yield
    finally:
        os.close(lock)


def check_new(folder: Path) -> None:
    """Refuse a folder that a training would overwrite; UserError."""
    if any((folder / name).exists() for name in (CHECKPOINT, WEIGHTS, RECORD)):
        raise UserError(f"{folder} already holds a training: --resume it, or choose another --out")


def check_resumable(folder: Path) -> None:
    """Refuse a folder without a checkpoint; UserError."""
    if not (folder / CHECKPOINT).is_file():
        raise UserError(f"{folder} has no {CHECKPOINT} to resume from")
