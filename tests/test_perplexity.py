"""Perplexity, cross-entropy averaged over time and sequence probability are one thing.

The line and the figures of docs/perplexity.md, by three ways that share nothing but the model.
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import ROOT, Invoke, only_json

from pocketlm.models import open_model, open_network

LINE = "see you tomorrow"


def sequence_probability() -> float:
    """The product of p(token | what came before), step by step."""
    predictor = open_model(Path("en-base"))
    state, probability = predictor.start(), 1.0
    for token in [*predictor.tokenizer.encode(LINE), predictor.tokenizer.end_id]:
        probability *= math.exp(predictor.log_probabilities(state)[0, token])
        state = predictor.advance(state, np.array([token]))
    return probability


def average_cross_entropy() -> tuple[float, int]:
    """What training minimises: torch's own loss of log-probabilities, averaged over time."""
    model, tokenizer = open_network(Path("en-base"))
    targets = torch.tensor([*tokenizer.encode(LINE), tokenizer.end_id])
    inputs = torch.cat([torch.tensor([tokenizer.end_id]), targets[:-1]])
    with torch.no_grad():
        log_probabilities, _ = model(inputs[None], model.start_state(1))  # [1, T, V]
    return F.nll_loss(log_probabilities[0], targets).item(), len(targets)


def test_the_three_are_one(tmp_path: Path, invoke: Invoke) -> None:
    text = tmp_path / "line.txt"
    text.write_text(LINE + "\n", encoding="utf-8")
    perplexity = only_json(invoke("evaluate", "--text", text, "--json"))["token_perplexity"]
    entropy, time = average_cross_entropy()
    # The bundle's weights are int8, torch's are those before: they agree to about a percent.
    assert perplexity == pytest.approx(math.exp(entropy), rel=0.02)
    assert perplexity == pytest.approx(sequence_probability() ** (-1 / time), rel=1e-5)
    scored = only_json(invoke("score", LINE, "--json"))
    assert scored["probability"] == pytest.approx(math.exp(-time * math.log(perplexity)), rel=1e-5)
    assert scored["token_perplexity"] == pytest.approx(perplexity, rel=1e-6)


def test_the_worked_example_of_the_docs_is_what_the_model_says(invoke: Invoke) -> None:
    page = (ROOT / "docs" / "perplexity.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([^`]+)` \| ([0-9.]+) \|", page, flags=re.MULTILINE))
    tokens = only_json(invoke("score", LINE, "--json"))["tokens"]
    assert list(rows) == [token["piece"] for token in tokens]
    for token in tokens:
        assert math.exp(token["log_probability"]) == pytest.approx(
            float(rows[token["piece"]]), rel=0.01
        )
