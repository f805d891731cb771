"""Training a model that fills gaps: each word of a text in turn is the gap.

    Segments -> forward over inputs, backward over targets -> find_gaps -> states on both sides
             -> projection -> tied softmax -> the word's pieces, and its end

A window costs what a window of language modelling does, twice: both recurrences read it once, and
every word in it is predicted from what they have read. Lines should start afresh (`fresh_lines` 1):
a line that a window cuts has a right side that is not known to its end, which is how the backward
recurrence begins it: without the end token that it reads first elsewhere.

Shapes: N packed tokens, S segments, M predictions, V vocabulary, H hidden.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pocketlm.model.evaluate import Evaluation, exp_or_infinity
from pocketlm.model.gap_model import BACKWARD, FORWARD, GapModel
from pocketlm.model.language_model import ModelConfig
from pocketlm.model.objective import Objective, to_device
from pocketlm.model.predictor import IntArray
from pocketlm.model.segments import BoolArray, Segments, pack_segments
from pocketlm.model.tokenizer import END_ID, WORD_START, Tokenizer
from pocketlm.model.words import is_boundary, is_inner, words_of

_LOGIT_ROWS = 512
_GROUP_TOKENS = 1 << 14


@dataclass(frozen=True)
class Gaps:
    """Predictions on a packed window, M of them."""

    before: IntArray  # [M] where in packed order the forward state is
    after: IntArray  # [M] where the backward state is; N: nothing of the right side is known
    targets: IntArray  # [M] a piece of a word, or END_ID: it is complete
    words: int


class PieceKinds:
    """Which pieces [V] finish the word before them, and which begin one."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        ids = range(tokenizer.vocabulary_size)
        self.boundary: BoolArray = np.array([is_boundary(tokenizer, i) for i in ids])
        self.opens: BoolArray = np.array(
            [
                tokenizer.is_text(i) and p[0] == WORD_START and all(map(is_inner, p[1:]))
                for i, p in enumerate(tokenizer.pieces)
            ]
        )
        self.bare: BoolArray = np.array([p == WORD_START for p in tokenizer.pieces])


def find_gaps(segments: Segments, kinds: PieceKinds) -> Gaps:
    """The words of a window that begin in it, as gaps."""
    order, begins, lengths = _flat_order(segments)
    tokens = segments.targets[order]  # segment after segment
    count = len(tokens)
    here = np.arange(count)
    first = np.repeat(begins, lengths)
    stop = first + np.repeat(lengths, lengths)

    boundary = kinds.boundary[tokens]
    start = np.maximum.accumulate(np.where(boundary, here, -1))  # of the word that it is in
    at_or_after = np.minimum.accumulate(np.where(boundary, here, count)[::-1])[::-1]
    end = np.minimum(np.append(at_or_after[1:], count), stop)
    opening = tokens[np.maximum(start, 0)]
    in_word = (start >= first) & kinds.opens[opening]
    in_word &= ~kinds.bare[opening] | (end > start + 1)

    piece = np.flatnonzero(in_word)
    last = piece[(end[piece] == piece + 1) & (end[piece] < stop[piece])]  # of complete words
    known = end[piece] < stop[piece]
    packed_end = order[np.minimum(end[piece], count - 1)]
    return Gaps(
        before=np.concatenate([order[piece], order[last + 1]]),
        after=np.concatenate([np.where(known, packed_end, count), order[last + 1]]),
        targets=np.concatenate([tokens[piece], np.full(len(last), END_ID)]),
        words=int(np.count_nonzero(start[piece] == piece)),
    )


def reversal(segments: Segments) -> IntArray:
    """For each packed place [N] the place that is as far from its segment's other end."""
    order, begins, lengths = _flat_order(segments)
    flat_reversed = np.repeat(2 * begins + lengths - 1, lengths) - np.arange(len(order))
    places = np.empty_like(order)
    places[order] = order[flat_reversed]
    return places


