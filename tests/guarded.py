"""The whole demo and more, in a process that may open no socket and unpickle nothing (guards/)."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

GUARDS = Path(__file__).parent / "guards"
NO_NETWORK = GUARDS / "no_network.py"


@dataclass(frozen=True)
class GuardedRun:
    """What came of it; `network`: whether sockets were forbidden, which not every kernel can."""

    exit_code: int
    output: str
    errors: str
    guard: list[str]
    network: bool


def guarded_environment(guard: Path) -> dict[str, str]:
    """For a Python process that is to load guards/sitecustomize.py and report to a file."""
    path = os.pathsep.join([str(GUARDS), *sys.path])
    return {**os.environ, "PYTHONPATH": path, "POCKETLM_GUARD": str(guard)}


def run_guarded(folder: Path, valid: Path) -> GuardedRun:
    """Run the commands in one process, in a new folder."""
    demo, run = str(folder / "demo"), str(folder / "demo" / "run")
    commands = [
        ["demo", "--corpus", "first-look", "--minutes", "0.02", "--lines", "10", "--out", demo],
        ["train", "--resume", "--max-steps", "100000", "--max-minutes", "0.03", "--out", run],
        ["inspect", f"{demo}/zero-copy"],
        ["evaluate", "--model", run, "--text", str(valid)],
        ["generate", "--model", f"{demo}/xnnpack", "see"],
    ]
    program = [sys.executable, str(GUARDS / "commands.py"), *map(json.dumps, commands)]
    network = forbids_network()
    result = subprocess.run(
        [*([sys.executable, str(NO_NETWORK)] if network else []), *program],
        env=guarded_environment(folder / "guard"),
        capture_output=True,
        text=True,
        check=False,
    )
    guard = (folder / "guard").read_text(encoding="utf-8").splitlines()
    return GuardedRun(result.returncode, result.stdout, result.stderr, guard, network)


def forbids_network() -> bool:
    """Whether this kernel takes the filter of guards/no_network.py."""
    command = [sys.executable, str(NO_NETWORK), sys.executable, "-c", ""]
    return subprocess.run(command, check=False).returncode == 0
