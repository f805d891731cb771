"""The written-out recurrence: torch.nn.RNN and torch.nn.GRU with the same weights, of any shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pocketlm.model.bidirectional import deep_bidirectional, module_pairs
from pocketlm.model.deep import deep
from pocketlm.model.recurrence import (
    CELLS,
    Cell,
    Weights,
    gru_state,
    module_weights,
    packed,
    rnn_state,
    scan,
    sequence,
    step,
)

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Case:
    """A cell, its sizes, and the lengths of the sequences of a batch."""

    cell: str
    inputs: int
    hidden: int
    layers: int
    lengths: tuple[int, ...]

    def module(self, bidirectional: bool = False) -> nn.RNNBase:
        torch.manual_seed(self.hidden)
        sizes = (self.inputs, self.hidden, self.layers)
        if self.cell == "gru":
            return nn.GRU(*sizes, batch_first=True, bidirectional=bidirectional)
        g = "relu" if self.cell == "relu" else "tanh"
        return nn.RNN(*sizes, nonlinearity=g, batch_first=True, bidirectional=bidirectional)

    @property
    def equations(self) -> Cell:
        return partial(rnn_state, g=torch.relu) if self.cell == "relu" else CELLS[self.cell]

    def data(self, directions: int = 1) -> tuple[Tensor, Tensor, Tensor]:
        """x [B, T, E], first states [L D, B, H], lengths [B]."""
        generator = torch.Generator().manual_seed(len(self.lengths))
        batch = len(self.lengths)
        x = torch.randn(batch, max(self.lengths), self.inputs, generator=generator)
        h = torch.randn(self.layers * directions, batch, self.hidden, generator=generator)
        return x.requires_grad_(), h.requires_grad_(), torch.tensor(self.lengths)

    def weights(self, module: nn.RNNBase) -> list[Weights]:
        return [module_weights(module, layer) for layer in range(self.layers)]


CASES = st.builds(
    Case,
    st.sampled_from([*CELLS, "relu"]),
    st.integers(1, 7),
    st.integers(1, 9),
    st.integers(1, 3),
    st.lists(st.integers(1, 8), min_size=1, max_size=5).map(tuple),
)


def equal(module: nn.RNNBase, inputs: Sequence[Tensor], ours: Sequence[Tensor],
          theirs: Sequence[Tensor]) -> None:  # fmt: skip
    """Outputs, and the gradients of all weights and inputs, are the same."""
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=TOLERANCE, rtol=TOLERANCE)
    variables = [*module.parameters(), *inputs]
    gradients = []
    for outputs in (ours, theirs):
        total = torch.stack([(output**2).sum() + output.sum() for output in outputs]).sum()
        gradients.append(torch.autograd.grad(total, variables, retain_graph=True))
    for one, other in zip(*gradients, strict=True):
        scale = other.abs().max().clamp(min=1)
        torch.testing.assert_close(one / scale, other / scale, atol=TOLERANCE, rtol=0)


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_a_sequence_is_torchs(case: Case) -> None:
    module, (x, h, _) = case.module(), case.data()
    ours = deep(partial(sequence, case.equations), case.weights(module), x, h)
    equal(module, (x, h), ours, module(x, h))


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_one_step_is_a_sequence_of_one(case: Case) -> None:
    module, (x, h, _) = case.module(), case.data()

    def one_step(weights: Weights, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = step(case.equations, weights, x, h)
        return h, h

    ours = deep(one_step, case.weights(module), x[:, 0], h)
    outputs, state = module(x[:, :1], h)
    equal(module, (x, h), ours, (outputs[:, 0], state))


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_sequences_of_different_lengths_are_torchs(case: Case) -> None:
    module, (x, h, lengths) = case.module(), case.data()
    ours = deep(
        lambda weights, x, h: sequence(case.equations, weights, x, h, lengths),
        case.weights(module), x, h,
    )  # fmt: skip
    theirs, state = module(pack_padded_sequence(x, lengths, True, enforce_sorted=False), h)
    equal(module, (x, h), ours, (pad_packed_sequence(theirs, True)[0], state))


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_a_packed_batch_is_torchs(case: Case) -> None:
    module, (x, h, lengths) = case.module(), case.data()
    packed_x = pack_padded_sequence(x, lengths.sort(descending=True).values, True)
    sizes = packed_x.batch_sizes.tolist()
    ours = deep(
        lambda weights, x, h: packed(case.equations, weights, x, sizes, h),
        case.weights(module), packed_x.data, h,
    )  # fmt: skip
    theirs, state = module(packed_x, h)
    equal(module, (x, h), ours, (theirs.data, state))


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_both_directions_are_torchs(case: Case) -> None:
    module, (x, h, lengths) = case.module(bidirectional=True), case.data(2)
    ours = deep_bidirectional(case.equations, module_pairs(module), x, h, lengths)
    theirs, state = module(pack_padded_sequence(x, lengths, True, enforce_sorted=False), h)
    equal(module, (x, h), ours, (pad_packed_sequence(theirs, True)[0], state))


@settings(max_examples=15, deadline=None)
@given(CASES)
def test_both_directions_without_lengths_are_torchs(case: Case) -> None:
    module, (x, h, _) = case.module(bidirectional=True), case.data(2)
    ours = deep_bidirectional(case.equations, module_pairs(module), x, h)
    equal(module, (x, h), ours, module(x, h))


def test_the_scan_applies_one_function_along_time() -> None:
    assert scan(lambda state, x: 2 * state + x, 1, [0, 1, 5]) == [2, 5, 15]
    assert scan(lambda state, _: state, "kept", []) == []


def test_padding_is_never_read() -> None:
    """Whatever stands where a sequence has ended, not even a NaN, reaches a state."""
    module = nn.GRU(3, 4, batch_first=True)
    x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 2])
    h = torch.randn(2, 4)
    expected = sequence(gru_state, module_weights(module, 0), x, h, lengths)
    x[1, 2:] = float("nan")
    actual = sequence(gru_state, module_weights(module, 0), x, h, lengths)
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other)
    alone, final = sequence(gru_state, module_weights(module, 0), x[1:, :2], h[1:])
    torch.testing.assert_close(actual[1][1:], final)
    torch.testing.assert_close(actual[0][1:, :2], alone)


def test_a_sequence_of_no_length_keeps_its_state() -> None:
    weights = module_weights(nn.RNN(3, 4, batch_first=True), 0)
    h = torch.randn(2, 4)
    states, final = sequence(rnn_state, weights, torch.randn(2, 3, 3), h, torch.tensor([0, 3]))
    torch.testing.assert_close(final[0], h[0])
    assert not states[0].any()
    states, final = sequence(rnn_state, weights, torch.randn(2, 0, 3), h)
    assert states.shape == (2, 0, 4)
    torch.testing.assert_close(final, h)


def test_a_gru_whose_update_gate_is_open_keeps_its_state() -> None:
    """The statement that a GRU lets information be persistent, with z = 1."""
    module = nn.GRU(2, 3, batch_first=True)
    with torch.no_grad():
        module_weights(module, 0).b_x[3:6] = 100.0
    h = torch.randn(1, 3)
    _, final = sequence(gru_state, module_weights(module, 0), torch.randn(1, 50, 2), h)
    torch.testing.assert_close(final, h)


@pytest.mark.parametrize("cell", CELLS)
def test_no_gate_of_the_state_looks_at_another_row(cell: str) -> None:
    module = nn.GRU(2, 3) if cell == "gru" else nn.RNN(2, 3)
    weights = module_weights(module, 0)
    x, h = torch.randn(4, 2), torch.randn(4, 3)
    together = step(CELLS[cell], weights, x, h)
    alone = torch.cat([step(CELLS[cell], weights, x[i : i + 1], h[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone)
