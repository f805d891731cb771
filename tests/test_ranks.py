"""Several processes train what one does: the same rows, the same steps, one writer."""

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import Silent, StopAt, tiny_config

from pocketlm.benchmarks.training.scaling import torchrun
from pocketlm.model.checkpoint import load_checkpoint
from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.files import write_json
from pocketlm.model.run_folder import (
    CHECKPOINT,
    CONFIG,
    LOG,
    RECORD,
    TrainConfig,
    config_to_json,
    run_config,
)
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import resume, train

STEPS = 12


def start(
    ranks: int,
    config: TrainConfig,
    folder: Path,
    *options: str,
    module: str = "pocketlm.model.train",
) -> subprocess.Popen[str]:
    path = folder.with_suffix(".json")
    path.write_text(json.dumps(config_to_json(config)))
    return subprocess.Popen(
        torchrun(ranks, module, str(path), str(folder), *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str], code: int | None = 0) -> tuple[str, str]:
    """Output and errors of a training that ends with this code; None: with any but 0."""
    try:
        output, errors = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == code if code is not None else process.returncode, errors[-3000:]
    return output, errors


def assert_same_training(first: Path, second: Path) -> None:
    """Equal but for the order of sums, whose differences grow from step to step."""
    kept = [load_checkpoint(folder / CHECKPOINT) for folder in (first, second)]
    assert kept[0].state["step"] == kept[1].state["step"]
    assert kept[0].state["position"] == kept[1].state["position"]
    for name in kept[0].tensors.keys() - {"random.cpu"}:  # a draw a group
        one, two = (each.tensors[name] for each in kept)
        assert (one - two).norm() <= 1e-3 * one.norm(), name


@pytest.fixture(scope="module")
def config(corpus: Corpus) -> TrainConfig:
    return tiny_config(corpus, max_steps=STEPS, valid_every=5, precision="fp32")


@pytest.fixture(scope="module")
def alone(
    config: TrainConfig, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("ranks") / "alone"
    train(config, folder, Silent(), tokenizer)
    return folder


@pytest.fixture(scope="module")
def together(
    config: TrainConfig, alone: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A run of two processes, each with two groups of rows, and what they printed."""
    folder = tmp_path_factory.mktemp("ranks") / "together"
    config = replace(config, tokenizer=str(alone / "tokenizer.model"), accumulate=2)
    return folder, finished(start(2, config, folder))[0]


def test_two_ranks_train_what_one_does(alone: Path, together: tuple[Path, str]) -> None:
    folder, _ = together
    assert_same_training(alone, folder)
    curves = [json.loads((run / RECORD).read_text())["curve"] for run in (alone, folder)]
    for one, two in zip(*curves, strict=True):
        assert one == pytest.approx(two, rel=1e-3)


def test_rank_0_alone_writes_and_speaks(alone: Path, together: tuple[Path, str]) -> None:
    folder, output = together
    assert json.loads(output)["ranks"] == 2  # one record, not two
    assert {path.name for path in folder.iterdir()} == {path.name for path in alone.iterdir()}
    rows = [(run / LOG).read_text().count("\n") for run in (alone, folder)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("groups", [2, 4])
def test_accumulated_gradients_are_those_of_the_whole_step(
    config: TrainConfig, alone: Path, tokenizer: Tokenizer, tmp_path: Path, groups: int
) -> None:
    train(replace(config, accumulate=groups), tmp_path / "run", Silent(), tokenizer)
    assert_same_training(alone, tmp_path / "run")


def test_each_rank_has_a_teacher_of_its_rows(
    config: TrainConfig, alone: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    taught = replace(config, teachers=[str(alone)], learning_rate=0.005)
    train(taught, tmp_path / "one", Silent(), tokenizer)
    taught = replace(taught, tokenizer=str(alone), accumulate=2)
    finished(start(2, taught, tmp_path / "two"))
    assert_same_training(tmp_path / "one", tmp_path / "two")


def test_two_ranks_train_one_network_after_another(
    config: TrainConfig, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a recipe does that begins from other runs."""
    (tmp_path / "several.py").write_text(
        "import sys\n"
        "from pocketlm.model.train import main\n"
        "config, *folders = sys.argv[1:]\n"
        "sys.exit(any([main([config, folder]) for folder in folders]))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    folders = [tmp_path / name for name in ("first", "second", "third")]
    config = replace(config, tokenizer=str(alone))
    finished(start(2, config, folders[0], *map(str, folders[1:]), module="several"))
    for folder in folders:
        assert_same_training(alone, folder)


def test_two_ranks_go_on_with_the_run_of_one(
    config: TrainConfig, alone: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(replace(config, checkpoint_minutes=0), folder, StopAt(5), tokenizer)
    finished(start(2, run_config(folder), folder, "--resume"))
    assert load_checkpoint(folder / CHECKPOINT).state["sessions"] == 2
    assert_same_training(alone, folder)


def test_a_signal_to_one_of_two_ranks_stops_both_and_one_goes_on_as_both_do(
    config: TrainConfig, alone: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    config = replace(config, tokenizer=str(alone / "tokenizer.model"))
    config = replace(config, max_steps=100_000, patience=100_000, checkpoint_minutes=0)
    process = start(2, config, folder)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and steps_of(folder) < 2:
        time.sleep(0.1)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGTERM)
    _, errors = finished(process, code=None)
    assert "interrupted at step" in errors
    stopped = steps_of(folder)
    both = shutil.copytree(folder, tmp_path / "both")
    record = resume(folder, Silent(), max_steps=stopped + 3)
    assert (record["steps"], record["ranks"]) == (stopped + 3, 1)

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "same", StopAt(stopped), tokenizer)
    resume(tmp_path / "same", Silent(), max_steps=stopped + 3)
    places = [load_checkpoint(run / CHECKPOINT).state for run in (folder, tmp_path / "same")]
    assert places[0]["position"] == places[1]["position"]

    write_json(both / CONFIG, config_to_json(run_config(folder)))
    finished(start(2, run_config(both), both, "--resume"))
    assert_same_training(folder, both)


def steps_of(folder: Path) -> int:
    """Steps of the run's checkpoint; none before there is one."""
    path = folder / CHECKPOINT
    return int(load_checkpoint(path).state["step"]) if path.exists() else 0


def test_rows_that_cannot_be_dealt_evenly_are_an_error(
    config: TrainConfig, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="cannot be dealt evenly"):
        train(replace(config, accumulate=3), tmp_path / "run", Silent(), tokenizer)


def test_the_users_mistake_is_a_line_of_each_process(config: TrainConfig, tmp_path: Path) -> None:
    process = start(2, replace(config, corpus="no-such-corpus"), tmp_path / "run")
    _, errors = finished(process, code=None)
    assert "error: no corpus 'no-such-corpus'" in errors
    assert "pocketlm/model" not in errors  # no traceback of ours
    assert not (tmp_path / "run").exists()
