"""`bench training`: what it compares, on a text of a few sentences."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import Invoke, tiny_config

from pocketlm.benchmarks.training.parts import PARTS, plain_softmax
from pocketlm.benchmarks.training.plain_loop import PlainLoop
from pocketlm.benchmarks.training.scaling import scaling
from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.loss import tied_softmax_loss
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer


def test_all_trainings_stand_beside_each_other(
    corpus: Corpus, run: Path, tmp_path: Path, invoke: Invoke
) -> None:
    out = tmp_path / "training"
    options = ["--corpus", corpus.folder, "--tokens", run, "--preset", "tiny", "--out", out]
    parts = ["--only", "parts", "--only", "loops", "--only", "softmax"]
    code, table, errors = invoke("bench", "training", *options, *parts, "--steps", "40")
    assert code == 0, errors
    for name in (*PARTS, "plain loop, fp32", "this trainer, bf16", "1024 samples"):
        assert f"| {name} |" in table
    results = json.loads((out / "results.json").read_text())
    loops = {row["name"]: row for row in results["loops"]["rows"]}
    plain, ours = loops["plain loop, fp32"], loops["this trainer, fp32"]
    assert ours["train_nats_per_token"] == pytest.approx(plain["train_nats_per_token"], rel=0.1)
    sampled = results["softmax"]["rows"]
    by_line = [row["valid_word_perplexity_line"] for row in sampled]
    assert by_line[-1] < 2 * by_line[0]  # more samples than there are tokens
    assert all(row["tokens_per_second"]["least"] > 0 for row in (*loops.values(), *sampled))

    # Measured again, a part is replaced and the others stay.
    options = [*options, "--only", "parts", "--json"]
    code, printed, _ = invoke("bench", "training", *options)
    assert code == 0
    found = json.loads(printed)
    assert found["loops"] == results["loops"]
    assert found["parts"]["command"] != results["parts"]["command"]


def test_two_processes_are_timed(corpus: Corpus, run: Path) -> None:
    config = replace(tiny_config(corpus), tokenizer=str(run))
    (row,) = scaling(config, steps=5, layouts=[(2, 1)], rounds=1)
    assert (row["ranks"], row["threads"]) == (2, 1)
    assert row["tokens_per_second"]["most"] > 0
    broken = replace(config, rows=3)
    with pytest.raises(UserError, match="cannot be dealt evenly"):
        scaling(broken, steps=5, layouts=[(2, 1)], rounds=1)


def test_the_plain_loop_learns(corpus: Corpus, tokenizer: Tokenizer) -> None:
    config = tiny_config(corpus, max_steps=60)
    loop = PlainLoop(config, open_shards(corpus, "train", tokenizer), torch.float32)
    losses = [loop.step(step / 60) for step in range(60)]
    assert losses[-1] < 0.8 * losses[0]


def test_both_softmaxes_are_one() -> None:
    torch.manual_seed(1)
    projected, weight = torch.randn(300, 8, requires_grad=True), torch.randn(50, 8)
    targets = torch.randint(0, 50, (300,))
    gradients: list[torch.Tensor] = []
    for softmax in (plain_softmax, tied_softmax_loss):
        loss = softmax(projected, weight, targets, torch.float32)
        gradients += torch.autograd.grad(loss, projected)
    assert torch.allclose(gradients[0], gradients[1], atol=1e-6)
