"""Where the time of a step goes: the window, the recurrence, the softmax, the optimizer.

    OMP_NUM_THREADS=2 python -m pocketlm.benchmarks.training.parts keyboard-en en-base

A step is cut where the softmax begins: its loss and the gradients that it gives are one part, the
way back through the recurrence another.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pocketlm.model.corpus import open_corpus
from pocketlm.model.language_model import ModelConfig
from pocketlm.model.loss import tied_softmax_loss
from pocketlm.model.objective import NextToken, segment_states, to_device
from pocketlm.model.optimizer import adamw
from pocketlm.model.run_folder import TrainConfig
from pocketlm.model.segments import WindowStream
from pocketlm.model.shards import TokenShards, open_shards
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.models import open_tokenizer
from pocketlm.module_command import run_module

PARTS = ("window", "recurrence, forth", "softmax, forth and back", "recurrence, back", "optimizer")
_WARMUP, _STEPS = 3, 20


class Stopwatch:
    """Seconds by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {part: [] for part in PARTS}

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        """Add what the block takes."""
        began = time.perf_counter()
        yield
        self.seconds[part].append(time.perf_counter() - began)

    def medians(self) -> dict[str, float]:
        """Milliseconds of each part, the first steps left out."""
        return {p: 1000 * statistics.median(s[_WARMUP:]) for p, s in self.seconds.items()}


def plain_softmax(projected: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
    """What the plain loop has in place of `tied_softmax_loss`."""
    with torch.autocast(projected.device.type, dtype, enabled=dtype != torch.float32):
        logits = F.linear(projected, weight)
        return F.cross_entropy(logits, targets)


def profile(
    config: TrainConfig,
    shards: TokenShards,
    tokenizer: Tokenizer,
    dtype: torch.dtype,
    chunked: bool,
) -> dict[str, float]:
    """Milliseconds of each part of a step, medians; with the chunked softmax or the plain one."""
    torch.manual_seed(config.seed)
    objective = NextToken(config.model, tokenizer, torch.device("cpu"))
    optimizer = adamw(objective.model, config)
    stream = WindowStream(shards, config.rows, config.window, config.fresh_lines, config.seed)
    carried = objective.model.start_state(config.rows).detach()
    softmax = tied_softmax_loss if chunked else plain_softmax
    watch = Stopwatch()
    for _ in range(_WARMUP + _STEPS):
        with watch.time(PARTS[0]):
            segments = stream.next_window()
        optimizer.zero_grad()
        with watch.time(PARTS[1]):
            state = segment_states(segments, carried, objective.model.start_state(segments.count))
            with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
                projected, targets, final = objective.predict(segments, state)
        with watch.time(PARTS[2]):
            cut = projected.detach().float().requires_grad_()
            weight = objective.model.embedding.weight
            softmax(cut, weight, to_device(targets, torch.device("cpu")), dtype).backward()
        with watch.time(PARTS[3]):
            projected.backward(cut.grad)
        with watch.time(PARTS[4]):
            torch.nn.utils.clip_grad_norm_(objective.model.parameters(), config.clip)
            optimizer.step()
        carried = final[:, to_device(segments.last_of_row, torch.device("cpu"))].detach().float()
    return watch.medians()


def profiles(
    config: TrainConfig, shards: TokenShards, tokenizer: Tokenizer
) -> list[dict[str, Any]]:
    """Each softmax in each precision: `softmax`, `precision`, `milliseconds` of each part."""
    return [
        {
            "softmax": "chunked" if chunked else "plain",
            "precision": str(dtype).removeprefix("torch."),
            "milliseconds": profile(config, shards, tokenizer, dtype, chunked),
        }
        for chunked in (False, True)
        for dtype in (torch.float32, torch.bfloat16)
    ]


def _print_profiles(corpus: str, tokens: str) -> None:
    tokenizer = open_tokenizer(Path(tokens))
    shards = open_shards(open_corpus(corpus), "train", tokenizer)
    sizes = ModelConfig(vocabulary_size=tokenizer.vocabulary_size)
    config = TrainConfig(corpus=corpus, model=sizes, fresh_lines=0.0, max_steps=1)
    for found in profiles(config, shards, tokenizer):
        parts = found["milliseconds"]
        name = f"{found['softmax']} softmax, {found['precision']}"
        print(f"{name}: {sum(parts.values()):.0f} ms")  # noqa: T201
        for part, milliseconds in parts.items():
            print(f"  {part:25s} {milliseconds:7.1f} ms")  # noqa: T201


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    usage = "pocketlm.benchmarks.training.parts CORPUS MODEL"
    return run_module(usage, arguments, _print_profiles)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
