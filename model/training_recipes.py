"""How the models in the package were trained: what `train --recipe` stands for.

Their tokens are those of the shipped en-base: SentencePiece's training is not the same on every
machine, and a model that shares them can be compared piece by piece. How en-base's steps came to be
so many: the model card.
"""

from typing import Any

# The recipes of which a recipe begins with the runs: with the first one's weights, and where it has
# a `teacher_share` with all of them as teachers.
AFTER = "after"

_TEXT = {
    "corpus": "keyboard-en",
    "lower_case": 0.1,
    "valid_lines": 3000,
    "valid_every": 2000,
}
_ENGLISH = {**_TEXT, "tokenizer": "en-base"}
TRAINING_RECIPES: dict[str, dict[str, Any]] = {
    "en-base": {
        AFTER: ["en-base-taught"],
        **_TEXT,
        "valid_every": 1000,
        "score_exponent": 1.5,
        "fresh_lines": 0.95,
        "learning_rate": 0.001,
        "warmup_steps": 100,
        "max_steps": 6_972,
        "keep_initial": 0.5,
        "seed": 11,
    },
    "en-base-taught": {
        AFTER: ["en-base-wide", "en-base-512"],
        **_TEXT,
        "teacher_share": 0.9,
        "fresh_lines": 0.9,
        "learning_rate": 0.0025,
        "max_steps": 10_951,
        "keep_initial": 0.5,
    },
    "en-base-wide": {
        "preset": "wide",
        **_ENGLISH,
        "fresh_lines": 0.75,
        "learning_rate": 0.005,
        "max_steps": 43_756,
        "restart": 29_664 / 43_756,
    },
    "en-base-512": {"preset": "base", **_ENGLISH, "max_steps": 35_500, "restart": 16 / 35.5},
    "en-small": {
        "preset": "small",
        **_ENGLISH,
        "teachers": ["en-base"],
        "teacher_share": 0.9,
        "fresh_lines": 0.75,
        "learning_rate": 0.006,
        "max_steps": 8_000,
    },
}
