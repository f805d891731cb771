"""A GRU's step as products, sums and tanh alone, for programs whose code pages count.

Each other kernel that a program calls (a sigmoid, a difference, a slice) keeps some 50 KiB of the
runtime's code in memory (measured in docs/bundle.md). With
sigma(x) = (1 + tanh(x / 2)) / 2 the step of recurrence.py, where p is what the state's product
reads,

    r, z = sigma(W_r x + U_r p + b_r), sigma(W_z x + U_z p + b_z)
    n = tanh(W_n x + b_n + r (U_n p + c_n))
    h' = n + z (h - n)

is, with factors that lie in the matrices and their biases,

    s, t = tanh((W_r x + U_r p + b_r) / 2), tanh(-(W_z x + U_z p + b_z) / 2)
    c = -(U_n p + c_n) / 2
    m = tanh(-(W_n x + b_n) + c + s c)                                         m = -n
    w = -(m + h) / 2
    h' = (h + w) + t w

A power of two and a sign change no int8 value of a row, only its scale and its sign. Each gate has
matrices of its own, so that nothing is cut in parts. Shapes: E embedding or what a layer reads,
K what the state's product reads, H hidden.
"""

from collections.abc import Callable

from torch import Tensor

from pocketlm.export.matrices import Named
from pocketlm.model.language_model import ModelConfig

# What the rows of a gate are multiplied by: those that read the input, those that read the state.
_FACTORS = {"r": (0.5, 0.5), "z": (-0.5, -0.5), "n": (-1.0, -0.5)}
MINUS_HALF = -0.5
Product = Callable[[str, Tensor], Tensor]


def is_folded(config: ModelConfig) -> bool:
    """Whether the zero-copy recipe writes a network's step so."""
    return config.cell == "gru"


def folded_matrices(matrices: Named, layers: int) -> Named:
    """Instead of each layer's w [3H, E] and u [3H, K]: w_r, w_z, w_n [H, E], u_r, u_z, u_n [H, K].

    The gates r and z have one bias for both, with w.
    """
    folded = dict(matrices)
    for layer in range(layers):
        (w, b), (u, c) = folded.pop(f"w{layer}"), folded.pop(f"u{layer}")
        assert b is not None
        assert c is not None
        parts = (each.chunk(3) for each in (w, b, u, c))
        for gate, w_gate, b_gate, u_gate, c_gate in zip(_FACTORS, *parts, strict=True):
            of_input, of_state = _FACTORS[gate]
            joined = gate != "n"
            bias = b_gate + c_gate if joined else b_gate
            folded[f"w{layer}_{gate}"] = (of_input * w_gate, of_input * bias)
            folded[f"u{layer}_{gate}"] = (
                of_state * u_gate,
                None if joined else of_state * c_gate,
            )
    return folded


def folded_step(
    product: Product, layer: int, x: Tensor, read: Tensor, h: Tensor, minus_half: Tensor
) -> tuple[Tensor, Tensor]:
    """Two parts [1, H] whose sum is the new state.

    Args:
        product: of a matrix by its name, its bias added.
        layer: which one.
        x: [1, E].
        read: [1, K].
        h: [1, H], the state before.
        minus_half: [1, H] of -1/2: to repeat one number would take another kernel's code.
    """
    s = (product(f"w{layer}_r", x) + product(f"u{layer}_r", read)).tanh()
    t = (product(f"w{layer}_z", x) + product(f"u{layer}_z", read)).tanh()
    c = product(f"u{layer}_n", read)
    m = (product(f"w{layer}_n", x) + c + s * c).tanh()
    w = (m + h) * minus_half
    return h + w, t * w
