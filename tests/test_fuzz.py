"""Hostile files: each reader takes a file or refuses it in one line, whatever is in it."""

import json
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from fuzz.harness import Target, try_input
from fuzz.mutate import mutate
from fuzz.native_seeds import native_seeds
from fuzz.ngrams import BACKOFF, TABLE
from fuzz.parts import split
from fuzz.specimens import Specimens, make_specimens
from fuzz.targets import TARGET_NAMES, all_targets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pocketlm.benchmarks.toolchain import native_program
from pocketlm.export.bundle import checked_manifest, open_bundle, seal
from pocketlm.model.errors import UserError, one_line
from pocketlm.model.files import describe_file, read_json
from pocketlm.model.tokenizer import Tokenizer

# A longer round: POCKETLM_FUZZ_EXAMPLES=5000 pytest tests/test_fuzz.py
EXAMPLES = int(os.environ.get("POCKETLM_FUZZ_EXAMPLES", "200"))
FINDINGS = Path(__file__).parent / "fuzz" / "findings"


@pytest.fixture(scope="module")
def specimens(run: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Specimens:
    return make_specimens(tmp_path_factory.mktemp("specimens"), run, bundle)


@pytest.fixture(scope="module")
def targets(specimens: Specimens) -> dict[str, Target]:
    return all_targets(specimens)


@pytest.mark.parametrize("name", TARGET_NAMES)
def test_what_the_mutations_begin_with_is_taken(name: str, targets: dict[str, Target]) -> None:
    for seed in targets[name].seeds:
        assert try_input(targets[name], seed) is None


@pytest.mark.parametrize("name", TARGET_NAMES)
@given(seed=st.integers(0, (1 << 32) - 1))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_mutations_are_taken_or_refused(name: str, targets: dict[str, Target], seed: int) -> None:
    seeds = targets[name].seeds
    try_input(targets[name], mutate(seeds[seed % len(seeds)], seed))


def _findings(*targets: str) -> list[Path]:
    return sorted(path for target in targets for path in (FINDINGS / target).glob("*"))


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", _findings(*TARGET_NAMES), ids=_name)
def test_what_fuzzing_found_is_refused(path: Path, targets: dict[str, Target]) -> None:
    assert try_input(targets[path.parent.name], path.read_bytes()) is not None


def test_a_name_that_moves_the_cursor_is_spelt_out(targets: dict[str, Target]) -> None:
    manifest = json.loads(targets["manifest"].seeds[0])
    named = json.dumps({**manifest, "name": "a\x9b2J\x7f\u202e"}).encode()
    assert try_input(targets["manifest"], named) is None  # the target looks at what is printed


def test_a_quote_that_never_ends_is_refused(targets: dict[str, Target]) -> None:
    line = try_input(targets["csv"], b'a,b\n"' + b"1,\n" * 100_000)
    assert line is not None
    assert "field larger than field limit" in line


def _table_runner(kind: int, parts: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    """The native runner on an input of benchmarks/native/fuzz/table_target.cpp, whose first byte is
    `kind`."""
    names = BACKOFF if kind // 2 % 4 == 0 else TABLE
    for name, part in zip(names, split(parts, len(names)), strict=True):
        (folder / name).write_bytes(part)
    (folder / "tokens").write_bytes(struct.pack("<7i", 17, 2, 17, 300, 5, 2, 1))
    options = ["--tokens", folder / "tokens", "--end", "1", "--load"]
    options += ["dictionary" if kind // 2 % 4 == 3 else "mapped"]
    options += ["--work", "distribution" if kind % 2 else "score"]
    options += ["--add-k", "0.5"] if kind // 2 % 4 == 2 else []
    return _run(native_program("table_runner"), folder, *options)


def _run(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def _is_taken_or_refused(result: subprocess.CompletedProcess[str]) -> bool:
    if result.returncode == 0:
        return not result.stderr
    return result.returncode == 2 and result.stderr.count("\n") == 1


def test_the_native_table_runner_takes_or_refuses(specimens: Specimens, tmp_path: Path) -> None:
    for number, seed in enumerate(native_seeds(specimens)["table"]):
        for mutation in range(EXAMPLES // 8):
            folder = tmp_path / f"{number}-{mutation}"
            folder.mkdir()
            data = mutate(seed[1:], mutation) if mutation else seed[1:]
            result = _table_runner(seed[0], data, folder)
            assert _is_taken_or_refused(result), (folder, result)
            assert mutation or result.returncode == 0


@pytest.mark.parametrize("path", _findings("native-table"), ids=_name)
def test_what_fuzzing_found_in_the_native_table_runner(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    assert _table_runner(data[0], data[1:], tmp_path).returncode == 2


def test_a_native_runner_takes_or_refuses_tokens(specimens: Specimens, tmp_path: Path) -> None:
    tokens = struct.pack("<6i", 17, 2, 1, 300, 5, 1)
    for seed in range(EXAMPLES // 2):
        (tmp_path / "tokens").write_bytes(mutate(tokens, seed))
        options = ("--tokens", tmp_path / "tokens", "--end", "1")
        result = _run(native_program("table_runner"), specimens.table, *options)
        assert _is_taken_or_refused(result), (seed, result)


def test_an_arena_that_no_model_needs_is_refused(specimens: Specimens, tmp_path: Path) -> None:
    """The program's own number says how much memory the runner takes before it runs."""
    program = (specimens.bundle / "model.pte").read_bytes()
    sizes = re.compile(rb"\x02\x00{11}..\x00{6}", re.DOTALL)  # of 2 arenas; the first is never used
    huge = struct.pack("<Iqq", 2, 0, 1 << 42)
    (tmp_path / "model.pte").write_bytes(sizes.sub(lambda _: huge, program, count=1))
    (tmp_path / "tokens").write_bytes(struct.pack("<2i", 17, 1))
    options = ("--tokens", tmp_path / "tokens", "--end", "1")
    result = _run(native_program("executorch_runner"), tmp_path / "model.pte", *options)
    assert result.returncode == 2
    assert "arena" in result.stderr


def test_a_checksum_is_verified_before_the_runtime_maps_the_program(
    specimens: Specimens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pocketlm.export import runtime

    opened: list[Path] = []
    monkeypatch.setattr(runtime, "ProgramPredictor", lambda path, *rest: opened.append(path))
    folder = tmp_path / "bundle"
    shutil.copytree(specimens.bundle, folder)
    open_bundle(folder)
    assert opened == [folder / "model.pte"]
    for name in ("model.pte", "tokenizer.model", "lexicon.bin"):
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(UserError, match="does not match the SHA-256"):
            open_bundle(folder)
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
    assert len(opened) == 1


def test_links_are_followed_to_a_file_of_the_right_content_and_nothing_else(
    specimens: Specimens, tmp_path: Path
) -> None:
    """Caches of models link to files that lie elsewhere; what a file is, its hash says."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for file in specimens.bundle.iterdir():
        (folder / file.name).symlink_to(file)
    assert checked_manifest(folder)
    for other in ("/dev/zero", "/etc/passwd", "/", "model.pte", "nowhere"):
        (folder / "model.pte").unlink()
        (folder / "model.pte").symlink_to(other)
        with pytest.raises((UserError, OSError)):
            checked_manifest(folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../outside", "other.bin"])
def test_a_manifest_names_no_file_but_the_format_s_own(
    name: str, specimens: Specimens, tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(specimens.bundle, folder)
    (tmp_path / "outside").write_bytes(b"x")
    manifest = read_json(folder / "manifest.json", "manifest")
    del manifest["manifest_sha256"]
    manifest["files"][name] = describe_file(tmp_path / "outside")
    (folder / "manifest.json").write_text(json.dumps(seal(manifest)), encoding="utf-8")
    with pytest.raises(UserError, match="lacks what a bundle's manifest holds"):
        checked_manifest(folder)


def test_an_oversized_or_endless_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(1 << 40)  # a hole: no disk is used
    (tmp_path / "tokenizer.model").symlink_to("/dev/zero")
    with pytest.raises(UserError, match="larger than 16 MiB"):
        read_json(tmp_path / "manifest.json", "manifest")
    with pytest.raises(UserError, match="no such tokenizer"):
        Tokenizer.load(tmp_path / "tokenizer.model")


def test_what_a_file_says_cannot_move_the_cursor() -> None:
    line = one_line("a\nb \x1b[2J \ud800 é" + 2000 * "x")
    assert line.startswith("a b \\x1b[2J \\ud800 é")
    assert line.isprintable()
    assert len(line) < 1100
