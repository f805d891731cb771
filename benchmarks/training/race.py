"""Trainings beside each other: a step of each in turn, so that all see the same machine.

settings -> runners (PlainLoop, or trainer.py's Trainer) -> steps in turn
-> tokens/s, loss after equal tokens, word perplexity on valid
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pocketlm.benchmarks.study.figures import Figure, figure
from pocketlm.benchmarks.training.plain_loop import PlainLoop
from pocketlm.model.corpus import Corpus
from pocketlm.model.evaluate import evaluate
from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.network import NetworkPredictor
from pocketlm.model.progress import NoProgress
from pocketlm.model.run_folder import TrainConfig
from pocketlm.model.shards import TokenShards
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.trainer import Trainer

WARMUP = 3  # steps that are trained but not timed
_LAST = 50  # steps over which the loss is averaged


class Runner(Protocol):
    """A training that can be asked for one step."""

    model: RecurrentLanguageModel

    def step(self, fraction: float) -> float:
        """One step; its loss in nats a token."""


class TrainerRunner:
    """The package's own trainer."""

    def __init__(
        self, config: TrainConfig, folder: Path, corpus: Corpus, tokenizer: Tokenizer
    ) -> None:
        self._trainer = Trainer(config, folder, NoProgress(), corpus, tokenizer)
        model = self._trainer.model
        assert isinstance(model, RecurrentLanguageModel)
        self.model = model

    def step(self, fraction: float) -> float:
        """See Runner."""
        self._trainer.train_step(fraction)
        return self._trainer.losses[-1]


@dataclass
class Lane:
    """A runner and what its steps gave."""

    runner: Runner
    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def take(self, fraction: float) -> None:
        """A step, timed."""
        began = time.perf_counter()
        self.losses.append(self.runner.step(fraction))
        self.seconds.append(time.perf_counter() - began)

    def speed(self, size: int) -> Figure:
        """Tokens a second over the steps, of `size` tokens each, but for the first ones."""
        return figure([size / taken for taken in self.seconds[WARMUP:]])


@contextmanager
def trainers(
    configs: Mapping[str, TrainConfig], corpus: Corpus, tokenizer: Tokenizer
) -> Iterator[dict[str, Runner]]:
    """The package's own trainings of these settings, which keep no run."""
    with ExitStack() as stack:
        folders = {
            name: Path(stack.enter_context(tempfile.TemporaryDirectory())) for name in configs
        }
        yield {
            name: TrainerRunner(config, folders[name], corpus, tokenizer)
            for name, config in configs.items()
        }


def in_turn(
    runners: Mapping[str, Runner], steps: int, progress: Callable[[float], None] = lambda _: None
) -> dict[str, Lane]:
    """A step of each, then the next of each, so that all see the same machine."""
    lanes = {name: Lane(runner) for name, runner in runners.items()}
    for step in range(steps):
        for lane in lanes.values():
            lane.take(step / steps)
        progress((step + 1) / steps)
    return lanes


@dataclass(frozen=True)
class Course:
    """The text of a race, and what is measured on at its end."""

    corpus: Corpus
    tokenizer: Tokenizer
    shards: TokenShards
    valid: Sequence[Sequence[str]]
    steps: int


def race(
    course: Course,
    configs: Mapping[str, TrainConfig],
    plain: Mapping[str, PlainLoop],
    progress: Callable[[float], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Train all of them for `course.steps`; the results in the order given, the plain ones first.

    Returns:
        of each its name, `tokens_per_second` (median, least and most over the steps), its loss over
        the last steps and its word perplexities on valid.
    """
    first = next(iter(configs.values()))
    with trainers(configs, course.corpus, course.tokenizer) as own:
        lanes = in_turn({**plain, **own}, course.steps, progress)
        size = first.rows * first.window
        return [_result(name, lane, course, size) for name, lane in lanes.items()]


def _result(name: str, lane: Lane, course: Course, size: int) -> dict[str, Any]:
    predictor = NetworkPredictor(lane.runner.model.eval(), course.tokenizer, name)
    found = {c: evaluate(predictor, course.valid, c) for c in ("document", "line")}
    return {
        "name": name,
        "tokens_per_second": lane.speed(size),
        "train_nats_per_token": statistics.fmean(lane.losses[-_LAST:]),
        "valid_word_perplexity_document": found["document"].word_perplexity,
        "valid_word_perplexity_line": found["line"].word_perplexity,
    }
