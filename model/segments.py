"""Training windows: documents dealt to parallel rows, cut where a line starts afresh.

    shards -> WindowStream: rows of tokens [B, T] -> pack_segments -> Segments -> the network

Row b of a window continues row b of the window before (truncated back-propagation: the state is
carried, the gradient is not). A keyboard mostly starts with an empty field, so at the start of a
document, and with probability `fresh` at any other line, the state is the learned initial one
instead. A window is thereby a set of segments, each from the carried or from the initial state;
packed, longest first, they go through the recurrence at once.

Shapes: B rows, T time, S segments, N = B * T tokens.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.model.predictor import IntArray
from pocketlm.model.shards import TokenArray, TokenShards
from pocketlm.model.tokenizer import END_ID

BoolArray = npt.NDArray[np.bool_]

# A document longer than this is dealt in parts; a shorter one too, where rows would go without.
LONGEST_PART = 1 << 15  # tokens
_PARTS_A_ROW = 4
_SOON = 512  # tokens within which a part ends with its line


@dataclass(frozen=True)
class Segments:
    """One window, packed for the recurrence (see torch's PackedSequence)."""

    inputs: IntArray  # [N] the token before each target, in packed order
    targets: IntArray  # [N] in packed order
    batch_sizes: IntArray  # [longest segment]
    carried_row: IntArray  # [S] the row whose carried state a segment starts from, or -1: initial
    last_of_row: IntArray  # [B] the segment with which each row ends

    @property
    def count(self) -> int:
        """The number S of segments."""
        return len(self.carried_row)

    def lengths(self) -> IntArray:
        """Tokens [S] of each."""
        lengths: IntArray = (self.batch_sizes[:, None] > np.arange(self.count)).sum(axis=0)
        return lengths


class WindowStream:
    """An endless stream of windows over shuffled documents, whose position can be saved.

    Rows that read the same lines at the same time would be one row: a text of few, long documents
    is dealt in parts of them, each of which begins like a document.
    """

    def __init__(
        self, shards: TokenShards, rows: int, window: int, fresh: float, seed: int
    ) -> None:
        self._window, self._fresh, self._seed = window, fresh, seed
        self._generator = np.random.default_rng(seed)
        share = shards.index.tokens // (_PARTS_A_ROW * rows)
        self._parts = _Parts(shards, min(max(share, window), LONGEST_PART))
        self._epoch, self._dealt = 0, 0
        self._order = self._epoch_order()
        self._rows: list[tuple[int, int]] = [(-1, 0)] * rows  # part, offset in it

    def next_window(self) -> Segments:
        """The next T tokens of each row."""
        rows, window = len(self._rows), self._window
        targets = np.empty((rows, window), dtype=np.int64)
        inputs = np.empty((rows, window), dtype=np.int64)
        starts = np.empty((rows, window), dtype=np.bool_)
        for row in range(rows):
            filled = 0
            while filled < window:
                part, before, first = self._take(row, window - filled)
                span = slice(filled, filled + len(part))
                targets[row, span] = part
                inputs[row, span] = np.concatenate([[before], part[:-1]])
                starts[row, span] = self._fresh_starts(inputs[row, span])
                starts[row, filled] |= first
                filled += len(part)
        return pack_segments(inputs, targets, starts)

    def _take(self, row: int, size: int) -> tuple[TokenArray, int, bool]:
        """At most `size` tokens of the row's part, the token before, and whether it begins."""
        part, offset = self._rows[row]
        if part < 0:
            part, offset = self._deal(), 0
        tokens = self._parts.tokens(part)
        taken = tokens[offset : offset + size]
        before = END_ID if offset == 0 else int(tokens[offset - 1])
        stop = offset + len(taken)
        self._rows[row] = (part, stop) if stop < len(tokens) else (-1, 0)
        return taken, before, offset == 0

    def _fresh_starts(self, inputs: IntArray) -> BoolArray:
        line_starts: BoolArray = inputs == END_ID
        line_starts[line_starts] = self._generator.random(int(line_starts.sum())) < self._fresh
        return line_starts

    def _deal(self) -> int:
        if self._dealt == len(self._order):
            self._epoch, self._dealt = self._epoch + 1, 0
            self._order = self._epoch_order()
        self._dealt += 1
        return int(self._order[self._dealt - 1])

    def _epoch_order(self) -> npt.NDArray[np.uint32]:
        generator = np.random.default_rng([self._seed, self._epoch])
        order = np.arange(len(self._parts), dtype=np.uint32)
        generator.shuffle(order)
        return order

    def position(self) -> dict[str, Any]:
        """Where the stream stands, as JSON."""
        return {
            "epoch": self._epoch,
            "dealt": self._dealt,
            "rows": [list(row) for row in self._rows],
            "generator": self._generator.bit_generator.state,
        }

    def seek(self, position: dict[str, Any]) -> None:
        """Go on from a saved position."""
        self._epoch, self._dealt = int(position["epoch"]), int(position["dealt"])
        self._order = self._epoch_order()
        self._rows = [(int(document), int(offset)) for document, offset in position["rows"]]
        self._generator.bit_generator.state = position["generator"]


class _Parts:
    """The documents of shards, and of each long one the parts after its first, by number."""

    def __init__(self, shards: TokenShards, longest: int) -> None:
        self._shards = shards
        self._stops: dict[int, int] = {}  # of the first part of a long document
        self._later: list[tuple[int, int, int]] = []  # document, start, stop
        for document in np.flatnonzero(shards.lengths() > longest).tolist():
            tokens = shards.document(document)
            cuts = [*_cuts(tokens, longest), len(tokens)]
            self._stops[document] = cuts[1]
            self._later += [(document, *span) for span in itertools.pairwise(cuts[1:])]

    def __len__(self) -> int:
        return len(self._shards) + len(self._later)

    def tokens(self, part: int) -> TokenArray:
        if part < len(self._shards):
            return self._shards.document(part)[: self._stops.get(part)]
        document, start, stop = self._later[part - len(self._shards)]
        return self._shards.document(document)[start:stop]


def _cuts(tokens: TokenArray, longest: int) -> list[int]:
    """Where the parts of a document start: after the end of a line, if one comes soon."""
    cuts = [0]
    while len(tokens) - cuts[-1] > longest:
        cut = cuts[-1] + longest
        ends = np.flatnonzero(tokens[cut - 1 : cut - 1 + _SOON] == END_ID)
        cut += int(ends[0]) if len(ends) else 0
        if cut >= len(tokens):
            break
        cuts.append(cut)
    return cuts


def pack_segments(inputs: IntArray, targets: IntArray, starts: BoolArray) -> Segments:
    """Cut windows [B, T] at their fresh starts and pack the segments, longest first.

    Args:
        inputs: [B, T] the token before each target.
        targets: [B, T].
        starts: [B, T] true where the state is the initial one.
    """
    rows, window = targets.shape
    cuts = starts.copy()
    cuts[:, 0] = True
    begins = np.flatnonzero(cuts)  # [S] flat positions
    lengths = np.diff(np.append(begins, rows * window))
    order = np.argsort(-lengths, kind="stable")
    begins, lengths = begins[order], lengths[order]

    batch_sizes = np.searchsorted(-lengths, -np.arange(lengths[0]), side="left")
    time = np.repeat(np.arange(lengths[0]), batch_sizes)
    segment = np.arange(rows * window) - np.repeat(
        np.cumsum(batch_sizes) - batch_sizes, batch_sizes
    )
    flat = begins[segment] + time

    row = begins // window
    continues = (begins % window == 0) & ~starts[row, 0]
    last = np.flatnonzero(begins + lengths == (row + 1) * window)
    return Segments(
        inputs=inputs.ravel()[flat],
        targets=targets.ravel()[flat],
        batch_sizes=batch_sizes,
        carried_row=np.where(continues, row, -1),
        last_of_row=last[np.argsort(row[last])],
    )
