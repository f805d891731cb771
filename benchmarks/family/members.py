"""The members of the family: equal in parameters, tokens and everything else.

    member, parameters -> the hidden size that comes nearest -> TrainConfig -> a run folder

P parameters of a member with vocabulary V, embedding E, hidden H and L layers, whose cell makes G
products of its input (RNN 1, GRU 3):

    P = V E                               embedding, tied with the softmax
      + G (E H + H^2 + 2 H)               the first layer
      + (L - 1) G (2 H^2 + 2 H)           the others
      + L H                               the learned initial state
      + H E + E                           projection

Multiply-adds of one step at batch 1 are the entries of its matrices, without biases and sums: the
embedding is looked up, the softmax over V is a product.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pocketlm.benchmarks.trained import trained_run
from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.language_model import ModelConfig
from pocketlm.model.recurrence import PRODUCTS
from pocketlm.model.run_folder import TrainConfig
from pocketlm.model.tokenizer import Tokenizer

EMBEDDING = 64
LARGEST_HIDDEN = 4096


@dataclass(frozen=True)
class Member:
    """A cell and its layers; the learning rate is that of short trials (docs/bench.md)."""

    name: str
    cell: str
    layers: int
    learning_rate: float


FAMILY = (
    Member("RNN", "rnn", 1, 0.004),
    Member("GRU", "gru", 1, 0.008),
    Member("deep RNN", "rnn", 2, 0.004),
    Member("deep GRU", "gru", 2, 0.008),
)


@dataclass(frozen=True)
class FamilyPlan:
    """What decides every figure of the family."""

    parameters: int = 1_000_000
    steps: int = 150
    rows: int = 64
    window: int = 48
    seed: int = 1
    valid_lines: int = 2000


def sized(member: Member, vocabulary: int, parameters: int) -> ModelConfig:
    """The sizes of a member, its hidden one such that its parameters come nearest.

    Raises:
        UserError: no hidden size comes within a twentieth of it.
    """

    def config(hidden: int) -> ModelConfig:
        return ModelConfig(vocabulary, EMBEDDING, hidden, member.layers, cell=member.cell)

    sizes = range(8, LARGEST_HIDDEN)
    best = min(map(config, sizes), key=lambda one: abs(parameter_count(one) - parameters))
    if abs(parameter_count(best) - parameters) > parameters / 20:
        raise UserError(f"a {member.name} with {vocabulary} tokens cannot have {parameters:,}")
    return best


def parameter_count(config: ModelConfig) -> int:
    """P of the module's docstring."""
    biases = 2 * PRODUCTS[config.cell] * config.hidden * config.layers
    state = config.layers * config.hidden
    return multiply_adds(config) + biases + state + config.embedding


def multiply_adds(config: ModelConfig) -> int:
    """Of one step: recurrence, projection and softmax."""
    softmax = config.embedding * (config.vocabulary_size + config.hidden)
    return recurrent_multiply_adds(config) + softmax


def recurrent_multiply_adds(config: ModelConfig) -> int:
    """Of one step of the recurrence alone."""
    first = config.embedding * config.hidden + config.hidden**2
    return PRODUCTS[config.cell] * (first + (config.layers - 1) * 2 * config.hidden**2)


def member_config(
    member: Member, plan: FamilyPlan, corpus: Corpus, tokens: str, vocabulary: int
) -> TrainConfig:
    """The settings of its training; `tokens` is the MODEL whose tokenizer is used."""
    return TrainConfig(
        corpus=corpus.name,
        model=sized(member, vocabulary, plan.parameters),
        tokenizer=tokens,
        rows=plan.rows,
        window=plan.window,
        learning_rate=member.learning_rate,
        max_steps=plan.steps,
        valid_every=max(1, plan.steps // 4),
        valid_lines=plan.valid_lines,
        seed=plan.seed,
    )


def member_run(
    member: Member,
    plan: FamilyPlan,
    folder: Path,
    corpus: Corpus,
    tokenizer: Tokenizer,
    tokens: str,
    notify: Callable[[str], None],
) -> Path:
    """Its run folder below `folder`, trained if it is not there; see `trained_run`."""
    config = member_config(member, plan, corpus, tokens, tokenizer.vocabulary_size)
    name = f"{member.name.lower().replace(' ', '-')}-{plan.steps}"
    return trained_run(folder / name, config, corpus, tokenizer, notify)
