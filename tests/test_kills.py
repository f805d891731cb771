"""Kill -9 at random moments; kill_rounds.py has the rounds, and the command for many of them."""

from pathlib import Path

import pytest
from crash_scenarios import SCENARIOS, Scenario
from forks import Zygote
from kill_rounds import Rounds

ROUNDS, SEED = 1, 1


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_what_is_killed_leaves_nothing_half_written(
    scenario: Scenario, template: Path, zygote: Zygote, tmp_path: Path
) -> None:
    rounds = Rounds(scenario, template, tmp_path, zygote)
    for number in range(ROUNDS):
        rounds.round(number, SEED)
