"""Steps of a training in one or several processes, timed: what scaling.py starts with torchrun.

    torchrun --nproc-per-node 2 -m pocketlm.benchmarks.training.steps CONFIG.json STEPS

Rank 0 prints one JSON object: `ranks`, `threads` of each, and the `seconds` of each step.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import torch

from pocketlm.model.corpus import open_corpus
from pocketlm.model.errors import UserError
from pocketlm.model.files import read_json
from pocketlm.model.progress import NoProgress
from pocketlm.model.ranks import open_ranks
from pocketlm.model.run_folder import config_from_json
from pocketlm.model.trainer import Trainer
from pocketlm.models import open_tokenizer
from pocketlm.module_command import run_module

_WARMUP = 5  # steps that are not counted


def _measure(settings: str, steps: str) -> None:
    if not steps.isdigit():
        raise UserError(f"{steps!r:.60} is no number of steps")
    path, count = Path(settings), int(steps)
    config = config_from_json(read_json(path, "training config"), str(path))
    assert config.tokenizer
    seconds = []
    with open_ranks(config.device) as ranks, tempfile.TemporaryDirectory() as folder:
        corpus, tokenizer = open_corpus(config.corpus), open_tokenizer(Path(config.tokenizer))
        trainer = Trainer(config, Path(folder), NoProgress(), corpus, tokenizer, ranks)
        for _ in range(_WARMUP + count):
            began = time.perf_counter()
            trainer.train_step(0.5)
            seconds.append(time.perf_counter() - began)
        ranks.wait()
        if ranks.leads:
            found = {"ranks": ranks.size, "threads": torch.get_num_threads()}
            print(json.dumps({**found, "seconds": seconds[_WARMUP:]}))  # noqa: T201


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    return run_module("pocketlm.benchmarks.training.steps CONFIG.json STEPS", arguments, _measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
