"""Matrices as a recipe's program holds them, and the products that it makes with them.

    float   fp32, products by BLAS
    int8    read where it lies: operators that take int8 weights, no delegate, no packed copy

Shapes: N rows, K columns.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocketlm.export.quantise import quantise_rows

Matrix = tuple[Tensor, Tensor | None]  # [N, K], and its bias [N]
Named = Mapping[str, Matrix]


class Matrices(nn.Module):
    """Matrices by name."""

    largest_error = 0.0  # of a weight, by rounding

    def embed(self, name: str, token: Tensor) -> Tensor:
        """Token [1, 1] -> its row [1, K] of the matrix of that name."""
        raise NotImplementedError

    def product(self, name: str, x: Tensor) -> Tensor:
        """X [1, K] -> [1, N] by the matrix of that name, its bias added."""
        raise NotImplementedError


class FloatMatrices(Matrices):
    """The recipe `float`."""

    def __init__(self, matrices: Named) -> None:
        super().__init__()
        self.weights = nn.ParameterDict()
        for name, (weight, bias) in matrices.items():
            self.weights[f"{name}_weight"] = nn.Parameter(weight, requires_grad=False)
            if bias is not None:
                self.weights[f"{name}_bias"] = nn.Parameter(bias, requires_grad=False)

    def embed(self, name: str, token: Tensor) -> Tensor:
        """See Matrices."""
        return F.embedding(token, self.weights[f"{name}_weight"]).reshape(1, -1)

    def product(self, name: str, x: Tensor) -> Tensor:
        """See Matrices."""
        return F.linear(x, self.weights[f"{name}_weight"], self.weights.get(f"{name}_bias"))


class Int8Matrices(Matrices):
    """The recipe `zero-copy`."""

    def __init__(self, matrices: Named) -> None:
        super().__init__()
        for name, (weight, bias) in matrices.items():
            quantised = quantise_rows(weight)
            self.largest_error = max(self.largest_error, quantised.largest_error)
            self.register_buffer(f"{name}_values", quantised.values)
            self.register_buffer(f"{name}_scales", quantised.scales)
            if bias is not None:
                self.register_buffer(f"{name}_bias", bias.reshape(1, -1).clone())

    def embed(self, name: str, token: Tensor) -> Tensor:
        """See Matrices."""
        embedding_byte = torch.ops.quantized_decomposed.embedding_byte
        values, scales = self.get_buffer(f"{name}_values"), self.get_buffer(f"{name}_scales")
        embedded: Tensor = embedding_byte(values, scales, None, -128, 127, token)
        return embedded.reshape(1, -1)

    def product(self, name: str, x: Tensor) -> Tensor:
        """See Matrices."""
        mixed_linear = torch.ops.quantized_decomposed.mixed_linear
        values, scales = self.get_buffer(f"{name}_values"), self.get_buffer(f"{name}_scales")
        y: Tensor = mixed_linear(x, values, scales, None)
        return y + self.get_buffer(f"{name}_bias") if hasattr(self, f"{name}_bias") else y
