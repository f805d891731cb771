"""Smoothings: probabilities worked out by hand, each against the letter of its definition."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from helpers import Invoke, only_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pocketlm.benchmarks import count_table
from pocketlm.benchmarks.backoff_table import BackoffTable
from pocketlm.benchmarks.count_table import write_count_table
from pocketlm.benchmarks.kneser_ney import estimate_discounts, write_kneser_ney
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.benchmarks.smoothing import open_count_table
from pocketlm.model.errors import UserError
from pocketlm.model.predictor import Predictor
from pocketlm.model.tokenizer import Tokenizer

UNKNOWN, END, A, B, C = range(5)
VOCABULARY = 5
LINES = [[A, B, END], [A, C, END], [A, B, END]]
K = 0.5
Lines = list[list[int]]
Ngram = tuple[int, ...]
# Of a context and a token.
Probability = Callable[[Ngram, int], float]


def build(folder: Path, lines: Lines, smoothing: str, order: int) -> Predictor:
    """A model of any smoothing over five tokens."""
    tokenizer = cast(Tokenizer, SimpleNamespace(vocabulary_size=VOCABULARY, end_id=END))
    tokens = np.array([token for line in lines for token in line])
    if smoothing == "kneser-ney":
        write_kneser_ney(tokens, VOCABULARY, END, order, folder)
        return BackoffTable("model", smoothing, tokenizer, folder, order)
    write_count_table(tokens, VOCABULARY, END, [0] * order, folder)
    k = K if smoothing == "add-k" else None
    return open_count_table("model", tokenizer, folder, order, smoothing, k)


def probability(model: Predictor, context: list[int], token: int) -> float:
    state = model.start()
    for before in context:
        state = model.advance(state, np.array([before]))
    return float(np.exp(model.log_probabilities(state)[0, token]))


# The nine tokens a b </s> a c </s> a b </s>, V = 5. After "c c", never seen, "c" counts.
# Kneser-Ney, bigrams: </s> comes after two tokens, a, b and c after one each, of five:
#   no n_3, so D = 0.5, 1, 1.5; gamma = (3 * 0.5 + 1) / 5 = 0.5, of which each token has 0.1
#   P(a) = P(b) = P(c) = 0.5 / 5 + 0.1 = 0.2        P(</s>) = (2 - 1) / 5 + 0.1 = 0.3
# Counts "<s> a" 3, "a b" 2, "a c" 1, "b </s>" 2, "c </s>" 1: n_1 = n_2 = 2, n_3 = 1, Y = 1/3
#   D_1 = 1 - 2/3 = 1/3        D_2 = 2 - 3/3 * 1/2 = 3/2        D_3 = 3
#   P(a|<s>) = (3 - 3) / 3 + 3/3 * 0.2 = 0.2
#   P(b|a) = (2 - 3/2) / 3 + (3/2 + 1/3) / 3 * 0.2 = 13/45
#   P(</s>|c) = (1 - 1/3) / 1 + 1/3 * 0.3 = 23/30
@pytest.mark.parametrize(
    ("smoothing", "order", "context", "token", "expected"),
    [
        ("mle", 1, [], A, 3 / 9),
        ("mle", 2, [], A, 1),
        ("mle", 2, [A], B, 2 / 3),
        ("mle", 2, [A], END, 0),
        ("mle", 2, [UNKNOWN], END, 3 / 9),
        ("mle", 3, [C, C], END, 1),
        ("mle", 3, [A, B, END], A, 1),
        ("add-k", 1, [], UNKNOWN, K / (9 + 5 * K)),
        ("add-k", 2, [A], B, (2 + K) / (3 + 5 * K)),
        ("add-k", 2, [A], UNKNOWN, K / (3 + 5 * K)),
        ("add-k", 2, [UNKNOWN], A, (3 + K) / (9 + 5 * K)),
        ("add-k", 3, [C, C], END, (1 + K) / (1 + 5 * K)),
        ("kneser-ney", 2, [UNKNOWN], UNKNOWN, 0.1),
        ("kneser-ney", 2, [UNKNOWN], END, 0.3),
        ("kneser-ney", 2, [], A, 0.2),
        ("kneser-ney", 2, [A], B, 13 / 45),
        ("kneser-ney", 2, [C], END, 23 / 30),
    ],
)
def test_probabilities_are_those_worked_out_by_hand(
    tmp_path: Path, smoothing: str, order: int, context: list[int], token: int, expected: float
) -> None:
    model = build(tmp_path, LINES, smoothing, order)
    assert probability(model, context, token) == pytest.approx(expected, rel=1e-5)


def counted(lines: Lines, order: int) -> Counter[Ngram]:
    """Every n-gram of [</s>, line] but the first token alone."""
    counts: Counter[Ngram] = Counter()
    for line in lines:
        padded = [END, *line]
        for stop in range(2, len(padded) + 1):
            for start in range(max(0, stop - order), stop):
                counts[tuple(padded[start:stop])] += 1
    return counts


def additive(lines: Lines, order: int, k: float) -> Probability:
    counts = counted(lines, order)
    totals: Counter[Ngram] = Counter()
    for ngram, count in counts.items():
        totals[ngram[:-1]] += count

    def of(context: Ngram, token: int) -> float:
        if context not in totals:
            return of(context[1:], token)
        return (counts[(*context, token)] + k) / (totals[context] + k * VOCABULARY)

    return of


def stupid_backoff(lines: Lines, order: int) -> Probability:
    counts, total = counted(lines, order), sum(map(len, lines))

    def score(context: Ngram, token: int) -> float:
        if not context:
            return (counts[(token,)] + 1) / (total + VOCABULARY)
        if (*context, token) in counts:
            return counts[(*context, token)] / counts[context]
        return 0.4 * score(context[1:], token)

    def of(context: Ngram, token: int) -> float:
        return score(context, token) / sum(score(context, each) for each in range(VOCABULARY))

    return of


def kneser_ney(lines: Lines, order: int) -> Probability:
    counts = counted(lines, order)
    adjusted: dict[int, dict[Ngram, int]] = {}
    for length in range(1, order + 1):
        ngrams = [ngram for ngram in counts if len(ngram) == length]
        before: dict[Ngram, set[int]] = defaultdict(set)
        for ngram in counts:
            if len(ngram) == length + 1:
                before[ngram[1:]].add(ngram[0])
        own = {ngram for ngram in ngrams if length == order or (length > 1 and ngram[0] == END)}
        adjusted[length] = {n: counts[n] if n in own else len(before[n]) for n in ngrams}

    def discount(count: int, length: int) -> float:
        n = [list(adjusted[length].values()).count(i) for i in range(5)]
        fallback = [0, 0.5, 1, 1.5][min(count, 3)]
        if not (n[1] and n[2] and n[3]):
            return fallback
        y = n[1] / (n[1] + 2 * n[2])
        closed = [0, *(i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3))]
        return (
            closed[min(count, 3)]
            if all(0 < d <= i for i, d in enumerate(closed) if i)
            else fallback
        )

    def of(context: Ngram, token: int) -> float:
        length = len(context) + 1
        followers = {n[-1]: a for n, a in adjusted[length].items() if n[:-1] == context}
        lower = of(context[1:], token) if context else 1 / VOCABULARY
        if not followers:
            return lower
        total = sum(followers.values())
        gamma = sum(discount(count, length) for count in followers.values()) / total
        count = followers.get(token, 0)
        return (count - discount(count, length)) / total + gamma * lower

    return of


REFERENCES: dict[str, Callable[[Lines, int], Probability]] = {
    "mle": lambda lines, order: additive(lines, order, 0),
    "add-k": lambda lines, order: additive(lines, order, K),
    "stupid-backoff": stupid_backoff,
    "kneser-ney": kneser_ney,
}
sentences = st.lists(st.sampled_from([A, B, C]), max_size=5).map(lambda line: [*line, END])


@pytest.mark.parametrize("smoothing", REFERENCES)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(sentences, min_size=1, max_size=8),
    line=st.lists(st.sampled_from([UNKNOWN, A, B, C]), max_size=6),
    order=st.integers(1, 6),
)
def test_each_is_its_definition_and_sums_to_one(
    tmp_path: Path, smoothing: str, lines: Lines, line: list[int], order: int
) -> None:
    model, of = build(tmp_path, lines, smoothing, order), REFERENCES[smoothing](lines, order)
    padded, state, expected = [END, *line, END], model.start(), []
    for place, token in enumerate(padded[1:], start=1):
        context = tuple(padded[max(0, place - order + 1) : place])
        row = np.exp(model.log_probabilities(state)[0].astype(np.float64))
        assert row.sum() == pytest.approx(1, abs=1e-5)
        assert row == pytest.approx([of(context, i) for i in range(VOCABULARY)], rel=1e-4)
        expected.append(of(context, token))
        state = model.advance(state, np.array([token]))
    scored = model.score([padded[1:]])[0].astype(np.float64)
    assert np.exp(scored) == pytest.approx(expected, rel=1e-4)


def test_discounts_fall_back_where_they_cannot_be_estimated() -> None:
    assert not estimate_discounts(np.array([1, 1, 1, 1, 2, 2, 3])).fallback
    assert estimate_discounts(np.array([1, 1, 2, 2])).fallback  # no n_3
    assert estimate_discounts(np.array([1, 2, 2, 2, 2])).values == (0.5, 1.0, 1.5)
    assert estimate_discounts(np.array([1, 2, 3, 3, 3, 3, 3, 3, 3, 3])).fallback  # D_2 below 0


def train(folder: Path, tokenizer: Tokenizer, lines: list[str], **options: object) -> Path:
    tokens = [token for line in lines for token in [*tokenizer.encode(line), tokenizer.end_id]]
    train_ngram([np.array(tokens)], tokenizer, out=folder, corpus={}, **options)  # type: ignore[arg-type]
    return folder


def test_an_unseen_token_makes_perplexity_infinite_and_is_said_so(
    invoke: Invoke, tokenizer: Tokenizer, valid_lines: list[str], tmp_path: Path
) -> None:
    model = train(tmp_path / "mle", tokenizer, valid_lines, kind="table", order=3, smoothing="mle")
    (tmp_path / "text.txt").write_text("zzz ünseen\n", encoding="utf-8")
    arguments = ("evaluate", "--model", model, "--text", tmp_path / "text.txt")
    code, out, _ = invoke(*arguments)
    assert code == 0
    assert out.count(" inf") == 3
    # JSON has no infinity.
    assert only_json(invoke(*arguments, "--json"))["word_perplexity"] is None
    code, out, _ = invoke("score", "zzz ünseen", "--model", model)
    assert code == 0
    assert "token perplexity inf" in out
    assert invoke("generate", "--model", model)[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--smoothing", "add-k", "--add-k", "0"), "above 0"),
        (("--smoothing", "add-k", "--add-k", "nan"), "above 0"),
        (("--add-k", "1"), "--add-k is for --smoothing add-k"),
        (("--smoothing", "mle", "--prune", "0 1"), "needs every count"),
        (("--kind", "kneser-ney", "--prune", "0 1"), "--kind kenlm makes pruned"),
        (("--kind", "kneser-ney", "--smoothing", "mle"), "--kind table, not kneser-ney"),
        (("--kind", "kneser-ney", "--order", "0"), "order 0 is outside 1..6"),
        (("--kind", "kneser-ney", "--order", "12"), "order 12 is outside 1..6"),
    ],
)
def test_settings_that_cannot_be_are_one_line(
    invoke: Invoke, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    arguments = ("ngram", "train", "--corpus", "first-look", "--out", tmp_path / "n", *options)
    code, _, error = invoke(*arguments)
    assert (code, error.count("\n")) == (2, 1)
    assert message in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["table", "kneser-ney", "kenlm"])
def test_an_empty_corpus_is_one_line(tokenizer: Tokenizer, tmp_path: Path, kind: str) -> None:
    with pytest.raises(UserError, match="the corpus holds no tokens"):
        train(tmp_path / "model", tokenizer, [], kind=kind, order=2)
    assert list(tmp_path.iterdir()) == []


def test_a_count_that_overflows_is_one_line(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count_table, "_LARGEST_COUNT", 2)
    with pytest.raises(UserError, match="seen more than 2 times"):
        train(tmp_path / "model", tokenizer, ["a"] * 3, kind="table", order=2)
    assert list(tmp_path.iterdir()) == []


def test_only_maximum_likelihood_has_no_finite_logarithm(tmp_path: Path) -> None:
    for smoothing in REFERENCES:
        model = build(tmp_path, LINES, smoothing, 2)
        lowest = float(model.log_probabilities(model.start()).min())
        assert math.isinf(lowest) == (smoothing == "mle")
