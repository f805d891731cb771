"""The target `program`: what our check takes, ExecuTorch's runtime has to run.

The input is a program's flatbuffer, the weights behind it are as they were. The runtimes are the
native runners of the benchmark, processes of their own: a crash of one is a finding, not the end.
"""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from fuzz.specimens import Specimens
from pocketlm.benchmarks.toolchain import native_program
from pocketlm.export.program_check import check_program
from pocketlm.model.errors import UserError


def seed(s: Specimens) -> bytes:
    """The flatbuffer of a bundle's program."""
    return _parts(s.bundle)[0]


def program(s: Specimens) -> Callable[[bytes, Path], object]:
    """Check a program; run what is taken."""
    weights = _parts(s.bundle)[1]

    def read(data: bytes, folder: Path) -> object:
        path = folder / "model.pte"
        path.write_bytes(data + weights)
        with path.open("rb") as file:
            check_program(file, path)
        return run(path)

    return read


def run(path: Path) -> str:
    """A few tokens through a program, by both native runners: what they printed.

    Raises:
        UserError: one of them refused it in one line.
    """
    tokens = path.with_name("tokens")
    tokens.write_bytes(struct.pack("<6i", 17, 2, 1, 300, 5, 1))
    options = ["--tokens", str(tokens), "--end", "1"]
    results = []
    for runner in ("executorch_runner", "lean_runner"):
        command = [str(native_program(runner)), str(path), *options]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        refused = result.returncode == 2 and result.stderr.count("\n") == 1
        assert refused or (result.returncode, result.stderr) == (0, ""), result
        results.append(result)
    if refusals := [result.stderr for result in results if result.returncode]:
        raise UserError(refusals[0])
    return "".join(result.stdout for result in results)


def _parts(bundle: Path) -> tuple[bytes, bytes]:
    """What the header calls the program, and what lies behind it."""
    data = (bundle / "model.pte").read_bytes()
    (size,) = struct.unpack_from("<Q", data, 16)
    return data[:size], data[size:]
