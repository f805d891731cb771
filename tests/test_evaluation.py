"""Perplexity, sequence probability and cross-entropy are one thing; generation and its filters."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pocketlm.model.errors import UserError
from pocketlm.model.evaluate import evaluate, token_sequences
from pocketlm.model.generate import COLDEST, Sampling, context_tokens, filtered, generate
from pocketlm.model.network import NetworkPredictor, open_run
from pocketlm.model.predictor import Predictor

DOCUMENTS = [["see you tonight", "ok!"], ["thank you so much", "are you free?", "yes"]]


@pytest.fixture(scope="module")
def network(run: Path) -> NetworkPredictor:
    return open_run(run)


@pytest.mark.parametrize("context", ["line", "document"])
def test_scores_are_those_of_stepping(network: NetworkPredictor, context: str) -> None:
    sequences = token_sequences(DOCUMENTS, network.tokenizer, context)
    fast, stepped = network.score(sequences), Predictor.score(network, sequences)
    assert len(fast) == len(stepped) == (5 if context == "line" else 2)
    for a, b in zip(fast, stepped, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_long_sequence_is_scored_in_blocks(
    network: NetworkPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences = [[5, 300, 1] * 20, [7, 1], [], [9] * 31]
    whole = network.score(sequences)
    monkeypatch.setattr("pocketlm.model.network._SCORE_TOKENS", 8)
    for a, b in zip(whole, network.score(sequences), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_perplexity_is_the_definition(network: NetworkPredictor) -> None:
    result = evaluate(network, DOCUMENTS)
    words = sum(len(line.split()) for document in DOCUMENTS for line in document)
    probability = 1.0  # of the whole text: a product of one conditional probability a token
    tokens = 0
    for document in DOCUMENTS:
        for line in document:
            state = network.start()
            for token in [*network.tokenizer.encode(line), network.tokenizer.end_id]:
                probability *= math.exp(float(network.log_probabilities(state)[0, token]))
                state = network.advance(state, np.array([token]))
                tokens += 1
    assert (result.lines, result.words, result.tokens) == (5, words, tokens)
    assert math.exp(-result.nats) == pytest.approx(probability, rel=1e-3)
    assert result.word_perplexity == pytest.approx(probability ** (-1 / words), rel=1e-4)
    assert result.token_perplexity == pytest.approx(probability ** (-1 / tokens), rel=1e-4)
    characters = sum(len(line) + 1 for document in DOCUMENTS for line in document)
    bits = -math.log2(probability) / characters
    assert result.bits_per_character == pytest.approx(bits, rel=1e-4)


def test_a_document_carries_its_state_and_a_line_does_not(network: NetworkPredictor) -> None:
    line, document = (
        evaluate(network, DOCUMENTS, context).nats for context in ("line", "document")
    )
    single = [[text] for lines in DOCUMENTS for text in lines]
    assert line == pytest.approx(evaluate(network, single, "document").nats, rel=1e-5)
    assert line != pytest.approx(document, rel=1e-4)


def test_batches_and_selected_rows_are_independent(network: NetworkPredictor) -> None:
    state = network.advance(network.start(3), np.array([5, 300, 5]))
    rows = network.log_probabilities(state)
    np.testing.assert_allclose(rows[0], rows[2], atol=1e-6)
    picked = network.log_probabilities(network.select(state, np.array([1, 1, 0])))
    np.testing.assert_allclose(picked, rows[[1, 1, 0]], atol=0)


SCORES = arrays(np.float32, st.integers(2, 30), elements=st.floats(-20, 5, width=32))


@settings(max_examples=300, deadline=None)
@example(np.array([0.0, 1e-43], dtype=np.float32), 0, 0.5, 1.0)
@given(SCORES, st.integers(0, 10), st.floats(0.01, 1), st.floats(0, 5))
def test_filters_keep_the_likeliest_and_sum_to_one(
    scores: np.ndarray[tuple[int], np.dtype[np.float32]], k: int, p: float, temperature: float
) -> None:
    kept = filtered(scores, Sampling(temperature, k, p))
    assert kept.sum() == pytest.approx(1)
    assert kept[scores >= scores.max() - 1e-6].max() > 0  # of likeliest ones that tie, one may stay
    if k:
        assert (kept > 0).sum() <= k
    dropped = scores[kept == 0]
    if len(dropped) and temperature > COLDEST:
        # Ties apart, what is dropped is not likelier than what is kept.
        assert dropped.max() <= scores[kept > 0].min() + 1e-6


def test_top_p_keeps_the_smallest_set_that_holds_p() -> None:
    scores = np.log(np.array([0.5, 0.3, 0.15, 0.05], dtype=np.float32))
    assert (filtered(scores, Sampling(1.0, 0, 0.5)) > 0).tolist() == [True, False, False, False]
    assert (filtered(scores, Sampling(1.0, 0, 0.6)) > 0).tolist() == [True, True, False, False]
    np.testing.assert_allclose(filtered(scores, Sampling(1.0, 2))[:2], [0.625, 0.375], rtol=1e-5)
    np.testing.assert_allclose(filtered(scores, Sampling(0.5))[0], 0.25 / 0.365, rtol=1e-5)


@pytest.mark.parametrize("values", [(-1.0, 0, 1.0), (1.0, -1, 1.0), (1.0, 0, 0.0), (1.0, 0, 1.1)])
def test_impossible_sampling_is_an_error(values: tuple[float, int, float]) -> None:
    with pytest.raises(UserError):
        Sampling(*values)


def test_generation_is_decided_by_its_seed(network: NetworkPredictor) -> None:
    texts = [generate(network, "see you", Sampling(), seed) for seed in (1, 1, 2, 3)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1
    assert all(text.startswith("see you") for text in texts)


def test_generation_continues_the_last_line_of_a_prompt(network: NetworkPredictor) -> None:
    text = generate(network, "ok!\nsee", Sampling(0), seed=1, max_tokens=5)
    assert text.startswith("ok!\nsee")


def test_finished_lines_of_a_context_end_with_the_end_token(network: NetworkPredictor) -> None:
    tokenizer = network.tokenizer
    tokens = context_tokens(tokenizer, "ok!\nsee you ")
    assert tokens == [*tokenizer.encode("ok!"), tokenizer.end_id, *tokenizer.encode("see you")]
    assert context_tokens(tokenizer, "") == []
