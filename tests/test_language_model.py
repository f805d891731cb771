"""The network: one step, a sequence and a packed batch are one thing; the loss is cross-entropy."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketlm.model.errors import UserError
from pocketlm.model.language_model import PRESETS, GRULanguageModel, ModelConfig
from pocketlm.model.loss import tied_softmax_loss


def make_model(layers: int = 1, embedding: int = 12, hidden: int = 20) -> GRULanguageModel:
    torch.manual_seed(0)
    model = GRULanguageModel(ModelConfig(320, embedding, hidden, layers)).eval()
    torch.nn.init.normal_(model.initial_state)
    return model


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 12), st.integers(1, 9))
def test_stepping_is_the_sequence_form(layers: int, batch: int, time: int, hidden: int) -> None:
    model = make_model(layers, hidden=hidden)
    tokens = torch.randint(0, 320, (batch, time))
    with torch.no_grad():
        expected, final = model(tokens, model.start_state(batch))  # torch's own GRU
        state = model.start_state(batch)
        for t in range(time):
            log_probabilities, state = model.step(tokens[:, t], state)
            torch.testing.assert_close(log_probabilities, expected[:, t], atol=1e-5, rtol=0)
    torch.testing.assert_close(state, final, atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_a_packed_batch_is_each_sequence_by_itself(layers: int, lengths: list[int]) -> None:
    model = make_model(layers)
    sequences = [torch.randint(0, 320, (n,)) for n in sorted(lengths, reverse=True)]
    packed = torch.nn.utils.rnn.pack_sequence(sequences)
    projected, final = model.packed(
        packed.data, packed.batch_sizes, model.start_state(len(sequences))
    )
    unpacked, _ = torch.nn.utils.rnn.pad_packed_sequence(
        torch.nn.utils.rnn.PackedSequence(projected, packed.batch_sizes), batch_first=True
    )
    for i, sequence in enumerate(sequences):
        expected, state = model(sequence[None], model.start_state(1))
        actual = model.log_probabilities(unpacked[i, : len(sequence)])
        torch.testing.assert_close(actual, expected[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(final[:, i], state[:, 0], atol=1e-5, rtol=0)


def test_packed_gradients_are_those_of_torchs_gru() -> None:
    model = make_model(layers=2)
    tokens = torch.randint(0, 320, (3, 7))
    packed = torch.nn.utils.rnn.pack_sequence(list(tokens))
    gradients = []
    for form in ("packed", "sequence"):
        model.zero_grad()
        if form == "packed":
            output, _ = model.packed(packed.data, packed.batch_sizes, model.start_state(3))
            total = (model.log_probabilities(output) ** 2).sum()
        else:
            total = (model(tokens, model.start_state(3))[0] ** 2).sum()
        total.backward()
        gradients.append(
            {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        )
    assert gradients[0].keys() == gradients[1].keys() == dict(model.named_parameters()).keys()
    for name, gradient in gradients[0].items():
        scale = gradients[1][name].abs().max()
        torch.testing.assert_close(gradient / scale, gradients[1][name] / scale, atol=1e-5, rtol=0)


def test_probabilities_sum_to_one() -> None:
    model = make_model()
    log_probabilities, _ = model.step(torch.arange(5), model.start_state(5))
    torch.testing.assert_close(log_probabilities.exp().sum(1), torch.ones(5))


def test_presets_have_the_sizes_they_promise() -> None:
    counts = {name: GRULanguageModel(config).parameter_count() for name, config in PRESETS.items()}
    assert round(counts["small"] / 1e6, 1) == 1.4
    assert round(counts["base"] / 1e6, 1) == 2.1


def test_the_state_dict_keys_are_a_contract() -> None:
    assert list(make_model(layers=2).state_dict()) == [
        "initial_state",
        "embedding.weight",
        *["gru.weight_ih_l0", "gru.weight_hh_l0", "gru.bias_ih_l0", "gru.bias_hh_l0"],
        *["gru.weight_ih_l1", "gru.weight_hh_l1", "gru.bias_ih_l1", "gru.bias_hh_l1"],
        "projection.weight",
        "projection.bias",
    ]  # fmt: skip


IMPOSSIBLE = [
    {"hidden": 0},
    {"layers": 0},
    {"dropout": 1.0},
    {"embedding": -1},
    {"vocabulary_size": 70_000},
]


@pytest.mark.parametrize("sizes", IMPOSSIBLE)
def test_impossible_sizes_are_errors(sizes: dict[str, int]) -> None:
    with pytest.raises(UserError):
        ModelConfig(**sizes)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 700), st.sampled_from([torch.float32, torch.bfloat16]))
def test_the_chunked_loss_is_cross_entropy(count: int, dtype: torch.dtype) -> None:
    torch.manual_seed(count)
    x = torch.randn(count, 8, requires_grad=True)
    weight = torch.randn(50, 8, requires_grad=True)
    targets = torch.randint(0, 50, (count,))
    expected = torch.nn.functional.cross_entropy(x @ weight.T, targets)
    expected_gradients = torch.autograd.grad(expected, (x, weight))
    loss = tied_softmax_loss(x, weight, targets, dtype)
    gradients = torch.autograd.grad(loss, (x, weight))
    tolerance = 1e-5 if dtype == torch.float32 else 0.05
    torch.testing.assert_close(loss, expected, atol=tolerance, rtol=tolerance)
    for actual, reference in zip(gradients, expected_gradients, strict=True):
        scale = reference.abs().max()
        torch.testing.assert_close(actual / scale, reference / scale, atol=tolerance, rtol=0)
