"""Builds the native programs once, and keeps them in the cache.

    C++ sources + ExecuTorch wheel       -> cmake -> executorch_runner, lean_runner, table_runner
    C++ sources + KenLM's source archive -> cmake -> kenlm_runner, kenlm_shim, lmplz, build_binary
    C++ sources + Debian's libpresage    -> cmake -> presage_peer

The parts are built apart, so that a missing Boost does not cost the network its runner. A part's
folder in the cache is named by a hash of everything it is made of. `python -m
pocketlm.benchmarks.toolchain` builds all; it does without Presage where that is not installed.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pocketlm.model.errors import UserError
from pocketlm.model.files import cache_directory, combined_hash, sha256_file

SOURCES = Path(__file__).resolve().parent / "native"
KENLM_VERSION = "0.3.0"
KENLM_SHA256 = "c4628bb9fb63c8a6f9240035b8b037385cfc404cb72e933cf48878291edac1e8"
_SHARED = ("CMakeLists.txt",)
_HARNESS = ("harness.h", "memory.h", "pressure.h", "replay.h")
# Debian's names.
_PACKAGES = " ".join(
    ["g++", *(f"libboost-{x}-dev" for x in ("program-options", "system", "thread", "test"))]
)
PRESAGE_PACKAGES = "presage libpresage-dev"
# What a failed build's output names, if the library is not installed, and what to install.
_MISSING = {
    "Boost": f"Boost is missing; install {_PACKAGES}",
    "PRESAGE_": f"libpresage is missing; install {PRESAGE_PACKAGES}",
}


@dataclass(frozen=True)
class Part:
    """Programs that are built together, from `sources` (patterns) in `folder`.

    `programs` maps a name to where CMake leaves the file, below its build folder. What is
    `optional` may be missing from a finished set-up.
    """

    name: str
    programs: dict[str, str]
    sources: tuple[str, ...]
    ingredients: Callable[[], list[str]]
    cmake_options: Callable[[Path], list[str]]
    optional: bool = False
    folder: Path = SOURCES


def native_program(name: str) -> Path:
    """The path of a native program; its part is built if the cache lacks it.

    Raises:
        UserError: it cannot be built; the message names what is missing.
    """
    part = next(part for part in PARTS if name in part.programs)
    return build(part) / Path(part.programs[name]).name


def build(part: Part) -> Path:
    """The folder of a part's programs, built unless it is there already."""
    root = cache_directory() / "native"
    target = root / f"{part.name}-{combined_hash(_source_hashes(part) + part.ingredients())[:16]}"
    if target.is_dir():
        return target
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f"{target.name}.lock"):
        if not target.is_dir():
            print(f"building the native programs ({part.name}) in {root}", file=sys.stderr)  # noqa: T201
            with tempfile.TemporaryDirectory(prefix=f".{part.name}.", dir=root) as temporary:
                _build_into(part, Path(temporary), target)
    return target


def _build_into(part: Part, work: Path, target: Path) -> None:
    cmake, ninja = _tool("cmake"), _tool("ninja")
    if not (os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")):
        raise UserError(f"a C++ compiler is needed for the benchmarks: install {_PACKAGES}")
    folder = work / "build"
    options = [f"-DCMAKE_MAKE_PROGRAM={ninja}", "-DCMAKE_BUILD_TYPE=Release"]
    options += part.cmake_options(work)
    configure = [
        cmake,
        "-G",
        "Ninja",
        "-Wno-dev",
        "-S",
        str(part.folder),
        "-B",
        str(folder),
        *options,
    ]
    _run(configure, f"configuring the native programs ({part.name})")
    _run([cmake, "--build", str(folder)], f"building the native programs ({part.name})")
    programs = work / "programs"
    programs.mkdir()
    for path in part.programs.values():
        shutil.copy2(folder / path, programs)
    programs.rename(target)


def _run(command: Sequence[str], what: str) -> None:
    """Run a build command; its failure is one line, with the first error it printed."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return
    output = result.stdout + result.stderr
    for name, advice in _MISSING.items():
        if name in output:
            raise UserError(f"{what} failed: {advice}")
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    raise UserError(f"{what} failed: {(errors or lines[-1:] or ['no message'])[0]}")


def _tool(name: str) -> str:
    """A program that pip installed beside Python, or one on the path."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise UserError(f"{name} is needed for the benchmarks: pip install 'pocketlm[bench]'")
    return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time build; the others wait and then find it built."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _source_hashes(part: Part) -> list[str]:
    paths = {path for pattern in (*_SHARED, *part.sources) for path in part.folder.glob(pattern)}
    return [f"{path.name} {sha256_file(path)}" for path in sorted(paths)]


def _executorch_folder() -> Path:
    spec = importlib.util.find_spec("executorch")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("executorch is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


def executorch_ingredients() -> list[str]:
    """What makes two builds against the ExecuTorch wheel different ones."""
    # The programs hold the path of the wheel's libraries.
    return [version("executorch"), str(_executorch_folder())]


def executorch_options(_work: Path) -> list[str]:
    """Where CMake finds the ExecuTorch wheel."""
    return [f"-Dexecutorch_DIR={_executorch_folder() / 'share' / 'cmake'}"]


def _kenlm_options(work: Path) -> list[str]:
    """Fetch and unpack KenLM's source archive; pip checks its hash."""
    requirements = work / "requirements.txt"
    requirements.write_text(f"kenlm=={KENLM_VERSION} --hash=sha256:{KENLM_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-binary", "kenlm", "-d", str(work), "-r", str(requirements)]
    _run(command, f"downloading the source archive of kenlm {KENLM_VERSION}")
    with tarfile.open(work / f"kenlm-{KENLM_VERSION}.tar.gz") as archive:
        archive.extractall(work, filter="data")
    return [f"-DKENLM_SOURCE={work / f'kenlm-{KENLM_VERSION}'}"]


PARTS = (
    Part(
        "runners",
        {name: name for name in ("executorch_runner", "lean_runner", "table_runner")},
        (*_HARNESS, "executorch_*", "lean/*", "log_softmax.h", "table_*"),
        executorch_ingredients,
        executorch_options,
    ),
    Part(
        "kenlm",
        {
            "kenlm_runner": "kenlm_runner",
            "kenlm_shim": "libkenlm_shim.so",
            "lmplz": "kenlm/bin/lmplz",
            "build_binary": "kenlm/bin/build_binary",
        },
        (*_HARNESS, "kenlm_*"),
        lambda: [KENLM_VERSION, KENLM_SHA256],
        _kenlm_options,
    ),
    Part(
        "presage",
        {"presage_peer": "presage_peer"},
        ("presage_*",),
        lambda: [],  # the library is loaded when the program runs
        lambda _work: ["-DPRESAGE=ON"],
        optional=True,
    ),
)


def main() -> int:
    """Build every part; one line for each that cannot be, and exit code 2 if it is needed."""
    code = 0
    for part in PARTS:
        try:
            build(part)
        except UserError as error:
            label = "optional" if part.optional else "error"
            print(f"{label}: {error}", file=sys.stderr)  # noqa: T201
            code = code if part.optional else 2
    return code


if __name__ == "__main__":
    sys.exit(main())
