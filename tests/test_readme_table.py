"""scripts/readme-table: the README's figures are those of the committed run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT
from study_results import made_up_results

SCRIPT = ROOT / "scripts" / "readme-table"
RESULTS = ROOT / "docs" / "bench" / "results.json"
README = "# A\n\nbefore\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n"


def run_script(*arguments: object) -> tuple[int, str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.fixture
def files(tmp_path: Path) -> list[object]:
    (tmp_path / "results.json").write_text(json.dumps(made_up_results()))
    (tmp_path / "README.md").write_text(README)
    return ["--results", tmp_path / "results.json", "--readme", tmp_path / "README.md"]


def test_readme_is_of_the_committed_run() -> None:
    assert run_script("--check") == (0, "")


def test_table_is_written_between_the_marks(files: list[object], tmp_path: Path) -> None:
    assert run_script(*files, "--check")[0] == 1
    assert (tmp_path / "README.md").read_text() == README
    assert run_script(*files) == (0, "")
    assert run_script(*files, "--check") == (0, "")
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("# A\n\nbefore\n<!-- bench:begin -->\n")
    assert text.endswith("\n<!-- bench:end -->\nafter\n")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert [row.split("|")[1].partition(":")[0].strip(" *") for row in rows] == [
        *("en-base", "en-base-xnnpack", "en-small", "kenlm-5-0-5-10-20-20", "kenlm-6"),
        *("table-3 (dictionary)", "table-3 (mapped)", "table-5 (dictionary)", "table-5 (mapped)"),
    ]
    assert rows[0] == (
        "| **en-base: 2.06 MiB** | **181.9** | 24.2 (23.0..25.4) | 38.4 (37.0..39.8) | 56 KiB "
        "| 1.96 MiB | 3.20 MiB |"
    )
    assert "too large" in rows[-1]
    assert "    pocketlm bench all --out <report>\n" in text
    assert "No n-gram model reaches the word perplexity of en-base." in text


def test_one_changed_figure_is_noticed(files: list[object], tmp_path: Path) -> None:
    run_script(*files)
    readme = tmp_path / "README.md"
    readme.write_text(readme.read_text().replace("181.9", "181.8"))
    code, said = run_script(*files, "--check")
    assert code == 1
    assert said.count("\n") == 1


@pytest.mark.parametrize("what", ["no marks", "quick", "no results", "not JSON"])
def test_what_cannot_be_used_is_one_line(files: list[object], tmp_path: Path, what: str) -> None:
    results = tmp_path / "results.json"
    if what == "no marks":
        (tmp_path / "README.md").write_text("# A\n")
    elif what == "quick":
        results.write_text(json.dumps(made_up_results("quick")))
    elif what == "no results":
        results.unlink()
    else:
        results.write_text("{")
    code, said = run_script(*files)
    assert code == 2
    assert said.count("\n") == 1
