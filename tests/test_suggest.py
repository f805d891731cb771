"""The suggester against an exhaustive search, and on odd input."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketlm.model.network import open_run
from pocketlm.model.predictor import FloatArray, IntArray, Predictor
from pocketlm.model.suggest import INNER_CHARACTERS, Suggester, split_context
from pocketlm.model.tokenizer import WORD_START, Tokenizer

DEPTH = 3  # pieces of a word in the exhaustive search


class Bigram(Predictor):
    """A random distribution after each token, in which most words end soon."""

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        super().__init__("bigram", "test", tokenizer)
        generator = np.random.default_rng(seed)
        size = tokenizer.vocabulary_size
        logits = 2.5 * generator.standard_normal((size, size))
        ends = [i for i, p in enumerate(tokenizer.pieces) if p[0] == WORD_START or i == 1]
        logits[:, ends] += 2
        self.table = (logits - np.logaddexp.reduce(logits, axis=1)[:, None]).astype(np.float32)

    def start(self, batch: int = 1) -> IntArray:
        return np.full(batch, self.tokenizer.end_id)

    def advance(self, state: IntArray, tokens: IntArray) -> IntArray:
        return tokens

    def log_probabilities(self, state: IntArray) -> FloatArray:
        rows: FloatArray = self.table[state]
        return rows

    def select(self, state: IntArray, rows: IntArray) -> IntArray:
        picked: IntArray = state[rows]
        return picked


def is_inner(text: str) -> bool:
    return all(c.isalnum() or c in INNER_CHARACTERS for c in text)


def exhaustive(model: Bigram, last: int, prefix: str) -> dict[str, float]:
    """Probability of every word of at most DEPTH pieces, by the definition and recursion."""
    tokenizer = model.tokenizer
    texts = {i: p for i, p in enumerate(tokenizer.pieces) if tokenizer.is_text(i)}
    boundary = [1, *[i for i, p in texts.items() if p[0] == WORD_START or not is_inner(p[0])]]
    target = WORD_START + prefix
    words: dict[str, float] = {}

    def visit(text: str, token: int, probability: float, depth: int) -> None:
        if len(text) >= len(target) and any(c.isalnum() for c in text) and text[-1] != "-":
            ends = float(np.exp(model.table[token][boundary].astype(float)).sum())
            words[text[1:]] = words.get(text[1:], 0.0) + probability * ends
        if depth == DEPTH:
            return
        for piece, letters in texts.items():
            longer = text + letters
            fits = longer.startswith(target) or target.startswith(longer)
            if (
                fits
                and is_inner(longer[max(len(target), len(text)) :])
                and (not text or letters[0] != WORD_START)
            ):
                visit(
                    longer, piece, probability * float(np.exp(model.table[token][piece])), depth + 1
                )

    visit("", last, 1.0, 0)
    return words


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("text", ["", "see you ", "t", "see yo", "wha"])
def test_it_finds_what_an_exhaustive_search_finds(
    tokenizer: Tokenizer, seed: int, text: str
) -> None:
    model = Bigram(tokenizer, seed)
    context, prefix = split_context(text)
    last = [1, *tokenizer.encode(context)][-1]
    best = sorted(exhaustive(model, last, prefix).items(), key=lambda item: -item[1])[:3]
    found = Suggester(model, max_expansions=2000).suggest(text, 3)
    assert [s.word for s in found] == [word for word, _ in best]
    for suggestion, (_, probability) in zip(found, best, strict=True):
        # The search also sums rarer spellings of more than DEPTH pieces, or drops hopeless ones.
        assert suggestion.probability == pytest.approx(probability, rel=0.05)


def test_suggestions_are_whole_words_that_begin_with_the_prefix(run: Path) -> None:
    suggester = Suggester(open_run(run))
    for text in ("", "see ", "see y", "th", "I don't kn", "what"):
        suggestions = suggester.suggest(text, 5)
        assert suggestions
        assert [s.probability for s in suggestions] == sorted(
            (s.probability for s in suggestions), reverse=True
        )
        assert len({s.word for s in suggestions}) == len(suggestions)
        for suggestion in suggestions:
            assert suggestion.word.startswith(split_context(text)[1])
            assert is_inner(suggestion.word)
            assert not suggestion.word.endswith("-")
            assert 0 <= suggestion.probability <= 1


def test_as_many_words_as_are_asked_for_are_found(tokenizer: Tokenizer) -> None:
    assert len(Suggester(Bigram(tokenizer, 1)).suggest("", 90)) == 90


def test_a_trained_model_completes_what_it_has_seen(run: Path) -> None:
    assert "you" in [s.word for s in Suggester(open_run(run)).suggest("see y")]


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=12))
def test_no_text_crashes_it(run: Path, text: str) -> None:
    for suggestion in Suggester(open_run(run), max_expansions=6).suggest(text):
        assert suggestion.word.startswith(split_context(text)[1])


@pytest.mark.parametrize(("text", "split"), [("see you", ("see ", "you")), ("see ", ("see ", "")),
                                             ("", ("", "")), ("a\nb", ("a\n", "b"))])  # fmt: skip
def test_the_prefix_is_what_follows_the_last_space(text: str, split: tuple[str, str]) -> None:
    assert split_context(text) == split
