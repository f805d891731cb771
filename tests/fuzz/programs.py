"""The target `program`: what our check takes, ExecuTorch's runtime has to run.

The input is a program's flatbuffer, the weights behind it are as they were. The runtime is the
native runner of the benchmark, a process of its own: a crash of it is a finding, not the end.
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
    """A few tokens through a program, by the native runner.

    Raises:
        UserError: the runner refused it in one line.
    """
    tokens = path.with_name("tokens")
    tokens.write_bytes(struct.pack("<6i", 17, 2, 1, 300, 5, 1))
    options = ["--tokens", str(tokens), "--end", "1"]
    command = [str(native_program("executorch_runner")), str(path), *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    if result.returncode == 2 and result.stderr.count("\n") == 1:
        raise UserError(result.stderr)
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout


def _parts(bundle: Path) -> tuple[bytes, bytes]:
    """What the header calls the program, and what lies behind it."""
    data = (bundle / "model.pte").read_bytes()
    (size,) = struct.unpack_from("<Q", data, 16)
    return data[:size], data[size:]
