"""The network: one step, a sequence and a packed batch are one thing; the loss is cross-entropy."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pocketlm.model.errors import UserError
from pocketlm.model.language_model import PRESETS, ModelConfig, RecurrentLanguageModel
from pocketlm.model.loss import tied_softmax_loss
from pocketlm.model.recurrence import CELLS
from pocketlm.model.settings import from_json
from pocketlm.model.teacher import NetworkTargets

EACH_CELL = st.sampled_from(sorted(CELLS))
LAYERS = st.integers(0, 3)  # 0: one, with a recurrent projection


def make_model(layers: int = 1, hidden: int = 20, cell: str = "gru") -> RecurrentLanguageModel:
    torch.manual_seed(0)
    config = ModelConfig(
        320, 12, hidden, max(layers, 1), cell=cell, recurrent_projection=layers == 0
    )
    model = RecurrentLanguageModel(config).eval()
    torch.nn.init.normal_(model.initial_state)
    return model


@settings(max_examples=25, deadline=None)
@given(EACH_CELL, LAYERS, st.integers(1, 5), st.integers(1, 12), st.integers(1, 9))
def test_stepping_is_the_sequence_form(
    cell: str, layers: int, batch: int, time: int, hidden: int
) -> None:
    model = make_model(layers, hidden, cell)
    tokens = torch.randint(0, 320, (batch, time))
    with torch.no_grad():
        expected, final = model(tokens, model.start_state(batch))  # torch's own cell, if it has one
        state = model.start_state(batch)
        for t in range(time):
            log_probabilities, state = model.step(tokens[:, t], state)
            torch.testing.assert_close(log_probabilities, expected[:, t], atol=1e-5, rtol=0)
    torch.testing.assert_close(state, final, atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(EACH_CELL, LAYERS, st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_a_packed_batch_is_each_sequence_by_itself(
    cell: str, layers: int, lengths: list[int]
) -> None:
    model = make_model(layers, cell=cell)
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


@pytest.mark.parametrize("layers", [2, 0])
@pytest.mark.parametrize("cell", CELLS)
def test_packed_gradients_are_those_of_the_sequence_form(cell: str, layers: int) -> None:
    model = make_model(layers, cell=cell)
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
    counts = {
        name: RecurrentLanguageModel(config).parameter_count() for name, config in PRESETS.items()
    }
    assert round(counts["small"] / 1e6, 1) == 1.4
    assert round(counts["base"] / 1e6, 1) == round(counts["wide"] / 1e6, 1) == 2.1


@pytest.mark.parametrize("cell", CELLS)
def test_a_recurrent_projection_is_a_recurrent_matrix_of_low_rank(cell: str) -> None:
    """The same network without one: W_h P for its matrix, W_h b_p + b_h for its bias."""
    narrow, plain = make_model(layers=0, cell=cell), make_model(layers=1, cell=cell)
    weights = dict(narrow.state_dict())
    w_h, bias = (weights[f"{cell}.{kind}_hh_l0"] for kind in ("weight", "bias"))
    weights[f"{cell}.weight_hh_l0"] = w_h @ weights["projection.weight"]
    weights[f"{cell}.bias_hh_l0"] = bias + w_h @ weights["projection.bias"]
    plain.load_state_dict(weights)
    tokens = torch.randint(0, 320, (3, 7))
    with torch.no_grad():
        for one, other in zip(
            narrow(tokens, narrow.start_state(3)), plain(tokens, plain.start_state(3)), strict=True
        ):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    assert len(w_h) * 12 == w_h.numel()  # it reads 12 sums of 20 states


def test_a_recurrent_projection_is_of_one_layer() -> None:
    with pytest.raises(UserError, match="of one layer only"):
        ModelConfig(320, 12, 20, 2, recurrent_projection=True)


@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_the_state_dict_keys_are_a_contract(cell: str) -> None:
    assert list(make_model(layers=2, cell=cell).state_dict()) == [
        "initial_state",
        "embedding.weight",
        *[f"{cell}.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")],
        *[f"{cell}.{name}_l1" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")],
        "projection.weight",
        "projection.bias",
    ]


def test_the_plain_cell_is_elmans() -> None:
    """One step against the equation written with the weights' own names."""
    model = make_model(cell="rnn")
    weights = model.state_dict()
    state = torch.randn(1, 4, 20)
    x = weights["embedding.weight"][torch.tensor([5, 6, 7, 5])]
    from_input = x @ weights["rnn.weight_ih_l0"].T + weights["rnn.bias_ih_l0"]
    from_state = state[0] @ weights["rnn.weight_hh_l0"].T + weights["rnn.bias_hh_l0"]
    _, new = model.step(torch.tensor([5, 6, 7, 5]), state)
    torch.testing.assert_close(new[0], torch.tanh(from_input + from_state))
    u = weights["rnn.weight_hh_l0"]
    torch.testing.assert_close(u @ u.T, torch.eye(20), atol=1e-5, rtol=0)


def test_settings_written_before_there_were_cells_are_a_grus() -> None:
    old = {"vocabulary_size": 384, "embedding": 8, "hidden": 8, "layers": 1, "dropout": 0.0}
    assert from_json(ModelConfig, old, "config.json").cell == "gru"


