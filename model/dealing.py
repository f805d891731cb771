"""Documents in shuffled order, of which only some windows are ever in memory.

    shards, shuffled anew each epoch -> windows of a few shards -> their parts, shuffled
                                     -> part 0, 1, 2, ... without end

A part is a document, or a piece of a long one: rows that read the same lines at the same time would
be one row, so that a text of few, long documents is dealt in parts, each of which begins like a
document. The sequence depends on the shards and the seed only. A row of B takes every B-th part:
who reads which rows, and in how many processes, changes nothing of what they read.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pocketlm.model.shards import Shard, TokenArray, TokenShards
from pocketlm.model.tokenizer import END_ID

WINDOW_SHARDS = 4  # shuffled among each other
_SHARDS, _PARTS = 1, 2  # what is drawn with the seed; segments.py has another
_SOON = 512  # tokens within which a part ends with its line

Offsets = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class _Window:
    """The parts of a few shards, in the order in which they are dealt."""

    tokens: list[TokenArray]  # of each shard
    shard: npt.NDArray[np.uint8]  # [P] of each part
    start: Offsets  # [P]
    stop: Offsets  # [P]


class Dealer:
    """The parts of shards by their number in an endless sequence."""

    def __init__(
        self, shards: TokenShards, longest: int, seed: int, window_shards: int = WINDOW_SHARDS
    ) -> None:
        self._shards, self._longest, self._seed = shards, longest, seed
        self._window_shards = window_shards
        self._counts = np.array(
            [
                self._part_counts(shards.starts(number), entry.tokens).sum()
                for number, entry in enumerate(shards.index.shards)
            ],
            dtype=np.int64,
        )
        self._windows: dict[tuple[int, int], _Window] = {}
        self._epoch, self._order, self._ends = -1, self._counts, self._counts

    def __len__(self) -> int:
        """Parts of an epoch."""
        return int(self._counts.sum())

    def part(self, number: int) -> TokenArray:
        """The tokens of a part, end tokens included."""
        key, place = self._locate(number)
        if key not in self._windows:
            self._windows[key] = self._build(*key)
        found = self._windows[key]
        tokens = found.tokens[int(found.shard[place])]
        return tokens[int(found.start[place]) : int(found.stop[place])]

    def forget_before(self, number: int) -> None:
        """Let go of the windows, and of the maps of their shards, that end before a part.

        Rows go on at their own pace: those of a long training stand in several windows.
        """
        if len(self._windows) > 1:
            first, _ = self._locate(number)
            self._windows = {key: w for key, w in self._windows.items() if key >= first}

    def _locate(self, number: int) -> tuple[tuple[int, int], int]:
        """The epoch and the window of a part, and its place in that."""
        epoch, place = divmod(number, len(self))
        self._begin(epoch)
        window = int(np.searchsorted(self._ends, place, side="right"))
        return (epoch, window), place - (int(self._ends[window - 1]) if window else 0)

    def _begin(self, epoch: int) -> None:
        """The order of an epoch's shards, and how many parts there are up to each window's end."""
        if epoch == self._epoch:
            return
        self._epoch = epoch
        order = np.random.default_rng([self._seed, _SHARDS, epoch]).permutation(len(self._counts))
        self._order = order
        firsts = np.arange(0, len(order), self._window_shards)
        self._ends = np.cumsum(np.add.reduceat(self._counts[order], firsts))

    def _build(self, epoch: int, window: int) -> _Window:
        first = window * self._window_shards
        tokens: list[TokenArray] = []
        which: list[npt.NDArray[np.uint8]] = []
        starts: list[Offsets] = []
        stops: list[Offsets] = []
        for i, number in enumerate(self._order[first : first + self._window_shards].tolist()):
            shard = self._shards.shard(number)
            tokens.append(shard.tokens)
            starts.append(self._part_starts(shard))
            stops.append(np.append(starts[-1][1:], np.uint32(len(shard.tokens))))
            which.append(np.full(len(starts[-1]), i, dtype=np.uint8))
        generator = np.random.default_rng([self._seed, _PARTS, epoch, window])
        order = generator.permutation(sum(len(each) for each in starts))
        return _Window(
            tokens,
            np.concatenate(which)[order],
            np.concatenate(starts)[order],
            np.concatenate(stops)[order],
        )

    def _part_counts(self, starts: Offsets, tokens: int) -> npt.NDArray[np.int64]:
        """Parts of each document of a shard of so many tokens; the last one is the longest."""
        lengths = np.diff(starts.astype(np.int64), append=tokens)
        counts: npt.NDArray[np.int64] = np.maximum(lengths // self._longest, 1)
        return counts

    def _part_starts(self, shard: Shard) -> Offsets:
        """Where parts start: those of a document after the end of a line, if one comes soon."""
        counts = self._part_counts(shard.starts, len(shard.tokens))
        before = np.repeat(np.cumsum(counts) - counts, counts)
        within = np.arange(len(before)) - before  # the number of a part in its document
        starts = np.repeat(shard.starts, counts) + within * self._longest
        soon = min(_SOON, self._longest - 1)  # no part becomes empty
        for i in np.flatnonzero(within):
            ends = np.flatnonzero(shard.tokens[starts[i] - 1 : starts[i] - 1 + soon] == END_ID)
            starts[i] += int(ends[0]) if len(ends) else 0
        return starts.astype(np.uint32)
