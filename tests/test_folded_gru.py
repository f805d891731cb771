"""A GRU's step as products, sums and quotients is the GRU's step."""

import pytest
import torch
from torch import Tensor

from pocketlm.export.folded_gru import folded_matrices, folded_step, shifted
from pocketlm.export.layout import operators
from pocketlm.export.matrices import Named
from pocketlm.export.quantise import quantise_rows
from pocketlm.export.recipes import lower_zero_copy
from pocketlm.export.step_graphs import ZeroCopyStep, named_matrices
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel
from pocketlm.model.recurrence import gru_state

_OPERATORS = [
    "aten::add.out",
    "aten::div.out",
    "quantized_decomposed::embedding_byte.out",
    "quantized_decomposed::mixed_linear.out",
]


def _network(
    layers: int = 1, projection: bool = False, cell: str = "gru"
) -> RecurrentLanguageModel:
    torch.manual_seed(3)
    config = ModelConfig(
        vocabulary_size=300,
        embedding=6,
        hidden=10,
        layers=layers,
        cell=cell,
        recurrent_projection=projection,
    )
    return RecurrentLanguageModel(config)


def _rounded_product(matrices: Named, name: str, x: Tensor) -> Tensor:
    weight, bias = matrices[name]
    return torch.nn.functional.linear(x, quantise_rows(weight).dequantised(), bias)


@pytest.mark.parametrize(("layers", "projection"), [(1, False), (2, False), (1, True)])
def test_it_is_the_step_of_recurrence(layers: int, projection: bool) -> None:
    network = _network(layers, projection)
    plain = named_matrices(network)
    folded = folded_matrices(plain, network.config)
    x = y = torch.randn(1, 6)  # what a layer reads, and what it reads folded
    for layer in range(layers):
        h = torch.tanh(torch.randn(1, 10))
        u, one = shifted(h), torch.ones(1, 10)
        read = _rounded_product(plain, "projection", h) if projection else h
        expected = gru_state(
            _rounded_product(plain, f"w{layer}", x), _rounded_product(plain, f"u{layer}", read), h
        )
        folded_read = _rounded_product(folded, "projection", u) if projection else u
        a, b = folded_step(
            lambda name, v: _rounded_product(folded, name, v), layer, y, folded_read, u, one
        )
        torch.testing.assert_close(a + b, shifted(expected), rtol=0, atol=5e-5)
        x, y = expected, a + b
    torch.testing.assert_close(
        _rounded_product(folded, "projection", y),
        _rounded_product(plain, "projection", x),
        rtol=0,
        atol=1e-4,
    )


def test_it_is_rounded_to_the_same_values() -> None:
    network = _network()
    matrices = named_matrices(network)
    folded = folded_matrices(matrices, network.config)
    for name in ("w0", "u0"):
        rounded = quantise_rows(matrices[name][0]).values
        gates = [quantise_rows(folded[f"{name}_{gate}"][0]).values for gate in "rzn"]
        assert torch.equal(rounded.abs(), torch.cat(gates).abs())


@pytest.mark.parametrize("projection", [False, True])
def test_a_program_calls_four_operators(projection: bool) -> None:
    program, _ = lower_zero_copy(_network(projection=projection))
    assert operators(program)["outside_delegates"] == _OPERATORS


def test_the_error_is_that_of_the_models_own_weights() -> None:
    network = _network()
    errors = [quantise_rows(weight).largest_error for weight, _ in named_matrices(network).values()]
    assert ZeroCopyStep(network).largest_error == max(errors)


def test_a_gate_is_the_sigmoid() -> None:
    x = torch.linspace(-1500, 1500, 30_001)[None]
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    # With the other products at nothing q is 1/2, and the state goes from 0 to the gate times that.
    _, gate = folded_step(
        lambda name, _: x / 128 if name == "w0_z" else zero, 0, zero, zero, zero, one
    )
    torch.testing.assert_close(2 * gate, torch.sigmoid(-x), rtol=0, atol=3e-5)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_large_arguments_open_or_shut_a_gate(sign: float) -> None:
    u, one = torch.rand(1, 10), torch.ones(1, 10)
    # Each gate's two products are summed: beyond float32, where e divides by zero, and beyond that.
    for size in (0.4, 0.5, 4):
        a, b = folded_step(lambda *_, v=sign * size: v * one, 0, u, u, u, one)
        expected = u if sign > 0 else one
        torch.testing.assert_close(a + b, expected)


def test_the_plain_cell_holds_no_ones() -> None:
    assert "one" in dict(ZeroCopyStep(_network()).named_buffers())
    assert "one" not in dict(ZeroCopyStep(_network(cell="rnn")).named_buffers())
