"""How often the word of a gap is found, by models that read one side of it and both.

    lines -> draw_gaps: one word of each -> a Filler: k words -> the place of the right one

The same gaps for every way of filling them, case ignored. A line gives one gap, so that gaps are
independent: intervals are percentiles of gaps drawn again with replacement, and a difference is
taken on the same draws.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.model.fill import Filler
from pocketlm.model.suggest import Suggester
from pocketlm.model.text_entry import Suggestion
from pocketlm.model.words import fold, is_inner, word_spans

RESAMPLES = 2000
SLOTS = (1, 3)
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Gap:
    """A word of a line, and what stands before and after it."""

    left: str
    word: str
    right: str


class LeftOnly:
    """The suggestions after the left side, by a model that reads forward."""

    def __init__(self, suggester: Suggester) -> None:
        self.name = suggester.name
        self._suggester = suggester

    def fill(self, left: str, right: str, k: int = 3) -> list[Suggestion]:  # noqa: ARG002
        """See Filler; the right side is not looked at."""
        return self._suggester.suggest(left, k)


def draw_gaps(lines: Sequence[str], count: int, seed: int = 1) -> list[Gap]:
    """At most `count` gaps with text on both sides, each of a line of its own.

    Words that stand after a space or begin the line; what is drawn is one of a line's words.
    """
    generator = random.Random(seed)
    gaps = []
    for i in generator.sample(range(len(lines)), len(lines)):
        line = lines[i]
        spans = [
            (start, stop)
            for start, stop in word_spans(line)
            if (start == 0 or line[start - 1] == " ")
            and line[stop:].strip()
            and not is_inner(line[stop])
        ]
        if spans and "_" not in line:
            start, stop = generator.choice(spans)
            gaps.append(Gap(line[:start], line[start:stop], line[stop:].rstrip()))
            if len(gaps) == count:
                break
    return gaps


def filled(
    filler: Filler, gaps: Sequence[Gap], progress: Callable[[float], None] = lambda _: None
) -> BoolArray:
    """Whether the right word is among the first 1, and 3: [gaps, 2]."""
    found = np.zeros((len(gaps), len(SLOTS)), dtype=np.bool_)
    for i, gap in enumerate(gaps):
        words = [fold(each.word) for each in filler.fill(gap.left, gap.right, max(SLOTS))]
        found[i] = [fold(gap.word) in words[:slots] for slots in SLOTS]
        progress((i + 1) / len(gaps))
    return found


def accuracies(found: BoolArray, seed: int = 1) -> dict[str, dict[str, float]]:
    """Percent at 1 and at 3, with 95 % intervals."""
    return _estimates(100 * found.mean(axis=0), 100 * _resampled(found, seed))


def gains(found: BoolArray, other: BoolArray, seed: int = 1) -> dict[str, dict[str, float]]:
    """Points more than another on the same gaps, with 95 % intervals."""
    difference = found.astype(np.int64) - other
    return _estimates(100 * difference.mean(axis=0), 100 * _resampled(difference, seed))


def _resampled(values: npt.NDArray[Any], seed: int) -> npt.NDArray[np.float64]:
    """Means [resamples, 2] of gaps drawn with replacement."""
    generator = np.random.default_rng(seed)
    count = len(values)
    weights = generator.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    means: npt.NDArray[np.float64] = weights @ values / count
    return means


def _estimates(
    values: npt.NDArray[np.float64], resampled: npt.NDArray[np.float64]
) -> dict[str, dict[str, float]]:
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    return {
        f"at_{slots}": {
            "value": round(float(values[i]), 2),
            "low": round(float(low[i]), 2),
            "high": round(float(high[i]), 2),
        }
        for i, slots in enumerate(SLOTS)
    }
