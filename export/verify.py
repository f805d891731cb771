"""What runs on the phone is what was trained: the written program against the eager model.

lines of real text -> tokens -> both predictors step by step -> argmax agreement, KL, perplexity
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pocketlm.model.corpus import text_lines
from pocketlm.model.errors import UserError
from pocketlm.model.evaluate import exp_or_infinity
from pocketlm.model.predictor import Predictor

LARGEST_PERPLEXITY_LOSS = 0.01


def verification_lines(text: Path) -> list[str]:
    """Lines of a text in a fixed random order, so that the first ones are of all its parts."""
    lines = [line for document in text_lines(text) for line in document]
    random.Random(0).shuffle(lines)
    return lines


@dataclass(frozen=True)
class Quality:
    """The exported program on real text, each line from a fresh state."""

    lines: int
    words: int
    tokens: int
    argmax_agreement: float  # share of positions where both put the same token first
    mean_kl: float  # of eager from exported, in nats a token
    word_perplexity_eager: float
    word_perplexity: float
    perplexity_loss: float  # exported / eager - 1, of the word perplexities


def compare(
    eager: Predictor, exported: Predictor, lines: Sequence[str], token_budget: int
) -> Quality:
    """Step both over lines until `token_budget` tokens are compared; a longer line is cut."""
    tokens = words = used = 0
    agreement, divergence, eager_nats, exported_nats = 0, 0.0, 0.0, 0.0
    for line in lines:
        if tokens >= token_budget:
            break
        states = eager.start(), exported.start()
        encoded = [*eager.tokenizer.encode(line), eager.tokenizer.end_id][: token_budget - tokens]
        used, words = used + 1, words + len(eager.tokenizer.decode(encoded).split())
        for token in encoded:
            p = eager.log_probabilities(states[0])[0].astype(np.float64)  # [V]
            q = exported.log_probabilities(states[1])[0].astype(np.float64)
            agreement += int(p.argmax() == q.argmax())
            divergence += float((np.exp(p) * (p - q)).sum())
            eager_nats, exported_nats = eager_nats - p[token], exported_nats - q[token]
            tokens += 1
            step = np.array([token])
            states = eager.advance(states[0], step), exported.advance(states[1], step)
    return Quality(
        lines=used,
        words=words,
        tokens=tokens,
        argmax_agreement=agreement / tokens,
        mean_kl=divergence / tokens,
        word_perplexity_eager=exp_or_infinity(eager_nats / max(words, 1)),
        word_perplexity=exp_or_infinity(exported_nats / max(words, 1)),
        perplexity_loss=exp_or_infinity((exported_nats - eager_nats) / max(words, 1)) - 1,
    )


def check_quality(quality: Quality) -> None:
    """The gate: UserError if the program lost more perplexity than it may."""
    # Written so that NaN fails.
    if not quality.perplexity_loss <= LARGEST_PERPLEXITY_LOSS:
        raise UserError(
            f"gate: the exported program loses {100 * quality.perplexity_loss:.2f} % of word "
            f"perplexity, at most {100 * LARGEST_PERPLEXITY_LOSS:.0f} % is allowed"
        )
