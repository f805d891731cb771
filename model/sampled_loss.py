"""Sampled softmax: the loss over the target and a few other tokens, in place of all of them.

The others are drawn by how often they occur, the same ones for a whole window. Each one's logit is
corrected by the logarithm of how often its token is expected among them, which makes the sum over
them an estimate of the sum over all but the target (Bengio and Senecal 2003; Blanc and Rendle
2018). The gradient is biased, less with more samples. Validation and export know nothing of it:
the model is the same. What it saves and what it costs: docs/scaling.md.

Shapes: N tokens, K samples, E embedding, V vocabulary.
"""

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from pocketlm.model.shards import TokenShards

_COUNTED_SHARDS = 4


class SampledSoftmax:
    """Draws K tokens a call from their frequencies."""

    def __init__(self, counts: npt.NDArray[np.int64], samples: int, device: torch.device) -> None:
        """Begin.

        Args:
            counts: [V] how often each token occurs; none is taken for less than once.
            samples: K.
            device: where the losses are computed.
        """
        share = np.maximum(counts, 1) / np.maximum(counts, 1).sum()
        self._ends = torch.from_numpy(np.cumsum(share)).float().to(device)  # [V]
        self._log_expected = torch.from_numpy(np.log(samples * share)).float().to(device)  # [V]
        self._samples = samples

    def loss(
        self, projected: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype
    ) -> Tensor:
        """An estimate of `tied_softmax_loss`, with the same arguments."""
        draws = torch.rand(self._samples, device=weight.device)
        others = torch.searchsorted(self._ends, draws).clamp_(max=len(weight) - 1)  # [K]
        with torch.autocast(weight.device.type, dtype, enabled=dtype != torch.float32):
            logits = F.linear(projected, F.embedding(others, weight)).float()  # [N, K]
        logits = logits - self._log_expected[others]
        logits = logits.masked_fill(targets[:, None] == others, -torch.inf)
        at_target = (projected * F.embedding(targets, weight)).sum(1)  # [N]
        every = torch.cat([at_target[:, None], logits], dim=1)
        return (every.logsumexp(1) - at_target).mean()


def token_counts(shards: TokenShards, vocabulary_size: int) -> npt.NDArray[np.int64]:
    """How often each token occurs [V] in a few shards from all over the text, which is enough."""
    count = len(shards.index.shards)
    places = {count * i // _COUNTED_SHARDS for i in range(_COUNTED_SHARDS)}
    tokens = (shards.shard(place).tokens for place in sorted(places))
    counts: npt.NDArray[np.int64] = sum(
        (np.bincount(each, minlength=vocabulary_size) for each in tokens),
        start=np.zeros(vocabulary_size, dtype=np.int64),
    )
    return counts
