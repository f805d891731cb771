"""Kill -9 at random moments, many times: what is left is whole, and the next run does its work.

A round copies the template (crash_scenarios.py), kills the command up to three times, after a
random time or before a random operation on files, alone or with all its processes, and looks at
what is there after each. Then the command runs to its end: the folder has to be that of a run that
was never killed, without leftovers.

    python tests/kill_rounds.py --rounds 200 --seed 1 [--only SCENARIO] [--first ROUND]

A round depends on the seed, the scenario and its number, but for the times, which are shares of the
time that the command takes.
"""

import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from crash_scenarios import Scenario, check_same, check_whole, fingerprint
from forks import Zygote, kill_group
from rounds_command import run_rounds

MOST_KILLS = 3


class Rounds:
    """Rounds of one scenario; `counts` says how often and how it was killed."""

    def __init__(self, scenario: Scenario, template: Path, work: Path, zygote: Zygote) -> None:
        self._scenario, self._template, self._zygote = scenario, template, zygote
        self._folder, self._log = work / scenario.name, work / f"{scenario.name}.log"
        self.counts: Counter[str] = Counter()
        self._fresh()
        began = time.monotonic()
        self._run()
        self._seconds = time.monotonic() - began
        self._operations = int(Path(f"{self._log}.operations").read_text(encoding="utf-8"))
        self._expected = fingerprint(self._folder)

    def round(self, number: int, seed: int) -> None:
        """One round; AssertionError says what was not as it has to be."""
        draw = random.Random(f"{seed} {self._scenario.name} {number}")
        self._fresh()
        for _ in range(draw.randint(1, MOST_KILLS)):
            if not self._kill(draw):
                break
        self._run()
        check_whole(self._folder)
        check_same(self._folder, self._expected)
        self.counts["rounds"] += 1

    def rounds(self, first: int, count: int) -> Iterator[tuple[int, Callable[[int], None]]]:
        """See rounds_command."""
        return ((number, partial(self.round, number)) for number in range(first, first + count))

    def report(self) -> str:
        """See rounds_command."""
        return str(dict(self.counts))

    def _fresh(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._template, self._folder, symlinks=True)

    def _run(self) -> None:
        """The command to its end."""
        code = self._zygote.run(self._scenario.job(self._folder, self._log))
        assert code == 0, self._log.read_text(encoding="utf-8")

    def _kill(self, draw: random.Random) -> bool:
        """Kill the next run and check what it left; False if it had come to its end."""
        by_time, whole_group = draw.random() < 0.5, draw.random() < 0.5
        share, operation = 1.05 * draw.random(), draw.randint(1, self._operations)
        kill_at = None if by_time else operation
        job = self._scenario.job(self._folder, self._log, kill_at=kill_at)
        pid = self._zygote.start(job)
        if by_time:
            time.sleep(share * self._seconds)
            if whole_group:
                kill_group(pid)
            else:
                os.kill(pid, signal.SIGKILL)
        code = self._zygote.wait(pid)
        assert code in (0, -signal.SIGKILL), self._log.read_text(encoding="utf-8")
        check_whole(self._folder)
        if code:
            self.counts["after a time" if by_time else "before an operation"] += 1
        return bool(code)


if __name__ == "__main__":
    sys.exit(run_rounds(__doc__, sys.argv[1:], Rounds))
