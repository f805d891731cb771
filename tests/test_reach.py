"""Reach and influence: contexts cut where they should be, and what is left of states and tokens."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from helpers import SENTENCES

from pocketlm.benchmarks.arpa import write_arpa
from pocketlm.benchmarks.backoff_table import BackoffTable
from pocketlm.benchmarks.kenlm import KenLM, build_kenlm
from pocketlm.benchmarks.ngram import open_ngram
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.benchmarks.study.influence import (
    Place,
    divergences,
    draw_places,
    influence,
    quartiles,
    state_jacobians,
)
from pocketlm.benchmarks.study.reach import Position, draw_positions, mean_nats, reach
from pocketlm.model.corpus import Corpus
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel
from pocketlm.model.network import open_run
from pocketlm.model.predictor import FloatArray, Predictor
from pocketlm.model.recurrence import CELLS
from pocketlm.model.tokenizer import END_ID, Tokenizer

# Three documents of three lines of some forty words.
LONG_LINES = [" ".join(SENTENCES[i : i + 8]) for i in range(0, 72, 8)]
DOCUMENTS = [LONG_LINES[i : i + 3] for i in range(0, 9, 3)]
NGRAMS = ("kenlm", "kneser-ney", "table")


@pytest.fixture(scope="module")
def ngrams(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Predictor]:
    """An n-gram model of order 3 of each kind."""
    folder = tmp_path_factory.mktemp("ngrams")
    lines = [line for line in corpus.lines("train") if line]
    tokens = [np.array([*line, END_ID]) for line in tokenizer.encode_batch(lines)]
    for kind in NGRAMS:
        train_ngram(
            tokens, tokenizer, kind=kind, order=3, structure="probing", out=folder / kind, corpus={}
        )
    return {kind: open_ngram(folder / kind) for kind in NGRAMS}


def pieces_before(tokenizer: Tokenizer, position: Position, words: int) -> list[int]:
    """The tokens of the last words before a position, the slow way."""
    before = DOCUMENTS[position.document][position.line].split()[: position.word]
    return tokenizer.encode(" ".join(before[-words:]))


def test_positions_have_enough_words_before_them_and_are_the_seeds() -> None:
    odd = [["a b\u00a0c " * 20, "a ▁ " * 20], ["x"]]
    drawn = draw_positions([*odd, *DOCUMENTS], 30, seed=5)
    assert len(drawn) == len(set(drawn)) == 30
    assert drawn == draw_positions([*odd, *DOCUMENTS], 30, seed=5)
    assert drawn != draw_positions([*odd, *DOCUMENTS], 30, seed=6)
    assert drawn == sorted(drawn, key=lambda p: (p.document, p.line, p.word))
    assert min(p.document for p in drawn) >= 2
    assert min(p.word for p in drawn) >= 21
    everything = draw_positions(DOCUMENTS, 10_000)
    assert len(everything) == sum(max(0, len(line.split()) - 21) for line in LONG_LINES)


def test_the_whole_line_is_what_score_gives(run: Path) -> None:
    model = open_run(run)
    positions = draw_positions(DOCUMENTS, 40)
    result = reach(model, DOCUMENTS, positions, (None,))
    for position, nats in zip(positions, result["nats"][0], strict=True):
        line = DOCUMENTS[position.document][position.line]
        context = model.tokenizer.encode(" ".join(line.split()[: position.word]))
        end = len(model.tokenizer.encode(" ".join(line.split()[: position.word + 1])))
        scores = model.score([model.tokenizer.encode(line)])[0]
        assert nats == pytest.approx(-scores[len(context) : end].sum(), abs=1e-5)
    assert result["nats_per_word"][0]["value"] == pytest.approx(np.mean(result["nats"][0]))
    assert result["positions"][0] == [positions[0].document, positions[0].line, positions[0].word]


def test_a_network_sees_a_cut_context_as_a_line(run: Path) -> None:
    model = open_run(run)
    positions = draw_positions(DOCUMENTS, 40)
    result = reach(model, DOCUMENTS, positions, (1, 5))
    for size, nats in zip((1, 5), result["nats"], strict=True):
        for position, value in zip(positions, nats, strict=True):
            line = DOCUMENTS[position.document][position.line]
            context = pieces_before(model.tokenizer, position, size)
            target = model.tokenizer.encode(line.split()[position.word])
            expected = -model.score([[*context, *target]])[0][len(context) :].sum()
            assert value == pytest.approx(expected, abs=1e-4)


def test_a_context_of_all_words_is_the_whole_line_to_a_network(run: Path) -> None:
    positions = [p for p in draw_positions(DOCUMENTS, 10_000) if p.word == 21]
    assert positions
    cut, whole = reach(open_run(run), DOCUMENTS, positions, (21, None))["nats"]
    assert cut == pytest.approx(whole, abs=1e-4)


def test_the_state_carried_over_lines(run: Path, ngrams: dict[str, Predictor]) -> None:
    model = open_run(run)
    positions = draw_positions(DOCUMENTS, 60, before=0)  # a tiny network forgets within a line
    result = reach(model, DOCUMENTS, positions, (None,), carried=True)
    for position, nats in zip(positions, result["carried_nats"], strict=True):
        *before, line = DOCUMENTS[position.document][: position.line + 1]
        words = line.split()
        context = [t for text in before for t in [*model.tokenizer.encode(text), END_ID]]
        context += model.tokenizer.encode(" ".join(words[: position.word]))
        target = model.tokenizer.encode(words[position.word])
        expected = -model.score([[*context, *target]])[0][len(context) :].sum()
        assert nats == pytest.approx(expected, abs=1e-4)
    assert result["carried_nats"] != pytest.approx(result["nats"][0], abs=1e-3)
    assert result["carried"]["low"] <= result["carried"]["value"] <= result["carried"]["high"]
    forgets = reach(ngrams["kneser-ney"], DOCUMENTS, positions, (None,), carried=True)
    assert forgets["carried_nats"] == forgets["nats"][0]


@pytest.mark.parametrize("kind", NGRAMS)
def test_an_ngram_models_loss_is_flat_from_its_order_on(
    ngrams: dict[str, Predictor], tokenizer: Tokenizer, kind: str
) -> None:
    positions = draw_positions(DOCUMENTS, 60)
    one, two, eight, whole = reach(ngrams[kind], DOCUMENTS, positions, (1, 2, 8, None))["nats"]
    assert two == pytest.approx(whole, abs=1e-5)  # two words are at least two tokens
    assert eight == pytest.approx(whole, abs=1e-5)
    enough = [len(pieces_before(tokenizer, position, 1)) >= 2 for position in positions]
    assert any(enough)
    for has_two, near, far in zip(enough, one, whole, strict=True):
        assert not has_two or near == pytest.approx(far, abs=1e-5)
    assert one != pytest.approx(whole, abs=1e-2)


def inside_after(model: Predictor, tokens: list[int]) -> FloatArray:
    """Log-probabilities [2, V] after tokens and nothing before them."""
    state = model.start_inside(2)
    for token in tokens:
        state = model.advance(state, np.array([token, token]))
    return model.log_probabilities(state)


def test_nothing_is_known_inside(
    ngrams: dict[str, Predictor], run: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """KenLM's empty context is ours, on the same numbers; a network has none."""
    ours = ngrams["kneser-ney"]
    assert isinstance(ours, BackoffTable)
    write_arpa(ours, tmp_path / "ours.arpa")
    build_kenlm(tmp_path / "ours.arpa", "probing", tmp_path / "ours.binary")
    kenlm = KenLM("theirs", tokenizer, tmp_path / "ours.binary")
    for tokens in ([], [300], [300, 301], [301, 302, 303]):
        inside = [inside_after(model, tokens) for model in (ours, kenlm)]
        np.testing.assert_allclose(inside[0], inside[1], atol=1e-4)
        assert np.exp(inside[0]).sum(axis=1) == pytest.approx([1, 1], abs=1e-4)
    at_line_start = ours.log_probabilities(ours.start())
    assert np.abs(at_line_start - ours.log_probabilities(ours.start_inside())).max() > 0.1
    network = open_run(run)
    inside_it = network.log_probabilities(network.start_inside())
    assert np.array_equal(network.log_probabilities(network.start()), inside_it)


