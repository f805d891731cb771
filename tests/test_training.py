"""Training: it learns, stops where it should, and resumes on the same trajectory."""

import csv
import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import InterruptAt, Silent, StopAt, assert_same_tensors, tiny_config
from safetensors.torch import load_file, save_file

from pocketlm.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.network import open_run
from pocketlm.model.optimizer import FINAL_LEARNING_RATE, RESTART_RATE, learning_rate
from pocketlm.model.run_folder import (
    CHECKPOINT,
    LOG,
    RECORD,
    WEIGHTS,
    config_from_json,
    config_to_json,
    load_run,
    locked_run,
)
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import resume, train


def test_training_learns_and_leaves_a_complete_run(run: Path) -> None:
    record = json.loads((run / RECORD).read_text())
    curve = [point["valid_word_perplexity_line"] for point in record["curve"]]
    assert curve[-1] < curve[0] / 2
    assert record["metrics"]["valid_word_perplexity_line"] == pytest.approx(min(curve), rel=1e-6)
    for key in ("config", "corpus", "tokenizer_sha256", "versions", "seed", "steps", "tokens"):
        assert record[key]
    with (run / LOG).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows if row["valid_word_perplexity_line"]] == ["20", "40", "60"]


def test_the_plain_cell_learns(corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = tiny_config(corpus)
    config = replace(config, model=replace(config.model, cell="rnn"))
    record = train(config, tmp_path / "run", Silent(), tokenizer)
    curve = [point["valid_word_perplexity_line"] for point in record["curve"]]
    assert curve[-1] < curve[0] / 2
    model, _, settings = load_run(tmp_path / "run")
    assert model.config.cell == settings.model.cell == "rnn"


def test_a_score_in_the_place_of_cross_entropy_learns_too(
    corpus: Corpus, tokenizer: Tokenizer, run: Path, tmp_path: Path
) -> None:
    config = tiny_config(corpus, score_exponent=1.5)
    record = train(config, tmp_path / "run", Silent(), tokenizer)
    curve = [point["valid_word_perplexity_line"] for point in record["curve"]]
    assert curve[-1] < curve[0] / 2  # in cross-entropy, which it does not minimise
    weights = (
        load_file(folder / WEIGHTS)["embedding.weight"] for folder in (run, tmp_path / "run")
    )
    assert not torch.equal(*weights)


def test_a_machine_without_a_compiler_compiles_nothing(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("no working C++ compiler")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    with pytest.raises(UserError, match="does not work here: no working"):
        train(tiny_config(corpus, compile=True), tmp_path / "run", Silent(), tokenizer)


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of torch.compile's own looking around
def test_a_compiled_cell_trains_the_same(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    config = tiny_config(corpus, max_steps=3, precision="fp32")
    for name in ("plain", "compiled"):
        train(replace(config, compile=name == "compiled"), tmp_path / name, Silent(), tokenizer)
    plain, compiled = (load_file(tmp_path / name / WEIGHTS) for name in ("plain", "compiled"))
    assert plain.keys() == compiled.keys()
    for key, tensor in plain.items():
        assert torch.allclose(tensor, compiled[key], atol=1e-5), key


@pytest.mark.parametrize(
    ("layers", "cell", "optimizer"),
    [(1, "gru", "adamw"), (2, "gru", "muon"), (1, "rnn", "adamw")],
)
def test_a_resumed_run_is_the_uninterrupted_one(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path, layers: int, cell: str, optimizer: str
) -> None:
    config = tiny_config(corpus, layers, max_steps=30, valid_every=10, optimizer=optimizer)
    config = replace(config, model=replace(config.model, dropout=0.2, cell=cell))
    train(config, tmp_path / "whole", Silent(), tokenizer)

    with pytest.raises(Exception, match="interrupted at step 13"):
        train(config, tmp_path / "parts", InterruptAt(13), tokenizer)
    resume(tmp_path / "parts", Silent())

    for name in (WEIGHTS, CHECKPOINT):
        assert_same_tensors(tmp_path / "whole" / name, tmp_path / "parts" / name)
    logs = [(tmp_path / name / LOG).read_text().splitlines() for name in ("whole", "parts")]
    assert len(logs[0]) == len(logs[1])


def test_a_killed_run_resumes_from_its_checkpoint(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    config = tiny_config(corpus, max_steps=100_000, checkpoint_minutes=0.005, patience=100_000)
    (tmp_path / "config.json").write_text(json.dumps(config_to_json(config)))
    code = "import sys; from pocketlm.model.train import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "config.json"), str(tmp_path / "run")],
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / CHECKPOINT).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.kill()
    process.wait()
    step = load_checkpoint(tmp_path / "run" / CHECKPOINT).state["step"]
    progress = Silent()
    record = resume(tmp_path / "run", progress, max_steps=step + 5)
    assert record["steps"] == step + 5
    assert record["sessions"] == 2
    assert f"resumed at step {step}" in progress.notes


def test_the_schedule_warms_up_and_finishes(corpus: Corpus) -> None:
    config = tiny_config(corpus, warmup_steps=10, learning_rate=0.01)
    assert learning_rate(config, 0, 0.0) < 0.002
    assert learning_rate(config, 10, 0.0) == pytest.approx(0.01)
    assert learning_rate(config, 50, 0.5) == pytest.approx(0.005)
    assert learning_rate(config, 3, 0.2) > 0.008  # a short run is warm after a tenth of it
    assert learning_rate(config, 99, 1.0) == pytest.approx(0.01 * FINAL_LEARNING_RATE)


def test_a_schedule_begins_once_more(corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = tiny_config(corpus, max_steps=40, valid_every=1, restart=0.5)
    train(config, tmp_path / "run", Silent(), tokenizer)
    with (tmp_path / "run" / LOG).open() as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert rates[19] < 0.1 * config.learning_rate
    assert rates[20] == pytest.approx(RESTART_RATE * config.learning_rate, rel=0.05)
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] < 0.1 * rates[20]


def test_minutes_bound_a_run_and_its_schedule(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    config = tiny_config(corpus, max_steps=None, max_minutes=0.02)
    train(config, tmp_path / "run", Silent(), tokenizer)
    assert load_checkpoint(tmp_path / "run" / CHECKPOINT).state["seconds"] > 1.2


def test_epochs_bound_a_run(corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = tiny_config(corpus, max_steps=None, epochs=0.5)
    record = train(config, tmp_path / "run", Silent(), tokenizer)
    assert record["epochs"] == pytest.approx(0.5, rel=0.05)


def test_it_stops_early_when_validation_no_longer_improves(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    config = tiny_config(
        corpus, max_steps=5000, valid_every=5, patience=2, learning_rate=0.3, warmup_steps=0
    )
    record = train(config, tmp_path / "run", Silent(), tokenizer)
    assert record["steps"] < 5000
    assert record["steps"] - record["metrics"]["best_step"] == 10


def test_a_run_folder_is_not_overwritten_and_not_shared(
    corpus: Corpus, tokenizer: Tokenizer, run: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="already holds a training"):
        train(tiny_config(corpus), run, Silent(), tokenizer)
    with locked_run(tmp_path / "busy"), pytest.raises(UserError, match="in use"):
        train(tiny_config(corpus), tmp_path / "busy", Silent(), tokenizer)
    with pytest.raises(UserError, match="to resume from"):
        resume(tmp_path / "empty", Silent())


def test_a_changed_corpus_is_not_resumed(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = tmp_path / "text"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"{split}.txt").write_bytes(corpus.path(split).read_bytes())
    moved = Corpus(str(folder), folder)
    train(tiny_config(moved, max_steps=5), tmp_path / "run", Silent(), tokenizer)
    (folder / "train.txt").write_text("something else\n" * 20)
    with pytest.raises(UserError, match="has changed"):
        resume(tmp_path / "run", Silent(), max_steps=10)


def test_a_loss_that_is_not_finite_ends_the_run(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    train(tiny_config(corpus, max_steps=5), tmp_path / "run", Silent(), tokenizer)
    path = tmp_path / "run" / CHECKPOINT
    kept = load_checkpoint(path)
    broken = {**kept.tensors, "carried": kept.tensors["carried"] * torch.nan}
    save_checkpoint(path, Checkpoint(broken, kept.state))
    with pytest.raises(UserError, match="not finite at step 5"):
        resume(tmp_path / "run", Silent(), max_steps=10)


@pytest.mark.parametrize("change", [{"rowz": 4}, {"model": {"hiden": 4}}, {"model": 3},
                                    {"model": {"cell": "lstm"}}, {"max_steps": -1},
                                    {"precision": "fp8"}, {"corpus": None},
                                    {"max_steps": None}])  # fmt: skip
def test_the_config_loader_is_strict(corpus: Corpus, change: dict[str, object]) -> None:
    value = {**config_to_json(tiny_config(corpus)), **change}
    with pytest.raises(UserError):
        config_from_json(value, "config.json")


WRONG_VALUES = [
    {"rows": 4.0}, {"rows": True}, {"rows": "4"}, {"seed": -1}, {"seed": 1 << 40},
    {"max_minutes": float("nan")}, {"weight_decay": -1.0}, {"warmup_steps": -1},
    {"rows": 1 << 30}, {"model": {"hidden": 1e9}}, {"model": {"hidden": 60_000}},
    {"model": {"layers": 1.5}}, {"corpus": 3}, {"checkpoint_minutes": None},
]  # fmt: skip


@pytest.mark.parametrize("change", WRONG_VALUES, ids=str)
def test_a_wrong_value_is_named(corpus: Corpus, change: dict[str, object]) -> None:
    with pytest.raises(UserError) as caught:
        config_from_json({**config_to_json(tiny_config(corpus)), **change}, "config.json")
    name, value = next(iter(change.items()))
    named = next(iter(value)) if isinstance(value, dict) else name
    assert named in str(caught.value)


def test_a_run_killed_before_its_first_checkpoint_can_be_resumed(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tiny_config(corpus, max_steps=7), tmp_path / "run", StopAt(1), tokenizer)
    assert load_checkpoint(tmp_path / "run" / CHECKPOINT).state["step"] == 0
    assert resume(tmp_path / "run", Silent())["steps"] == 7


def test_the_best_weights_are_known_to_the_checkpoint(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    config = tiny_config(corpus, checkpoint_minutes=60)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "run", StopAt(20), tokenizer)
    kept = load_checkpoint(tmp_path / "run" / CHECKPOINT).state
    assert kept["step"] == kept["best"][1] == 20
    assert load_checkpoint(tmp_path / "run" / WEIGHTS).state["step"] == 20


def test_text_without_spaces_can_be_trained_on(tmp_path: Path) -> None:
    folder = tmp_path / "han"
    folder.mkdir()
    generator = random.Random(1)
    for split in ("train", "valid", "test"):
        lines = ["".join(chr(generator.randrange(0x4E00, 0x4E40)) for _ in range(800))] * 3
        (folder / f"{split}.txt").write_text("\n".join(lines), encoding="utf-8")
    config = tiny_config(Corpus(str(folder), folder), max_steps=2)
    record = train(config, tmp_path / "run", Silent())
    assert record["metrics"]["best_step"] == 2
    written = json.loads((tmp_path / "run" / RECORD).read_text())
    assert written["metrics"]["valid_word_perplexity_line"] is None  # more than a float holds


def test_a_checkpoint_that_does_not_fit_is_an_error(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    train(tiny_config(corpus, max_steps=5), tmp_path / "run", Silent(), tokenizer)
    path = tmp_path / "run" / CHECKPOINT
    whole = load_checkpoint(path)
    without = {k: v for k, v in whole.state.items() if k != "position"}
    for tensors, state, message in [
        (whole.tensors, {**whole.state, "format_version": 0}, "another version"),
        (whole.tensors, without, "position"),
        ({k: v for k, v in whole.tensors.items() if k != "carried"}, whole.state, "carried"),
        ({**whole.tensors, "carried": whole.tensors["carried"][:, :1]}, whole.state, "other rows"),
        (
            {**whole.tensors, "model.projection.bias": torch.zeros(24, dtype=torch.int8)},
            whole.state,
            "projection.bias differs",
        ),
    ]:
        save_checkpoint(path, Checkpoint(tensors, state))
        with pytest.raises(UserError, match=message):
            resume(tmp_path / "run", Silent(), max_steps=10)


def test_a_run_of_a_task_is_no_language_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"task": "caption"}')
    with pytest.raises(UserError, match="is a run of a task"):
        load_run(tmp_path)


def test_a_config_survives_json(corpus: Corpus) -> None:
    config = tiny_config(corpus)
    assert config_from_json(json.loads(json.dumps(config_to_json(config))), "x") == config


def copy_run(run: Path, target: Path) -> Path:
    target.mkdir()
    for path in run.iterdir():
        if path.is_file():
            (target / path.name).write_bytes(path.read_bytes())
    return target


def test_damaged_runs_are_errors(run: Path, tmp_path: Path) -> None:
    def expect(name: str, content: bytes | None, message: str) -> None:
        folder = copy_run(run, tmp_path / f"{name}-{message[:4]}")
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
        with pytest.raises(UserError, match=message):
            open_run(folder)

    weights = (run / WEIGHTS).read_bytes()
    expect(WEIGHTS, weights[:1000], "damaged")
    expect(WEIGHTS, b"", "not safetensors")
    expect(WEIGHTS, None, "no such file")
    expect("config.json", b"{", "is not a run's config")
    expect("config.json", b"[]", "object was expected")
    expect("tokenizer.model", b"x", "not a SentencePiece model")


def test_weights_that_are_not_finite_or_do_not_fit_are_errors(run: Path, tmp_path: Path) -> None:
    tensors = load_file(run / WEIGHTS)
    metadata = {"state": json.dumps(load_checkpoint(run / WEIGHTS).state)}
    broken = {**tensors, "projection.bias": tensors["projection.bias"] * float("nan")}
    save_file(broken, copy_run(run, tmp_path / "nan") / WEIGHTS, metadata)
    with pytest.raises(UserError, match="not finite"):
        open_run(tmp_path / "nan")
    smaller = {**tensors, "projection.bias": tensors["projection.bias"][:3]}
    save_file(smaller, copy_run(run, tmp_path / "shape") / WEIGHTS, metadata)
    with pytest.raises(UserError, match=r"projection\.bias differs"):
        open_run(tmp_path / "shape")


def test_another_tokenizer_is_an_error(run: Path, corpus: Corpus, tmp_path: Path) -> None:
    folder = copy_run(run, tmp_path / "other")
    size = Tokenizer.load(run / "tokenizer.model").vocabulary_size
    lines = [*corpus.lines("train"), *["quite other words"] * 50]
    Tokenizer.train(lines, size).save(folder / "tokenizer.model")
    with pytest.raises(UserError, match="not the one"):
        open_run(folder)


def test_a_finished_run_resumes_to_itself(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    first = train(tiny_config(corpus, max_steps=5), tmp_path / "run", Silent(), tokenizer)
    again = resume(tmp_path / "run", Silent())
    assert (again["steps"], again["metrics"]) == (5, first["metrics"])
