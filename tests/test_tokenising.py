"""`python -m pocketlm.benchmarks.tokenising`: a stage's process is measured from outside."""

from pathlib import Path

import pytest
from helpers import SENTENCES, write_corpus

from pocketlm.benchmarks import tokenising
from pocketlm.benchmarks.tokenising import main, measure_stage
from pocketlm.benchmarks.training_start import main as run_stage
from pocketlm.model.errors import UserError
from pocketlm.model.tokenizer import Tokenizer


def test_a_stage_is_timed_and_its_memory_sampled(
    tmp_path: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenising, "SAMPLE_SECONDS", 0.01)  # the stage may be quick
    folder = write_corpus(tmp_path / "c", SENTENCES)
    tokenizer.save(folder / "tokenizer.model")
    seconds, samples = measure_stage("shards", folder)
    assert seconds > 0
    assert max(sample.own for sample in samples) > 1 << 20
    assert list((folder / "cache" / "tokens").iterdir())


def test_a_stage_that_fails_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="the stage shards failed"):
        measure_stage("shards", tmp_path)
    assert capfd.readouterr().err.startswith("error: no corpus")


@pytest.mark.parametrize("arguments", [[], ["nowhere"], ["first-look", "many"]])
def test_what_cannot_be_measured_is_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_unknown_stage_is_one_line(
    tmp_path: Path, tokenizer: Tokenizer, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer.save(tmp_path / "t.model")
    assert run_stage(["sleep", "first-look", str(tmp_path / "t.model")]) == 2
    assert "no stage 'sleep'" in capsys.readouterr().err
