"""Symmetric int8 weights with one scale a row, and the error that costs.

    w [N, K] fp32 -> q = round(w / s) in -127..127, s = max |w_row| / 127 -> q * s ~ w

The error of an element is at most s / 2; the quantiser reports the largest one that occurs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pocketlm.model.errors import UserError

LEVELS = 127


@dataclass(frozen=True)
class QuantisedMatrix:
    """A matrix [N, K] as int8 values [N, K] and fp32 scales [N]."""

    values: Tensor
    scales: Tensor
    largest_error: float

    def dequantised(self) -> Tensor:
        """The fp32 matrix [N, K] that the values stand for."""
        return self.values.float() * self.scales[:, None]


def quantise_rows(weight: Tensor) -> QuantisedMatrix:
    """Round a matrix [N, K] to int8, row by row; UserError if a number is not finite."""
    weight = weight.detach().float()
    if not torch.isfinite(weight).all():
        raise UserError("a weight is not finite: it cannot be quantised")
    scales = weight.abs().amax(dim=1) / LEVELS  # [N]
    # A row of zeros, or of numbers too small to divide by, becomes zeros.
    scales = torch.where(scales < torch.finfo(torch.float32).tiny, 1.0, scales)
    values = (weight / scales[:, None]).round().clamp(-LEVELS, LEVELS).to(torch.int8)
    error = (weight - values.float() * scales[:, None]).abs().max().item()
    return QuantisedMatrix(values, scales, error)
