"""A model of both directions, one right side given, as a predictor of the word in the gap.

right side -> backward recurrence -> b, once
left side  -> start -> advance -> f -> log_probabilities: [f, b] -> a piece, or the word's end

To the suggester this is a language model like any other: it looks for the likeliest words by their
pieces, and an end of the word is the end token.

Shapes: B batch, L layers, H hidden, V vocabulary.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pocketlm.model.gap_model import GapModel
from pocketlm.model.predictor import FloatArray, IntArray, Predictor
from pocketlm.model.tokenizer import END_ID, Tokenizer


class GapPredictor(Predictor):
    """Pieces of a word before a right side [T], the end token of the line included."""

    def __init__(
        self, model: GapModel, tokenizer: Tokenizer, name: str, right: Sequence[int]
    ) -> None:
        super().__init__(name, "network", tokenizer)
        self.model = model
        with torch.no_grad():
            self._after = model.read_right(torch.tensor(right, dtype=torch.int64))  # [1, H]

    @torch.no_grad()
    def start(self, batch: int = 1) -> Tensor:
        """See Predictor; a state is [L, B, H]."""
        end = torch.full((batch,), END_ID)
        return self.model.advance(end, self.model.start_state(batch))

    @torch.no_grad()
    def advance(self, state: Tensor, tokens: IntArray) -> Tensor:
        """See Predictor."""
        return self.model.advance(torch.from_numpy(tokens), state)

    @torch.no_grad()
    def log_probabilities(self, state: Tensor) -> FloatArray:
        """See Predictor; the end token's is that of the word's end."""
        projected = self.model.project(state[-1], self._after.expand(state.shape[1], -1))
        probabilities: FloatArray = self.model.log_probabilities(projected).numpy()
        return probabilities

    def select(self, state: Tensor, rows: IntArray) -> Tensor:
        """See Predictor."""
        return state[:, torch.from_numpy(np.asarray(rows))]
