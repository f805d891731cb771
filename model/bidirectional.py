"""Bidirectional recurrence: a pass forward, a pass backward, joined for each position.

    x_1 .. x_T -> forward:   h_t has read x_1 .. x_t  |
               -> backward:  h'_t has read x_T .. x_t |-> [h_t, h'_t], what is predicted of x_t

The two passes know nothing of each other; each has weights of its own, of the same shapes. A
sequence that is shorter than the batch is read backward from its own end. Source: Schuster and
Paliwal 1997, in the form of torch.nn.RNN and torch.nn.GRU, where a layer above reads the joined
states of the one below.

Shapes: B batch, T time, E input, H hidden, L layers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pocketlm.model.recurrence import Cell, Weights, module_weights, sequence

Pair = tuple[Weights, Weights]  # forward, backward


def bidirectional(
    cell: Cell, weights: Pair, x: Tensor, states: Tensor, lengths: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One layer: x [B, T, E], states [2, B, H] -> joined [B, T, 2H], final states [2, B, H]."""
    forward, last = sequence(cell, weights[0], x, states[0], lengths)
    backward, first = sequence(cell, weights[1], reversed_in_time(x, lengths), states[1], lengths)
    joined = torch.cat([forward, reversed_in_time(backward, lengths)], dim=-1)
    return joined, torch.stack([last, first])


def deep_bidirectional(
    cell: Cell,
    weights: Sequence[Pair],
    x: Tensor,
    states: Tensor,
    lengths: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Layers, each over the joined states of the one below.

    x [B, T, E], states [2L, B, H] in torch's order -> joined [B, T, 2H], final states [2L, B, H].
    """
    finals = []
    for pair, of_layer in zip(weights, states.split(2), strict=True):
        x, final = bidirectional(cell, pair, x, of_layer, lengths)
        finals.append(final)
    return x, torch.cat(finals)


def reversed_in_time(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Each sequence of x [B, T, ...] from its own end to its start; the padding stays behind it."""
    if lengths is None:
        return x.flip(1)
    time = torch.arange(x.shape[1], device=x.device)  # [T]
    ends = lengths[:, None]
    places = torch.where(time < ends, ends - 1 - time, time)  # [B, T]
    return x[torch.arange(len(x), device=x.device)[:, None], places]


def module_pairs(module: nn.RNNBase) -> list[Pair]:
    """Forward and backward weights of each layer of one of torch's bidirectional modules."""
    layers = range(module.num_layers)
    return [(module_weights(module, i, 0), module_weights(module, i, 1)) for i in layers]
