"""The suggester against an exhaustive search, on what people type, and on odd input."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import Bigram
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketlm.model.corpus import Corpus
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.network import open_run
from pocketlm.model.predictor import FloatArray, IntArray, Predictor
from pocketlm.model.shards import open_shards
from pocketlm.model.suggest import Suggester, _largest
from pocketlm.model.tokenizer import WORD_START, Tokenizer
from pocketlm.model.words import fold, is_inner, is_letter, split_context

DEPTH = 4  # pieces of a word in the exhaustive search
UNLIKELY = 1e-8  # beginnings that it leaves out


def exhaustive(model: Bigram, last: int, prefix: str) -> dict[str, float]:
    """Probability of every folded word of at most DEPTH pieces, by the definition."""
    tokenizer = model.tokenizer
    texts = {i: p for i, p in enumerate(tokenizer.pieces) if tokenizer.is_text(i)}
    boundary = [1, *[i for i, p in texts.items() if p[0] == WORD_START or not is_inner(p[0])]]
    probabilities = np.exp(model.table.astype(float))
    ends = probabilities[:, boundary].sum(axis=1)
    target = fold(prefix)
    words: dict[str, float] = {}

    def key(text: str) -> str:
        return fold(text) if "'" in target else fold(text).replace("'", "")

    pieces = [
        (i, p[0] == WORD_START, p.removeprefix(WORD_START), key(p.removeprefix(WORD_START)))
        for i, p in texts.items()
        if all(map(is_inner, p.removeprefix(WORD_START)))
    ]

    def visit(text: str, begun: str, token: int, probability: float, depth: int) -> None:
        if text and begun.startswith(target) and is_letter(text[0]) and is_letter(text[-1]):
            words[fold(text)] = words.get(fold(text), 0.0) + probability * ends[token]
        for piece, starts, letters, own in pieces if depth < DEPTH else ():
            longer = begun + own
            if starts is (depth == 0) and (longer.startswith(target) or target.startswith(longer)):
                step = float(probabilities[token, piece])
                if probability * step > UNLIKELY:
                    visit(text + letters, longer, piece, probability * step, depth + 1)

    visit("", "", last, 1.0, 0)
    return words


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("text", ["", "see you ", "t", "see yo", "wha", "dont", "Let'"])
def test_it_finds_what_an_exhaustive_search_finds(
    tokenizer: Tokenizer, seed: int, text: str
) -> None:
    model = Bigram(tokenizer, seed)
    context, prefix = split_context(text)
    last = [1, *tokenizer.encode(context)][-1]
    best = sorted(exhaustive(model, last, prefix).items(), key=lambda item: -item[1])
    expected = [item for item in best if item[0] != prefix][:3]
    found = Suggester(model, expansions=300, thorough=True).suggest(text, 4)
    # Of the prefix itself only another way to write it may be shown.
    found = [s for s in found if fold(s.word) != prefix][: len(expected)]
    assert [fold(s.word) for s in found] == [word for word, _ in expected]
    for suggestion, (_, probability) in zip(found, expected, strict=True):
        # The search also sums spellings of more than DEPTH pieces, and drops hopeless ones.
        assert suggestion.probability == pytest.approx(probability, rel=0.05)


class Spoken(Predictor):
    """Says the same after every text: some words, likeliest first, each spelt letter by letter."""

    def __init__(self, tokenizer: Tokenizer, words: dict[str, float]) -> None:
        super().__init__("spoken", "test", tokenizer)
        self.words = words

    def start(self, batch: int = 1) -> str:
        return ""

    def advance(self, state: str, tokens: IntArray) -> str:
        text = state + self.tokenizer.pieces[int(tokens[0])].replace(WORD_START, " ")
        return text if text.startswith(" ") else " " + text

    def log_probabilities(self, state: str) -> FloatArray:
        """All that may follow the last word of the text, by the words that begin with it."""
        begun = state.rsplit(" ", 1)[-1]
        going_on = {w: p for w, p in self.words.items() if w.startswith(begun) and w != begun}
        weights = np.full(self.tokenizer.vocabulary_size, 1e-9)
        if state:
            for word, weight in going_on.items():
                weights[self.id_of(word[len(begun)])] += weight
        if begun in self.words or not going_on or not state:
            weights[self.id_of(WORD_START)] += self.words.get(begun, 1.0)
        logs: FloatArray = np.log(weights / weights.sum()).astype(np.float32)[None]
        return logs

    def id_of(self, piece: str) -> int:
        return self.tokenizer.pieces.index(piece)

    def select(self, state: str, rows: IntArray) -> str:
        return state


def shown(tokenizer: Tokenizer, words: dict[str, float], text: str, **options: object) -> list[str]:
    suggester = Suggester(Spoken(tokenizer, words), expansions=300, **options)  # type: ignore[arg-type]
    return [s.word for s in suggester.suggest(text) if s.probability > 1e-4]


@pytest.fixture(scope="module")
def letters(corpus: Corpus) -> Tokenizer:
    """A tokenizer that has every letter used below."""
    tokenizer = Tokenizer.train([*corpus.lines("train"), "'abcdefghijklmnopqrstuvwxyzIDPT"], 400)
    assert all(letter in tokenizer.pieces for letter in "'abdehiklnoprstuwyIDPT" + WORD_START)
    return tokenizer


def test_case_is_what_a_person_expects(letters: Tokenizer) -> None:
    words = {"Paris": 3.0, "park": 2.0, "the": 5.0, "The": 4.0, "I": 6.0, "it": 1.0}
    assert shown(letters, words, "in par") == ["Paris", "park"]
    assert shown(letters, words, "in Par") == ["Paris", "Park"]
    assert shown(letters, words, "Par") == ["Paris", "Park"]
    more = {"Paris": 1.0, "park": 50.0}
    assert shown(letters, more, "in par") == ["park", "Paris"]
    assert shown(letters, more, "in Par") == ["Paris", "Park"]  # a capital within a sentence: names
    assert shown(letters, more, "Par") == ["Park", "Paris"]  # at its start it may be the start's
    names = {"Don": 3.0, "don": 1.0, "Ida": 1.0, "ida": 3.0}
    assert shown(letters, names, "in do") == ["don"]  # nobody has used a capital so far
    assert shown(letters, names, "We are in do") == ["Don"]
    assert shown(letters, names, "We are in id") == ["ida"]  # mostly written so
    assert shown(letters, words, "in PAR") == ["PARIS", "PARK"]
    assert shown(letters, words, "th") == ["the"]
    assert shown(letters, words, "Th") == ["The"]
    assert shown(letters, words, "so i") == ["I", "it"]
    both = {"i": 3.0, "I": 2.0, "it": 1.0}
    assert shown(letters, both, "so i") == ["I", "it"]  # also where many write "i"
    assert shown(letters, {"it": 3.0, "It": 0.1}, "so it") == []
    assert shown(letters, {"depend": 1.0}, "DeP") == ["DePend"]
    assert shown(letters, words, "so ")[:1] == ["the"]  # 5 + 4 in two cases, once on the strip
    assert shown(letters, words, "")[:2] == ["The", "I"]  # a sentence starts with a capital,
    assert shown(letters, words, "so. ")[2:] == ["Paris"]
    assert "park" in shown(letters, {"park": 1.0}, "")  # unless the text never does so


def test_apostrophes_need_not_be_typed(letters: Tokenizer) -> None:
    words = {"don't": 3.0, "done": 1.0, "I'll": 2.0, "ill": 1.0}
    assert shown(letters, words, "we don") == ["don't", "done"]
    assert shown(letters, words, "we dont") == ["don't"]
    assert shown(letters, words, "we don't") == []
    assert shown(letters, words, "we don'") == ["don't"]
    assert shown(letters, words, "so ill") == ["I'll"]


class Formal(Spoken):
    """Begins this share of its lines in lower case; has these words after a capital only."""

    def __init__(self, tokenizer: Tokenizer, words: dict[str, float], lower: float) -> None:
        super().__init__(tokenizer, words)
        self.lower = lower

    def log_probabilities(self, state: str) -> FloatArray:
        if state:
            said = Spoken(self.tokenizer, self.words if state[1].isupper() else {"done": 1.0})
            return said.log_probabilities(state)
        weights = np.full(self.tokenizer.vocabulary_size, 1e-9)
        weights[self.beginning(str.isupper)] = 1 - self.lower
        weights[self.beginning(str.islower)] = self.lower
        logs: FloatArray = np.log(weights / weights.sum()).astype(np.float32)[None]
        return logs

    def beginning(self, case: Callable[[str], bool]) -> int:
        pieces = self.tokenizer.pieces
        return next(i for i, p in enumerate(pieces) if p[0] == WORD_START and case(p[1:2]))


@pytest.mark.parametrize(
    ("lower", "expected"), [(0.01, ["Paris"]), (0.03, ["done"])], ids=["capitals", "either"]
)
def test_a_sentence_typed_without_its_capital_is_read_with_it_if_all_text_has_it(
    letters: Tokenizer, lower: float, expected: list[str]
) -> None:
    suggester = Suggester(Formal(letters, {"Paris": 1.0}, lower), expansions=300)
    for text, begun in (("to ", ""), ("to ", expected[0][0].lower()), ("so?\n to ", "")):
        found = suggester.suggest(text + begun, 2)
        assert [s.word for s in found if s.probability > 1e-4] == expected
    assert [s.word for s in suggester.suggest("To p")][:1] == ["Paris"]


def test_blocked_words_are_not_suggested_but_may_be_context(letters: Tokenizer) -> None:
    words = {"park": 3.0, "part": 2.0}
    assert shown(letters, words, "par", blocked=frozenset({"park"})) == ["part"]
    assert shown(letters, words, "park ", blocked=frozenset({"park"}))[:1] == ["part"]


def test_only_words_of_the_lexicon_are_suggested(
    corpus: Corpus, tokenizer: Tokenizer, run: Path
) -> None:
    shards = open_shards(corpus, "train", tokenizer)
    lexicon = Lexicon.build(corpus.lines("train"), shards.chunks(), tokenizer)
    suggester = Suggester(open_run(run), lexicon)
    for text in ("", "see ", "th", "qu", "I wan"):
        assert all(suggestion.word in lexicon for suggestion in suggester.suggest(text, 5))
    assert len(suggester.suggest("see ", 5)) == 5


def test_a_word_of_many_pieces_is_completed_without_a_step_for_each(tokenizer: Tokenizer) -> None:
    lines = ["the stationmaster"] * 9 + ["the stationary stationmaster's station"] * 3
    tokens = [np.array(tokenizer.encode(line)) for line in lines]
    lexicon = Lexicon.build(lines, tokens, tokenizer)
    assert len(tokenizer.encode("stationmaster")) > 4
    model = Bigram(tokenizer, 3)
    for typed, word in (("stationm", "stationmaster"), ("Stationa", "Stationary")):
        found = Suggester(model, lexicon, expansions=1).suggest("the " + typed, 1)
        assert [each.word for each in found] == [word]
        blocking = Suggester(model, lexicon, frozenset({word.lower()}), expansions=1)
        assert not blocking.suggest("the " + word[:-1], 1)
    found = Suggester(model, lexicon, expansions=1).suggest("the stationmasters", 1)
    assert [each.word for each in found] == ["stationmaster's"]


def test_what_was_asked_before_does_not_matter(run: Path) -> None:
    texts = ["", "s", "se", "see", "see ", "see y", "see yo", "see y", "see ", "sea ", "see you to"]
    long = "so " * 100
    one = Suggester(open_run(run))
    for text in [*texts, *reversed(texts), long, *texts, long + "th"]:
        assert one.suggest(text) == Suggester(open_run(run)).suggest(text)


def counted(model: Predictor, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows with each step of the model."""
    steps: list[int] = []
    advance = model.advance

    def step(state: Any, tokens: IntArray) -> Any:
        steps.append(int(tokens[0]))
        return advance(state, tokens)

    monkeypatch.setattr(model, "advance", step)
    return steps


