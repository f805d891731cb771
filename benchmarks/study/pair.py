"""The vanilla RNN and the GRU that reach compares: equal in parameters, tokens and everything else.

PAIR -> train or resume -> models/NAME-STEPS, a run folder -> NetworkPredictor
"""

from dataclasses import dataclass

from pocketlm.benchmarks.study.context import Study
from pocketlm.benchmarks.trained import trained_run
from pocketlm.model.language_model import ModelConfig
from pocketlm.model.network import NetworkPredictor, open_run
from pocketlm.model.run_folder import TrainConfig


@dataclass(frozen=True)
class Recurrence:
    """One of the pair: its sizes, and a learning rate from short trials (docs/bench.md)."""

    name: str
    hidden: int
    learning_rate: float


EMBEDDING = 96
# The GRU is that of the preset small; the RNN's one matrix takes as much as the GRU's three.
PAIR = (Recurrence("gru", 384, 0.008), Recurrence("rnn", 678, 0.004))


def pair_config(study: Study, one: Recurrence) -> TrainConfig:
    """The settings of its training."""
    steps = study.plan.pair_steps
    return TrainConfig(
        corpus=study.corpus.name,
        model=ModelConfig(study.tokenizer.vocabulary_size, EMBEDDING, one.hidden, cell=one.name),
        tokenizer=str(study.networks[0]),
        learning_rate=one.learning_rate,
        max_steps=steps,
        valid_every=max(1, steps // 4),
        valid_lines=2000,
        seed=study.plan.seed,
    )


def open_pair(study: Study, one: Recurrence) -> NetworkPredictor:
    """The network, trained if it is not there, and trained on if it is not finished.

    Raises:
        UserError: its folder holds another training.
    """
    folder = study.models / f"{one.name}-{study.plan.pair_steps}"
    config = pair_config(study, one)
    predictor = open_run(trained_run(folder, config, study.corpus, study.tokenizer, study.notify))
    predictor.name = one.name
    return predictor
