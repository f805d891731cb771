"""AdamW and its learning-rate schedule."""

import math
from typing import Protocol

import torch
from torch import nn

FINAL_LEARNING_RATE = 0.02  # of the peak
WARMUP_SHARE = 0.1  # of the run


class Schedule(Protocol):
    """What a training's settings say of its optimizer."""

    @property
    def learning_rate(self) -> float:
        """The peak."""

    @property
    def warmup_steps(self) -> int:
        """Steps to the peak."""

    @property
    def weight_decay(self) -> float:
        """Of the matrices."""


def learning_rate(config: Schedule, step: int, fraction: float) -> float:
    """Linear warm-up, times a cosine over the run down to its last share.

    The warm-up takes `warmup_steps`, but no more than WARMUP_SHARE of a short run.
    """
    warmup = min(1.0, max((step + 1) / (config.warmup_steps + 1), fraction / WARMUP_SHARE))
    cosine = 0.5 * (1 + math.cos(math.pi * min(fraction, 1.0)))
    return config.learning_rate * warmup * max(FINAL_LEARNING_RATE, cosine)


def adamw(model: nn.Module, config: Schedule) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019); biases and the initial state are not decayed."""
    decayed = [p for n, p in model.named_parameters() if p.ndim > 1 and n != "initial_state"]
    kept = [p for n, p in model.named_parameters() if p.ndim == 1 or n == "initial_state"]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99), fused=True)
