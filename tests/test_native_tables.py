"""The native runners of n-gram models against Python: the same nats, and no crash on bad input."""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pocketlm.benchmarks.ngram import open_ngram
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.benchmarks.toolchain import native_program
from pocketlm.model.tokenizer import Tokenizer

END = 1
RANDOM = random.Random(1)
WORDS = ["".join(RANDOM.choices("abcdefghijklmnop", k=2 + i % 4)) for i in range(200)]
TEXT = [" ".join(RANDOM.choices(WORDS, range(200, 0, -1), k=1 + i % 6)) for i in range(400)]
HELD_OUT = [TEXT[5], "zero ünseen", TEXT[0] + " " + TEXT[3]]
TABLES = [("table", load) for load in ("mapped", "dictionary")]
KENLMS = [("kenlm", load) for load in ("lazy", "populate", "read")]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("native")
    tokenizer = Tokenizer.train(TEXT, 320)
    tokens = [i for line in TEXT for i in [*tokenizer.encode(line), END]]
    for kind, prune in (("table", (0, 0, 1)), ("kenlm", ())):
        train_ngram(
            [np.array(tokens)],
            tokenizer,
            kind=kind,
            order=4,
            prune=prune,
            out=root / kind,
            corpus={},
        )
    ids = [i for line in HELD_OUT for i in [*tokenizer.encode(line), END]]
    np.array(ids, dtype="<i4").tofile(root / "tokens")
    return root


def run(root: Path, kind: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(native_program(f"{kind}_runner")), str(root / kind)]
    if kind == "kenlm":
        command = [command[0], str(root / kind / "model.binary"), "--vocabulary", "320"]
    command += ["--tokens", str(root / "tokens"), "--end", str(END), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def replay(root: Path, kind: str, *options: str) -> dict[str, Any]:
    result = run(root, kind, *options)
    assert (result.returncode, result.stderr) == (0, "")
    sample: dict[str, Any] = json.loads(result.stdout)
    return sample


@pytest.mark.parametrize("work", ["score", "distribution"])
@pytest.mark.parametrize(("kind", "load"), TABLES + KENLMS)
def test_nats_are_those_of_python(models: Path, kind: str, load: str, work: str) -> None:
    model = open_ngram(models / kind)
    lines = [[*model.tokenizer.encode(line), END] for line in HELD_OUT]
    expected = -sum(float(scores.sum(dtype=np.float64)) for scores in model.score(lines))
    sample = replay(models, kind, "--load", load, "--work", work)
    assert sample["nats"] == pytest.approx(expected, rel=1e-6)
    assert sample["tokens"] == sum(map(len, lines))
    assert sample["steps"] == sample["tokens"] - len(lines)


@pytest.mark.parametrize("kind", ["table", "kenlm"])
def test_steps_beyond_the_text_start_it_again(models: Path, kind: str) -> None:
    once = replay(models, kind)
    twice = replay(models, kind, "--steps", str(2 * once["steps"]))
    assert twice["steps"] == 2 * once["steps"]
    assert twice["nats"] == pytest.approx(2 * once["nats"], rel=0.2)


@pytest.mark.parametrize("kind", ["table", "kenlm"])
def test_snapshots_tell_private_from_file_backed(models: Path, kind: str) -> None:
    private = replay(models, kind, "--load", "dictionary" if kind == "table" else "read")
    mapped = replay(models, kind)
    assert private["after_replay"]["model_file"]["rss"] == 0
    assert mapped["after_replay"]["model_file"]["rss"] > 0
    assert mapped["before_load"]["model_file"]["rss"] == 0
    for snapshot in ("before_load", "after_load", "after_first", "after_replay"):
        memory = mapped[snapshot]
        parts = ("private_dirty", "private_clean", "shared_clean", "shared_dirty")
        assert memory["rss"] == sum(memory[part] for part in parts)
        assert memory["file_backed"] <= memory["private_clean"] + memory["shared_clean"]


@pytest.mark.parametrize("kind", ["table", "kenlm"])
@pytest.mark.parametrize(
    "options",
    [
        ("--load", "magic"),
        ("--work", "rest"),
        ("--tokens", "/nowhere/tokens"),
        ("--steps", "many"),
        ("--colour", "red"),
        ("--steps",),
        ("--end", "7"),
    ],
)
def test_bad_options_are_one_line(models: Path, kind: str, options: tuple[str, ...]) -> None:
    result = run(models, kind, *options)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_tokens_outside_the_vocabulary_are_refused(models: Path, tmp_path: Path) -> None:
    np.array([5, 320, END], dtype="<i4").tofile(tmp_path / "tokens")
    for kind in ("table", "kenlm"):
        (tmp_path / kind).symlink_to(models / kind)
        result = run(tmp_path, kind)
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)
        assert "320" in result.stderr


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize(
    ("kind", "name"),
    [("table", "order-3.keys"), ("table", "order-1.counts"), ("kenlm", "model.binary")],
)
def test_cut_files_are_refused(
    models: Path, tmp_path: Path, kind: str, name: str, share: float
) -> None:
    (tmp_path / "tokens").symlink_to(models / "tokens")
    (tmp_path / kind).mkdir()
    for path in (models / kind).iterdir():
        content = path.read_bytes()
        cut = int(len(content) * share) if path.name == name else len(content)
        (tmp_path / kind / path.name).write_bytes(content[:cut])
    result = run(tmp_path, kind)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
