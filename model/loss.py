"""Cross-entropy of the tied softmax, in chunks.

The logits of a window are its largest tensor by far (4,096 tokens x 8,192 pieces in fp32: 128 MiB),
and on a CPU moving them costs more than computing them. Each chunk's logits are turned into their
gradient in place and dropped, so that they stay in the cache and only the gradients of the inputs
and of the weight are kept. The result is the same sum in another order.

Shapes: N tokens, E embedding, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK_TOKENS = {"cpu": 256, "cuda": 8192}


class _TiedSoftmaxLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        weight: Tensor,
        targets: Tensor,
        dtype: torch.dtype,
        smoothing: float,
    ) -> Tensor:
        share = smoothing / len(weight)  # of each token, whatever the target
        count, chunk = len(targets), CHUNK_TOKENS[weight.device.type]
        low_weight, low_projected = weight.to(dtype), projected.to(dtype)
        projected_gradient = torch.empty_like(projected)
        weight_gradient = torch.zeros_like(weight)
        total = weight.new_zeros(())
        for start in range(0, count, chunk):
            x = low_projected[start : start + chunk]  # [C, E]
            target = targets[start : start + chunk, None]  # [C, 1]
            logits = (x @ low_weight.T).float()  # [C, V]
            normaliser = logits.logsumexp(1, keepdim=True)
            total += (normaliser - (1 - smoothing) * logits.gather(1, target)).sum()
            if smoothing:
                total -= share * logits.sum()
            gradient = logits.sub_(normaliser).exp_()  # the probabilities
            if smoothing:
                gradient -= share
            peak = torch.full_like(target, smoothing - 1, dtype=gradient.dtype)
            gradient.scatter_add_(1, target, peak)
            low_gradient = gradient.to(dtype)
            projected_gradient[start : start + chunk] = low_gradient @ low_weight
            weight_gradient += low_gradient.T @ x
        ctx.save_for_backward(projected_gradient / count, weight_gradient / count)
        return total / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *output_gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        projected_gradient, weight_gradient = ctx.saved_tensors
        (scale,) = output_gradients
        return projected_gradient * scale, weight_gradient * scale, None, None, None


def tied_softmax_loss(
    projected: Tensor,
    weight: Tensor,
    targets: Tensor,
    dtype: torch.dtype,
    smoothing: float = 0.0,
) -> Tensor:
    """Average cross-entropy in nats a token, differentiable in the first two.

    Args:
        projected: [N, E].
        weight: [V, E], the embedding.
        targets: [N].
        dtype: of the matrix products; sums are fp32.
        smoothing: share of the target's probability that all tokens share (Szegedy et al. 2016).
    """
    loss: Tensor = _TiedSoftmaxLoss.apply(  # type: ignore[no-untyped-call]
        projected, weight, targets, dtype, smoothing
    )
    return loss
