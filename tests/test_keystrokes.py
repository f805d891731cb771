"""Keys counted by hand, intervals, and the command."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from pocketlm.benchmarks.keystrokes import (
    Typed,
    difference,
    guess_words,
    recall_summary,
    summary,
    together,
    type_text,
)
from pocketlm.model.errors import UserError
from pocketlm.model.text_entry import Suggestion
from pocketlm.model.words import split_context


class Fixed:
    """Suggests the same words whenever they fit what is typed."""

    def __init__(self, *words: str) -> None:
        self.name = "fixed"
        self.words = words
        self.asked: list[str] = []

    def doubts(self, ignore_case: bool) -> list[str]:
        return []

    def suggest(self, text: str, k: int = 3) -> list[Suggestion]:
        self.asked.append(text)
        prefix = split_context(text)[1]
        fitting = [w for w in self.words if w.lower().startswith(prefix.lower()) and w != prefix]
        return [Suggestion(word, 0.1) for word in fitting[:k]]


def keys(entry: Fixed, line: str, slots: int = 3, ignore_case: bool = False) -> int:
    return int(type_text(entry, [line], slots, ignore_case).counts[0, 0])


@pytest.mark.parametrize(
    ("line", "words", "expected"),
    [
        ("see you", [], 8),  # each character, and a space after each word
        ("see you", ["see", "you"], 2),  # one key a word, which brings its space
        ("see you", ["you"], 5),
        ("see tom", ["tax", "ten", "the", "tom"], 4 + 3),  # the fourth is shown after "to"
        ("hello, you", ["hello"], 1 + 1 + 1 + 4),  # the sign takes the place of the space
        ('"hello"', ["hello"], 1 + 1 + 1 + 1),  # after an opening sign a word may be picked
        ("so-called", ["called"], 3 + 1 + 1),  # inside a token only after a letter
        (":)", ["hello"], 3),
        ("  a   b ", [], 4),  # white space counts once
    ],
)
def test_keys_are_those_counted_by_hand(line: str, words: list[str], expected: int) -> None:
    assert keys(Fixed(*words), line) == expected


def test_the_number_of_slots_matters() -> None:
    assert keys(Fixed("a", "b", "c", "see"), "see", slots=4) == 1
    assert keys(Fixed("a", "b", "c", "see"), "see", slots=3) == 2


def test_another_case_is_right_only_if_it_is_ignored() -> None:
    assert keys(Fixed("Paris"), "paris") == 6
    assert keys(Fixed("Paris"), "paris", ignore_case=True) == 1


def test_the_context_is_the_line_so_far_and_the_typist_stops_asking_once_it_is_shown() -> None:
    entry = Fixed("you")
    type_text(entry, ["so you", "hi"])
    assert entry.asked == ["", "s", "so ", "", "h"]


def test_recall_counts_words_before_their_first_letter() -> None:
    entry = Fixed("the", "see", "you")
    figures = summary(type_text(entry, ["see the cat", ":) you"], slots=3))
    assert figures["words"] == 5
    assert figures["top1"] == pytest.approx(20)  # the
    assert figures["top3"] == pytest.approx(60)  # see, the, you


def test_the_upper_bound_is_that_of_a_strip_that_is_always_right() -> None:
    figures = summary(type_text(Fixed("see", "you", "so", "called"), ["see you", "so-called!"]))
    # see_ you_ so- c called ! _
    assert figures["keystrokes_plain"] == 8 + 11
    bound = 100 * (1 - (2 + 1 + 1 + 2 + 1 + 1) / 19)
    assert figures["keystroke_savings_upper_bound"] == pytest.approx(bound, abs=1e-3)
    assert figures["keystroke_savings"] == pytest.approx(bound, abs=1e-3)


def drawn(name: str, seed: int, lines: int, share: float) -> Typed:
    """Lines of 20 keys, of which about `share` are saved."""
    generator = random.Random(seed)
    counts = np.zeros((lines, 6), dtype=np.int64)
    for row in counts:
        saved = sum(generator.random() < share for _ in range(20))
        row[:] = [20 - saved, 20, 5, 4, saved % 3, 3]
    return Typed(name, 3, counts, [[0.001]])


def test_intervals_hold_the_truth_and_shrink_with_more_lines() -> None:
    few, many = (summary(drawn("x", 2, lines, 0.4)) for lines in (100, 1600))
    widths = []
    for figures in (few, many):
        low, high = figures["confidence_95"]["keystroke_savings"]
        assert low < figures["keystroke_savings"] < high
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.3)
    # The binomial's: 1.96 sqrt(p q / n), n = 20 keys a line.
    assert widths[0] / 2 == pytest.approx(100 * 1.96 * (0.24 / 2000) ** 0.5, rel=0.25)


def test_a_model_does_not_differ_from_itself_and_does_from_a_worse_one() -> None:
    good, bad = drawn("good", 1, 300, 0.5), drawn("bad", 2, 300, 0.4)
    same = difference(good, good)
    assert same["keystroke_savings_points"] == 0
    assert same["confidence_95"]["keystroke_savings_points"] == [0, 0]
    low, high = difference(good, bad)["confidence_95"]["keystroke_savings_points"]
    assert 5 < low < 10 < high < 15


def test_recall_does_not_depend_on_the_slots_and_savings_do() -> None:
    lines = ["see you later"]
    entry = Fixed("so", "you", "see")
    one, three = (summary(type_text(entry, lines, slots)) for slots in (1, 3))
    assert one["top3"] == three["top3"] > 0
    assert one["keystroke_savings"] < three["keystroke_savings"]


def test_the_time_of_a_list_is_the_median_of_its_times() -> None:
    once = drawn("x", 1, 2, 0.5)
    times = [[0.001, 0.002], [0.009, 0.002], [0.001, 0.005]]
    figures = summary(together([replace(once, seconds=[each]) for each in times]))
    assert figures["latency_ms"] == {"median": 1.5, "p95": 1.95, "p99": 1.99}
    assert [each["median"] for each in figures["latency_ms_each_time"]] == [1.5, 5.5, 3]
    with pytest.raises(UserError, match="x does not suggest the same"):
        together([once, drawn("x", 2, 2, 0.5)])


def test_what_nobody_recalls_has_no_percentage_and_no_words_no_latency() -> None:
    typed = type_text(Fixed("so"), ["xqz zzqx"])
    compared = difference(typed, typed)
    assert compared["keystroke_savings_points"] == 0
    assert math.isnan(compared["top1_percent"])
    assert all(map(math.isnan, compared["confidence_95"]["top1_percent"]))
    assert summary(type_text(Fixed("so"), [":)"]))["latency_ms"]["median"] is None


def test_guessing_alone_recalls_what_typing_recalls() -> None:
    lines = ['see you "tom', "so-called you $see", ":) (you", "", "You see see tom"]
    entry = Fixed("you", "see", "tom", "called")
    typed = type_text(entry, lines).counts
    asked = len(entry.asked)
    guessed = guess_words(entry, lines)
    assert guessed.tolist() == typed[:, 3:].tolist()
    assert guessed[:, 1].sum() > 0
    assert len(entry.asked) - asked < asked
    found = recall_summary(guessed)
    assert found["words"] == 12
    assert found["top1"]["low"] <= found["top1"]["value"] <= found["top1"]["high"]
    assert found["top1"]["value"] == pytest.approx(100 * guessed[:, 1].sum() / 12, abs=1e-3)
