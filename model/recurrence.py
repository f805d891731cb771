"""The recurrence from its equations: one step, along time, and over sequences of several lengths.

    x_t, h_(t-1) -> step -> h_t             one step
    x_1 .. x_T   -> scan of it -> h_1 .. h_T   a sequence: the same weights again and again

The plain RNN (Elman 1990; torch.nn.RNN), with an activation g, mostly tanh:

    h_t = g(W_x x_t + b_x + W_h h_(t-1) + b_h)

The GRU (Cho et al. 2014, in the form of cuDNN and torch.nn.GRU, where the reset gate acts after the
recurrent product):

    r = sigmoid(W_xr x_t + b_xr + W_hr h_(t-1) + b_hr)          reset gate
    z = sigmoid(W_xz x_t + b_xz + W_hz h_(t-1) + b_hz)          update gate
    n = tanh(W_xn x_t + b_xn + r * (W_hn h_(t-1) + b_hn))       candidate
    h_t = n + z * (h_(t-1) - n)

Where z is 1 the state stays as it is, however long: this is what lets a GRU keep what a plain RNN
multiplies away. What is predicted of a state, W_y h_t and its activation, is its user's: a softmax
over words in language_model.py.

Both want the same two products, W_x x + b_x and W_h h + b_h; a cell is what it makes of them. The
first does not wait for the state, so that it is one product for all times at once. With a recurrent
projection (Sak, Senior and Beaufays 2014, there of an LSTM) the second is W_h (P h + b_p) + b_h:
the gates read a few sums of a wide state, which takes a fraction of the weights. Networks of
several layers are in deep.py, of two directions in bidirectional.py. Training on a GPU uses
torch's own modules; this form is the reference, what a CPU trains with, and what is exported.

Shapes: B batch, T time, N tokens of a packed batch, E input, H hidden, P projected, G products a
cell makes of its input (3 for the GRU: r, z, n; 1 for the RNN).
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = TypeVar("State")
Input = TypeVar("Input")
# from_input [B, GH], from_state [B, GH], h [B, H] -> the new state [B, H]
Cell = Callable[[Tensor, Tensor, Tensor], Tensor]


class Weights(NamedTuple):
    """Of one layer in one direction; a GRU's gates below each other in the order r, z, n."""

    w_x: Tensor  # [GH, E]
    w_h: Tensor  # [GH, H], or [GH, P] with a projection
    b_x: Tensor  # [GH]
    b_h: Tensor  # [GH]
    projection: tuple[Tensor, Tensor] | None = None  # [P, H] and [P]: what w_h reads of the state


def scan(
    function: Callable[[State, Input], State], state: State, inputs: Iterable[Input]
) -> list[State]:
    """Apply one function along time, carrying the state: the states after each input."""
    states = []
    for each in inputs:
        state = function(state, each)
        states.append(state)
    return states


def rnn_state(
    from_input: Tensor,
    from_state: Tensor,
    h: Tensor,  # noqa: ARG001 - the plain RNN has it in from_state only
    g: Callable[[Tensor], Tensor] = torch.tanh,
) -> Tensor:
    """The plain RNN's new state [B, H], with the activation g."""
    return g(from_input + from_state)


def gru_state(from_input: Tensor, from_state: Tensor, h: Tensor) -> Tensor:
    """The GRU's new state [B, H]."""
    # Slices, not `chunk`: a split would break the XNNPACK delegate in two.
    size = h.shape[-1]
    gates = torch.sigmoid(from_input[:, : 2 * size] + from_state[:, : 2 * size])
    r, z = gates[:, :size], gates[:, size:]
    n = torch.tanh(from_input[:, 2 * size :] + r * from_state[:, 2 * size :])
    return n + z * (h - n)


CELLS: dict[str, Cell] = {"gru": gru_state, "rnn": rnn_state}
PRODUCTS = {"gru": 3, "rnn": 1}  # G of each


def step(cell: Cell, weights: Weights, x: Tensor, h: Tensor) -> Tensor:
    """One step: x [B, E], h [B, H] -> the new state [B, H]."""
    return _after(cell, weights, F.linear(x, weights.w_x, weights.b_x), h)


def sequence(
    cell: Cell, weights: Weights, x: Tensor, h: Tensor, lengths: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Sequences from their states, each to its own end.

    Args:
        cell: one of CELLS, or another.
        weights: of the layer.
        x: [B, T, E], padded with anything where a sequence has ended.
        h: [B, H], the states before.
        lengths: [B] of the sequences, 0..T; without them all are T long.

    Returns:
        the states of each time [B, T, H], 0 where a sequence has ended, and the last ones [B, H]:
        the state of a sequence that has ended is frozen.
    """
    products = F.linear(x, weights.w_x, weights.b_x)  # [B, T, GH]
    times = zip(products.unbind(1), running(lengths, x), strict=True)

    def advance(h: Tensor, now: tuple[Tensor, Tensor]) -> Tensor:
        from_input, going = now
        return torch.where(going, _after(cell, weights, from_input, h), h)

    states = scan(advance, h, times)
    if not states:
        return x.new_zeros(len(x), 0, h.shape[-1]), h
    going = torch.stack(list(running(lengths, x)), dim=1)  # [B, T, 1]
    return torch.stack(states, dim=1) * going, states[-1]


def packed(
    cell: Cell, weights: Weights, x: Tensor, sizes: Sequence[int], h: Tensor
) -> tuple[Tensor, Tensor]:
    """The same without padding: sequences in packed order (torch's PackedSequence), longest first.

    Args:
        cell: one of CELLS, or another.
        weights: of the layer.
        x: [N, E], the first input of each sequence, then the second of each, ...
        sizes: how many sequences are still running at each time.
        h: [B, H].

    Returns:
        the states [N, H] in packed order, and the last ones [B, H].
    """

    def advance(h: Tensor, from_input: Tensor) -> Tensor:
        return _after(cell, weights, from_input, h[: len(from_input)])

    products = F.linear(x, weights.w_x, weights.b_x).split(list(sizes))
    states = scan(advance, h, products)
    ended = [before[len(after) :] for before, after in itertools.pairwise([h, *states])]
    return torch.cat(states), torch.cat([states[-1], *reversed(ended)])


def running(lengths: Tensor | None, x: Tensor) -> Iterable[Tensor]:
    """For each time of x [B, T, ...] which sequences are not at their end: bool [B, 1]."""
    ends = torch.full((len(x),), x.shape[1], device=x.device) if lengths is None else lengths
    return (ends[:, None] > time for time in range(x.shape[1]))


def module_weights(module: nn.RNNBase, layer: int, direction: int = 0) -> Weights:
    """What one of torch's own modules has for a layer, and for direction 0 or 1 of it."""
    directions = 2 if module.bidirectional else 1
    w_x, w_h, b_x, b_h = module.all_weights[layer * directions + direction]
    return Weights(w_x, w_h, b_x, b_h)


def _after(cell: Cell, weights: Weights, from_input: Tensor, h: Tensor) -> Tensor:
    read = h if weights.projection is None else F.linear(h, *weights.projection)
    return cell(from_input, F.linear(read, weights.w_h, weights.b_h), h)
