"""The tasks' own data, where the machine has them."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from helpers import ROOT

from pocketlm.cli import cli
from pocketlm.model.errors import UserError
from pocketlm.model.tasks.config import config_from_json
from pocketlm.model.tasks.pairs import read_pairs
from pocketlm.model.tasks.sentiment import natural
from pocketlm.model.tasks.tasks import NAMES, open_task


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ("sentiment/sentence-polarity", (8537, 1050, 1074)),
        ("parallel/tatoeba-en-de", (60_000, 1500, 1500)),
    ],
)
def test_the_splits_of_the_corpora(data: str, rows: tuple[int, int, int]) -> None:
    if not os.environ.get("POCKETLM_CORPORA"):
        pytest.skip("POCKETLM_CORPORA is not set")
    splits = read_pairs(data)
    assert tuple(len(splits[split]) for split in ("train", "valid", "test")) == rows
    assert not {row[0] for row in splits["train"]} & {row[0] for row in splits["test"]} or (
        data.startswith("sentiment")  # whose first column is the label
    )


def test_without_corpora_one_line_says_where_was_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETLM_CORPORA", "/nowhere")
    with pytest.raises(UserError, match="not below /nowhere") as caught:
        read_pairs("sentiment/sentence-polarity")
    assert "\n" not in str(caught.value)


def test_review_text_becomes_what_people_type() -> None:
    text = "it's ( almost ) good , isn't it ? 100 % . . ."
    assert natural(text.upper()) == "it's (almost) good, isn't it? 100%..."


def test_the_table_and_the_images_are_split_with_the_seed() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    task = open_task("regression")
    splits = task.read(task.quick)
    assert [len(splits[split]) for split in ("train", "valid", "test")] == [309, 67, 66]
    assert splits == task.read(task.quick)
    keys = [tuple(row[0]) for rows in splits.values() for row in rows]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_record_is_of_the_long_recipe(name: str) -> None:
    path = ROOT / "docs" / "results" / "tasks" / f"{name}.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    config, long = config_from_json(record["config"], str(path)), open_task(name).long
    # What the data decide, or the machine.
    kept = ("vocabulary_size", "features", "classes", "embedding", "hidden", "layers")
    network = {size: getattr(config.network, size) for size in kept}
    assert replace(long, network=replace(long.network, **network)) == config


def test_a_training_that_cannot_begin_leaves_its_folder_free(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    train = ["task", "regression", "train", "--out", str(tmp_path / "run"), "--max-steps", "2"]
    if not torch.cuda.is_available():
        result = CliRunner().invoke(cli, [*train, "--device", "cuda"])
        assert isinstance(result.exception, UserError)
    assert CliRunner().invoke(cli, train).exit_code == 0


def test_what_does_not_belong_to_a_run_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    run, table = tmp_path / "run", tmp_path / "table.csv"
    train = ["task", "regression", "train", "--out", str(run), "--max-steps", "2"]
    assert CliRunner().invoke(cli, train).exit_code == 0
    table.write_text("a,b,y\n" + "\n".join(f"{i},{i * i},{3 * i}" for i in range(20)))
    evaluate = ["task", "regression", "evaluate", str(run)]
    result = CliRunner().invoke(cli, [*evaluate, "--data", str(table)])
    assert isinstance(result.exception, UserError)
    assert "2 features" in str(result.exception)
    (run / "encoding.json").write_text("{}")
    result = CliRunner().invoke(cli, evaluate)
    assert isinstance(result.exception, UserError)
    assert "encoding" in str(result.exception)
