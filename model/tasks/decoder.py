"""A GRU that writes tokens, with attention over what was read where the task has it.

    tokens so far -> GRU -> query --- scores over the encoder's outputs -> softmax -> context
                      |                                                                 |
                      '---------------> GRU of both <-----------------------------------'
                                         |
                            [state; context] -> projection -> tied softmax

Attention is multiplicative (Luong, Pham and Manning 2015, "general"); the context goes into a
second layer and to the output (as in Wu et al. 2016), so that a sequence's first layer, its
attention and its second layer are one product each in training. Without attention there is one
layer, and what was read is in its first state alone.

Shapes: B batch, T time read, U time written, E embedding, H hidden, M width of what was read.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocketlm.model.tasks.config import NetworkConfig
from pocketlm.model.tasks.dropout import SequenceDropout
from pocketlm.model.tasks.encoder import Encoded
from pocketlm.model.tasks.gru import Gru
from pocketlm.model.tokenizer import END_ID


@dataclass(frozen=True)
class DecoderState:
    """Where a decoder stands, a row a hypothesis."""

    layers: tuple[Tensor, ...]  # each [B, H]
    memory: Tensor  # [B, T, M], the encoder's outputs
    keys: Tensor  # [B, T, H], what queries are compared with
    present: Tensor  # [B, T] bool

    def select(self, rows: Tensor) -> "DecoderState":
        """The state whose rows are those at `rows` [B], in that order."""
        layers = tuple(layer[rows] for layer in self.layers)
        return DecoderState(layers, self.memory[rows], self.keys[rows], self.present[rows])


class Decoder(nn.Module):
    """Next tokens from the tokens so far and what was read."""

    def __init__(self, config: NetworkConfig, encoded: int) -> None:
        super().__init__()
        hidden = config.decoder_hidden
        self.attention = config.attention
        self.start = nn.Linear(encoded, (2 if config.attention else 1) * hidden)
        self.first = Gru(config.embedding, hidden)
        if config.attention:
            self.keys = nn.Linear(encoded, hidden, bias=False)
            self.second = Gru(hidden + encoded, hidden)
        self.projection = nn.Linear(hidden + (encoded if config.attention else 0), config.embedding)
        self.dropout = SequenceDropout(config.dropout)

    def begin(self, encoded: Encoded) -> DecoderState:
        """The state before the first token, from what was read."""
        layers = torch.tanh(self.start(encoded.last)).chunk(2 if self.attention else 1, dim=-1)
        keys = self.keys(encoded.outputs) if self.attention else encoded.outputs
        return DecoderState(layers, encoded.outputs, keys, encoded.present)

    def advance(self, embedded: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Tokens so far -> vectors to compare with the embeddings.

        Args:
            embedded: [B, U, E], the tokens that were written, the first of them an end token.
            state: where the decoder stood before them.

        Returns:
            [B, U, E], and where it stands after them.
        """
        outputs, h = self.first.scan(self.dropout(embedded), state.layers[0])  # [B, U, H]
        layers: tuple[Tensor, ...] = (h,)
        if self.attention:
            context = self._attend(outputs, state)  # [B, U, M]
            joined = self.dropout(torch.cat([outputs, context], dim=-1))
            outputs, h = self.second.scan(joined, state.layers[1])
            layers = (*layers, h)
            outputs = torch.cat([outputs, context], dim=-1)
        projected = self.projection(self.dropout(outputs))
        return projected, DecoderState(layers, state.memory, state.keys, state.present)

    def teach(
        self, encoded: Encoded, targets: Tensor, lengths: Tensor, embedding: nn.Embedding
    ) -> tuple[Tensor, Tensor]:
        """The right tokens so far in, the next ones out (teacher forcing).

        Args:
            encoded: what was read.
            targets: [B, U] token ids without an end token.
            lengths: [B].
            embedding: of the tokens.

        Returns:
            for all N tokens, ends included: vectors [N, E] and the tokens [N] they are to find.
        """
        end = targets.new_full((len(targets), 1), END_ID)
        written = torch.cat([end, targets], dim=1)  # [B, U + 1]
        time = torch.arange(targets.shape[1] + 1, device=targets.device)
        expected = torch.cat([targets, end], dim=1).masked_fill(time >= lengths[:, None], END_ID)
        projected, _ = self.advance(embedding(written), self.begin(encoded))
        kept = time <= lengths[:, None]
        return projected[kept], expected[kept]

    def _attend(self, queries: Tensor, state: DecoderState) -> Tensor:
        """Queries [B, U, H] -> contexts [B, U, M]."""
        scores = queries @ state.keys.transpose(1, 2)  # [B, U, T]
        scores = scores.float().masked_fill(~state.present[:, None, :], -torch.inf)
        return F.softmax(scores, dim=-1).to(state.memory.dtype) @ state.memory
