"""Training windows: documents dealt to parallel rows, cut where a line starts afresh.

    shards -> Dealer -> WindowStream: rows of tokens [B, T] -> pack_segments -> Segments
                                                                             -> the network

Row b of a window continues row b of the window before (truncated back-propagation: the state is
carried, the gradient is not). A keyboard mostly starts with an empty field, so at the start of a
document, and with probability `fresh` at any other line, the state is the learned initial one
instead. A window is thereby a set of segments, each from the carried or from the initial state;
packed, longest first, they go through the recurrence at once.

Shapes: B rows, T time, S segments, N = B * T tokens.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.model.dealing import Dealer
from pocketlm.model.predictor import IntArray
from pocketlm.model.shards import TokenArray, TokenShards
from pocketlm.model.tokenizer import END_ID

BoolArray = npt.NDArray[np.bool_]

# A document longer than this is dealt in parts; a shorter one too, where rows would go without.
LONGEST_PART = 1 << 15  # tokens
_PARTS_A_ROW = 4
_LINES = 3  # what is drawn with the seed, beside the dealer's


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


@dataclass
class _Row:
    """Where a row is: at an offset in a part, whose tokens are read when they are needed."""

    part: int
    offset: int = 0
    tokens: TokenArray = field(default_factory=lambda: np.empty(0, dtype=np.uint16))
    starts: BoolArray = field(default_factory=lambda: np.empty(0, dtype=np.bool_))


class WindowStream:
    """An endless stream of windows over shuffled documents, whose position can be saved.

    Row b of B reads the parts b, b + B, b + 2B, ... of the dealer's sequence, so that each row is
    the same whether this stream makes all of them or only some.
    """

    def __init__(
        self,
        shards: TokenShards,
        rows: int,
        window: int,
        fresh: float,
        seed: int,
        mine: range | None = None,
    ) -> None:
        """Begin.

        Args:
            shards: the text.
            rows: B, of all streams together.
            window: T.
            fresh: the share of lines inside a part that start from the initial state.
            seed: of the order of the parts, and of those lines.
            mine: the rows that this stream makes; without it all of them.
        """
        self._all_rows, self._window, self._fresh, self._seed = rows, window, fresh, seed
        share = shards.index.tokens // (_PARTS_A_ROW * rows)
        self._dealer = Dealer(shards, min(max(share, window), LONGEST_PART), seed)
        self._rows = [_Row(part) for part in (range(rows) if mine is None else mine)]

    def next_window(self, which: slice = slice(None)) -> Segments:
        """The next T tokens of each row, or of some of the rows that this stream makes."""
        return pack_segments(*self.next_rows(which))

    def next_rows(self, which: slice = slice(None)) -> tuple[IntArray, IntArray, BoolArray]:
        """The same as rows [B, T]: inputs, targets, and where the state is the initial one."""
        rows, window = self._rows[which], self._window
        targets = np.empty((len(rows), window), dtype=np.int64)
        inputs = np.empty((len(rows), window), dtype=np.int64)
        starts = np.empty((len(rows), window), dtype=np.bool_)
        for i, row in enumerate(rows):
            filled = 0
            while filled < window:
                filled += self._fill(row, targets[i], inputs[i], starts[i], filled)
        self._dealer.forget_before(min(row.part for row in self._rows))
        return inputs, targets, starts

    def _fill(
        self, row: _Row, targets: IntArray, inputs: IntArray, starts: BoolArray, filled: int
    ) -> int:
        """Put in tokens of the row's part; returns how many, and goes on to the next part."""
        if not len(row.tokens):
            row.tokens = np.array(self._dealer.part(row.part))  # no map is held by a row
            row.starts = self._fresh_starts(row)
        taken = slice(row.offset, row.offset + len(targets) - filled)
        tokens = row.tokens[taken]
        span = slice(filled, filled + len(tokens))
        targets[span], starts[span] = tokens, row.starts[taken]
        inputs[span] = np.append(row.tokens[row.offset - 1] if row.offset else END_ID, tokens[:-1])
        row.offset += len(tokens)
        if row.offset == len(row.tokens):
            row.part, row.offset, row.tokens = row.part + self._all_rows, 0, row.tokens[:0]
        return len(tokens)

    def _fresh_starts(self, row: _Row) -> BoolArray:
        """Where a part [n] starts afresh: at its beginning, and at some of its lines."""
        starts: BoolArray = np.append(True, row.tokens[:-1] == END_ID)
        lines = np.flatnonzero(starts)[1:]
        if len(lines):
            generator = np.random.default_rng([self._seed, _LINES, row.part])
            starts[lines] = generator.random(len(lines)) < self._fresh
        return starts

    def position(self) -> IntArray:
        """Where each row stands [B, 2]: its part and the offset in it."""
        return np.array([(row.part, row.offset) for row in self._rows], dtype=np.int64)

    def seek(self, position: Any) -> None:
        """Go on from a saved position [B, 2]; ValueError if it cannot be one of this text."""
        found = np.asarray(position, dtype=np.int64)
        mine = [row.part % self._all_rows for row in self._rows]
        if (
            found.shape != (len(mine), 2)
            or (found < 0).any()
            or (found[:, 0] % self._all_rows != mine).any()
        ):
            raise ValueError("the position is of other rows")
        self._rows = [_Row(int(part), int(offset)) for part, offset in found]
        if any(row.offset and row.offset >= len(self._dealer.part(row.part)) for row in self._rows):
            raise ValueError("the position is beyond a document's end")


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
