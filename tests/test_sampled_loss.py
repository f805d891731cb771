"""Sampled softmax: an estimate of the whole one, better with more samples."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import Silent, tiny_config

from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.loss import tied_softmax_loss
from pocketlm.model.sampled_loss import SampledSoftmax, token_counts
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import train

CPU = torch.device("cpu")
SIZE = 200


def case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    projected = torch.randn(64, 8, requires_grad=True)
    return projected, 0.3 * torch.randn(SIZE, 8), torch.randint(0, SIZE, (64,))


def estimate_error(samples: int) -> float:
    """The average distance of the estimate from the loss over all tokens."""
    projected, weight, targets = case()
    counts = np.arange(1, SIZE + 1)
    whole = tied_softmax_loss(projected, weight, targets, torch.float32).item()
    softmax = SampledSoftmax(counts, samples, CPU)
    found = [softmax.loss(projected, weight, targets, torch.float32).item() for _ in range(40)]
    return float(np.mean(np.abs(np.array(found) - whole)))


def test_more_samples_come_nearer() -> None:
    errors = [estimate_error(samples) for samples in (10, 100, 10_000)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.1


def test_its_gradient_comes_near_too() -> None:
    projected, weight, targets = case()
    softmax = SampledSoftmax(np.arange(1, SIZE + 1), 20_000, CPU)
    losses = [
        f(projected, weight, targets, torch.float32) for f in (tied_softmax_loss, softmax.loss)
    ]
    whole, estimate = (torch.autograd.grad(loss, projected)[0] for loss in losses)
    assert torch.nn.functional.cosine_similarity(whole, estimate).min() > 0.98


def test_frequent_tokens_are_drawn_often() -> None:
    counts = np.zeros(SIZE, dtype=np.int64)
    counts[3] = 10**9
    softmax = SampledSoftmax(counts, 50, CPU)
    projected, weight, _ = case()
    targets = torch.full((64,), 3)
    # All others are the target itself, which is no other: nothing is left to be wrong about.
    assert softmax.loss(projected, weight, targets, torch.float32).item() == pytest.approx(0)


def test_tokens_are_counted(corpus: Corpus, tokenizer: Tokenizer) -> None:
    shards = open_shards(corpus, "train", tokenizer)
    counts = token_counts(shards, tokenizer.vocabulary_size)
    assert counts.sum() == shards.index.tokens
    assert counts[tokenizer.end_id] == shards.index.lines


def test_a_training_with_it_learns(corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = replace(tiny_config(corpus), softmax_samples=100)
    record = train(config, tmp_path / "run", Silent(), tokenizer)
    curve = [point["valid_word_perplexity_line"] for point in record["curve"]]
    assert curve[-1] < curve[0] / 2  # of the whole softmax
    with pytest.raises(UserError, match="softmax_samples"):
        replace(config, softmax_samples=0)
    with pytest.raises(UserError, match="of the whole softmax"):
        replace(config, score_exponent=1.5)
