"""Influence: what is left, k tokens later, of a state and of a token.

    lines -> draw_places: where a prediction is made, and what replaces the token k steps back
          -> state_jacobians: norms of d h_T / d h_(T-k)                      networks only
          -> divergences: KL(p || p with that token replaced)                  any model

A place is the first T tokens x_1..x_T of a line, from its start; p is what is predicted after them,
and h_t the state that has read x_t. The token k steps back is x_(T+1-k): k = 1 is the last one
read. An n-gram model of order N has read N-1 of them, so that its divergence is 0 from k = N on.

The Jacobian of k steps is the product of one-step Jacobians,

    d h_T / d h_(T-k) = J_T J_(T-1) .. J_(T-k+1)        J_t = d h_t / d h_(t-1)

Its spectral norm is the largest factor by which a small change of the state k steps back still
changes today's; its Frobenius norm over sqrt(S), S numbers of the state, is the root mean square
factor over all directions. Where the norms of the J_t are below 1, it fades geometrically (Pascanu
et al. 2013, "On the difficulty of training recurrent neural networks", ICML). It is computed in
float64: a product of float32 matrices would lose what has faded. The divergence is of Khandelwal et
al. 2018 (see reach.py) in spirit: it perturbs the text, not the state, and is in nats.

Shapes: B batch, L layers, H hidden, S = L H, R replacements, V vocabulary.
"""

import copy
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.network import NetworkPredictor
from pocketlm.model.predictor import Predictor
from pocketlm.model.tokenizer import END_ID, Tokenizer

LAGS = (1, 2, 3, 5, 8, 13, 21, 34)
REPLACEMENTS = 8
DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """What was read of a line, and for each lag the tokens that take its token's place."""

    tokens: tuple[int, ...]
    replacements: tuple[tuple[int, ...], ...]


def draw_places(
    documents: Sequence[Sequence[str]],
    tokenizer: Tokenizer,
    count: int,
    *,
    lags: Sequence[int] = LAGS,
    replacements: int = REPLACEMENTS,
    seed: int = 1,
) -> list[Place]:
    """At most `count` places with as many tokens before them, in their line, as the largest lag.

    Replacements are drawn as often as the text has them, but never the token itself.
    """
    lines = [line for document in documents for line in tokenizer.encode_batch(document)]
    unigrams = list(itertools.chain.from_iterable(lines))
    found = [(i, end) for i, line in enumerate(lines) for end in range(max(lags), len(line))]
    generator = random.Random(seed)
    places = []
    for i, end in generator.sample(found, min(count, len(found))):
        tokens = lines[i][:end]
        drawn = [_others(tokens[-lag], unigrams, replacements, generator) for lag in lags]
        places.append(Place(tuple(tokens), tuple(drawn)))
    return places


def _others(
    token: int, unigrams: Sequence[int], count: int, generator: random.Random
) -> tuple[int, ...]:
    drawn = (generator.choice(unigrams) for _ in itertools.count())
    return tuple(itertools.islice((other for other in drawn if other != token), count))


def influence(
    predictor: Predictor, places: Sequence[Place], lags: Sequence[int] = LAGS
) -> dict[str, Any]:
    """How much of a state and of a token is left, for each lag.

    Args:
        predictor: any model over the tokenizer of the places.
        places: of `draw_places` with the same lags.
        lags: numbers of tokens, ascending.

    Returns:
        What JSON can say: `lags`; `kl`, for each lag the divergences in nats, those of a place's
        replacements after each other; `jacobian_spectral` and `jacobian_frobenius`, for each lag
        those of each place, None where the model is no eager network.
    """
    kl = np.stack([divergences(predictor, place, lags) for place in places], axis=1)
    result: dict[str, Any] = {
        "lags": list(lags),
        "kl": kl.reshape(len(lags), -1).tolist(),
        "jacobian_spectral": None,
        "jacobian_frobenius": None,
    }
    if isinstance(predictor, NetworkPredictor):
        model = copy.deepcopy(predictor.model).double()
        norms = np.stack([_norms(state_jacobians(model, p.tokens, lags)) for p in places])
        result["jacobian_spectral"] = norms[:, :, 0].T.tolist()
        result["jacobian_frobenius"] = norms[:, :, 1].T.tolist()
    return result


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """The `median` of the values of a lag, and the quartiles `lower` and `upper`."""
    lower, median, upper = np.percentile(values, [25, 50, 75])
    return {"median": float(median), "lower": float(lower), "upper": float(upper)}


