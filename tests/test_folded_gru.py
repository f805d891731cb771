"""A GRU's step as products, sums and tanh alone is the GRU's step."""

import pytest
import torch

from pocketlm.export.folded_gru import MINUS_HALF, folded_matrices, folded_step
from pocketlm.export.layout import operators
from pocketlm.export.quantise import quantise_rows
from pocketlm.export.recipes import lower_zero_copy
from pocketlm.export.step_graphs import ZeroCopyStep, named_matrices
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel
from pocketlm.model.recurrence import gru_state

_OPERATORS = [
    "aten::add.out",
    "aten::mul.out",
    "aten::tanh.out",
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


def test_it_is_the_step_of_recurrence() -> None:
    network = _network(2)
    matrices = named_matrices(network)
    folded = folded_matrices(matrices, 2)
    for layer, reads in ((0, 6), (1, 10)):
        x, h = torch.randn(1, reads), torch.randn(1, 10)

        def plain(name: str, y: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.linear(y, *matrices[name])

        def product(name: str, y: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.linear(y, *folded[name])

        expected = gru_state(plain(f"w{layer}", x), plain(f"u{layer}", h), h)
        minus_half = torch.full((1, 10), MINUS_HALF)
        a, b = folded_step(product, layer, x, h, h, minus_half)
        torch.testing.assert_close(a + b, expected, rtol=1e-5, atol=1e-6)


def test_it_is_rounded_to_the_same_values() -> None:
    matrices = named_matrices(_network())
    folded = folded_matrices(matrices, 1)
    for name in ("w0", "u0"):
        rounded = quantise_rows(matrices[name][0]).values
        gates = [quantise_rows(folded[f"{name}_{gate}"][0]).values for gate in "rzn"]
        assert torch.equal(rounded.abs(), torch.cat(gates).abs())


@pytest.mark.parametrize("projection", [False, True])
def test_a_program_calls_five_operators(projection: bool) -> None:
    program, _ = lower_zero_copy(_network(projection=projection))
    assert operators(program)["outside_delegates"] == _OPERATORS


def test_the_error_is_that_of_the_models_own_weights() -> None:
    network = _network()
    errors = [quantise_rows(weight).largest_error for weight, _ in named_matrices(network).values()]
    assert ZeroCopyStep(network).largest_error == max(errors)


def test_the_plain_cell_holds_no_factor() -> None:
    assert "minus_half" in dict(ZeroCopyStep(_network()).named_buffers())
    assert "minus_half" not in dict(ZeroCopyStep(_network(cell="rnn")).named_buffers())
