"""What suggestions save a typist: keystroke savings, next-word recall, time a keystroke.

    lines of text -> a typist with a strip of suggestions -> keys pressed, line by line
                  -> shares, and intervals by the bootstrap over lines

Without suggestions a typist presses one key a character, and a space after every word. With them,
picking a word costs one key and brings its space, and may be done before the first letter; the
typist picks the right word as soon as it is shown. A sign typed after a picked word takes the place
of the space that came with it, as on phones, so that the space is pressed later.

    keystroke savings = 100 (1 - keys / plain keys)        (Trnka and McCoy 2008, ACL, "KS")

The upper bound is that of a strip that is always right. Recall: the share of words shown in the
first, or among the first three, slots before any of their letters is typed; a word without letters
is missed by everyone. The context is the line so far, as it stands in the text.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.model.errors import UserError
from pocketlm.model.text_entry import TextEntry
from pocketlm.model.words import OPENING_SIGNS, fold, word_spans

RESAMPLES = 2000
_RECALLED = 3
_BLOCK = 50  # resamples at a time
# Columns of the counts of a line.
_KEYS, _PLAIN, _BOUND, _WORDS, _TOP1, _TOP3 = range(6)
Counts = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass
class Typed:
    """What typing a text with one model counted."""

    name: str
    slots: int
    counts: Counts  # [lines, 6]
    seconds: list[list[float]] = field(default_factory=lambda: [[]])  # of each list, each time


def type_text(
    entry: TextEntry,
    lines: Sequence[str],
    slots: int = 3,
    ignore_case: bool = False,
    each_line: Callable[[], None] = lambda: None,
) -> Typed:
    """Type lines with the suggestions of one model.

    Args:
        entry: suggests.
        lines: the text; white space between words counts as one space.
        slots: words shown at a time.
        ignore_case: whether a word in another case is the right one.
        each_line: called after each.
    """
    typed = Typed(entry.name, slots, np.zeros((len(lines), 6), dtype=np.int64))
    for row, line in enumerate(lines):
        typed.counts[row] = _type_line(_Strip(entry, slots, ignore_case, typed.seconds[0]), line)
        each_line()
    return typed


def together(times: Sequence[Typed]) -> Typed:
    """One text that was typed several times with one model, each time anew.

    Raises:
        UserError: it did not suggest the same each time.
    """
    first = times[0]
    if not all(np.array_equal(first.counts, typed.counts) for typed in times):
        raise UserError(f"{first.name} does not suggest the same when it is asked again")
    return replace(first, seconds=[typed.seconds[0] for typed in times])


def guess_words(
    entry: TextEntry,
    lines: Sequence[str],
    ignore_case: bool = False,
    each_line: Callable[[], None] = lambda: None,
) -> Counts:
    """Next-word recall alone, which asks once a word: `type_text`'s, several times as quick.

    Returns:
        [lines, 3]: words, those that were the first suggestion, those among the first three.
    """
    strip = _Strip(entry, _RECALLED, ignore_case, [])
    counts = np.zeros((len(lines), 3), dtype=np.int64)
    for row, line in enumerate(lines):
        text = ""
        for token in line.split():
            counts[row, 0] += 1
            if opening := _before_letters(token):
                counts[row, 1:] += _recalled(strip.place(text + opening[0], opening[1]))
            text += token + " "
        each_line()
    return counts


class _Strip:
    """The suggestions for a text, in order, and where in them a word is."""

    def __init__(
        self, entry: TextEntry, slots: int, ignore_case: bool, seconds: list[float]
    ) -> None:
        self._entry, self.slots, self._seconds = entry, slots, seconds
        self._same: Callable[[str], str] = fold if ignore_case else str

    def place(self, text: str, word: str) -> int | None:
        """The place of a word among the suggestions, from 0; there may be more than slots."""
        began = time.perf_counter()
        suggestions = self._entry.suggest(text, max(self.slots, _RECALLED))
        self._seconds.append(time.perf_counter() - began)
        shown = [self._same(suggestion.word) for suggestion in suggestions]
        return shown.index(self._same(word)) if self._same(word) in shown else None


def _type_line(strip: _Strip, line: str) -> tuple[int, ...]:
    """The counts of one line."""
    keys = plain = bound = top1 = top3 = 0
    text = ""
    tokens = line.split()
    for token in tokens:
        places: dict[tuple[str, str], int | None] = {}

        def place(typed: str, word: str, before: str = text) -> int | None:
            found = places[typed, word] = strip.place(before + typed, word)  # noqa: B023 - called within the iteration
            return found if found is not None and found < strip.slots else None

        keys += _keys(token, place)
        bound += _keys(token, lambda _typed, _word: 0)
        plain += len(token) + 1
        if opening := _before_letters(token):
            first, among = _recalled(places[opening])
            top1, top3 = top1 + first, top3 + among
        text += token + " "
    return keys, plain, bound, len(tokens), top1, top3


def _before_letters(token: str) -> tuple[str, str] | None:
    """What stands before the first word of a token that may be picked whole, and that word."""
    for start, stop in word_spans(token):
        if start == 0 or token[start - 1] in OPENING_SIGNS:
            return token[:start], token[start:stop]
    return None


def _recalled(place: int | None) -> tuple[int, int]:
    """Whether a place among the suggestions is the first, and whether it is among three."""
    return int(place == 0), int(place is not None and place < _RECALLED)


def _keys(token: str, place: Callable[[str, str], int | None]) -> int:
    """Keys for a token and its space, where `place` says what is shown after typing so much."""
    keys = end = 0
    picked = False
    for start, stop in word_spans(token):
        keys += start - end  # the signs before the word
        picked, pressed = _type_word(token, start, stop, place)
        keys += pressed
        end = stop
    signs = len(token) - end
    return keys + signs + (0 if picked and not signs else 1)


def _type_word(
    token: str, start: int, stop: int, place: Callable[[str, str], int | None]
) -> tuple[bool, int]:
    """Whether the word at token[start:stop] was picked, and the keys pressed for it."""
    # Inside a token a suggestion would bring a space, unless some letters make it a completion.
    first = start if start == 0 or token[start - 1] in OPENING_SIGNS else start + 1
    for position in range(first, stop):
        if place(token[:position], token[start:stop]) is not None:
            return True, position - start + 1
    return False, stop - start


def summary(typed: Typed, seed: int = 1) -> dict[str, Any]:
    """The figures of one model; shares in percent, intervals by 2,000 resamples of the lines.

    Where the text was typed several times, the time of a list is the median of its times.
    """
    total = typed.counts.sum(axis=0)
    resampled = _resampled([typed.counts], seed)[0]
    milliseconds = 1e3 * np.array(typed.seconds)  # [times, lists]
    return {
        "name": typed.name,
        **{name: round(float(share(total)), 3) for name, share in _SHARES.items()},
        "keystroke_savings_upper_bound": round(float(_savings(total, _BOUND)), 3),
        "words": int(total[_WORDS]),
        "keystrokes": int(total[_KEYS]),
        "keystrokes_plain": int(total[_PLAIN]),
        "latency_ms": _latency(np.median(milliseconds, axis=0)),
        "latency_ms_each_time": [_latency(each) for each in milliseconds],
        "confidence_95": {name: _interval(share(resampled)) for name, share in _SHARES.items()},
    }


def _latency(milliseconds: FloatArray) -> dict[str, float | None]:
    return {
        name: round(float(np.percentile(milliseconds, q)), 4) if len(milliseconds) else None
        for name, q in (("median", 50), ("p95", 95), ("p99", 99))
    }


def difference(first: Typed, other: Typed, seed: int = 1) -> dict[str, Any]:
    """The first model against another on the same lines: points of savings, recall in percent.

    Where the other one recalls nothing, there is no such percentage: NaN.

    The interval is that of the difference: both are resampled with the same lines.
    """
    totals = [typed.counts.sum(axis=0) for typed in (first, other)]
    resampled = _resampled([first.counts, other.counts], seed)
    comparisons: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
        "keystroke_savings_points": lambda a, b: _savings(a) - _savings(b),
        "top1_percent": lambda a, b: _relative(_recall(a, _TOP1), _recall(b, _TOP1)),
        "top3_percent": lambda a, b: _relative(_recall(a, _TOP3), _recall(b, _TOP3)),
    }
    return {
        "name": first.name,
        "against": other.name,
        **{name: round(float(compare(*totals)), 3) for name, compare in comparisons.items()},
        "confidence_95": {
            name: _interval(compare(*resampled)) for name, compare in comparisons.items()
        },
    }


def _savings(counts: npt.NDArray[Any], keys: int = _KEYS) -> FloatArray:
    """Keystroke savings in percent of counts [..., 6]."""
    return np.asarray(100 * (1 - counts[..., keys] / counts[..., _PLAIN]))


def _recall(counts: npt.NDArray[Any], column: int) -> FloatArray:
    return np.asarray(100 * counts[..., column] / np.maximum(counts[..., _WORDS], 1))


def _relative(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(100 * (np.divide(a, b, out=np.full_like(b, np.nan), where=b > 0) - 1))


_SHARES: dict[str, Callable[[npt.NDArray[Any]], FloatArray]] = {
    "keystroke_savings": _savings,
    "top1": lambda counts: _recall(counts, _TOP1),
    "top3": lambda counts: _recall(counts, _TOP3),
}


def recall_summary(counts: Counts, seed: int = 1) -> dict[str, Any]:
    """Of `guess_words`: words, and each recall in percent with its 95 % interval."""
    total, resampled = counts.sum(axis=0), _resampled([counts], seed)[0]
    shares = {"top1": 1, "top3": 2}
    found: dict[str, Any] = {"words": int(total[0])}
    for name, column in shares.items():
        low, high = _interval(100 * resampled[:, column] / np.maximum(resampled[:, 0], 1))
        value = round(100 * float(total[column]) / max(int(total[0]), 1), 3)
        found[name] = {"value": value, "low": low, "high": high}
    return found


def recall_ratios(counts: Counts, others: Counts, seed: int = 1) -> dict[str, Any]:
    """Recall of `guess_words` over another's on the same lines, and 95 % intervals of the ratio.

    Both are resampled with the same lines; None where the other recalls nothing.
    """
    totals = [each.sum(axis=0) for each in (counts, others)]
    resampled = _resampled([counts, others], seed)
    found: dict[str, Any] = {}
    for name, column in (("top1", 1), ("top3", 2)):
        ours, theirs = (int(total[column]) for total in totals)
        a, b = (each[:, column] for each in resampled)
        ratio = np.divide(a, b, out=np.full_like(b, np.nan), where=b > 0)
        found[name] = ours / theirs if theirs else None
        found[f"{name}_interval"] = _interval(ratio)
    return found


def _resampled(counts: Sequence[Counts], seed: int) -> list[FloatArray]:
    """Sums [resamples, 6] of each, over the same lines drawn with replacement."""
    generator = np.random.default_rng(seed)
    lines = len(counts[0])
    sums: list[list[npt.NDArray[Any]]] = [[] for _ in counts]
    for _ in range(RESAMPLES // _BLOCK):
        weights = generator.multinomial(lines, np.full(lines, 1 / lines), size=_BLOCK)
        for parts, each in zip(sums, counts, strict=True):
            parts.append(weights @ each)
    return [np.concatenate(parts).astype(np.float64) for parts in sums]


def _interval(values: FloatArray) -> list[float]:
    there = values[np.isfinite(values)]
    if not len(there):
        return [math.nan, math.nan]
    return [round(float(x), 3) for x in np.percentile(there, [2.5, 97.5])]
