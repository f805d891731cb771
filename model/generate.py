"""Text sampled from any predictor.

    prompt -> state -> log-probabilities -> temperature, top-k, top-p -> token -> ... -> end token

Sources: top-k, Fan et al. 2018; top-p (nucleus), Holtzman et al. 2020.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pocketlm.model.errors import UserError
from pocketlm.model.predictor import FloatArray, Predictor, State
from pocketlm.model.tokenizer import Tokenizer

COLDEST = 1e-3


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn."""

    temperature: float = 1.0  # 0, or too little to tell from it, takes the likeliest
    top_k: int = 0  # only the k likeliest; 0: all
    top_p: float = 1.0  # only the likeliest that together hold p

    def __post_init__(self) -> None:
        if not (0 <= self.temperature < 100 and self.top_k >= 0 and 0 < self.top_p <= 1):
            raise UserError("temperature is 0..100, top-k at least 0, top-p above 0 and at most 1")


def generate(
    predictor: Predictor, prompt: str, sampling: Sampling, seed: int, max_tokens: int = 60
) -> str:
    """The prompt and its continuation, to the end of the line or for at most `max_tokens`."""
    generator = np.random.default_rng(seed)
    tokenizer = predictor.tokenizer
    state = read_context(predictor, context_tokens(tokenizer, prompt))
    drawn: list[int] = tokenizer.encode(last_line(prompt))
    for _ in range(max_tokens):
        probabilities = filtered(predictor.log_probabilities(state)[0], sampling)
        token = int(generator.choice(len(probabilities), p=probabilities))
        if token == tokenizer.end_id:
            break
        drawn.append(token)
        state = predictor.advance(state, np.array([token]))
    return prompt[: len(prompt) - len(last_line(prompt))] + tokenizer.decode(drawn)


def filtered(log_probabilities: FloatArray, sampling: Sampling) -> npt.NDArray[np.float64]:
    """Probabilities [V] after temperature, top-k and top-p."""
    scores = log_probabilities.astype(np.float64)
    if sampling.temperature < COLDEST:
        return np.asarray(np.arange(len(scores)) == scores.argmax(), dtype=np.float64)
    probabilities = np.exp((scores - scores.max()) / sampling.temperature)
    probabilities /= probabilities.sum()
    order = np.argsort(-probabilities, kind="stable")
    kept = np.ones(len(order), dtype=bool)
    if sampling.top_k:
        kept[sampling.top_k :] = False
    # A token stays while those before it hold less than top_p, so that one always does.
    kept[1:] &= np.cumsum(probabilities[order])[:-1] < sampling.top_p
    probabilities[order[~kept]] = 0
    return np.asarray(probabilities / probabilities.sum(), dtype=np.float64)


def last_line(text: str) -> str:
    """The line that is being typed."""
    return text[text.rfind("\n") + 1 :]


def context_tokens(tokenizer: Tokenizer, text: str) -> list[int]:
    """Tokens of text typed so far: an end token after each finished line, none after the last."""
    *finished, current = text.split("\n")
    tokens = [t for line in finished for t in [*tokenizer.encode(line), tokenizer.end_id]]
    return tokens + tokenizer.encode(current)


def read_context(predictor: Predictor, tokens: Sequence[int]) -> State:
    """The state [1] after tokens, from the start of a line."""
    state = predictor.start()
    for token in tokens:
        state = predictor.advance(state, np.array([token]))
    return state
