"""`bench all` on a tiny corpus: every stage, kept cells, the report, the independent check."""

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import ROOT, SENTENCES, Invoke, tiny_config, write_corpus

from pocketlm.benchmarks.study import study as study_module
from pocketlm.benchmarks.study.cells import Cells
from pocketlm.benchmarks.study.plan import FULL, QUICK
from pocketlm.benchmarks.study.study import STAGES, run_study
from pocketlm.benchmarks.study_command import STAGES as OFFERED
from pocketlm.export.exporter import export_bundle
from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import train

PLAN = replace(
    QUICK,
    name="tiny",
    shares=(0.25, 0.5, 1.0),
    orders=(1, 2),
    samples=2,
    steps=20,
    prunings=("0 1 2 3 4",),
    whole_orders=(2,),
    table_orders=(2,),
    text_lines=20,
    recall_lines=3,
    reach_positions=8,
    influence_places=2,
    pair_steps=2,
    rounds=2,
)


@pytest.fixture(scope="module")
def long_lines(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Lines of some thirty words, as reach needs them."""
    lines = [" ".join(SENTENCES[i : i + 6]) for i in range(0, 240, 2)]
    folder = write_corpus(tmp_path_factory.mktemp("corpus"), lines)
    return Corpus(str(folder), folder)


@pytest.fixture(scope="module")
def network(long_lines: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that carries its weights."""
    folder, lines = tmp_path_factory.mktemp("network"), list(long_lines.lines("valid"))
    run = folder / "run"
    tokenizer = Tokenizer.train(long_lines.lines("train"), 384)

    class Quiet:
        def note(self, text: str) -> None: ...

        def update(self, status: object) -> None: ...

    train(tiny_config(long_lines), run, Quiet(), tokenizer)
    export_bundle(run, "zero-copy", folder / "net", lines, verify_tokens=200, with_weights=True)
    return folder / "net"


def run_tiny(corpus: Corpus, network: Path, out: Path, **changes: Any) -> dict[str, Any]:
    settings = {"stages": tuple(STAGES), "command": "a test", "notify": lambda _: None}
    return run_study(PLAN, corpus.name, [network], out, **{**settings, **changes})


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the command does: steps are too short for threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def report(long_lines: Corpus, network: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reports") / "report"
    run_tiny(long_lines, network, out)
    return out


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "check-report"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def results_of(report: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((report / "results.json").read_text(encoding="utf-8"))
    return found


def test_the_command_offers_every_stage() -> None:
    assert tuple(STAGES) == OFFERED


def test_a_report_has_every_section(report: Path) -> None:
    results = results_of(report)
    sections = ("growth", "quality", "reach", "influence", "speed", "process")
    assert all(results[section] for section in sections)
    assert results["schema_version"] == 2
    assert (report / "report.html").is_file()
    assert len(list((report / "charts").glob("*.png"))) >= 6


def test_every_structure_is_measured_at_every_order_and_share(report: Path) -> None:
    points = results_of(report)["growth"]["points"]
    found = {(point["structure"], point["order"], point["share"]) for point in points}
    of_two = ["sorted arrays", "dictionary", "backoff arrays"]
    of_two += ["probing", "trie", "unquantised trie"]
    wanted = {(s, 2, share) for s in of_two for share in PLAN.shares}
    wanted |= {(s, 1, share) for s in of_two[:3] for share in PLAN.shares}
    assert found == wanted
    in_files = [point for point in points if point["structure"] != "dictionary"]
    assert all(point["formula_error"] == 0 for point in in_files)
    for point in points:
        assert (
            0 < point["words"] <= 4 * next(p["words"] for p in points if p["share"] == 0.25) * 1.5
        )


def test_the_figures_follow_from_the_samples(report: Path) -> None:
    found = check(report)
    assert found.returncode == 0, found.stdout
    assert int(found.stdout.split()[0].replace(",", "")) > 300


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("growth", lambda s: s["points"][0].__setitem__("measured_bytes", 7)),
        ("growth", lambda s: s["laws"][0].__setitem__("exponent", 0.123)),
        ("quality", lambda s: s["models"][0].__setitem__("word_perplexity", 1.0)),
        ("quality", lambda s: s["models"][0]["top1"].__setitem__("value", 99.0)),
        ("reach", lambda s: s["models"][0]["nats_per_word"][0].__setitem__("value", 0.5)),
        ("influence", lambda s: s["models"][0]["kl"][0].__setitem__("median", 5.0)),
        ("speed", lambda s: s["models"][1]["score_ratio"].__setitem__("median", 0.0)),
        ("process", lambda s: s["models"][0]["pss"].__setitem__("least", 1)),
    ],
)
def test_a_figure_that_does_not_follow_is_found(
    report: Path, tmp_path: Path, section: str, change: Any
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(report, copy, ignore=shutil.ignore_patterns("models", "charts"))
    results = results_of(copy)
    change(results[section])
    (copy / "results.json").write_text(json.dumps(results), encoding="utf-8")
    found = check(copy)
    assert found.returncode == 1
    assert section.removesuffix("s") in found.stdout or "law" in found.stdout


def test_what_is_finished_is_kept(
    report: Path, long_lines: Corpus, network: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(report, copy, ignore=shutil.ignore_patterns("models"))
    said: list[str] = []
    again = run_tiny(long_lines, network, copy, notify=said.append)
    assert said == []
    first = results_of(report)
    assert {k: v for k, v in again.items() if k != "created"} == {
        k: v for k, v in first.items() if k != "created"
    }
    (copy / "cells" / "speed" / "score.json").unlink()
    run_tiny(long_lines, network, copy, stages=("speed",), notify=said.append)
    assert "speed: score" in said
    assert not any(line.startswith("growth") for line in said)


def test_a_cell_of_other_settings_is_measured_anew(tmp_path: Path) -> None:
    measured = itertools.count()
    for samples, expected in ((5, 0), (5, 0), (6, 1)):
        cells = Cells(tmp_path, {"corpus": "c"}, lambda _: None)
        cells.take("stage", "a name", {"samples": samples}, lambda: next(measured))
        assert cells.taken["stage"]["a name"]["value"] == expected


def test_a_measurement_that_fails_leaves_no_cell(tmp_path: Path) -> None:
    cells = Cells(tmp_path, {}, lambda _: None)

    def fail() -> None:
        raise UserError("no")

    with pytest.raises(UserError):
        cells.take("stage", "name", {}, fail)
    assert not list(tmp_path.rglob("*.json"))


def test_mistakes_are_one_line_each(
    invoke: Invoke, long_lines: Corpus, network: Path, run: Path, bundle: Path, tmp_path: Path
) -> None:
    filled = tmp_path / "filled"
    filled.mkdir()
    (filled / "mine.txt").write_text("mine", encoding="utf-8")
    cases = [
        (["--out", filled], "holds other files"),
        (["--out", filled / "mine.txt"], "is not a folder"),
        (["--out", tmp_path / "a", "--network", run], "bench all measures exported bundles"),
        (["--out", tmp_path / "b", "--network", network, "--network", bundle], "different tokens"),
        (["--out", tmp_path / "c", "--network", tmp_path / "none"], "no such model"),
        (["--out", tmp_path / "d", "--network", network, "--corpus", "nowhere"], "nowhere"),
    ]
    for arguments, reason in cases:
        if "--corpus" not in arguments:
            arguments += ["--corpus", long_lines.name]
        code, out, error = invoke("bench", "all", *arguments)
        assert (code, out) == (2, ""), arguments
        assert reason in error
        assert error.count("\n") == 1
    assert sorted(path.name for path in filled.iterdir()) == ["mine.txt"]


def test_two_at_once_are_refused(long_lines: Corpus, network: Path, tmp_path: Path) -> None:
    def meanwhile(_: object) -> None:
        with pytest.raises(UserError, match="in use by another"):
            run_tiny(long_lines, network, tmp_path / "report", stages=())
        raise UserError("it was tried")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(study_module.STAGES, "growth", meanwhile)
        with pytest.raises(UserError, match="it was tried"):
            run_tiny(long_lines, network, tmp_path / "report", stages=("growth",))


def test_the_quick_plan_is_smaller_in_everything() -> None:
    for name in ("shares", "orders", "prunings", "whole_orders", "table_orders"):
        assert len(getattr(QUICK, name)) < len(getattr(FULL, name))
    for name in ("recall_lines", "reach_positions", "influence_places", "pair_steps", "rounds"):
        assert getattr(QUICK, name) < getattr(FULL, name)


def test_the_committed_report_follows_from_its_samples() -> None:
    found = check(ROOT / "docs" / "bench")
    assert found.returncode == 0, found.stdout
    results = results_of(ROOT / "docs" / "bench")
    assert results["plan"]["name"] == "full"
    assert results["quality"]["ratios"]["network"] == "en-base"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda folder: (folder / "results.json").unlink(), "holds no report"),
        (lambda folder: (folder / "results.json").write_text("{", encoding="utf-8"), "no report"),
        (lambda folder: shutil.rmtree(folder / "cells" / "quality-nats"), "do not fit"),
    ],
)
def test_a_report_that_is_not_whole_is_one_line(
    report: Path, tmp_path: Path, change: Any, reason: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(report, copy, ignore=shutil.ignore_patterns("models", "charts"))
    change(copy)
    found = check(copy)
    assert found.returncode > 0
    assert reason in found.stdout + found.stderr
    assert "Traceback" not in found.stderr


def test_reach_is_left_out_where_lines_are_short(
    corpus: Corpus, network: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    results = run_tiny(corpus, network, tmp_path / "r", stages=("reach",), notify=said.append)
    assert "reach" not in results
    assert said[0].startswith("reach is left out")
    assert not any(line.startswith(("reach:", "influence:", "training")) for line in said)
