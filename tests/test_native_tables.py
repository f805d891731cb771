"""The native runners of n-gram models against Python: the same nats, and no crash on bad input."""

import json
import math
import random
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pocketlm.benchmarks.backoff_table import (
    BACKOFFS,
    PROBABILITIES,
    write_keys,
    write_logarithms,
)
from pocketlm.benchmarks.ngram import open_ngram
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.benchmarks.samples import open_measurable, run_sample, write_tokens
from pocketlm.benchmarks.toolchain import native_program
from pocketlm.model.errors import UserError
from pocketlm.model.tokenizer import Tokenizer

END = 1
RANDOM = random.Random(1)
WORDS = ["".join(RANDOM.choices("abcdefghijklmnop", k=2 + i % 4)) for i in range(200)]
TEXT = [" ".join(RANDOM.choices(WORDS, range(200, 0, -1), k=1 + i % 6)) for i in range(400)]
HELD_OUT = [TEXT[5], "zero ünseen", TEXT[0] + " " + TEXT[3]]
TABLES = [("table", load) for load in ("mapped", "dictionary")]
KENLMS = [("kenlm", load) for load in ("lazy", "populate", "read")]
# Folders that table_runner maps and has no other layout of.
MAPPED: dict[str, dict[str, Any]] = {
    "mle": {"kind": "table", "smoothing": "mle"},
    "add-k": {"kind": "table", "smoothing": "add-k", "add_k": 0.2},
    "kneser-ney": {"kind": "kneser-ney"},
}


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
    for name, options in MAPPED.items():
        train_ngram([np.array(tokens)], tokenizer, order=4, out=root / name, corpus={}, **options)
    ids = [i for line in HELD_OUT for i in [*tokenizer.encode(line), END]]
    np.array(ids, dtype="<i4").tofile(root / "tokens")
    return root


def run(root: Path, kind: str, *options: str) -> subprocess.CompletedProcess[str]:
    program = "kenlm_runner" if kind == "kenlm" else "table_runner"
    command = [str(native_program(program)), str(root / kind)]
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


@pytest.mark.parametrize("work", ["score", "distribution"])
@pytest.mark.parametrize("name", MAPPED)
def test_every_line_has_the_nats_of_python(
    models: Path, tmp_path: Path, name: str, work: str
) -> None:
    model = open_ngram(models / name)
    (measurable,) = open_measurable(models / name)
    impossible = 0
    for line in HELD_OUT:
        write_tokens([line], model.tokenizer, tmp_path / "tokens")
        sample = run_sample(measurable, tmp_path / "tokens", work=work)
        (scores,) = model.score([[*model.tokenizer.encode(line), END]])
        assert sample["nats"] == pytest.approx(-float(scores.sum(dtype=np.float64)), rel=1e-6)
        assert sample["impossible_tokens"] == np.isinf(scores).sum()
        impossible += sample["impossible_tokens"]
    assert (impossible > 0) == (name == "mle")


@pytest.mark.parametrize("work", ["score", "distribution"])
def test_an_ngram_may_lack_its_shorter_ends(tmp_path: Path, work: str) -> None:
    """As in an ARPA file of a model that was pruned by entropy: "2 3 4" is there, "3 4" is not."""
    folder = tmp_path / "table"
    folder.mkdir()
    write_logarithms(folder, 1, PROBABILITIES, np.log10([0.1, 0.2, 0.3, 0.2, 0.2]))
    write_logarithms(folder, 1, BACKOFFS, np.array([-0.1, -0.2, -0.3, -0.4, -0.5]))
    write_keys(folder, 2, np.array([END * 5 + 2, 2 * 5 + 3]))
    write_logarithms(folder, 2, PROBABILITIES, np.array([-0.4, -0.2]))
    write_logarithms(folder, 2, BACKOFFS, np.array([-0.25, -0.35]))
    write_keys(folder, 3, np.array([1 * 5 + 4]))
    write_logarithms(folder, 3, PROBABILITIES, np.array([-0.05]))
    np.array([2, 3, 4, END, 2, 3, END], dtype="<i4").tofile(tmp_path / "tokens")
    first, second = -0.4, -0.25 - 0.2  # "<s> 2" is there; "<s> 2 3" is not, "2 3" is
    # after "2 3": 4, or </s> by b("2 3"), b("3") and p(</s>); after "3 4", never seen, by b("4")
    logarithms = [first, second, -0.05, -0.5 + math.log10(0.2)]
    logarithms += [first, second, -0.35 - 0.4 + math.log10(0.2)]
    sample = replay(tmp_path, "table", "--work", work)
    assert sample["nats"] == pytest.approx(-sum(logarithms) * math.log(10), rel=1e-6)


