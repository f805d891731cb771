"""The settings of a task's network and of its training."""

from dataclasses import asdict, dataclass, field
from typing import Any

from pocketlm.model.errors import UserError
from pocketlm.model.settings import PRECISIONS, check_choices, from_json

READS = ("tokens", "features")
ALIGNMENTS = ("whole", "each", "decoder")
HEADS = ("value", "classes", "tokens")
BOUNDS = ("epochs", "max_steps", "max_minutes")  # of which a training needs one


@dataclass(frozen=True)
class NetworkConfig:
    """What a network reads, how its answer is aligned with that, and what the answer is.

    The sizes that are 0 here follow from the data: the task fills them in.
    """

    reads: str = "tokens"
    alignment: str = "whole"
    head: str = "classes"
    vocabulary_size: int = 0  # of the tokens that are read or written
    features: int = 0  # of the vector that is read instead of tokens
    classes: int = 0
    embedding: int = 128
    hidden: int = 256  # of the encoder, in each direction
    layers: int = 1  # of the encoder
    bidirectional: bool = True
    decoder_hidden: int = 256
    attention: bool = False
    dropout: float = 0.2
    token_dropout: float = 0.0  # share of the tokens read that are unknown in training

    def __post_init__(self) -> None:
        for name, choices in (("reads", READS), ("alignment", ALIGNMENTS), ("head", HEADS)):
            if getattr(self, name) not in choices:
                raise UserError(f"{name} {getattr(self, name)!r:.60} is not one of {choices}")
        if (self.alignment == "decoder") != (self.head == "tokens"):
            raise UserError("a decoder, and nothing else, writes tokens")
        for name in ("embedding", "hidden", "layers", "decoder_hidden"):
            if not 1 <= getattr(self, name) <= 8192:
                raise UserError(f"{name} {getattr(self, name)} is outside 1..8192")
        for name in ("vocabulary_size", "features", "classes"):
            if not 0 <= getattr(self, name) <= 1 << 16:
                raise UserError(f"{name} {getattr(self, name)} is outside 0..{1 << 16}")
        for name in ("dropout", "token_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name} {getattr(self, name)} is outside 0..1")


@dataclass(frozen=True)
class TaskConfig:
    """Everything that decides a training, but for the machine it runs on."""

    task: str
    data: str  # a corpus by name or folder, or a table of scikit-learn
    network: NetworkConfig = field(default_factory=NetworkConfig)
    vocabulary_size: int = 4096  # of the tokenizer that is learnt, where one is
    initial: str | None = None  # the language model whose tokens and weights the encoder takes
    rows: int | None = None  # of the training split at most, the first ones of a seeded order
    batch: int = 2048  # tokens read, padding included; of vectors: rows
    learning_rate: float = 2e-3  # the peak
    warmup_steps: int = 200
    weight_decay: float = 0.01
    clip: float = 1.0  # the largest norm of the gradient
    smoothing: float = 0.0  # of the labels
    average: float = 0.0  # of the weights: the share of the running average that each step keeps
    seed: int = 1
    epochs: float | None = None
    max_steps: int | None = None
    max_minutes: float | None = None
    valid_every: float = 1.0  # epochs
    patience: int = 5  # validations without improvement before stopping early
    checkpoint_minutes: float = 3.0
    beam: int = 1  # hypotheses of a decoder's search
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        least = {"vocabulary_size": 3, "batch": 1, "patience": 1, "beam": 1}
        least |= {"warmup_steps": 0, "weight_decay": 0, "checkpoint_minutes": 0, "seed": 0}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise UserError(f"{name} has to be at least {smallest}")
        bounds = [b for b in (getattr(self, name) for name in BOUNDS) if b is not None]
        if not bounds or min(bounds) <= 0:
            raise UserError("a training needs epochs, max_steps or max_minutes, above 0")
        if not (0 < self.learning_rate < 1 and self.clip > 0 and self.valid_every > 0):
            raise UserError("learning_rate, clip or valid_every is out of range")
        if not (0 <= self.smoothing < 1 and 0 <= self.average < 1):
            raise UserError("smoothing or average is outside 0..1")
        if self.rows is not None and self.rows < 1:
            raise UserError("rows has to be at least 1")
        check_choices(self, {"precision": PRECISIONS})
        if self.seed >= 1 << 31:
            raise UserError("seed has to be below 2147483648")


def config_from_json(value: Any, source: str) -> TaskConfig:
    """The strict loader: an unknown key, or a value that cannot be, is a UserError."""
    return from_json(TaskConfig, value, source)


def config_to_json(config: TaskConfig) -> dict[str, Any]:
    """What `config_from_json` reads."""
    return asdict(config)
