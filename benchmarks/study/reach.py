"""Reach: what a model loses when it may see only the last k words.

    lines -> draw_positions: words with enough words before them in their own line
          -> for each context size k: their last k words -> nats of the word

Every context size is asked for the same words. A cut context begins as the model's kind best can.
An n-gram model begins with the empty context, where not even the beginning of a line is known. A
network knows no other beginning than that of a line, so that a cut context looks to it like the
first words of one, which costs it something where few words are seen: that part of its curve says
what cutting costs, and a model made for short contexts would lose less. Source: Khandelwal et al.
2018, "Sharp nearby, fuzzy far away: how neural language models use context" (ACL).

A word is what white space bounds; its pieces are those that it has in its line, the first of which
starts with "▁". Its nats are -sum of ln p(piece | context, earlier pieces of the word).

Shapes: B batch, P positions.
"""

import random
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.model.predictor import Predictor, State
from pocketlm.model.tokenizer import WORD_START, Tokenizer

CONTEXTS: tuple[int | None, ...] = (1, 2, 3, 5, 8, 13, 21, None)  # words; None: the line so far
WORDS_BEFORE = 21
RESAMPLES = 2000
_BLOCK = 50  # resamples at a time
_ROWS = 256  # contexts that go through a model together
Documents = Sequence[Sequence[str]]
DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Position:
    """A word of a text, by the places of its document, its line in that and itself in that."""

    document: int
    line: int
    word: int


def draw_positions(
    documents: Documents, count: int, seed: int = 1, before: int = WORDS_BEFORE
) -> list[Position]:
    """At most `count` words with at least `before` words before them in their line, in order.

    Lines with white space other than spaces are passed over, since tokens know no other.
    """
    found = [
        Position(d, i, word)
        for d, document in enumerate(documents)
        for i, line in enumerate(document)
        if _has_plain_spaces(line)
        for word in range(before, len(line.split()))
    ]
    drawn = random.Random(seed).sample(range(len(found)), min(count, len(found)))
    return [found[i] for i in sorted(drawn)]


def reach(
    predictor: Predictor,
    documents: Documents,
    positions: Sequence[Position],
    contexts: Sequence[int | None] = CONTEXTS,
    *,
    carried: bool = False,
    seed: int = 1,
) -> dict[str, Any]:
    """The loss of a model at positions, as a function of how many words it sees before them.

    Args:
        predictor: any model.
        documents: the lines that the positions are in.
        positions: of `draw_positions`, with as many words before them as the largest context.
        contexts: numbers of words; None is the whole line so far, begun as a line.
        carried: also with the state carried over the document's earlier lines.
        seed: of the bootstrap.

    Returns:
        What JSON can say: `contexts`; `positions` [[document, line, word]]; `nats`, for each
        context those of each position; `nats_per_word`, for each context the mean and its 95 %
        interval; and the same of the carried state, None where it was not asked for:
        `carried_nats`, `carried`.
    """
    words = [_Word(_Line(documents[p.document][p.line], predictor.tokenizer), p) for p in positions]
    nats = [
        _seen_nats(predictor, words)
        if size is None
        else _cut_nats(predictor, [w.context(size) for w in words], [w.pieces for w in words])
        for size in contexts
    ]
    after = _carried_nats(predictor, documents, words) if carried else None
    return {
        "contexts": list(contexts),
        "positions": [list(astuple(p)) for p in positions],
        "nats": [each.tolist() for each in nats],
        "nats_per_word": [mean_nats(each, positions, seed) for each in nats],
        "carried_nats": None if after is None else after.tolist(),
        "carried": None if after is None else mean_nats(after, positions, seed),
    }


