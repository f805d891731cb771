"""What a training learns from beside its text: knowledge distillation.

    Segments -> trained networks, each with states of its own -> their distributions of each token
             -> in the loss: a share of what is to be predicted, the token itself is the rest

A network thereby learns of all that might have come, where a text says one thing (Hinton, Vinyals
and Dean 2015, arXiv:1503.02531; here at temperature 1). Teachers have the same tokens. Several of
them share alike: what networks of different training agree in is nearer to the truth than any of
them, so that they can also teach one of their own.

Shapes: B rows, L layers, H hidden, N tokens, C of a chunk of them, E embedding, V vocabulary; the
teacher's own sizes.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pocketlm.model.errors import UserError
from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.loss import CHUNK_TOKENS
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
            share: of what is to be predicted that is its distribution.
            rows: of this process.
            device: where the training computes.
            dtype: of the matrix products.
        """
        self._network = network.to(device).eval()
        self._share, self._device, self._dtype = share, device, dtype
        self._weight = network.embedding.weight.detach().to(dtype)  # [V, E]
        shape = CHUNK_TOKENS[device.type], len(self._weight)
        self._buffers = self._weight.new_empty(shape), network.embedding.weight.new_empty(shape)
        self.carried = network.start_state(rows).detach()  # [L, B, H]

    @torch.no_grad()
    def read(self, segments: Segments, rows: slice) -> "NetworkTargets":
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
        low_projected = projected.to(self._dtype)
        return NetworkTargets(low_projected, self._weight, self._share, *self._buffers)


@dataclass(frozen=True)
class NetworkTargets:
    """What a network predicts on a window."""

    projected: Tensor  # [N, E]
    weight: Tensor  # [V, E]
    share: float
    low_rows: Tensor  # [C, V], a buffer
    rows: Tensor  # [C, V], another

    def add(self, start: int, rows: Tensor) -> None:
        """See SoftTargets."""
        x = self.projected[start : start + len(rows)]
        low = torch.mm(x, self.weight.T, out=self.low_rows[: len(x)])
        logits = self.rows[: len(x)].copy_(low)
        rows.add_(torch.softmax(logits, 1, out=logits), alpha=self.share)


def open_teachers(
    models: list[str],
    tokenizer: Tokenizer,
    share: float,
    rows: int,
    device: torch.device,
    dtype: torch.dtype,
) -> list[Teacher]:
    """The networks of MODELs as the teachers of a training with these tokens.

    Raises:
        UserError: one has no weights, or other tokens.
    """
    teachers = []
    for model in models:
        network, tokens = open_network(Path(model))
        check_tokens(model, tokens, tokenizer)
        teachers.append(Teacher(network, share / len(models), rows, device, dtype))
    return teachers


def check_tokens(model: str, tokens: Tokenizer, tokenizer: Tokenizer) -> None:
    """Refuse a teacher that has other tokens than what it is to teach; UserError."""
    if tokens.sha256 != tokenizer.sha256:
        raise UserError(f"the teacher {model} has other tokens than what it is to teach")
