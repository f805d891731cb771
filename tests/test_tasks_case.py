"""Case restoration: tags of pieces, and the metrics of words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocketlm.model.tasks.case import (
    Case,
    advances,
    is_cased,
    lowered,
    restore,
    spans,
    tag_of,
    word_scores,
)
from pocketlm.model.tasks.task import Encoding
from pocketlm.model.tokenizer import Tokenizer

LINES = ["Tom met McDonald at the BBC.", "He flew to New York with Mary.", "I'm here, café İzmir."]


@pytest.fixture(scope="module")
def encoding() -> Encoding:
    case = Case()
    return case.fit(replace(case.quick, vocabulary_size=320), LINES * 20)


@pytest.mark.parametrize("line", LINES)
def test_the_right_tags_restore_a_line(line: str, encoding: Encoding) -> None:
    (example,) = Case().examples(encoding, [line])
    assert restore(encoding, lowered(line), list(example.target)) == line  # type: ignore[arg-type]


@given(st.text(max_size=40))
def test_spans_cover_every_text(text: str) -> None:
    tokenizer = Tokenizer.train(LINES * 5, 300)
    line = lowered(" ".join(text.replace("▁", "").split()))
    line = line.encode("utf-8", "replace").decode()
    found = spans(tokenizer.encode(line), advances(tokenizer), line)
    assert "".join(line[start:end] for start, end in found) == line


def test_lower_case_keeps_the_length() -> None:
    assert lowered("İzmir STRASSE") == "İzmir strasse"


@pytest.mark.parametrize(
    ("written", "tag"),
    [("the", 0), ("The", 1), ("I'm", 1), ("BBC", 2), ("McDonald", 3), ("1st", 0)],
)
def test_tags(written: str, tag: int) -> None:
    assert tag_of(written, written.lower()) == tag


def test_lines_whose_case_can_be_trusted() -> None:
    assert is_cased("I met Tom.")
    for line in ("i met Tom.", "Then i met Tom.", "STOP IT NOW", "...", "OK i'm here"):
        assert not is_cased(line)


def test_f1_counts_words_that_are_cased_or_made_so() -> None:
    scores = word_scores(["Tom is in Rome now"], ["Tom is In rome now"])
    assert scores["precision"] == 0.5  # Tom of Tom, In
    assert scores["recall"] == 0.5  # Tom of Tom, Rome
    assert scores["f1"] == 0.5
    assert scores["accuracy"] == pytest.approx(3 / 5)


def test_the_baseline_knows_words_and_starts() -> None:
    train = ["We saw Tom there.", "They like Tom and tea."]
    scores = Case().baseline(train, ["Then Tom left. Tea is here."])
    assert scores["f1"] == 1
