"""Timing in turns: the order of the rounds, what is recorded, and ratios worked out by hand."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pocketlm.benchmarks import speed
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.benchmarks.samples import Measurable, open_measurable, run_sample, write_tokens
from pocketlm.benchmarks.speed import interleaved, ratios
from pocketlm.model.errors import UserError
from pocketlm.model.tokenizer import Tokenizer

WORDS = ["see", "you", "at", "the", "old", "house", "tomorrow", "evening", "morning", "then"]
RANDOM = random.Random(5)
LINES = [" ".join(RANDOM.choices(WORDS, k=1 + i % 6)) for i in range(100)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Measurable]:
    """A table in both layouts, and Kneser-Ney."""
    root = tmp_path_factory.mktemp("speed")
    tokenizer = Tokenizer.train(LINES, 300)
    stream = np.array([i for line in LINES for i in [*tokenizer.encode(line), tokenizer.end_id]])
    for kind in ("table", "kneser-ney"):
        train_ngram([stream], tokenizer, kind=kind, order=2, out=root / kind, corpus={})
    return [model for kind in ("table", "kneser-ney") for model in open_measurable(root / kind)]


@pytest.fixture(scope="module")
def tokens(models: list[Measurable], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    write_tokens(LINES, models[0].tokenizer, path)
    return path


def test_every_round_has_every_model_in_another_place(
    models: list[Measurable], tokens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def noted(model: Measurable, path: Path, **options: Any) -> Any:
        order.append(model.name)
        return run_sample(model, path, **options)

    monkeypatch.setattr(speed, "run_sample", noted)
    raw = interleaved(models, tokens, work="score", steps=20, rounds=4)
    a, b, c = (model.name for model in models)
    assert order == [a, b, c, b, c, a, c, a, b, a, b, c]
    assert [each["place"] for each in raw["models"][1]["rounds"]] == [1, 0, 2, 1]
    assert (raw["work"], raw["steps"], raw["rounds"]) == ("score", 20, 4)
    for model in raw["models"]:
        assert (model["work"], model["threads"], model["page_cache"]) == ("score", 1, "warm")
        assert all(0 < each["cpu_share"] < 1.1 for each in model["rounds"])
        assert all(0 < each["min"] <= each["median"] <= each["p99"] for each in model["rounds"])


def test_ratios_are_within_rounds() -> None:
    def timed(name: str, *medians: float) -> dict[str, Any]:
        return {"name": name, "rounds": [{"median": median} for median in medians]}

    raw = {"models": [timed("a", 2.0, 40.0, 2.0), timed("b", 1.0, 80.0, 6.0)]}
    found = ratios(raw, "a")
    assert found["a"]["rounds"] == [1, 1, 1]
    assert found["b"] == {"rounds": [0.5, 2, 3], "median": 2, "least": 0.5, "most": 3}
    with pytest.raises(UserError, match="c was not timed: a, b were"):
        ratios(raw, "c")


def test_what_cannot_be_timed_is_said(models: list[Measurable], tokens: Path) -> None:
    with pytest.raises(UserError, match="two models are called kneser-ney"):
        interleaved([models[2], models[2]], tokens, work="score", steps=5, rounds=1)
    other = replace(models[0], name="other", tokenizer=Tokenizer.train(WORDS[:3], 300))
    with pytest.raises(UserError, match="different tokenizers"):
        interleaved([models[0], other], tokens, work="score", steps=5, rounds=1)
    with pytest.raises(UserError, match="at least 1 round"):
        interleaved(models, tokens, work="score", steps=5, rounds=0)
    with pytest.raises(UserError, match="no work 'rest'"):
        interleaved(models, tokens, work="rest", steps=5, rounds=1)
