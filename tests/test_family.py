"""The family: deep networks of both cells through every command, and what sets members apart."""

import json
from dataclasses import replace
from functools import partialmethod
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import SENTENCES, Invoke, only_json, write_corpus
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketlm.benchmarks.family.exploding import Explosion, explosion
from pocketlm.benchmarks.family.gradients import gradient_norms
from pocketlm.benchmarks.family.members import (
    FAMILY,
    Member,
    multiply_adds,
    parameter_count,
    sized,
)
from pocketlm.benchmarks.study.influence import state_jacobians
from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_a_deep_network_trains_evaluates_generates_and_exports(
    cell: str, corpus: Corpus, tmp_path: Path, invoke: Invoke
) -> None:
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    sizes = ("--vocabulary-size", 384, "--embedding", 24, "--hidden", 32, "--layers", 3)
    bounds = ("--max-steps", 40, "--rows", 4, "--window", 16, "--valid-every", 20)
    record = only_json(
        invoke("train", "--corpus", corpus.name, "--cell", cell, *sizes, *bounds,
               "--learning-rate", 0.01, "--out", run, "--json")
    )  # fmt: skip
    assert record["config"]["model"]["layers"] == 3
    first, last = (point["valid_word_perplexity_line"] for point in record["curve"])
    assert last < first

    text = corpus.path("valid")
    eager = only_json(invoke("evaluate", "--model", run, "--text", text, "--lines", 5, "--json"))
    texts = only_json(invoke("generate", "see you", "--model", run, "--count", 2, "--json"))
    assert all(line.startswith("see you") for line in texts["texts"])

    exported = invoke("export", run, "--recipe", "zero-copy", "--out", bundle, "--text", text)
    assert exported[0] == 0, exported[2]
    ours = only_json(invoke("evaluate", "--model", bundle, "--text", text, "--lines", 5, "--json"))
    assert ours["word_perplexity"] == pytest.approx(eager["word_perplexity"], rel=0.03)


@pytest.mark.parametrize("member", FAMILY, ids=lambda member: member.name)
@settings(max_examples=8, deadline=None)
@given(vocabulary=st.sampled_from([320, 1024, 8192]), parameters=st.integers(700_000, 3_000_000))
def test_members_have_the_parameters_that_are_asked_for(
    member: Member, vocabulary: int, parameters: int
) -> None:
    config = sized(member, vocabulary, parameters)
    assert abs(parameter_count(config) - parameters) < parameters / 20
    small = replace(config, hidden=12)
    model = RecurrentLanguageModel(small)
    assert parameter_count(small) == model.parameter_count()
    matrices = (p.numel() for name, p in model.named_parameters() if p.ndim == 2)
    state = model.initial_state.numel()
    assert multiply_adds(small) == sum(matrices) - state  # the tied embedding is the softmax


def test_a_member_that_cannot_be_so_small_is_an_error() -> None:
    with pytest.raises(UserError, match="cannot have"):
        sized(FAMILY[0], 8192, 100_000)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_gradient_back_in_time_is_that_of_the_steps_between(cell: str, layers: int) -> None:
    """d loss / d h_(T-k) = d loss / d h_T times the product of the steps' Jacobians."""
    torch.manual_seed(0)
    model = RecurrentLanguageModel(ModelConfig(320, 6, 9, layers, cell=cell)).double().eval()
    tokens, lags = torch.randint(2, 320, (9,)).tolist(), (0, 1, 3, 6)
    norms = gradient_norms(model, [tokens], lags)[:, 0]
    jacobians = state_jacobians(model, tokens[:-1], lags)
    state = model.start_state(1)
    for token in (1, *tokens[:-1]):
        state = model.advance(torch.tensor([token]), state)
    state = state.detach().requires_grad_()
    score = model.log_probabilities(model.project(state[-1]))[0, tokens[-1]]
    (of_state,) = torch.autograd.grad(score, state)
    expected = [(of_state.reshape(1, -1) @ jacobian).norm().item() for jacobian in jacobians]
    np.testing.assert_allclose(norms, expected, rtol=1e-9)


def test_clipping_keeps_a_training_that_explodes(corpus: Corpus, tokenizer: Tokenizer) -> None:
    shards = open_shards(corpus, "train", tokenizer)
    sizes = Explosion(3.0, hidden=48, embedding=16, rows=4, window=24, learning_rate=5, steps=12)
    found = explosion(sizes, shards, tokenizer)
    first = [found[name]["gradient_norm"][0] for name in ("without", "clipped")]
    assert first[0] == first[1] > sizes.clip  # the same weights and window
    assert all(loss is not None and loss < 100 for loss in found["clipped"]["loss"])
    without = found["without"]["loss"]
    assert without[-1] is None or max(loss for loss in without if loss) > 1000


@pytest.fixture(scope="module")
def long_lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus whose lines are long enough for reach and gradients."""
    sentences = [" ".join(SENTENCES[i : i + 6]) for i in range(0, 60, 6)]
    return write_corpus(tmp_path_factory.mktemp("long"), sentences, 40)


def test_the_command_measures_and_goes_on_where_it_stopped(
    long_lines: Path, run: Path, tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Explosion, "__init__", partialmethod(Explosion.__init__, steps=3, hidden=16)
    )
    for name, smaller in (("REACH_POSITIONS", 20), ("GRADIENT_PLACES", 5), ("ROUNDS", 2)):
        monkeypatch.setattr(f"pocketlm.benchmarks.family.family.{name}", smaller)
    arguments = ("bench", "family", "--corpus", long_lines, "--tokens", run, "--steps", 4,
                 "--parameters", 60_000, "--out", tmp_path / "family", "--json")  # fmt: skip
    results = only_json(invoke(*arguments))
    names = [member["name"] for member in results["members"]]
    assert names == ["RNN", "GRU", "deep RNN", "deep GRU"]
    assert len({member["tokens"] for member in results["members"]}) == 1
    for member in results["members"]:
        assert abs(member["parameters"] - 60_000) < 3000
        assert member["gradient_share"][0]["median"] == pytest.approx(1)
        assert member["word_perplexity_line"] > 1
    for name in ("reach", "gradients", "exploding"):
        for kind in ("svg", "png"):
            assert (tmp_path / "family" / "charts" / f"{name}.{kind}").stat().st_size > 1000
    (tmp_path / "family" / "results.json").unlink()  # as if it was stopped before the end
    code, out, err = invoke(*arguments)
    assert code == 0
    assert json.loads(out) == results
    assert "training" not in err


def test_a_folder_of_something_else_stays(run: Path, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")
    code, _, err = invoke("bench", "family", "--tokens", run, "--out", tmp_path)
    assert code == 2
    assert "holds other files" in err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
