"""A training beside a teacher: what it learns, and what a teacher has to be."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import InterruptAt, Invoke, Silent, assert_same_tensors, tiny_config

from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import InterruptedRunError, UserError
from pocketlm.model.network import open_run
from pocketlm.model.run_folder import CHECKPOINT, CONFIG, WEIGHTS, config_from_json, run_config
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import resume, train
from pocketlm.model.train_command import training_settings
from pocketlm.model.training_recipes import AFTER


def divergence(teacher: Path, student: Path, line: str) -> float:
    """Mean KL divergence, in nats, of what a student predicts along a line from its teacher's."""
    networks = [open_run(folder) for folder in (teacher, student)]
    states = [network.start() for network in networks]
    found = []
    for token in networks[0].tokenizer.encode(line):
        p, q = (n.log_probabilities(s)[0] for n, s in zip(networks, states, strict=True))
        found.append(float((np.exp(p) * (p - q)).sum()))
        states = [n.advance(s, np.array([token])) for n, s in zip(networks, states, strict=True)]
    return float(np.mean(found))


def test_a_student_comes_to_predict_what_its_teacher_does(
    corpus: Corpus, tokenizer: Tokenizer, run: Path, valid_lines: list[str], tmp_path: Path
) -> None:
    config = tiny_config(corpus, seed=2)
    train(config, tmp_path / "alone", Silent(), tokenizer)
    taught = replace(config, teachers=[str(run)], teacher_share=1.0)
    train(taught, tmp_path / "taught", Silent(), tokenizer)
    alone, beside = (
        np.mean([divergence(run, tmp_path / name, line) for line in valid_lines[:20]])
        for name in ("alone", "taught")
    )
    assert beside < 0.8 * alone


def test_a_resumed_run_has_its_teachers_where_they_were(
    corpus: Corpus, tokenizer: Tokenizer, run: Path, tmp_path: Path
) -> None:
    bounds = {"max_steps": 12, "valid_every": 5}
    config = tiny_config(corpus, **bounds, teachers=[str(run), str(run)], fresh_lines=0.1)
    train(config, tmp_path / "whole", Silent(), tokenizer)

    with pytest.raises(InterruptedRunError):
        train(config, tmp_path / "parts", InterruptAt(7), tokenizer)
    resume(tmp_path / "parts", Silent())
    for name in (WEIGHTS, CHECKPOINT):
        assert_same_tensors(tmp_path / "whole" / name, tmp_path / "parts" / name)


def test_a_teacher_has_the_tokens_of_what_it_teaches(
    corpus: Corpus, run: Path, tmp_path: Path
) -> None:
    other = Tokenizer.train(corpus.lines("train"), 320)
    config = tiny_config(corpus, teachers=[str(run)])
    with pytest.raises(UserError, match="has other tokens"):
        train(config, tmp_path / "run", Silent(), other)
    assert not (tmp_path / "run" / CONFIG).exists()


def test_a_training_takes_the_tokens_of_its_teacher() -> None:
    settings = training_settings("first-look", "tiny", None, {"teachers": ["en-base"]})
    assert settings["tokenizer"] == "en-base"
    assert settings["model"]["vocabulary_size"] == 8192
    with pytest.raises(UserError, match="nowhere: no such model folder"):
        training_settings("first-look", "tiny", None, {"teachers": ["nowhere"]})
    given = {"teachers": ["en-base"], "vocabulary_size": 100}
    with pytest.raises(UserError, match="the teacher's\\) has its own size"):
        training_settings("first-look", "tiny", None, given)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"softmax_samples": 10}, "predicts all tokens"),
        ({"score_exponent": 9.0}, "score_exponent is outside 1..8"),
        ({"direction": "both"}, "no --from, .*--teacher"),
        ({"teacher_share": 1.5}, "outside 0..1"),
    ],
)
def test_what_a_teacher_cannot_go_with(
    corpus: Corpus, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        tiny_config(corpus, teachers=["en-base"], **settings)


def test_a_teacher_that_is_none_is_one_line(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    config = tiny_config(corpus, teachers=[str(tmp_path / "nowhere")])
    with pytest.raises(UserError, match="no such model folder"):
        train(config, tmp_path / "run", Silent(), tokenizer)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def recipes(corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """A recipe of four trainings, as en-base's is."""
    tokenizer.save(tmp_path / "tokenizer.model")
    known = {"corpus": corpus.name, "valid_lines": 20, "max_steps": 3, "rows": 4, "window": 16}
    alone = {**known, "preset": "tiny", "tokenizer": str(tmp_path / "tokenizer.model")}
    return {
        "en-base": {AFTER: ["en-base-taught"], **known, "score_exponent": 1.5},
        "en-base-taught": {AFTER: ["en-base-wide", "en-base-512"], **known, "teacher_share": 0.9},
        "en-base-wide": {**alone, "hidden": 24},
        "en-base-512": {**alone, "hidden": 16},
    }


def test_a_recipe_trains_what_it_begins_from_or_goes_on_with_it(
    recipes: dict[str, dict[str, Any]],
    tmp_path: Path,
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pocketlm.model.train_command.TRAINING_RECIPES", recipes)
    names = ("en-base-taught", "en-base-wide", "en-base-512")
    taught, wide, narrow = (tmp_path / f"run-{name}" for name in names)
    begun = config_from_json(training_settings(None, None, "en-base-512", {"seed": 5}), "")
    with pytest.raises(InterruptedRunError):
        train(begun, narrow, InterruptAt(2))

    code, _, errors = invoke("train", "--recipe", "en-base", "--out", tmp_path / "run")
    assert code == 0, errors
    config = run_config(tmp_path / "run")
    assert (config.initial, config.teachers, config.model.hidden) == (str(taught), [], 24)
    config = run_config(taught)
    assert [config.initial, *config.teachers] == [str(wide), str(wide), str(narrow)]
    assert run_config(narrow).seed == 5  # it went on
    trained = (wide / WEIGHTS).stat().st_mtime_ns
    assert invoke("train", "--recipe", "en-base", "--out", tmp_path / "run")[0] == 2  # in use
    shutil.rmtree(tmp_path / "run")
    assert invoke("train", "--recipe", "en-base", "--out", tmp_path / "run")[0] == 0
    assert (wide / WEIGHTS).stat().st_mtime_ns == trained


def test_a_recipe_that_begins_from_others_has_its_own_sizes(tmp_path: Path, invoke: Invoke) -> None:
    code, _, errors = invoke("train", "--recipe", "en-base", "--hidden", 8, "--out", tmp_path / "r")
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert "has its own sizes" in errors


def test_the_settings_of_a_recipe_that_begins_from_others_need_them() -> None:
    with pytest.raises(UserError, match="begins from runs of en-base-taught"):
        training_settings(None, None, "en-base", {})
