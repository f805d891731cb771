"""Training windows: packing, every token once an epoch, saved positions."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers import SENTENCES, write_corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pocketlm.model.corpus import Corpus
from pocketlm.model.dealing import Dealer
from pocketlm.model.segments import WindowStream, pack_segments
from pocketlm.model.shards import TokenShards, build_shards
from pocketlm.model.tokenizer import END_ID, Tokenizer

STARTS = st.tuples(st.integers(1, 6), st.integers(1, 9)).flatmap(lambda s: arrays(np.bool_, s))


@settings(max_examples=200, deadline=None)
@given(STARTS)
def test_packing_is_that_of_a_plain_loop(
    starts: np.ndarray[tuple[int, int], np.dtype[np.bool_]],
) -> None:
    rows, window = starts.shape
    targets = np.arange(rows * window).reshape(rows, window)
    packed = pack_segments(targets + 1000, targets, starts)

    segments = []  # (row, first, length, continues)
    for row in range(rows):
        cuts = [0, *[t for t in range(1, window) if starts[row, t]], window]
        for first, stop in pairwise(cuts):
            segments.append((row, first, stop - first, first == 0 and not starts[row, 0]))
    segments.sort(key=lambda s: -s[2])
    expected = [
        targets[row, first + t]
        for t in range(window)
        for row, first, length, _ in segments
        if t < length
    ]
    assert packed.targets.tolist() == expected
    assert (packed.inputs == packed.targets + 1000).all()
    assert packed.carried_row.tolist() == [s[0] if s[3] else -1 for s in segments]
    for row, segment in enumerate(packed.last_of_row):
        assert segments[segment][0] == row
        assert segments[segment][1] + segments[segment][2] == window


@pytest.fixture
def shards(tmp_path: Path, tokenizer: Tokenizer) -> TokenShards:
    folder = write_corpus(tmp_path / "c", SENTENCES, documents=40)
    build_shards(Corpus("c", folder).lines("train"), tokenizer, tmp_path / "shards", "x")
    return TokenShards(tmp_path / "shards")


def test_a_row_reads_every_document_once_an_epoch(shards: TokenShards) -> None:
    stream = WindowStream(shards, rows=1, window=7, fresh=0.0, seed=1)
    windows = [stream.next_window() for _ in range(shards.index.tokens // 7)]
    seen = np.sort(np.concatenate([w.targets for w in windows]))
    every = np.sort(np.concatenate(list(shards.chunks())))
    # All but the tokens of the last, unfinished window.
    assert len(every) - len(seen) < 7
    assert (np.bincount(seen, minlength=400) <= np.bincount(every, minlength=400)).all()


def test_inputs_are_the_tokens_before_and_the_end_token_begins_a_line(shards: TokenShards) -> None:
    window = WindowStream(shards, rows=1, window=500, fresh=1.0, seed=1).next_window()
    starts = int(window.batch_sizes[0])
    assert (window.inputs[:starts] == END_ID).all()
    # With fresh = 1 every line is a segment of its own.
    assert starts == (window.inputs == END_ID).sum()
    assert (window.carried_row == -1).all()


def test_with_fresh_0_only_documents_start_afresh(shards: TokenShards) -> None:
    stream = WindowStream(shards, rows=2, window=50, fresh=0.0, seed=1)
    windows = [stream.next_window() for _ in range(10)]
    fresh = sum(int((w.carried_row == -1).sum()) for w in windows)
    lines = sum(int((w.inputs == END_ID).sum()) for w in windows)
    assert fresh < lines / 2  # three lines a document


def test_a_saved_position_goes_on_with_the_same_windows(shards: TokenShards) -> None:
    first = WindowStream(shards, rows=3, window=11, fresh=0.5, seed=4)
    for _ in range(50):  # beyond one epoch
        first.next_window()
    second = WindowStream(shards, rows=3, window=11, fresh=0.5, seed=4)
    second.seek(first.position())
    for _ in range(50):
        a, b = first.next_window(), second.next_window()
        assert np.array_equal(a.targets, b.targets)
        assert np.array_equal(a.carried_row, b.carried_row)


@pytest.mark.parametrize("blank_lines", [0, 1])
def test_rows_of_a_long_document_read_different_parts_and_all_of_it(
    blank_lines: int, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    """Else all rows would step through the same text at the same time."""
    lines = [f"line {i} of {SENTENCES[i % 50]}" for i in range(400)]
    text = [*lines[:1], *[""] * blank_lines, *lines[1:]]
    build_shards(text, tokenizer, tmp_path / "long", "x")
    shards = TokenShards(tmp_path / "long")
    assert len(shards) == 1 + blank_lines
    window = WindowStream(shards, rows=4, window=20, fresh=0.0, seed=1).next_window()
    first = window.targets[: int(window.batch_sizes[0])]
    assert (window.inputs[: len(first)] == END_ID).all()
    assert len({tuple(row) for row in rows_of(shards, 4, 20)}) == 4

    dealer = Dealer(shards, longest=40, seed=1)
    assert len(dealer) > 4
    parts = [dealer.part(number) for number in range(len(dealer))]
    every = np.concatenate(list(shards.chunks()))
    assert np.array_equal(np.sort(np.concatenate(parts)), np.sort(every))


def rows_of(shards: TokenShards, rows: int, window: int) -> list[list[int]]:
    """The first targets of each row, by a stream that makes this row only."""
    streams = [WindowStream(shards, rows, window, 0.0, 1, range(i, i + 1)) for i in range(rows)]
    return [stream.next_window().targets.tolist() for stream in streams]


def test_a_row_is_the_same_whoever_makes_it(shards: TokenShards) -> None:
    """What lets the rows be dealt to any number of processes."""

    def tokens(mine: list[range], which: list[slice]) -> list[list[int]]:
        streams = [WindowStream(shards, 6, 30, 0.5, 2, rows) for rows in mine]
        for stream in streams:
            for _ in range(20):
                for rows in which:
                    stream.next_window(rows)
        return [row for stream in streams for row in stream.position().tolist()]

    whole = tokens([range(6)], [slice(None)])
    assert tokens([range(2), range(2, 6)], [slice(None)]) == whole
    assert tokens([range(6)], [slice(3), slice(3, 6)]) == whole


def test_shards_are_shuffled_in_windows(tmp_path: Path, tokenizer: Tokenizer) -> None:
    folder = write_corpus(tmp_path / "c", SENTENCES, documents=90)
    lines = Corpus("c", folder).lines("train")
    build_shards(lines, tokenizer, tmp_path / "many", "x", shard_tokens=200)
    shards = TokenShards(tmp_path / "many")
    assert len(shards.index.shards) > 6
    dealer = Dealer(shards, longest=1000, seed=1, window_shards=2)
    every = np.sort(np.concatenate(list(shards.chunks())))
    epochs = []
    for epoch in range(2):
        numbers = range(epoch * len(dealer), (epoch + 1) * len(dealer))
        epochs.append(np.concatenate([dealer.part(number) for number in numbers]))
        assert np.array_equal(np.sort(epochs[-1]), every)
    assert not np.array_equal(epochs[0], epochs[1])
    dealer.forget_before(2 * len(dealer) - 1)
    assert len(dealer._windows) == 1  # and no more shards than its own are mapped


def test_rows_that_stand_far_apart_keep_their_windows(
    tmp_path: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that some row still reads is not built twice."""
    lines = [line for i in range(300) for line in (SENTENCES[i % 50], "")]
    build_shards(lines, tokenizer, tmp_path / "many", "x", shard_tokens=200)
    shards = TokenShards(tmp_path / "many")
    stream = WindowStream(shards, rows=4, window=30, fresh=0.0, seed=1)
    monkeypatch.setattr(stream._dealer, "_window_shards", 1)
    stream._dealer._epoch = -1  # the order is made anew, a shard a window
    built: list[tuple[int, int]] = []
    build = stream._dealer._build

    def counted(epoch: int, number: int) -> object:
        built.append((epoch, number))
        return build(epoch, number)

    monkeypatch.setattr(stream._dealer, "_build", counted)
    for _ in range(2 * shards.index.tokens // 120):
        stream.next_window()
    assert len(built) == len(set(built)) > len(shards.index.shards)
    assert len(stream._dealer._windows) < len(built) / 2


@pytest.mark.parametrize("position", [[[0, 0]], [[0, 0], [1, -1]], [[0, 0], [1, 10_000]],
                                      [[1, 0], [0, 0]]])  # fmt: skip
def test_a_position_that_cannot_be_is_an_error(
    shards: TokenShards, position: list[list[int]]
) -> None:
    stream = WindowStream(shards, rows=2, window=11, fresh=0.5, seed=4)
    with pytest.raises(ValueError, match="position"):
        stream.seek(position)


def test_epochs_are_shuffled_differently(shards: TokenShards) -> None:
    stream = WindowStream(shards, rows=1, window=shards.index.tokens, fresh=0.0, seed=1)
    first, second = stream.next_window(), stream.next_window()
    assert not np.array_equal(first.targets, second.targets)
    assert np.array_equal(np.sort(first.targets), np.sort(second.targets))
