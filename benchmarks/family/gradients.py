"""Vanishing gradients: what of today's loss reaches an earlier state.

    lines -> draw_ends: the last of enough tokens -> loss of the next one -> back through time
          -> |d loss_T / d h_(T-k)| for k = 0, 1, 2, ...

h_t is the state that has read x_t, all layers of it; loss_T = -ln p(x_(T+1) | x_1 .. x_T). The norm
at k = 0 is what the loss asks of the state that it was predicted from; its share k steps back is
what a recurrent step leaves of it, k times over. Where that fades, nothing that far back can be
learnt from this loss (Bengio et al. 1994; Pascanu et al. 2013). The product of the steps alone is
in study/influence.py, which needs no loss.

Shapes: P places, L layers, H hidden.
"""

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.tokenizer import END_ID, Tokenizer

LAGS = (0, 1, 2, 3, 5, 8, 13, 21, 34)
DoubleArray = npt.NDArray[np.float64]


def draw_ends(
    documents: Sequence[Sequence[str]],
    tokenizer: Tokenizer,
    count: int,
    lags: Sequence[int] = LAGS,
    seed: int = 1,
) -> list[list[int]]:
    """Beginnings of lines, at most `count`, of as many tokens as the largest lag and two more."""
    lines = [line for document in documents for line in tokenizer.encode_batch(document)]
    least = max(lags) + 2
    found = [(i, end) for i, line in enumerate(lines) for end in range(least, len(line) + 1)]
    drawn = random.Random(seed).sample(found, min(count, len(found)))
    return [lines[i][:end] for i, end in drawn]


def gradient_norms(
    model: RecurrentLanguageModel, places: Sequence[Sequence[int]], lags: Sequence[int] = LAGS
) -> DoubleArray:
    """|d loss_T / d h_(T-k)| in nats a unit of state, [lags, P]; the last token is the next one."""
    norms = [_norms(model, place, lags) for place in places]
    return np.array(norms).T


def _norms(
    model: RecurrentLanguageModel, tokens: Sequence[int], lags: Sequence[int]
) -> list[float]:
    state = model.start_state(1).detach().requires_grad_()
    states: list[Tensor] = []
    for token in (END_ID, *tokens[:-1]):
        state = model.advance(torch.tensor([token]), state)  # [L, 1, H]
        states.append(state)
    scores = model.log_probabilities(model.project(state[-1]))
    asked = [states[-1 - lag] for lag in lags]
    gradients = torch.autograd.grad(-scores[0, tokens[-1]], asked)
    return [gradient.double().norm().item() for gradient in gradients]
