"""The command line of kill_rounds.py and disk_rounds.py: many rounds of each scenario."""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from crash_scenarios import SCENARIOS, Scenario, make_template
from forks import Zygote


class Rounds(Protocol):
    """The rounds of one scenario."""

    def rounds(self, first: int, count: int) -> Iterator[tuple[int, Callable[[int], None]]]:
        """The number of each round, and the round itself, which takes the seed."""

    def report(self) -> str:
        """How they went."""


def run_rounds(
    description: str | None,
    arguments: Sequence[str],
    begin: Callable[[Scenario, Path, Path, Zygote], Rounds],
) -> int:
    """Run what the arguments ask for; 1 if a round was not as it has to be.

    Args:
        description: for --help.
        arguments: of the command line.
        begin: given a scenario, the template's folder, a folder to work in, and the zygote.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=10, help="of each scenario")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first round")
    parser.add_argument("--only", choices=[scenario.name for scenario in SCENARIOS])
    options = parser.parse_args(arguments)
    zygote, bad = Zygote(), 0
    with tempfile.TemporaryDirectory() as work:
        template = Path(work) / "template"
        make_template(template, zygote)
        for scenario in SCENARIOS:
            if options.only not in (None, scenario.name):
                continue
            rounds = begin(scenario, template, Path(work), zygote)
            for number, one_round in rounds.rounds(options.first, options.rounds):
                try:
                    one_round(options.seed)
                except AssertionError as error:
                    bad += 1
                    what = f"{scenario.name} --first {number} --seed {options.seed}"
                    print(f"{what}: {error}")  # noqa: T201
            print(f"{scenario.name}: {rounds.report()}", flush=True)  # noqa: T201
    zygote.close()
    return 1 if bad else 0