@pytest.mark.parametrize("name", MAPPED)
def test_what_is_only_mapped_has_no_other_load_mode(models: Path, name: str) -> None:
    (model,) = open_measurable(models / name)
    with pytest.raises(UserError, match="no load mode 'dictionary': mapped"):
        run_sample(model, models / "tokens", load="dictionary")


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
        groups = memory["groups"]
        for field in (*parts, "pss", "file_backed"):
            assert memory[field] == sum(group[field] for group in groups.values())
        assert ("model_file" in groups) == (snapshot != "before_load")
        assert groups["runner"]["file_backed"] > 0
        assert groups["harness"]["private_dirty"] > 65536  # what smaps is read into
        assert {"heap", "stack", "anonymous", "libc.so.6"} <= groups.keys()


@pytest.mark.parametrize("kind", ["table", "kenlm"])
@pytest.mark.parametrize("steps", [(), ("--steps", "150")])
def test_pressure_takes_the_models_pages_away(
    models: Path, kind: str, steps: tuple[str, ...]
) -> None:
    sample = replay(models, kind, "--pressure", *steps)
    pressure = sample["pressure"]
    held = sample["after_replay"]["model_file"]["file_backed"]
    assert pressure["evictable_bytes"] == held > 0
    dropped, cold, code = (pressure[name] for name in ("dropped", "cold", "code"))
    for drop in (dropped, cold):
        assert drop["file_backed_before"] > drop["file_backed_after"] == 0
        assert drop["file_backed_end"] > 0
        assert sum(drop["first_faults"].values()) > 0
        assert sum(drop["faults"].values()) >= sum(drop["first_faults"].values())
        assert drop["first_us"] == drop["first_steps_us"][0] > 0
    assert dropped["page_cache_resident"] == sample["page_cache_resident"] == 1
    assert dropped["faults"]["major"] == 0
    assert code["file_backed_after"] < code["file_backed_before"]
    assert sample["nats"] == replay(models, kind, *steps)["nats"]


@pytest.mark.parametrize(("kind", "load"), [("table", "dictionary"), ("kenlm", "read")])
def test_private_memory_has_nothing_to_take_away(models: Path, kind: str, load: str) -> None:
    pressure = replay(models, kind, "--load", load, "--pressure")["pressure"]
    assert (pressure["evictable_bytes"], pressure["dropped"], pressure["cold"]) == (0, None, None)
    assert pressure["code"]["first_us"] > 0


def test_states_have_the_bytes_of_their_types(models: Path) -> None:
    ranks, tokens_and_length = 5 * 8, 6 * 2 + 8
    kenlm = 5 * 4 + 5 * 4 + 4  # words, backoffs, the length with its padding
    assert replay(models, "table")["state_bytes"] == ranks
    assert replay(models, "table", "--load", "dictionary")["state_bytes"] == tokens_and_length
    assert replay(models, "kenlm")["state_bytes"] == kenlm


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
        ("--add-k", "-1"),
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
    [
        ("table", "order-3.keys"),
        ("table", "order-1.counts"),
        ("kneser-ney", "order-2.probabilities"),
        ("kneser-ney", "order-3.backoffs"),
        ("kenlm", "model.binary"),
    ],
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
