"""Dropout of sequences.

The same features are dropped at all times of a sequence (Gal and Ghahramani 2016), which suits
recurrent networks, and draws a time's worth of random numbers a sequence rather than all of them.
"""

from torch import Tensor, nn


class SequenceDropout(nn.Module):
    """Dropout of x [B, T, K], or of x [B, K]."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """X with features dropped in training."""
        if not self.training or self.share == 0:
            return x
        shape = (len(x), 1, x.shape[-1]) if x.ndim == 3 else x.shape
        kept = x.new_empty(shape).bernoulli_(1 - self.share).div_(1 - self.share)
        return x * kept
