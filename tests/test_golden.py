"""The shipped models still suggest what their golden cases say; so will every other runtime."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT

from pocketlm.export.bundle import read_manifest
from pocketlm.golden import TEXTS, main
from pocketlm.model.blocklist import offensive_words
from pocketlm.models import resolve_model, shipped_models
from pocketlm.text_entries import open_suggester


def read_golden(name: str) -> dict[str, Any]:
    golden = json.loads((ROOT / "tests" / "golden" / f"{name}.json").read_text("utf-8"))
    assert isinstance(golden, dict)
    return golden


@pytest.mark.parametrize("name", shipped_models())
def test_golden_cases_hold(name: str) -> None:
    golden = read_golden(name)
    suggester = open_suggester(Path(name), offensive_words())
    assert len(golden["cases"]) > len(TEXTS) / 2
    for case in golden["cases"]:
        found = suggester.suggest(case["text"], golden["slots"])
        expected = case["suggestions"]
        assert [each.word for each in found] == [each["word"] for each in expected], case["text"]
        probabilities = [each["probability"] for each in expected]
        assert [each.probability for each in found] == pytest.approx(probabilities, rel=1e-2)
        assert list(suggester.context_tokens(case["text"])) == case["context_tokens"]


@pytest.mark.parametrize("name", shipped_models())
def test_golden_cases_are_of_the_models_that_are_shipped(name: str) -> None:
    files = read_manifest(resolve_model(Path(name)))["files"]
    assert read_golden(name)["files"] == {file: entry["sha256"] for file, entry in files.items()}


def test_golden_cases_are_written_from_a_bundle(bundle: Path, tmp_path: Path) -> None:
    assert main([str(bundle), str(tmp_path / "golden.json")]) == 0
    assert json.loads((tmp_path / "golden.json").read_text("utf-8"))["cases"]
    assert main([str(tmp_path / "nothing"), str(tmp_path / "other.json")]) == 2
    assert not (tmp_path / "other.json").exists()
