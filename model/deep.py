"""Deep recurrence: layers on top of each other, each with weights of its own.

    x_t -> layer 1 -> h1_t -> layer 2 -> h2_t -> ...      the states of one are the next one's input

A layer is any pass of recurrence.py (a step, a sequence, a packed batch): what it returns for each
time goes up, what it returns last is its state. Sources: Schmidhuber 1992; Graves et al. 2013.

Shapes: L layers, B batch, H hidden.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pocketlm.model.recurrence import Weights

# weights, x [..., E], h [B, H] -> the states of each time [..., H], and the last ones [B, H]
Layer = Callable[[Weights, Tensor, Tensor], tuple[Tensor, Tensor]]


def deep(
    layer: Layer,
    weights: Sequence[Weights],
    x: Tensor,
    state: Tensor,
    between: Callable[[Tensor], Tensor] = lambda x: x,
) -> tuple[Tensor, Tensor]:
    """All layers, from the input up.

    Args:
        layer: the pass of one layer.
        weights: of each layer.
        x: the input of the first one.
        state: [L, B, H].
        between: applied to what goes from a layer to the next: a dropout.

    Returns:
        what the last layer returns for each time, and the state [L, B, H].
    """
    finals: list[Tensor] = []
    for of_layer, h in zip(weights, state, strict=True):
        x, final = layer(of_layer, between(x) if finals else x, h)
        finals.append(final)
    return x, torch.stack(finals)
