"""AdamW or Muon, and their learning-rate schedule."""

import math
from collections.abc import Iterable, Mapping
from typing import Protocol

import torch
from torch import nn

FINAL_LEARNING_RATE = 0.02  # of the peak
WARMUP_SHARE = 0.1  # of the run
RESTART_RATE = 2 / 3  # of the peak, after a restart
MUON_SCALE = 2.0  # of AdamW's learning rate
# What each keeps of a parameter, for checkpoints.
STATE_KEYS: dict[type[torch.optim.Optimizer], tuple[str, ...]] = {
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.Muon: ("momentum_buffer",),
}


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


def with_restart(fraction: float, restart: float) -> tuple[float, float]:
    """The place in a schedule that ends at `restart` of the run and then begins once more.

    A network that was trained to the end of a schedule gains by a second one, from a lower peak
    (Loshchilov and Hutter 2017, SGDR).

    Returns:
        the fraction of the present schedule, and the share of the peak that it has.
    """
    if fraction < restart:
        return fraction / restart, 1.0
    return (fraction - restart) / (1 - restart), RESTART_RATE if restart else 1.0


def adamw(module: nn.Module, config: Schedule) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019); biases and the initial state are not decayed."""
    return _adamw(dict(module.named_parameters()), config)


def muon(module: nn.Module, config: Schedule) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the matrices between the layers, AdamW for all else.

    The gradient's momentum, made orthogonal: no direction of a matrix is learnt much faster than
    another. Not for embeddings, most of whose rows a step does not touch. The size of an update
    is AdamW's (Liu et al. 2025, arXiv 2502.16982), times MUON_SCALE.
    """
    named = dict(module.named_parameters())
    matrices = {n: p for n, p in named.items() if _is_decayed(n, p) and "embedding" not in n}
    group = {"params": list(matrices.values()), "scale": MUON_SCALE}
    rest = {name: parameter for name, parameter in named.items() if name not in matrices}
    return [
        torch.optim.Muon(
            [group],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
        _adamw(rest, config),
    ]


def set_learning_rate(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    """For the next step, each group's in its scale."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]


def _adamw(named: Mapping[str, nn.Parameter], config: Schedule) -> torch.optim.AdamW:
    groups = [
        {"params": [p for n, p in named.items() if _is_decayed(n, p)], "scale": 1.0},
        {
            "params": [p for n, p in named.items() if not _is_decayed(n, p)],
            "scale": 1.0,
            "weight_decay": 0.0,
        },
    ]
    return torch.optim.AdamW(
        groups,
        lr=config.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=config.weight_decay,
        fused=True,
    )


def _is_decayed(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim > 1 and name != "initial_state"
