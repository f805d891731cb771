"""The one interface of anything that predicts the next token.

    text -> Tokenizer.encode -> tokens -> Predictor: start -> advance -> log_probabilities

Eager networks, exported bundles and n-gram tables all are predictors; evaluation, generation, the
suggester and every benchmark know nothing else of a model. A state belongs to a batch of B
sequences; `start` gives the state in which a fresh line begins, and advancing by the end token
ends a line (a recurrent model carries its state over it; an n-gram table starts afresh).

Shapes: B batch, V vocabulary.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.model.tokenizer import Tokenizer

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
# Each kind of predictor has its own states, immutable and opaque to the caller.
State = Any


class Predictor(ABC):
    """A language model over the tokens of one tokenizer."""

    def __init__(self, name: str, kind: str, tokenizer: Tokenizer) -> None:
        self.name = name
        self.kind = kind
        self.tokenizer = tokenizer

    @abstractmethod
    def start(self, batch: int = 1) -> State:
        """The state [B] in which a fresh line begins."""

    def start_inside(self, batch: int = 1) -> State:
        """The state [B] in which nothing of the text is known, not even that a line begins.

        What can begin at a line only, as a network does, begins one.
        """
        return self.start(batch)

    @abstractmethod
    def advance(self, state: State, tokens: IntArray) -> State:
        """The state after each of the B sequences took its token of `tokens` [B]."""

    @abstractmethod
    def log_probabilities(self, state: State) -> FloatArray:
        """Natural logarithms [B, V] of the next token's probabilities, which sum to one."""

    @abstractmethod
    def select(self, state: State, rows: IntArray) -> State:
        """The state whose sequences are those at `rows`, in that order; a row may be repeated."""

    def score(self, sequences: Sequence[Sequence[int]]) -> list[FloatArray]:
        """Natural log-probability of each token of each sequence, all from the start state.

        A sequence holds its end tokens: one at the end of a line scored by itself, one after each
        line of a document scored as a whole. This form is the definition; models override it only
        to be faster.
        """
        scores: list[FloatArray] = []
        for sequence in sequences:
            state = self.start()
            steps = np.empty(len(sequence), dtype=np.float32)
            for i, token in enumerate(sequence):
                steps[i] = self.log_probabilities(state)[0, token]
                state = self.advance(state, np.array([token]))
            scores.append(steps)
        return scores
