"""How fast the members train, beside each other: steps in turns, so that all see the same machine.

A run's own record has a speed too, but of whatever else the machine did in those minutes.
"""

import time
from collections.abc import Callable, Mapping

import torch

from pocketlm.benchmarks.study.figures import Figure, figure
from pocketlm.model.hardware import resolve_device, resolve_precision
from pocketlm.model.objective import NextToken
from pocketlm.model.optimizer import adamw
from pocketlm.model.run_folder import TrainConfig
from pocketlm.model.segments import WindowStream
from pocketlm.model.shards import TokenShards
from pocketlm.model.tokenizer import Tokenizer

ROUNDS = 11
_WARMUP = 2  # rounds that are not counted


def training_speeds(
    configs: Mapping[str, TrainConfig],
    shards: TokenShards,
    tokenizer: Tokenizer,
    rounds: int = ROUNDS,
) -> dict[str, Figure]:
    """Tokens a second of each training: `median`, `least` and `most` over the rounds."""
    steps = {name: _step(config, shards, tokenizer) for name, config in configs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in configs}
    for i in range(_WARMUP + rounds):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if i >= _WARMUP:
                seconds[name].append(time.perf_counter() - began)
    return {
        name: figure([config.rows * config.window / taken for taken in seconds[name]])
        for name, config in configs.items()
    }


def _step(config: TrainConfig, shards: TokenShards, tokenizer: Tokenizer) -> Callable[[], None]:
    """One step of a training that keeps no results."""
    device = resolve_device(config.device)
    precision = resolve_precision(config.precision, device)
    torch.manual_seed(config.seed)
    objective = NextToken(config.model, tokenizer, device)
    optimizer = adamw(objective.model, config)
    stream = WindowStream(shards, config.rows, config.window, config.fresh_lines, config.seed)
    carried = objective.model.start_state(config.rows).detach()

    def step() -> None:
        optimizer.zero_grad()
        loss, _ = objective.loss(stream.next_window(), carried, precision)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(objective.model.parameters(), config.clip)
        optimizer.step()

    return step
