"""The vanilla RNN and the GRU that reach compares: equal in parameters, tokens and everything else.

PAIR -> train or resume -> models/NAME-STEPS, a run folder -> NetworkPredictor
"""

from dataclasses import dataclass, replace
from pathlib import Path

from pocketlm.benchmarks.study.context import Study
from pocketlm.model.errors import UserError
from pocketlm.model.files import read_json
from pocketlm.model.language_model import ModelConfig
from pocketlm.model.network import NetworkPredictor, open_run
from pocketlm.model.progress import PlainProgress
from pocketlm.model.run_folder import CHECKPOINT, CONFIG, RECORD, TrainConfig, config_from_json
from pocketlm.model.train import resume, train


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
    if not (folder / CHECKPOINT).is_file():
        study.notify(f"training {folder.name}, {config.max_steps:,} steps")
        train(config, folder, PlainProgress())
    elif not (folder / RECORD).is_file():
        resume(folder, PlainProgress())
    _check(study, folder, config)
    predictor = open_run(folder)
    predictor.name = one.name
    return predictor


def _check(study: Study, folder: Path, wanted: TrainConfig) -> None:
    found = config_from_json(read_json(folder / CONFIG, "run's config"), str(folder / CONFIG))
    record = read_json(folder / RECORD, "run record")
    found = replace(found, corpus=wanted.corpus, tokenizer=wanted.tokenizer)  # by content, below
    hashes = (record["corpus"]["sha256"], record["tokenizer_sha256"])
    if found != wanted or hashes != (study.corpus.sha256, study.tokenizer.sha256):
        raise UserError(f"{folder} was trained with other settings: delete it")
