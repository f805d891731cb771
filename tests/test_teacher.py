"""A training beside a teacher: what it learns, and what a teacher has to be."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import InterruptAt, Silent, assert_same_tensors, tiny_config

from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import InterruptedRunError, UserError
from pocketlm.model.network import open_run
from pocketlm.model.run_folder import CHECKPOINT, WEIGHTS
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import resume, train
from pocketlm.model.train_command import training_settings


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
    taught = replace(config, teacher=str(run), teacher_share=1.0)
    train(taught, tmp_path / "taught", Silent(), tokenizer)
    alone, beside = (
        np.mean([divergence(run, tmp_path / name, line) for line in valid_lines[:20]])
        for name in ("alone", "taught")
    )
    assert beside < 0.8 * alone


def test_a_resumed_run_has_its_teacher_where_it_was(
    corpus: Corpus, tokenizer: Tokenizer, run: Path, tmp_path: Path
) -> None:
    config = tiny_config(corpus, max_steps=12, valid_every=5, teacher=str(run), fresh_lines=0.1)
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
    config = tiny_config(corpus, teacher=str(run))
    with pytest.raises(UserError, match="has other tokens"):
        train(config, tmp_path / "run", Silent(), other)


def test_a_training_takes_the_tokens_of_its_teacher() -> None:
    settings = training_settings("first-look", "tiny", None, {"teacher": "en-base"})
    assert settings["tokenizer"] == "en-base"
    assert settings["model"]["vocabulary_size"] == 8192
    given = {"teacher": "en-base", "vocabulary_size": 100}
    with pytest.raises(UserError, match="the teacher's\\) has its own size"):
        training_settings("first-look", "tiny", None, given)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"softmax_samples": 10}, "predicts all tokens"),
        ({"direction": "both"}, "no --from, .*--teacher"),
        ({"teacher_share": 1.5}, "outside 0..1"),
    ],
)
def test_what_a_teacher_cannot_go_with(
    corpus: Corpus, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        tiny_config(corpus, teacher="en-base", **settings)


def test_a_teacher_that_is_none_is_one_line(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    config = tiny_config(corpus, teacher=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="no such model folder"):
        train(config, tmp_path / "run", Silent(), tokenizer)
