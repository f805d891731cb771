"""The model that fills a gap: a forward and a backward recurrence, joined for what lies between.

    left  x_1 .. x_t   -> embedding -> forward recurrence  -> f |
                                                                |-> projection of [f, b]
    right x_e .. x_T   -> embedding -> backward recurrence -> b |      -> tied softmax -> a piece

A word has several pieces. They are predicted from the left to the right, each from the forward
state that has read the left side and the pieces before it, and from the one backward state that
has read the line from its end down to the first token after the gap. After the last piece the end
token is predicted, which says that the word is complete:

    p(word | left, right) = product over its pieces of p(piece | f, b) * p(end | f, b)

These are probabilities: over all words they sum to one, as those of a language model do. The two
recurrences are independent (bidirectional.py joins them for each position of a whole sequence);
they share the embedding. Source: Schuster and Paliwal 1997; the same joint of a left and a right
context is that of context2vec (Melamud et al. 2016).

Shapes: B batch, N packed tokens, M predictions, S sequences, V vocabulary, E embedding, H hidden,
L layers.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocketlm.model.deep import deep
from pocketlm.model.language_model import ModelConfig, make_orthogonal, recurrent_module
from pocketlm.model.recurrence import CELLS, Weights, module_weights, packed, step

FORWARD, BACKWARD = 0, 1


class GapModel(nn.Module):
    """A piece of a word from both of its sides."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.embedding)
        directions = [recurrent_module(config), recurrent_module(config)]
        self.directions = nn.ModuleList(directions)
        self.projection = nn.Linear(2 * config.hidden, config.embedding)
        states = torch.zeros(2, config.layers, config.hidden)
        self.initial_state = nn.Parameter(states)  # [2, L, H]
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.embedding.weight, std=config.embedding**-0.5)
        for direction in directions:
            make_orthogonal(direction)

    def weights(self, direction: int) -> list[Weights]:
        """Of all layers of a direction."""
        module = self.directions[direction]
        assert isinstance(module, nn.RNNBase)
        return [module_weights(module, layer) for layer in range(self.config.layers)]

    def start_state(self, batch: int, direction: int = FORWARD) -> Tensor:
        """The learned state [L, B, H] in which a direction begins."""
        return self.initial_state[direction][:, None, :].repeat(1, batch, 1)

    def advance(self, tokens: Tensor, state: Tensor, direction: int = FORWARD) -> Tensor:
        """One step: tokens [B], state [L, B, H] -> state [L, B, H]."""
        cell = CELLS[self.config.cell]

        def one_step(weights: Weights, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            h = step(cell, weights, x, h)
            return h, h

        return deep(one_step, self.weights(direction), self.embedding(tokens), state)[1]

    def packed(
        self, tokens: Tensor, sizes: list[int], state: Tensor, direction: int
    ) -> tuple[Tensor, Tensor]:
        """One direction over packed sequences, longest first (see recurrence.py).

        tokens [N], state [L, S, H] -> the last layer's states [N, H], final states [L, S, H].
        """

        def scanned(weights: Weights, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            return packed(cell, weights, x, sizes, h)

        cell = CELLS[self.config.cell]
        x = self.dropout(self.embedding(tokens))  # [N, E]
        return deep(scanned, self.weights(direction), x, state, self.dropout)

    def project(self, before: Tensor, after: Tensor) -> Tensor:
        """Forward states and backward states [M, H] -> vectors [M, E] like the embeddings."""
        projected: Tensor = self.projection(self.dropout(torch.cat([before, after], dim=-1)))
        return projected

    def log_probabilities(self, projected: Tensor) -> Tensor:
        """Projected [M, E] -> log-probabilities [M, V] of a piece, or of the word's end."""
        return F.log_softmax(F.linear(projected, self.embedding.weight), dim=-1)

    def read_right(self, tokens: Tensor) -> Tensor:
        """The backward state [1, H] that has read a right side [T], from its end to its start."""
        state = self.start_state(1, BACKWARD)
        for token in tokens.flip(0).split(1):
            state = self.advance(token, state, BACKWARD)
        return state[-1]
