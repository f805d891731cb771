"""The same steps by one process and by two: fresh processes in turns, each with its threads."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pocketlm.benchmarks.study.figures import figure
from pocketlm.model.errors import UserError
from pocketlm.model.files import write_json
from pocketlm.model.run_folder import TrainConfig, config_to_json

LAYOUTS = ((1, 1), (1, 2), (2, 1))  # ranks, threads of each
ROUNDS = 3


def scaling(
    config: TrainConfig,
    steps: int,
    layouts: Sequence[tuple[int, int]] = LAYOUTS,
    rounds: int = ROUNDS,
    progress: Callable[[float], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Tokens a second of each layout: `median`, `least` and `most` over all steps of all rounds."""
    speeds: dict[tuple[int, int], list[float]] = {layout: [] for layout in layouts}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        write_json(path, config_to_json(config))
        for number in range(rounds):
            for i, layout in enumerate(layouts):
                taken = _seconds(path, steps, *layout)
                speeds[layout] += [config.rows * config.window / seconds for seconds in taken]
                progress((number * len(layouts) + i + 1) / (rounds * len(layouts)))
    return [
        {"ranks": ranks, "threads": threads, "tokens_per_second": figure(speeds[ranks, threads])}
        for ranks, threads in layouts
    ]


def torchrun(ranks: int, module: str, *arguments: str) -> list[str]:
    """The command that starts a module in so many processes of this machine."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*launcher, "--nproc-per-node", str(ranks), "-m", module, *arguments]


def _seconds(config: Path, steps: int, ranks: int, threads: int) -> list[float]:
    module = "pocketlm.benchmarks.training.steps"
    done = subprocess.run(
        torchrun(ranks, module, str(config), str(steps)),
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
        reason = errors[0] if errors else done.stderr[-200:]
        raise UserError(f"{ranks} processes of a training failed: {reason}")
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])["seconds"]
    return seconds
