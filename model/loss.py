"""Cross-entropy of the tied softmax, or another proper score of it, in chunks.

The logits of a window are its largest tensor by far (4,096 tokens x 8,192 pieces in fp32: 128 MiB),
and on a CPU moving them costs more than computing them. Each chunk's logits are turned into their
gradient in place, in buffers that are used again for the next chunk, so that they stay in the cache
and no fresh page is asked of the system; only the gradients of the inputs and of the weight are
kept. The result is the same sum in another order. What this costs: docs/scaling.md.

The other score is the pseudo-spherical one (Good 1971; Gneiting and Raftery 2007, JASA 102, section
4.2). With an exponent b > 1, what is minimised of predictions p at a target i is

    (1 - p_i^(b - 1) / (sum_j p_j^b)^((b - 1) / b)) / (b - 1)

which is least, on average, where p is the truth, as cross-entropy is (its limit at b = 1). But it
is bounded: what is hardly to be foreseen weighs less, and what may be the first suggestion more.

Shapes: N tokens, C tokens of a chunk, E embedding, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK_TOKENS = {"cpu": 128, "cuda": 8192}


class SoftTargets(Protocol):
    """What another model predicts of the N tokens (teacher.py)."""

    @property
    def share(self) -> float:
        """Of what is to be predicted."""

    def add(self, start: int, rows: Tensor) -> None:
        """Add to rows [C, V] the distributions of the C tokens from `start` on, times the share."""


class _TiedSoftmaxLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        weight: Tensor,
        targets: Tensor,
        dtype: torch.dtype,
        smoothing: float,
        soft: Sequence[SoftTargets],
        exponent: float,
    ) -> Tensor:
        count = len(targets)
        chunk = max(1, min(CHUNK_TOKENS[weight.device.type], count))
        low_weight, low_projected = weight.to(dtype), projected.to(dtype)
        projected_gradient = torch.empty_like(low_projected)
        weight_gradient = torch.zeros_like(weight)
        part = torch.empty_like(low_weight)  # of the weight's gradient
        low_logits = low_weight.new_empty(chunk, len(weight))
        logits = low_logits if dtype == weight.dtype else weight.new_empty(chunk, len(weight))
        soft_rows = logits.new_empty(chunk if soft else 0, len(weight))
        hard = 1 - smoothing - sum(each.share for each in soft)
        total = weight.new_zeros(())
        for start in range(0, count, chunk):
            x = low_projected[start : start + chunk]  # [C, E]
            low = torch.mm(x, low_weight.T, out=low_logits[: len(x)])  # [C, V]
            rows = logits[: len(x)].copy_(low)
            others = _summed(soft, start, soft_rows[: len(x)]) if soft else None
            these = targets[start : start + chunk, None]
            if exponent > 1:
                total += _turn_score_into_gradient(rows, these, hard, others, exponent)
            else:
                total += _turn_into_gradient(rows, these, hard, smoothing, others)
            low.copy_(rows)
            torch.mm(low, low_weight, out=projected_gradient[start : start + chunk])
            weight_gradient += torch.mm(low.T, x, out=part)
        ctx.save_for_backward(projected_gradient.to(weight.dtype) / count, weight_gradient / count)
        return total / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *output_gradients: Tensor) -> tuple[Tensor | None, ...]:
        projected_gradient, weight_gradient = ctx.saved_tensors
        (scale,) = output_gradients
        return projected_gradient * scale, weight_gradient * scale, None, None, None, None, None


def _summed(soft: Sequence[SoftTargets], start: int, rows: Tensor) -> Tensor:
    """What all of them predict of the tokens from `start` on, in rows [C, V]."""
    rows.zero_()
    for each in soft:
        each.add(start, rows)
    return rows


def _turn_into_gradient(
    logits: Tensor, targets: Tensor, hard: float, smoothing: float, soft: Tensor | None
) -> Tensor:
    """Logits [C, V] become their gradient in place; returns the loss's sum over targets [C, 1].

    What is to be predicted is the target for the share `hard`; all tokens have the share
    `smoothing` alike, and what `soft` [C, V] says is the rest.
    """
    share = smoothing / logits.shape[1]  # of each token, whatever the target
    largest, place = logits.max(1, keepdim=True)
    at_target = hard * logits.gather(1, targets)
    if smoothing:  # the mean logit is in the place of a part of the target's
        at_target += smoothing * logits.mean(1, keepdim=True)
    if soft is not None:
        at_target += (soft * logits).sum(1, keepdim=True)
    probabilities = torch.softmax(logits, 1, out=logits)
    # The largest probability is no less than 1 / V: its logarithm gives the normaliser.
    loss = (largest - probabilities.gather(1, place).log_() - at_target).sum()
    if smoothing:
        probabilities -= share
    if soft is not None:
        probabilities -= soft
    peak = torch.full_like(targets, -hard, dtype=logits.dtype)
    probabilities.scatter_add_(1, targets, peak)
    return loss


def _turn_score_into_gradient(
    logits: Tensor, targets: Tensor, hard: float, soft: Tensor | None, exponent: float
) -> Tensor:
    """The same for the pseudo-spherical score, without smoothing."""
    power = 1 - 1 / exponent
    powers = torch.softmax(logits.mul_(exponent), 1, out=logits)  # p_j^b / sum of them
    if soft is None:
        scores = hard * powers.gather(1, targets).pow_(power)  # [C, 1]
        powers.mul_(scores).scatter_add_(1, targets, -scores)
    else:
        soft.scatter_add_(1, targets, torch.full_like(targets, hard, dtype=soft.dtype))
        parts = soft.mul_(powers.pow(power))
        scores = parts.sum(1, keepdim=True)
        powers.mul_(scores).sub_(parts)
    return (1 - scores).sum() / (exponent - 1)


def tied_softmax_loss(
    projected: Tensor,
    weight: Tensor,
    targets: Tensor,
    dtype: torch.dtype,
    smoothing: float = 0.0,
    soft: Sequence[SoftTargets] = (),
    exponent: float = 1.0,
) -> Tensor:
    """Average cross-entropy in nats a token, differentiable in the first two.

    Args:
        projected: [N, E].
        weight: [V, E], the embedding.
        targets: [N].
        dtype: of the matrix products; sums are fp32.
        smoothing: share of the target's probability that all tokens share (Szegedy et al. 2016).
        soft: what other models predict, each for the share that it has.
        exponent: above 1, that of the pseudo-spherical score in the place of cross-entropy; it
            takes no smoothing.
    """
    if smoothing and exponent > 1:
        raise ValueError("the pseudo-spherical score takes no smoothing")
    loss: Tensor = _TiedSoftmaxLoss.apply(  # type: ignore[no-untyped-call]
        projected, weight, targets, dtype, smoothing, soft, exponent
    )
    return loss
