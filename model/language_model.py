"""The recurrent language model, text to probabilities in one file.

    token -> embedding -> recurrent cell (1..n layers) -> projection to the embedding's width
          -> tied softmax

The recurrence, for each layer, with input x and previous hidden state h. The cell `gru`, which all
models of the package have (Cho et al. 2014, in the form of cuDNN and torch.nn.GRU, where the reset
gate acts after the recurrent product):

    r = sigmoid(W_r x + b_r + U_r h + c_r)        reset gate
    z = sigmoid(W_z x + b_z + U_z h + c_z)        update gate
    n = tanh(W_n x + b_n + r * (U_n h + c_n))     candidate
    h' = n + z * (h - n)

and the cell `rnn`, the plain one (Elman 1990; torch.nn.RNN), for comparison:

    h' = tanh(W x + b + U h + c)

A line begins with the end token, fed to a learned initial state; the softmax shares its weights
with the embedding (Press and Wolf 2017; Inan et al. 2017).

Shapes: B batch, T time, N packed tokens, V vocabulary, E embedding, H hidden, L layers,
G products a cell makes of its input (3 for gru, 1 for rnn).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from pocketlm.model.errors import UserError
from pocketlm.model.tokenizer import LARGEST_VOCABULARY, SMALLEST_VOCABULARY

CELLS = ("gru", "rnn")


@dataclass(frozen=True)
class ModelConfig:
    """The sizes of a language model, and its cell."""

    vocabulary_size: int = 8192
    embedding: int = 128
    hidden: int = 512
    layers: int = 1
    dropout: float = 0.0
    cell: str = "gru"

    def __post_init__(self) -> None:
        if not SMALLEST_VOCABULARY <= self.vocabulary_size <= LARGEST_VOCABULARY:
            raise UserError(
                f"vocabulary_size {self.vocabulary_size} is outside "
                f"{SMALLEST_VOCABULARY}..{LARGEST_VOCABULARY}"
            )
        for name, largest in (("embedding", 8192), ("hidden", 8192), ("layers", 16)):
            if not 1 <= getattr(self, name) <= largest:
                raise UserError(f"{name} {getattr(self, name)} is outside 1..{largest}")
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout {self.dropout} is outside 0..1")
        if self.cell not in CELLS:
            raise UserError(f"cell {self.cell!r:.60} is not one of {', '.join(CELLS)}")


PRESETS = {
    "tiny": ModelConfig(vocabulary_size=1024, embedding=48, hidden=96),
    "small": ModelConfig(vocabulary_size=8192, embedding=96, hidden=384),
    "base": ModelConfig(vocabulary_size=8192, embedding=128, hidden=512),
}


class RecurrentLanguageModel(nn.Module):
    """A next-token model; `forward` is torch's own cell, `step` the written-out equations."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.embedding)
        kind = nn.GRU if config.cell == "gru" else nn.RNN
        recurrent = kind(
            config.embedding,
            config.hidden,
            num_layers=config.layers,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.add_module(config.cell, recurrent)  # the weights' names say which cell they are of
        self.projection = nn.Linear(config.hidden, config.embedding)
        self.initial_state = nn.Parameter(torch.zeros(config.layers, config.hidden))  # [L, H]
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.embedding.weight, std=config.embedding**-0.5)
        for layer in range(config.layers):
            for gate in self.layer_weights(layer)[1].detach().split(config.hidden):
                nn.init.orthogonal_(gate)

    @property
    def recurrent(self) -> nn.RNNBase:
        """Torch's module of the cell: `gru` or `rnn`."""
        module = self.get_submodule(self.config.cell)
        assert isinstance(module, nn.RNNBase)
        return module

    def layer_weights(self, layer: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of a layer: W [GH, E or H], U [GH, H], b [GH], c [GH]; a GRU's in the order r, z, n."""
        weights = self.recurrent.all_weights[layer]
        return weights[0], weights[1], weights[2], weights[3]

    def start_state(self, batch: int) -> Tensor:
        """The learned initial state [L, B, H], before the end token that begins a line."""
        return self.initial_state[:, None, :].repeat(1, batch, 1)

    def step(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step by the written-out equations.

        Args:
            tokens: [B] token ids.
            state: [L, B, H].

        Returns:
            log-probabilities [B, V] of the next token, and the new state [L, B, H].
        """
        state = self.advance(tokens, state)
        return self.log_probabilities(self.project(state[-1])), state

    def advance(self, tokens: Tensor, state: Tensor) -> Tensor:
        """The new state alone: tokens [B], state [L, B, H] -> state [L, B, H]."""
        x = self.embedding(tokens)  # [B, E]
        hidden = []
        for layer, h in enumerate(state):
            w, u, b, c = self.layer_weights(layer)
            x = next_state(self.config.cell, F.linear(x, w, b), F.linear(h, u, c), h)  # [B, H]
            hidden.append(x)
        return torch.stack(hidden)

    def forward(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """A sequence: tokens [B, T], state [L, B, H] -> log-probabilities [B, T, V], state."""
        outputs, state = self.recurrent(self.embedding(tokens), state)  # [B, T, H]
        return self.log_probabilities(self.project(outputs)), state

    def packed(self, tokens: Tensor, batch_sizes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Sequences of different lengths, packed, longest first (torch's PackedSequence).

        Args:
            tokens: [N] token ids in packed order.
            batch_sizes: [T] int64 on the CPU: how many sequences are that long.
            state: [L, B, H].

        Returns:
            projected outputs [N, E] in the same order, and the final states [L, B, H].
        """
        embedded = self.dropout(self.embedding(tokens))  # [N, E]
        if embedded.is_cuda:  # cuDNN
            outputs, state = self.recurrent(PackedSequence(embedded, batch_sizes), state)
            return self.project(self.dropout(outputs.data)), state
        outputs, state = self._scan_packed(embedded, batch_sizes.tolist(), state)
        return self.project(self.dropout(outputs)), state

    def _scan_packed(self, x: Tensor, sizes: list[int], state: Tensor) -> tuple[Tensor, Tensor]:
        """The equations along time; on a CPU faster than torch's own packed GRU (docs/training.md).

        Args:
            x: [N, E] in packed order.
            sizes: how many sequences are still running at each time.
            state: [L, B, H].
        """
        finals = []
        for layer, h in enumerate(state):
            w, u, b, c = self.layer_weights(layer)
            outputs: list[Tensor] = []
            ended: list[Tensor] = []
            for from_input in F.linear(x, w, b).split(sizes):
                running = len(from_input)
                if running < len(h):
                    ended.append(h[running:])
                    h = h[:running]  # noqa: PLW2901 - the recurrence
                h = next_state(self.config.cell, from_input, F.linear(h, u, c), h)  # noqa: PLW2901
                outputs.append(h)
            finals.append(torch.cat([h, *reversed(ended)]))
            x = torch.cat(outputs)
            if layer + 1 < self.config.layers:
                x = self.dropout(x)
        return x, torch.stack(finals)

    def project(self, outputs: Tensor) -> Tensor:
        """Outputs [..., H] -> vectors [..., E] that are compared with the embeddings."""
        projected: Tensor = self.projection(outputs)
        return projected

    def log_probabilities(self, projected: Tensor) -> Tensor:
        """Projected outputs [..., E] -> log-probabilities [..., V] by the tied softmax."""
        return F.log_softmax(F.linear(projected, self.embedding.weight), dim=-1)

    def parameter_count(self) -> int:
        """Trained numbers; the tied weights count once."""
        return sum(parameter.numel() for parameter in self.parameters())


def next_state(cell: str, from_input: Tensor, from_state: Tensor, h: Tensor) -> Tensor:
    """The recurrence of the module's docstring, once its products are made.

    Args:
        cell: one of CELLS.
        from_input: [B, GH], W x + b.
        from_state: [B, GH], U h + c.
        h: [B, H], the previous state.

    Returns:
        the new state [B, H].
    """
    if cell == "rnn":
        return torch.tanh(from_input + from_state)
    # Slices, not `chunk`: a split would break the XNNPACK delegate in two.
    size = h.shape[-1]
    gates = torch.sigmoid(from_input[:, : 2 * size] + from_state[:, : 2 * size])
    r, z = gates[:, :size], gates[:, size:]
    n = torch.tanh(from_input[:, 2 * size :] + r * from_state[:, 2 * size :])
    return n + z * (h - n)
