"""A task's bundle: what the written program answers, its gates, and damage."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import Invoke, Silent, only_json
from helpers_tasks import tiny, write_task_data

from pocketlm.model.tasks.answers import network_answers
from pocketlm.model.tasks.runs import open_task_run, train_task
from pocketlm.model.tasks.tasks import open_task


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_task_data(tmp_path_factory.mktemp("task-data"))


@pytest.fixture(scope="module")
def runs(data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("task-runs")
    for name in ("sentiment", "case"):
        train_task(open_task(name), tiny(name, data), folder / name, Silent())
    config = tiny("sentiment", data)
    config = replace(config, network=replace(config.network, bidirectional=False))
    train_task(open_task("sentiment"), config, folder / "forward-only", Silent())
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "recipe"),
    [("sentiment", "zero-copy"), ("sentiment", "float"), ("case", "zero-copy"), ("case", "float"),
     ("forward-only", "float")],
)  # fmt: skip
def test_a_bundle_answers_as_the_network_does(
    name: str, recipe: str, runs: dict[str, Path], tmp_path: Path, invoke: Invoke
) -> None:
    task_name = "case" if name == "case" else "sentiment"
    task, bundle = open_task(task_name), tmp_path / "bundle"
    manifest = only_json(
        invoke(
            "task", task_name, "export", runs[name], "--out", bundle, "--recipe", recipe, "--json"
        )
    )
    assert manifest["quality"]["argmax_agreement"] >= 0.98
    assert {p.name for p in bundle.iterdir()} - {"manifest.json"} == set(manifest["files"])
    from pocketlm.export.task_bundle import open_task_bundle

    program, encoding, config = open_task_bundle(task, bundle)
    rows = task.read(config)["test"][:5]
    inputs = [example.inputs for example in task.examples(encoding, rows)]
    eager = network_answers(open_task_run(task, runs[name])[0])(inputs)
    tolerance = 1e-4 if recipe == "float" else 0.3
    for a, b in zip(eager, program(inputs), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)
    result = only_json(invoke("task", task_name, "evaluate", bundle, "--json"))
    assert result["rows"] > 5


def test_the_embedding_lies_in_the_file_once(runs: dict[str, Path], tmp_path: Path) -> None:
    from pocketlm.export.quantise import quantise_rows
    from pocketlm.export.task_exporter import export_task

    task = open_task("sentiment")
    export_task(task, runs["sentiment"], "zero-copy", tmp_path / "bundle", verify_rows=3)
    network, _, _ = open_task_run(task, runs["sentiment"])
    table = quantise_rows(network.embedding.weight).values.numpy().tobytes()
    assert (tmp_path / "bundle" / "model.pte").read_bytes().count(table) == 1


def test_damage_and_mix_ups_are_one_line(
    runs: dict[str, Path], tmp_path: Path, invoke: Invoke
) -> None:
    bundle = tmp_path / "bundle"
    assert invoke("task", "case", "export", runs["case"], "--out", bundle)[0] == 0
    code, _, error = invoke("task", "sentiment", "predict", "x", "--model", bundle)
    assert (code, "a bundle of the task case" in error) == (2, True)
    code, _, error = invoke("suggest", "x", "--model", bundle)
    assert (code, "is a bundle of a task" in error) == (2, True)
    for name in ("model.pte", "encoding.json"):
        copy = tmp_path / "copy"
        shutil.copytree(bundle, copy, dirs_exist_ok=True)
        damaged = bytearray((copy / name).read_bytes())
        damaged[-3] ^= 1
        (copy / name).write_bytes(damaged)
        code, _, error = invoke("task", "case", "predict", "x", "--model", copy)
        assert (code, "does not match the SHA-256" in error) == (2, True)
        shutil.rmtree(copy)
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "name": "x"}), encoding="utf-8")
    code, _, error = invoke("task", "case", "predict", "x", "--model", bundle)
    assert (code, "does not match its own hash" in error) == (2, True)


def test_a_decoder_is_not_exported(
    data: dict[str, Path],
    tmp_path: Path,
) -> None:
    pytest.importorskip("sacrebleu", reason="sacrebleu is not installed")
    from pocketlm.export.task_exporter import export_task
    from pocketlm.model.errors import UserError

    task = open_task("translation")
    train_task(task, tiny("translation", data, max_steps=2), tmp_path / "run", Silent())
    with pytest.raises(UserError, match="has no decoder"):
        export_task(task, tmp_path / "run", "float", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