def mean_nats(nats: DoubleArray, positions: Sequence[Position], seed: int = 1) -> dict[str, float]:
    """The mean `value` of nats [P], and its 95 % interval `low`..`high`, by a bootstrap over lines.

    Words of one line are not independent, so that lines are drawn and not words.
    """
    lines = np.unique([(p.document, p.line) for p in positions], axis=0, return_inverse=True)[1]
    lines = lines.reshape(-1)
    sums = np.stack([np.bincount(lines, nats), np.bincount(lines)], axis=1)  # [lines, 2]
    count = len(sums)
    generator = np.random.default_rng(seed)
    means = []
    for _ in range(RESAMPLES // _BLOCK):
        weights = generator.multinomial(count, np.full(count, 1 / count), size=_BLOCK)
        totals = weights @ sums
        means.append(totals[:, 0] / totals[:, 1])
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return {"value": float(nats.mean()), "low": float(low), "high": float(high)}


class _Line:
    """A line's tokens, and where in them its words start; one more start is the line's end."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        self.tokens = tokenizer.encode(text)
        pieces = tokenizer.pieces
        starts = [i for i, t in enumerate(self.tokens) if pieces[t].startswith(WORD_START)]
        assert len(starts) == len(text.split()), text
        self.starts = [*starts, len(self.tokens)]


@dataclass(frozen=True)
class _Word:
    """A word in its line."""

    line: _Line
    position: Position

    @cached_property
    def span(self) -> slice:
        """Where its pieces are in the line's tokens."""
        word = self.position.word
        return slice(self.line.starts[word], self.line.starts[word + 1])

    @property
    def pieces(self) -> list[int]:
        """Its own tokens."""
        return self.line.tokens[self.span]

    def context(self, words: int) -> list[int]:
        """The tokens of the words before it."""
        first = self.line.starts[self.position.word - words]
        return self.line.tokens[first : self.span.start]


def _has_plain_spaces(line: str) -> bool:
    return WORD_START not in line and [w for w in line.split(" ") if w] == line.split()


def _seen_nats(predictor: Predictor, words: Sequence[_Word]) -> DoubleArray:
    """Nats [P] of words, each after its whole line so far."""
    scores = predictor.score([word.line.tokens[: word.span.stop] for word in words])
    return _nats_at(scores, [word.span for word in words])


def _carried_nats(
    predictor: Predictor, documents: Documents, words: Sequence[_Word]
) -> DoubleArray:
    """Nats [P] of words, each after its whole document so far."""
    last = {word.position.document: word.position.line for word in words}  # positions ascend
    streams: dict[int, list[int]] = {}
    offsets: dict[tuple[int, int], int] = {}
    for document, line in last.items():
        stream = streams[document] = []
        lines = documents[document][: line + 1]
        for i, tokens in enumerate(predictor.tokenizer.encode_batch(lines)):
            offsets[document, i] = len(stream)
            stream += [*tokens, predictor.tokenizer.end_id]
    scores = dict(zip(streams, predictor.score(list(streams.values())), strict=True))
    spans = []
    for word in words:
        offset = offsets[word.position.document, word.position.line]
        spans.append(slice(offset + word.span.start, offset + word.span.stop))
    return _nats_at([scores[word.position.document] for word in words], spans)


def _nats_at(scores: Sequence[npt.NDArray[np.float32]], spans: Sequence[slice]) -> DoubleArray:
    pairs = zip(scores, spans, strict=True)
    return np.array([-score[span].sum(dtype=np.float64) for score, span in pairs])


def _cut_nats(
    predictor: Predictor, contexts: Sequence[list[int]], targets: Sequence[list[int]]
) -> DoubleArray:
    """Nats [P] of targets, each after nothing but its context; like lengths go together."""
    nats = np.empty(len(contexts))
    order = sorted(range(len(contexts)), key=lambda i: -len(contexts[i]))
    for start in range(0, len(order), _ROWS):
        rows = order[start : start + _ROWS]
        nats[rows] = _block_nats(predictor, [contexts[i] for i in rows], [targets[i] for i in rows])
    return nats


def _block_nats(
    predictor: Predictor, contexts: Sequence[list[int]], targets: Sequence[list[int]]
) -> DoubleArray:
    """As `_cut_nats`, the longest context first, so that those still running are a prefix."""
    nats = np.empty(len(contexts))
    state, running = predictor.start_inside(len(contexts)), len(contexts)
    for time in range(len(contexts[0]) + 1):
        staying = sum(len(context) > time for context in contexts[:running])
        if staying < running:
            done = predictor.select(state, np.arange(staying, running))
            nats[staying:running] = _target_nats(predictor, done, targets[staying:running])
            if not staying:
                break
            state, running = predictor.select(state, np.arange(staying)), staying
        state = predictor.advance(state, np.array([c[time] for c in contexts[:running]]))
    return nats


def _target_nats(predictor: Predictor, state: State, targets: Sequence[list[int]]) -> DoubleArray:
    """Nats [B] of targets after states [B]."""
    nats = np.zeros(len(targets))
    rows, time = list(range(len(targets))), 0
    while True:
        tokens = np.array([targets[row][time] for row in rows])
        logarithms = predictor.log_probabilities(state)  # [B, V]
        nats[rows] -= logarithms[np.arange(len(rows)), tokens]
        time += 1
        going = np.flatnonzero([len(targets[row]) > time for row in rows])
        if not len(going):
            return nats
        rows = [rows[i] for i in going]
        state = predictor.advance(predictor.select(state, going), tokens[going])
