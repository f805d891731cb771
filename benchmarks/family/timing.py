"""How fast the members train, beside each other.

A run's own record has a speed too, but of whatever else the machine did in those minutes.
"""

from collections.abc import Mapping

from pocketlm.benchmarks.study.figures import Figure
from pocketlm.benchmarks.training.race import WARMUP, in_turn, trainers
from pocketlm.model.corpus import Corpus
from pocketlm.model.run_folder import TrainConfig
from pocketlm.model.tokenizer import Tokenizer

ROUNDS = 11


def training_speeds(
    configs: Mapping[str, TrainConfig], corpus: Corpus, tokenizer: Tokenizer, rounds: int = ROUNDS
) -> dict[str, Figure]:
    """Tokens a second of each training: `median`, `least` and `most` over the rounds."""
    with trainers(configs, corpus, tokenizer) as runners:
        lanes = in_turn(runners, WARMUP + rounds)
    return {
        name: lanes[name].speed(config.rows * config.window) for name, config in configs.items()
    }