def _flat_order(segments: Segments) -> tuple[IntArray, IntArray, IntArray]:
    """Packed places [N] segment after segment; where each segment begins; how long it is."""
    lengths = segments.lengths()
    begins = np.cumsum(lengths) - lengths
    offsets = np.cumsum(segments.batch_sizes) - segments.batch_sizes
    segment = np.repeat(np.arange(len(lengths)), lengths)
    time = np.arange(lengths.sum()) - begins[segment]
    return offsets[time] + segment, begins, lengths


class GapFilling(Objective):
    """A word from both of its sides; see objective.py."""

    def __init__(self, config: ModelConfig, tokenizer: Tokenizer, device: torch.device) -> None:
        self._network = GapModel(config)
        super().__init__(self._network, tokenizer, device)
        self._kinds = PieceKinds(tokenizer)

    def predict(self, segments: Segments, state: Tensor) -> tuple[Tensor, IntArray, Tensor]:
        """See Objective."""
        gaps = find_gaps(segments, self._kinds)
        projected, final = self._project(segments, gaps, state)
        return projected, gaps.targets, final

    @torch.no_grad()
    def evaluate(self, documents: Sequence[Sequence[str]]) -> dict[str, Evaluation]:
        """Word perplexity of the words of each line by itself, each after both of its sides."""
        self._network.eval()
        lines = [line for document in documents for line in document]
        words = tokens = 0
        nats: list[float] = []
        for segments in _line_segments(self.tokenizer.encode_batch(lines)):
            gaps = find_gaps(segments, self._kinds)
            state = self._network.start_state(segments.count)
            projected, _ = self._project(segments, gaps, state)
            targets = to_device(gaps.targets, self.device)
            for rows, target in zip(
                projected.split(_LOGIT_ROWS), targets.split(_LOGIT_ROWS), strict=True
            ):
                scores = self._network.log_probabilities(rows).gather(1, target[:, None])
                nats += scores[:, 0].tolist()
            words, tokens = words + gaps.words, tokens + len(gaps.targets)
        return {"line": _evaluation(lines, words, tokens, -math.fsum(nats))}

    def _project(self, segments: Segments, gaps: Gaps, state: Tensor) -> tuple[Tensor, Tensor]:
        """Projected [M, E] of gaps, and the forward recurrence's final states [L, S, H]."""
        sizes = segments.batch_sizes.tolist()
        inputs = to_device(segments.inputs, self.device)
        forward, final = self._network.packed(inputs, sizes, state, FORWARD)
        places = to_device(reversal(segments), self.device)
        targets = to_device(segments.targets, self.device)[places]
        first = self._network.start_state(segments.count, BACKWARD)
        backward, _ = self._network.packed(targets, sizes, first, BACKWARD)
        # One more: the state that has read nothing of the right side.
        backward = torch.cat([backward[places], first[-1, :1].to(backward.dtype)])
        before = to_device(gaps.before, self.device)
        after = to_device(gaps.after, self.device)
        return self._network.project(forward[before], backward[after]), final


def _line_segments(lines: Sequence[list[int]]) -> Iterator[Segments]:
    """Whole lines, each a segment, in groups of about _GROUP_TOKENS."""
    group: list[int] = []
    for i, line in enumerate(lines):
        group += [*line, END_ID]
        if len(group) >= _GROUP_TOKENS or i + 1 == len(lines):
            targets = np.array(group)[None]  # [1, T]
            inputs = np.concatenate([[[END_ID]], targets[:, :-1]], axis=1)
            yield pack_segments(inputs, targets, inputs == END_ID)
            group = []


def _evaluation(lines: Sequence[str], words: int, tokens: int, nats: float) -> Evaluation:
    perplexity = exp_or_infinity(nats / max(words, 1))
    characters = sum(len(word) for line in lines for word in words_of(line))
    return Evaluation(
        lines=len(lines),
        words=words,
        tokens=tokens,
        nats=nats,
        token_perplexity=exp_or_infinity(nats / max(tokens, 1)),
        word_perplexity=perplexity,
        bits_per_character=nats / (max(characters, 1) * math.log(2)),
        unknown_words=0,
        unknown_nats=0.0,
        word_perplexity_known=perplexity,
    )
