"""The recurrent language model, text to probabilities in one file.

    token -> embedding -> recurrent cell (1..n layers) -> projection to the embedding's width
          -> tied softmax

The recurrence is that of recurrence.py, in the layers of deep.py: the cell `gru`, which all models
of the package have, or `rnn`, the plain one, for comparison. With a recurrent projection the cell
reads its state through the projection that the softmax has too: at one size a wider state.

A line begins with the end token, fed to a learned initial state; the softmax shares its weights
with the embedding (Press and Wolf 2017; Inan et al. 2017).

Shapes: B batch, T time, N packed tokens, V vocabulary, E embedding, H hidden, L layers.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from pocketlm.model import recurrence
from pocketlm.model.deep import deep
from pocketlm.model.errors import UserError
from pocketlm.model.recurrence import CELLS, PRODUCTS, Weights, module_weights
from pocketlm.model.tokenizer import LARGEST_VOCABULARY, SMALLEST_VOCABULARY


@dataclass(frozen=True)
class ModelConfig:
    """The sizes of a language model, its cell, and how the cell reads its state."""

    vocabulary_size: int = 8192
    embedding: int = 128
    hidden: int = 512
    layers: int = 1
    dropout: float = 0.0
    cell: str = "gru"
    recurrent_projection: bool = False

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
        if self.recurrent_projection and self.layers > 1:
            raise UserError("a recurrent projection is that of the softmax: of one layer only")


PRESETS = {
    "tiny": ModelConfig(vocabulary_size=1024, embedding=48, hidden=96),
    "small": ModelConfig(vocabulary_size=8192, embedding=96, hidden=384),
    "base": ModelConfig(vocabulary_size=8192, embedding=128, hidden=512),
    "wide": ModelConfig(
        vocabulary_size=8192, embedding=128, hidden=1152, recurrent_projection=True
    ),
}


class RecurrentLanguageModel(nn.Module):
    """A next-token model; `forward` is torch's own cell, `step` the written-out equations."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self._trained_cell = CELLS[config.cell]
        self.embedding = nn.Embedding(config.vocabulary_size, config.embedding)
        # The weights' names say which cell they are of.
        projected = config.recurrent_projection
        self.add_module(
            config.cell, ProjectedCell(config) if projected else recurrent_module(config)
        )
        self.projection = nn.Linear(config.hidden, config.embedding)
        self.initial_state = nn.Parameter(torch.zeros(config.layers, config.hidden))  # [L, H]
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.embedding.weight, std=config.embedding**-0.5)
        if not projected:
            make_orthogonal(self.recurrent)

    @property
    def recurrent(self) -> nn.RNNBase:
        """Torch's module of the cell, `gru` or `rnn`; it has none with a recurrent projection."""
        module = self.get_submodule(self.config.cell)
        assert isinstance(module, nn.RNNBase)
        return module

    def layer_weights(self, layer: int) -> Weights:
        """Of a layer: W_x [GH, E or H], W_h [GH, H or E], b_x [GH], b_h [GH] (recurrence.py)."""
        if self.config.recurrent_projection:
            cell = self.get_submodule(self.config.cell)
            assert isinstance(cell, ProjectedCell)
            return cell.weights(self.projection)
        return module_weights(self.recurrent, layer)

    @property
    def weights(self) -> list[Weights]:
        """Of all layers."""
        return [self.layer_weights(layer) for layer in range(self.config.layers)]

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
        cell = CELLS[self.config.cell]

        def one_step(weights: Weights, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            h = recurrence.step(cell, weights, x, h)
            return h, h

        return deep(one_step, self.weights, self.embedding(tokens), state)[1]

    def forward(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """A sequence: tokens [B, T], state [L, B, H] -> log-probabilities [B, T, V], state."""
        embedded = self.embedding(tokens)
        if self.config.recurrent_projection:
            cell = CELLS[self.config.cell]
            outputs, last = recurrence.sequence(cell, self.layer_weights(0), embedded, state[0])
            return self.log_probabilities(self.project(outputs)), last[None]
        outputs, state = self.recurrent(embedded, state)  # [B, T, H]
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
        if embedded.is_cuda and not self.config.recurrent_projection:
            # cuDNN, as TF32: autocast would take it for fp16, bf16 or not
            with torch.autocast("cuda", enabled=False):
                inputs = PackedSequence(embedded.float(), batch_sizes)
                outputs, state = self.recurrent(inputs, state.float())
            return self.project(self.dropout(outputs.data)), state
        # On a CPU the equations are faster than torch's own packed GRU (docs/training.md); cuDNN
        # has no projection of a GRU.
        sizes = batch_sizes.tolist()

        def scanned(weights: Weights, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            return recurrence.packed(self._trained_cell, weights, x, sizes, h)

        outputs, state = deep(scanned, self.weights, embedded, state, self.dropout)
        return self.project(self.dropout(outputs)), state

    def compile_cell(self) -> None:
        """Let torch.compile make one kernel of the cell for `packed` on a CPU (docs/scaling.md)."""
        self._trained_cell = torch.compile(self._trained_cell, dynamic=True)

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


class ProjectedCell(nn.Module):
    """The weights of a cell that reads its state through a projection, named as torch's are."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        rows = PRODUCTS[config.cell] * config.hidden
        for name in ("weight_ih_l0", "weight_hh_l0"):
            matrix = nn.Parameter(torch.empty(rows, config.embedding))
            self.register_parameter(name, matrix)
            nn.init.uniform_(matrix, -(config.embedding**-0.5), config.embedding**-0.5)
        for name in ("bias_ih_l0", "bias_hh_l0"):
            self.register_parameter(name, nn.Parameter(torch.zeros(rows)))

    def weights(self, projection: nn.Linear) -> Weights:
        """With the projection [H] -> [E]."""
        w_x, w_h, b_x, b_h = self.parameters()
        return Weights(w_x, w_h, b_x, b_h, (projection.weight, projection.bias))


def recurrent_module(config: ModelConfig) -> nn.RNNBase:
    """Torch's module of the cell."""
    kind = nn.GRU if config.cell == "gru" else nn.RNN
    return kind(
        config.embedding,
        config.hidden,
        num_layers=config.layers,
        batch_first=True,
        dropout=config.dropout if config.layers > 1 else 0.0,
    )


def make_orthogonal(module: nn.RNNBase) -> None:
    """Begin each product of a state as an orthogonal matrix, which keeps its length."""
    for layer in range(module.num_layers):
        for gate in module_weights(module, layer).w_h.detach().split(module.hidden_size):
            nn.init.orthogonal_(gate)
