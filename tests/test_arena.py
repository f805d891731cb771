"""Activations lie in a small arena, and none where another one is while both are needed."""

import itertools
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from pocketlm.export.arena import lowest_fit
from pocketlm.export.program_check import check_program
from pocketlm.export.recipes import lower_zero_copy
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel


@dataclass(eq=False)
class Spec:
    """The part of ExecuTorch's TensorSpec that planners read."""

    size: int
    lifetime: tuple[int, int]
    mem_id: int | None = None
    storage_base: object = None

    def __post_init__(self) -> None:
        self.allocated_memory = self.size

    def realign(self, alignment: int) -> None:
        """Round the size up."""
        self.allocated_memory = -(-self.size // alignment) * alignment


def _places(specs: list[Spec]) -> tuple[list[int], int]:
    result = lowest_fit(16, specs, None, None, 32)
    (nothing, arena) = result.bufsizes
    assert nothing == 0
    return [result.spec_dict[spec].mem_offset for spec in specs], arena - 32


def test_a_gap_is_used() -> None:
    specs = [Spec(16, (0, 1)), Spec(16, (0, 3)), Spec(16, (2, 3))]
    assert _places(specs) == ([0, 16, 0], 32)


def test_a_tensor_larger_than_a_gap_is_put_behind_it() -> None:
    specs = [Spec(64, (0, 1)), Spec(48, (1, 4)), Spec(32, (2, 3)), Spec(20, (2, 3))]
    assert _places(specs) == ([0, 64, 0, 32], 112)


def test_an_empty_program_needs_nothing() -> None:
    assert _places([]) == ([], 0)


@pytest.mark.parametrize("seed", range(20))
def test_what_lives_together_lies_apart(seed: int) -> None:
    draw = random.Random(seed)
    begins = [draw.randrange(30) for _ in range(40)]
    specs = [Spec(draw.randrange(1, 200), (b, b + draw.randrange(6))) for b in begins]
    places, arena = _places(specs)
    for (a, x), (b, y) in itertools.combinations(zip(places, specs, strict=True), 2):
        together = x.lifetime[0] <= y.lifetime[1] and y.lifetime[0] <= x.lifetime[1]
        assert not together or a + x.allocated_memory <= b or b + y.allocated_memory <= a
    ends = [a + x.allocated_memory for a, x in zip(places, specs, strict=True)]
    assert arena == max(ends)
    assert all(place % 16 == 0 for place in places)


def test_what_it_is_not_for_is_refused() -> None:
    within = Spec(16, (0, 1))
    within.storage_base = Spec(64, (0, 1))
    for spec in (within, Spec(16, (0, 1), mem_id=2)):
        with pytest.raises(AssertionError):
            _places([spec])


@pytest.mark.parametrize(("hidden", "layers"), [(72, 1), (72, 2), (32, 1)])
def test_a_program_is_sound(hidden: int, layers: int, tmp_path: Path) -> None:
    path = tmp_path / "model.pte"
    path.write_bytes(lower_zero_copy(_network(hidden, layers))[0].buffer)
    with path.open("rb") as file:
        check_program(file, path, 512)


def test_a_step_needs_what_its_last_product_needs() -> None:
    program, _ = lower_zero_copy(_network(hidden=72))
    (plan,) = [p for p in program.executorch_program.execution_plan if p.name == "forward"]
    logits, state, projected = 4 * 512, 4 * 72, 4 * 16  # bytes; ExecuTorch's own plan has 3,200
    assert plan.non_const_buffer_sizes == [0, logits + state + projected]


def _network(hidden: int, layers: int = 1) -> RecurrentLanguageModel:
    return RecurrentLanguageModel(
        ModelConfig(
            vocabulary_size=512,
            embedding=16,
            hidden=hidden,
            layers=layers,
            recurrent_projection=layers == 1,
        )
    )