def test_the_interval_is_over_lines() -> None:
    positions = [Position(0, i // 10, i) for i in range(400)]
    same = mean_nats(np.full(400, 3.0), positions)
    assert same == {"value": 3.0, "low": pytest.approx(3.0), "high": pytest.approx(3.0)}
    lines = np.repeat(np.random.default_rng(1).normal(size=40), 10)  # a line's words are alike
    interval = mean_nats(lines, positions)
    expected = 1.96 * lines.std() / 40**0.5
    assert interval["high"] - interval["value"] == pytest.approx(expected, rel=0.2)
    assert interval["value"] - interval["low"] == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("kind", NGRAMS)
def test_beyond_its_order_an_ngram_model_is_not_influenced(
    ngrams: dict[str, Predictor], tokenizer: Tokenizer, kind: str
) -> None:
    lags = (1, 2, 3, 5, 13)
    places = draw_places(DOCUMENTS, tokenizer, 8, lags=lags, replacements=3)
    result = influence(ngrams[kind], places, lags)
    assert [len(values) for values in result["kl"]] == [24] * 5
    assert np.median(result["kl"][0]) > 0
    assert max(result["kl"][1]) > 0
    assert np.count_nonzero(result["kl"][2:]) == 0
    assert result["jacobian_spectral"] is None


def test_a_divergence_is_its_definition(run: Path) -> None:
    model = open_run(run)
    lags = (1, 4, 9)
    (place,) = draw_places(DOCUMENTS, model.tokenizer, 1, lags=lags, replacements=2)

    def predicted(tokens: list[int]) -> torch.Tensor:
        with torch.no_grad():
            whole = torch.tensor([[END_ID, *tokens]])
            logarithms = model.model.forward(whole, model.model.start_state(1))[0]
            return logarithms[0, -1].double().exp()

    p = predicted(list(place.tokens))
    for lag, drawn, values in zip(
        lags, place.replacements, divergences(model, place, lags), strict=True
    ):
        for token, value in zip(drawn, values, strict=True):
            tokens = list(place.tokens)
            assert token != tokens[-lag]
            tokens[-lag] = token
            q = predicted(tokens)
            assert value == pytest.approx(float((p * (p / q).log()).sum()), rel=1e-3, abs=1e-6)


def test_a_probability_of_zero_makes_no_nan() -> None:
    half, one, zero = np.log(0.5), 0.0, -np.inf
    rows = np.array([[half, half, zero], [half, half, zero], [zero, one, zero]])
    model = SimpleNamespace(
        start=lambda: None,
        advance=lambda _state, _tokens: None,
        select=lambda _state, _rows: None,
        log_probabilities=lambda _state: rows,
    )
    place = Place((5, 6), ((7,), (8,)))
    assert divergences(cast(Predictor, model), place, (1, 2)).tolist() == [[0.0], [np.inf]]


def test_places_have_their_lags_and_other_tokens(tokenizer: Tokenizer) -> None:
    places = draw_places(DOCUMENTS, tokenizer, 50, seed=3)
    assert places == draw_places(DOCUMENTS, tokenizer, 50, seed=3)
    assert len(places) == 50
    assert min(len(place.tokens) for place in places) >= 34
    encoded = [tokenizer.encode(line) for line in LONG_LINES]
    for place in places:
        assert any(tuple(line[: len(place.tokens)]) == place.tokens for line in encoded)
        assert len(place.replacements) == 8
        assert END_ID not in {token for drawn in place.replacements for token in drawn}


def network(cell: str, layers: int = 1) -> RecurrentLanguageModel:
    torch.manual_seed(2)
    model = RecurrentLanguageModel(ModelConfig(320, 6, 9, layers, cell=cell)).double()
    torch.nn.init.normal_(model.initial_state)
    return model


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_the_product_of_jacobians_is_that_of_the_unrolled_steps(cell: str, layers: int) -> None:
    model = network(cell, layers)
    tokens = torch.randint(2, 320, (12,)).tolist()
    states = [model.start_state(1)]
    for token in [END_ID, *tokens]:
        states.append(model.advance(torch.tensor([token]), states[-1]))
    lags = (1, 3, 7, 12)
    for lag, product in zip(lags, state_jacobians(model, tokens, lags), strict=True):

        def unrolled(state: torch.Tensor, steps: int = lag) -> torch.Tensor:
            for token in tokens[len(tokens) - steps :]:
                state = model.advance(torch.tensor([token]), state)
            return state

        expected = torch.autograd.functional.jacobian(unrolled, states[-1 - lag])
        size = states[0].numel()
        torch.testing.assert_close(product, expected.reshape(size, size), atol=1e-12, rtol=1e-9)


def test_a_plain_cell_of_small_weights_forgets_geometrically() -> None:
    model = network("rnn")
    with torch.no_grad():
        model.get_parameter("rnn.weight_hh_l0").mul_(0.5)  # orthogonal before
    lags = (1, 2, 4, 8)
    tokens = torch.randint(2, 320, (9,)).tolist()
    norms = [torch.linalg.matrix_norm(j, 2).item() for j in state_jacobians(model, tokens, lags)]
    assert all(norm < 0.5**lag for norm, lag in zip(norms, lags, strict=True))
    with torch.no_grad():  # where tanh is at 0, its slope is 1
        for parameter in model.parameters():
            if parameter is not model.get_parameter("rnn.weight_hh_l0"):
                parameter.zero_()
    norms = [torch.linalg.matrix_norm(j, 2).item() for j in state_jacobians(model, tokens, lags)]
    assert norms == pytest.approx([0.5**lag for lag in lags], rel=1e-6)


def test_influence_of_a_network(run: Path) -> None:
    model = open_run(run)
    lags = (1, 2, 5)
    places = draw_places(DOCUMENTS, model.tokenizer, 4, lags=lags, replacements=2)
    result = influence(model, places, lags)
    assert result["lags"] == [1, 2, 5]
    for name, count in (("kl", 8), ("jacobian_spectral", 4), ("jacobian_frobenius", 4)):
        assert [len(values) for values in result[name]] == [count] * 3
        assert np.min(result[name]) > 0
    spectral, mean = np.array(result["jacobian_spectral"]), np.array(result["jacobian_frobenius"])
    assert (mean <= spectral).all()
    assert model.model.embedding.weight.dtype == torch.float32  # its own weights are left alone
    assert quartiles([1, 2, 3, 4, 5]) == {"median": 3.0, "lower": 2.0, "upper": 4.0}