@pytest.mark.parametrize(("thorough", "expected"), [(False, 4), (True, 5)])
def test_what_cannot_be_among_the_best_by_its_estimate_costs_no_step(
    letters: Tokenizer, monkeypatch: pytest.MonkeyPatch, thorough: bool, expected: int
) -> None:
    model = Spoken(letters, {"a": 9.0, "b": 6.0, "c": 4.0, "d": 0.1, "e": 0.1})
    steps = counted(model, monkeypatch)
    Suggester(model, expansions=5, thorough=thorough).suggest("", 3)
    # The sign of a word's start, and letters.
    assert len(steps) == expected


def test_a_key_costs_no_more_steps_than_it_may_and_repeating_it_none(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Bigram(tokenizer, 1)
    steps = counted(model, monkeypatch)
    suggester = Suggester(model)
    texts = ("see", "see ", "see y", "see yo", "see you", "see you ", "see you stationmax ")
    for text in texts:
        steps.clear()
        suggester.suggest(text)
        finished = text.split()[-1] if text.endswith(" ") else ""
        assert len(steps) <= max(4, len(tokenizer.encode(finished)) + 1)
        steps.clear()
        suggester.suggest(text)
        assert not steps


def test_suggestions_are_whole_words_that_begin_with_the_prefix(run: Path) -> None:
    suggester = Suggester(open_run(run))
    for text in ("", "see ", "see y", "th", "I don't kn", "what"):
        suggestions = suggester.suggest(text, 5)
        assert suggestions
        assert [s.probability for s in suggestions] == sorted(
            (s.probability for s in suggestions), reverse=True
        )
        assert len({fold(s.word) for s in suggestions}) == len(suggestions)
        for suggestion in suggestions:
            assert bare(suggestion.word).startswith(bare(split_context(text)[1]))
            assert all(map(is_inner, suggestion.word))
            assert 0 <= suggestion.probability <= 1


def bare(word: str) -> str:
    return fold(word).replace("'", "")


def test_as_many_words_as_are_asked_for_are_found(tokenizer: Tokenizer) -> None:
    assert len(Suggester(Bigram(tokenizer, 1)).suggest("", 90)) == 90


def test_a_trained_model_completes_what_it_has_seen(run: Path) -> None:
    assert "you" in [s.word for s in Suggester(open_run(run)).suggest("see y")]


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=12))
def test_no_text_crashes_it(run: Path, text: str) -> None:
    for suggestion in Suggester(open_run(run)).suggest(text):
        assert bare(suggestion.word).startswith(bare(split_context(text)[1]))


@given(st.lists(st.floats(-40, 0), min_size=5, max_size=60), st.integers(1, 4))
def test_the_largest_are_found_near_the_first_and_far_from_it(logs: list[float], most: int) -> None:
    found = _largest(np.array(logs), most)
    assert len(found) == most
    assert (np.diff(found) > 0).all()
    assert sorted(np.array(logs)[found]) == sorted(logs)[-most:]