IMPOSSIBLE = [
    {"hidden": 0},
    {"layers": 0},
    {"dropout": 1.0},
    {"embedding": -1},
    {"vocabulary_size": 70_000},
    {"cell": "lstm"},
]


@pytest.mark.parametrize("sizes", IMPOSSIBLE)
def test_impossible_sizes_are_errors(sizes: dict[str, Any]) -> None:
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


@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_soft_targets_are_a_share_of_what_is_to_be_predicted(
    share: float, smoothing: float
) -> None:
    torch.manual_seed(2)
    smoothing *= 1 - share
    x = torch.randn(300, 8, requires_grad=True)
    weight = torch.randn(50, 8, requires_grad=True)
    targets = torch.randint(0, 50, (300,))
    buffers = torch.empty(128, 50), torch.empty(128, 50)
    soft = [
        NetworkTargets(torch.randn(300, 6), torch.randn(50, 6), part * share, *buffers)
        for part in (0.25, 0.75)
    ]
    mixed = torch.full((300, 50), smoothing / 50)
    for each in soft:
        mixed += each.share * torch.softmax(each.projected @ each.weight.T, 1)
    mixed[range(300), targets] += 1 - share - smoothing
    expected = torch.nn.functional.cross_entropy(x @ weight.T, mixed)
    loss = tied_softmax_loss(x, weight, targets, torch.float32, smoothing, soft)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, (x, weight)), torch.autograd.grad(expected, (x, weight))
    )


def pseudo_spherical(logits: Tensor, shares: Tensor, exponent: float) -> Tensor:
    """The loss as it is written in loss.py, with the shares [N, V] to be predicted."""
    p = torch.softmax(logits, 1)
    norm = (p**exponent).sum(1, keepdim=True) ** ((exponent - 1) / exponent)
    scores = (shares * p ** (exponent - 1) / norm).sum(1)
    return ((1 - scores) / (exponent - 1)).mean()


@pytest.mark.parametrize("exponent", [1.2, 2.0, 4.0])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_score_exponent_gives_the_pseudo_spherical_score(exponent: float, share: float) -> None:
    torch.manual_seed(3)
    x = torch.randn(300, 8, requires_grad=True)
    weight = torch.randn(50, 8, requires_grad=True)
    targets = torch.randint(0, 50, (300,))
    shares = torch.zeros(300, 50)
    soft = []
    if share:
        buffers = torch.empty(128, 50), torch.empty(128, 50)
        soft = [NetworkTargets(torch.randn(300, 6), torch.randn(50, 6), share, *buffers)]
        shares += share * torch.softmax(soft[0].projected @ soft[0].weight.T, 1)
    shares[range(300), targets] += 1 - share
    expected = pseudo_spherical(x @ weight.T, shares, exponent)
    loss = tied_softmax_loss(x, weight, targets, torch.float32, soft=soft, exponent=exponent)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, (x, weight)), torch.autograd.grad(expected, (x, weight))
    )


def test_the_pseudo_spherical_score_is_proper_and_near_cross_entropy_at_exponent_1() -> None:
    weight = torch.eye(5)
    truth = torch.tensor([0.5, 0.25, 0.125, 0.1, 0.025])
    drawn = torch.multinomial(truth, 20_000, replacement=True)
    counted = torch.bincount(drawn, minlength=5) / len(drawn)
    logits = counted.log()[None].repeat(len(drawn), 1).requires_grad_()

    def gradient(logits: Tensor, exponent: float) -> Tensor:
        loss = tied_softmax_loss(logits, weight, drawn, torch.float32, exponent=exponent)
        return torch.autograd.grad(loss, logits)[0].sum(0)

    for exponent in (1.5, 3.0):
        assert gradient(logits, exponent).abs().max() < 1e-5  # least where the truth is predicted
        assert gradient(2 * logits, exponent).abs().max() > 1e-3
    near = gradient(2 * logits, 1.001)
    torch.testing.assert_close(near, gradient(2 * logits, 1.0), atol=1e-3, rtol=0)


def test_a_score_exponent_takes_no_smoothing() -> None:
    x, weight = torch.randn(3, 4), torch.randn(10, 4)
    with pytest.raises(ValueError, match="no smoothing"):
        tied_softmax_loss(x, weight, torch.zeros(3).long(), torch.float32, 0.1, exponent=2.0)


def test_the_chunked_loss_is_exact_far_from_its_target() -> None:
    x, weight = torch.tensor([[1.0, 0.0]]), torch.tensor([[-300.0, 0.0], [0.0, 1.0], [40.0, 0.0]])
    targets = torch.zeros(1, dtype=torch.int64)
    expected = torch.nn.functional.cross_entropy(x @ weight.T, targets)  # 340 nats
    assert tied_softmax_loss(x, weight, targets, torch.float32) == pytest.approx(expected.item())


def test_the_chunked_loss_of_nothing_is_no_number() -> None:
    x, weight = torch.zeros(0, 4), torch.randn(10, 4)
    assert tied_softmax_loss(x, weight, torch.zeros(0).long(), torch.float32).isnan()