def divergences(predictor: Predictor, place: Place, lags: Sequence[int]) -> DoubleArray:
    """KL(p || p with the token of a lag replaced) in nats, [lags, R].

    Both are normalised in float64, so that rounding leaves no more than about 1e-12 of it.
    """
    replaced = [
        _with(place.tokens, lag, token)
        for lag, drawn in zip(lags, place.replacements, strict=True)
        for token in drawn
    ]
    rows = np.array([place.tokens, *replaced])  # [1 + lags R, T]
    same = len(place.tokens) - max(lags)
    state = predictor.start()
    for token in place.tokens[:same]:
        state = predictor.advance(state, np.array([token]))
    state = predictor.select(state, np.zeros(len(rows), dtype=np.int64))
    for column in rows.T[same:]:
        state = predictor.advance(state, column)
    logarithms = predictor.log_probabilities(state).astype(np.float64)  # [1 + lags R, V]
    logarithms -= np.logaddexp.reduce(logarithms, axis=1, keepdims=True)
    p, q = logarithms[0], logarithms[1:]
    with np.errstate(invalid="ignore"):  # -inf less -inf, where p is 0 and adds nothing
        terms = np.where(np.isneginf(p), 0.0, np.exp(p) * (p - q))
    kl: DoubleArray = np.maximum(terms.sum(axis=1), 0.0).reshape(len(lags), -1)
    return kl


def _with(tokens: Sequence[int], lag: int, token: int) -> tuple[int, ...]:
    """The tokens, with another one `lag` steps back."""
    place = len(tokens) - lag
    return (*tokens[:place], token, *tokens[place + 1 :])


def state_jacobians(
    model: RecurrentLanguageModel, tokens: Sequence[int], lags: Sequence[int]
) -> list[Tensor]:
    """For each lag k, ascending, d h_T / d h_(T-k) [S, S] on a line's tokens x_1..x_T."""
    line = torch.tensor([END_ID, *tokens])[:, None]  # [T + 1, 1]: what begins a line, then itself
    with torch.no_grad():
        states = [model.start_state(1)]
        for token in line:
            states.append(model.advance(token, states[-1]))  # states[t + 1] is h_t: [L, 1, H]
        size = states[0].numel()
        product = torch.eye(size, dtype=states[0].dtype)
        products = {0: product}
        for k in range(1, max(lags) + 1):
            product = product @ _step_jacobian(model, line[-k], states[-k - 1]).view(size, size)
            products[k] = product
    return [products[lag] for lag in lags]


def _step_jacobian(model: RecurrentLanguageModel, token: Tensor, state: Tensor) -> Tensor:
    """J_t [L, 1, H, L, 1, H] at a token [1] and the state before it [L, 1, H]."""
    jacobian: Tensor = torch.func.jacrev(lambda before: model.advance(token, before))(state)
    return jacobian


def _norms(jacobians: Sequence[Tensor]) -> DoubleArray:
    """Of each Jacobian [S, S] its spectral norm, and its Frobenius norm over sqrt(S): [lags, 2]."""
    return np.array(
        [
            [
                torch.linalg.matrix_norm(jacobian, 2).item(),
                torch.linalg.matrix_norm(jacobian).item() / len(jacobian) ** 0.5,
            ]
            for jacobian in jacobians
        ]
    )
