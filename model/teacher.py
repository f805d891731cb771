"""A trained network that a training learns from beside its text: knowledge distillation.

    Segments -> the teacher, with states of its own -> its distribution of each next token
             -> in the loss: a share of what is to be predicted, the token itself is the rest

A smaller network thereby learns of all that might have come, where a text says one thing (Hinton,
Vinyals and Dean 2015, arXiv:1503.02531; here at temperature 1). The teacher has the same tokens.

Shapes: B rows, L layers, H hidden, N tokens, E embedding, V vocabulary; the teacher's own sizes.
"""

from pathlib import Path

import torch
from torch import Tensor

from pocketlm.model.errors import UserError
from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.loss import SoftTargets
from pocketlm.model.objective import segment_states, to_device
from pocketlm.model.segments import Segments
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.models import open_network


class Teacher:
    """A network that reads the windows of a training along, in its order."""

    def __init__(
        self,
        network: RecurrentLanguageModel,
        share: float,
        rows: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Begin.

        Args:
            network: is not changed.
            share: of what is to be predicted that is its distribution; the rest is the token.
            rows: of this process.
            device: where the training computes.
            dtype: of the matrix products.
        """
        self._network = network.to(device).eval()
        self._share, self._device, self._dtype = share, device, dtype
        self.carried = network.start_state(rows).detach()  # [L, B, H]

    @torch.no_grad()
    def read(self, segments: Segments, rows: slice) -> SoftTargets:
        """What it predicts on a window [N] of some of the rows, whose states go on."""
        fresh = self._network.start_state(segments.count)
        state = segment_states(segments, self.carried[:, rows], fresh)
        inputs = to_device(segments.inputs, self._device)
        sizes = torch.from_numpy(segments.batch_sizes)
        low = self._dtype != torch.float32
        with torch.autocast(self._device.type, self._dtype, enabled=low):
            projected, final = self._network.packed(inputs, sizes, state)
        ends = to_device(segments.last_of_row, self._device)
        self.carried[:, rows] = final.float()[:, ends]
        weight: Tensor = self._network.embedding.weight.detach()
        return SoftTargets(projected.float(), weight, self._share)


def open_teacher(
    model: Path,
    tokenizer: Tokenizer,
    share: float,
    rows: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Teacher:
    """The network of a MODEL as the teacher of a training with these tokens.

    Raises:
        UserError: it has no weights, or other tokens.
    """
    network, tokens = open_network(model)
    if tokens.sha256 != tokenizer.sha256:
        raise UserError(f"the teacher {model} has other tokens than what it is to teach")
    return Teacher(network, share, rows, device, dtype)
