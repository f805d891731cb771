"""How the models in the package were trained: what `train --recipe` stands for.

Their tokens are those of the shipped en-base: SentencePiece's training is not the same on every
machine, and a model that shares them can be compared piece by piece. How en-base's steps came to be
so many: the model card.
"""

from typing import Any

_ENGLISH = {
    "corpus": "keyboard-en",
    "tokenizer": "en-base",
    "lower_case": 0.1,
    "valid_lines": 3000,
}
TRAINING_RECIPES: dict[str, dict[str, Any]] = {
    "en-base": {
        "preset": "wide",
        **_ENGLISH,
        "fresh_lines": 0.75,
        "learning_rate": 0.005,
        "max_steps": 43_756,
        "restart": 29_664 / 43_756,
        "valid_every": 2000,
    },
    "en-small": {
        "preset": "small",
        **_ENGLISH,
        "teacher": "en-base",
        "teacher_share": 0.9,
        "fresh_lines": 0.75,
        "learning_rate": 0.006,
        "max_steps": 8_000,
        "valid_every": 2000,
    },
}
