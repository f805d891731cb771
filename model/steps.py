"""The steps of a predictor that may be needed again.

A keyboard asks after each key, mostly for a context that it has just asked for, or for one that
begins alike: a letter deleted, a word changed in the middle, the cursor put back.
"""

from collections import OrderedDict

import numpy as np

from pocketlm.model.predictor import FloatArray, Predictor, State

Tokens = tuple[int, ...]
KEPT_STEPS = 64  # of the network's, 34 KiB each: a hidden state and a distribution


class Steps:
    """States and distributions after tokens, the most recently used of them kept."""

    def __init__(self, predictor: Predictor, kept: int = KEPT_STEPS) -> None:
        self._predictor, self._kept = predictor, kept
        self._states: OrderedDict[Tokens, State] = OrderedDict()
        self._distributions: dict[Tokens, FloatArray] = {}

    def log_probabilities(self, tokens: Tokens) -> FloatArray:
        """Natural logarithms [V] of the next token's probabilities after tokens of a text."""
        state = self._state(tokens)
        if tokens not in self._distributions:
            self._distributions[tokens] = self._predictor.log_probabilities(state)[0]
        return self._distributions[tokens]

    def _state(self, tokens: Tokens) -> State:
        known = len(tokens)
        while known and tokens[:known] not in self._states:
            known -= 1
        state = self._recall(tokens[:known]) if known else self._predictor.start()
        for count in range(known, len(tokens)):
            state = self._predictor.advance(state, np.array([tokens[count]]))
            self._keep(tokens[: count + 1], state)
        return state

    def _recall(self, tokens: Tokens) -> State:
        self._states.move_to_end(tokens)
        return self._states[tokens]

    def _keep(self, tokens: Tokens, state: State) -> None:
        self._states[tokens] = state
        if len(self._states) > self._kept:
            forgotten, _ = self._states.popitem(last=False)
            self._distributions.pop(forgotten, None)
