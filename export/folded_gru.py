"""A GRU's step as products, sums and quotients, for programs whose code pages count.

Each kernel that a program calls keeps some 50 to 200 KiB of the runtime's code in memory, of which
these take least (measured in docs/bundle.md). With the state as u = (1 + h) / 2,
tanh(x) = 2 sigma(2 x) - 1 and y sigma(x) = y / (1 + exp(-x)) the step of recurrence.py, where p is
what the state's product reads,

    r, z = sigma(W_r x + U_r p + b_r), sigma(W_z x + U_z p + b_z)
    n = tanh(W_n x + b_n + r (U_n p + c_n))
    h' = n + z (h - n)

is, with factors that lie in the matrices and their biases,

    R, Z = 1 + e(-(W_r x + U_r p + b_r) / 128), 1 + e((W_z x + U_z p + b_z) / 128)
    q = 1 / (1 + e((-2 (W_n x + b_n) + -2 (U_n p + c_n) / R) / 128))
    u' = u + (q - u) / Z

where r = 1 / R, 1 - z = 1 / Z and q = (1 + n) / 2, and e stands for the exponential of 128 times
what it is given, which an operator of its own would make with the C library's:

    e(v) = ((1 + v) / (1 - v))^64 = exp(64 (2 v + 2 v^3 / 3 + ...))

by six squarings, a^2 = a / (1 / a). 1 / (1 + e(x / 128)) is sigma(-x) to 3e-5, absolutely, for |x|
up to some 1,500, far beyond what a trained gate has: from |x| = 128 on e falls back, as e(1 / v) is
e(v), at last to 1. What is beyond float32 on the way is infinite, and its quotient zero; an
infinite v gives NaN.

A matrix M that reads a state reads u: M h = 2 M u - M 1. A power of two and a sign change no int8
value of a row, only its scale and its sign; M 1 is that of the rounded rows, so that what they lose
is the same. Each gate has matrices of its own, so that nothing is cut in parts. Shapes: E embedding
or what a layer reads, K what the state's product reads, H hidden.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from pocketlm.export.matrices import Matrix, Named
from pocketlm.export.quantise import quantise_rows
from pocketlm.model.language_model import ModelConfig

_SQUARINGS = 6
# What the rows of a gate are multiplied by.
_FACTORS = {gate: sign / (2 << _SQUARINGS) for gate, sign in (("r", -1.0), ("z", 1.0), ("n", -2.0))}
Product = Callable[[str, Tensor], Tensor]


def is_folded(config: ModelConfig) -> bool:
    """Whether the zero-copy recipe writes a network's step so."""
    return config.cell == "gru"


def shifted(state: Tensor) -> Tensor:
    """A state h as its u."""
    return (1 + state) / 2


def folded_matrices(matrices: Named, config: ModelConfig) -> Named:
    """The matrices that read u in the place of h, each gate's by themselves.

    Instead of a layer's w [3H, E] and u [3H, K] there are w_r, w_z, w_n [H, E] and u_r, u_z, u_n
    [H, K]. The gates r and z have one bias for both, with w.
    """
    folded = dict(matrices)
    folded["projection"] = _of_shifted(folded["projection"])
    for layer in range(config.layers):
        (w, b), (u, c) = folded.pop(f"w{layer}"), folded.pop(f"u{layer}")
        if layer:
            w, b = _of_shifted((w, b))
        if not config.recurrent_projection:
            u, c = _of_shifted((u, c))
        assert b is not None
        assert c is not None
        parts = (each.chunk(3) for each in (w, b, u, c))
        for gate, w_gate, b_gate, u_gate, c_gate in zip(_FACTORS, *parts, strict=True):
            factor, joined = _FACTORS[gate], gate != "n"
            bias = b_gate + c_gate if joined else b_gate
            folded[f"w{layer}_{gate}"] = (factor * w_gate, factor * bias)
            folded[f"u{layer}_{gate}"] = (factor * u_gate, None if joined else factor * c_gate)
    return folded


def _of_shifted(matrix: Matrix) -> Matrix:
    """What reads h, for u."""
    weight, bias = matrix
    assert bias is not None
    return 2 * weight, bias - quantise_rows(weight).dequantised().sum(dim=1)


def folded_step(
    product: Product, layer: int, x: Tensor, read: Tensor, state: Tensor, one: Tensor
) -> tuple[Tensor, Tensor]:
    """Two parts [1, H] whose sum is the new state.

    Args:
        product: of a matrix by its name, its bias added.
        layer: which one.
        x: [1, E].
        read: [1, K].
        state: u before, [1, H].
        one: [1, H] of 1: to repeat one number would take another kernel's code.
    """
    r = one + _exp(product(f"w{layer}_r", x) + product(f"u{layer}_r", read), one)
    q = one / (one + _exp(product(f"w{layer}_n", x) + product(f"u{layer}_n", read) / r, one))
    change = _less(q, state)
    z = one + _exp(product(f"w{layer}_z", x) + product(f"u{layer}_z", read), one)
    return state, change / z


def _exp(v: Tensor, one: Tensor) -> Tensor:
    """The e of above."""
    power = (one + v) / _less(one, v)
    for _ in range(_SQUARINGS):
        power = power / (one / power)
    return power


def _less(a: Tensor, b: Tensor) -> Tensor:
    """What `a - b` is, which would be another operator."""
    return torch.add(a, b, alpha=-1)
