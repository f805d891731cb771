"""The memory report: its keys, its sentences, and a page that needs nothing else."""

import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from pocketlm.benchmarks.memory import ModelResult, Text
from pocketlm.benchmarks.report import (
    RESULTS_FILE,
    headline,
    make_results,
    print_table,
    render,
    write_report,
)
from pocketlm.benchmarks.units import format_bytes, format_perplexity, format_us, rounded
from pocketlm.model.errors import UserError
from pocketlm.model.files import check_target

NETWORK = ModelResult(
    name="gru <base>",
    kind="network",
    structure="zero-copy",
    load_mode="mmap",
    runtime="lean",
    file_bytes=2_164_352,
    private_dirty_bytes=60 * 1024,
    file_backed_bytes=3_400 * 1024,
    pss_bytes=2_700 * 1024,
    model_file_backed_bytes=2_164_352,
    runtime_file_backed_bytes=3_400 * 1024 - 2_164_352,
    resident_model_bytes=60 * 1024 + 2_164_352,
    step_us={"min": 1300.0, "median": 1350.0, "p99": 1700.0},
    score_us=None,
    begin_us=1350.0,
    load_us=2000.0,
    word_perplexity=224.5,
    planned_bytes=37_376,
    samples=5,
    steps=1000,
    spread={
        "private_dirty_bytes": [57344, 61440],
        "file_backed_bytes": [3400 * 1024, 3400 * 1024],
        "model_file_backed_bytes": [2_164_352, 2_164_352],
        "runtime_file_backed_bytes": [1_286 * 1024, 1_286 * 1024],
        "resident_model_bytes": [2_221_696, 2_225_792],
        "pss_bytes": [2_690 * 1024, 2_710 * 1024],
        "step_us_median": [1300.0, 1400.0],
    },
    after_text={
        "steps": 5000,
        "private_dirty_bytes": 61440,
        "file_backed_bytes": 1,
        "pss_bytes": 1,
    },
)
KENLM = replace(
    NETWORK,
    name="kenlm-5",
    kind="kenlm",
    structure="trie",
    load_mode="lazy",
    runtime=None,
    private_dirty_bytes=32 * 1024,
    pss_bytes=8_000 * 1024,
    resident_model_bytes=8_000 * 1024,
    word_perplexity=248.0,
    score_us={"min": 1.0, "median": 2.0, "p99": 3.0},
)
DICTIONARY = replace(
    KENLM,
    name="table (dictionary)",
    kind="table",
    private_dirty_bytes=1_200 << 20,
    pss_bytes=1_200 << 20,
    resident_model_bytes=1_200 << 20,
    word_perplexity=315.0,
    step_us={"min": 0.4, "median": 0.9, "p99": 2.0},
)
MAPPED = replace(
    DICTIONARY, name="table (mapped)", private_dirty_bytes=0, pss_bytes=0, resident_model_bytes=0
)
ALL = [NETWORK, KENLM, DICTIONARY, MAPPED]
TEXT = Text(Path("valid.txt"), "ab" * 32, ["one two", "three"], 3)


def results(models: list[ModelResult]) -> dict[str, object]:
    return make_results(models, TEXT, "pocketlm bench memory <models>")


def test_keys_that_other_programs_rely_on() -> None:
    made = results(ALL)
    assert made["schema_version"] == 1
    assert made["text"] == {"name": "valid.txt", "sha256": "ab" * 32, "lines": 2, "words": 3}
    keys = {"name", "kind", "file_bytes", "private_dirty_bytes", "file_backed_bytes", "pss_bytes"}
    keys |= {"step_us", "word_perplexity", "resident_model_bytes", "runtime_file_backed_bytes"}
    keys |= {"runtime"}
    for model in json.loads(json.dumps(made))["models"]:
        assert keys <= model.keys()
        assert {"median", "p99"} <= model["step_us"].keys()


def test_report_folder_is_written_whole_and_replaced(tmp_path: Path) -> None:
    for models in ([NETWORK], ALL):
        check_target(tmp_path / "report", RESULTS_FILE)
        write_report(results(models), tmp_path / "report")
        written = json.loads((tmp_path / "report" / "results.json").read_text())
        assert len(written["models"]) == len(models)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").touch()
    for path in (tmp_path / "photos", tmp_path / "photos" / "me.jpg"):
        with pytest.raises(UserError, match="choose another --out"):
            check_target(path, RESULTS_FILE)


class Page(HTMLParser):
    """Collects what a page would load, and its ids."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "srcset") and not (value or "").startswith(
                "#"
            ):
                self.loads.append(f"{tag} {value}")
            if name == "id":
                self.ids.append(value or "")


@pytest.mark.parametrize("models", [ALL, [NETWORK], [MAPPED], [KENLM, DICTIONARY]])
def test_page_loads_nothing_and_its_charts_can_be_read_aloud(models: list[ModelResult]) -> None:
    html = render(results(models))
    page = Page()
    page.feed(html)
    assert page.loads == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert not re.search(r"@import|url\((?!#)", html)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("svg") == 3
    assert html.count('role="img"') == html.count("<desc id=") == 3
    assert "currentColor" in html
    assert "#010203" not in html
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport"' in html


def test_names_are_escaped() -> None:
    html = render(results(ALL))
    assert "gru &lt;base&gt;" in html
    assert "gru <base>" not in html
    assert "&lt;models&gt;" in html


def test_a_networks_row_names_its_runtime() -> None:
    html = render(results(ALL))
    assert html.count("loaded: mmap, lean kernels") == 1
    assert "None kernels" not in html


def test_headline_is_made_of_the_figures() -> None:
    far = replace(KENLM, name="kenlm-6", resident_model_bytes=80_000 * 1024, word_perplexity=230.0)
    sentences = headline(results([NETWORK, KENLM, far])["models"])  # type: ignore[arg-type]
    assert sentences == [
        "gru <base> takes 2.12 MiB of memory, 60 KiB of it private, for a word perplexity of "
        "224.5; the best of the n-gram models, kenlm-6, takes 78.1 MiB, 37 times as much, for "
        "230.0.",
        "The n-gram model nearest to its memory, kenlm-5, takes 7.81 MiB, 3.7 times as much, for "
        "248.0.",
    ]


def test_headline_says_so_when_a_table_is_better() -> None:
    better = replace(KENLM, word_perplexity=197.0, resident_model_bytes=1_087 * 1024)
    (sentence,) = headline(results([NETWORK, better])["models"])  # type: ignore[arg-type]
    assert sentence.endswith("kenlm-5, takes 1.06 MiB, 2.0 times less, for 197.0.")


def test_headline_of_one_kind() -> None:
    assert len(headline(results([NETWORK])["models"])) == 1  # type: ignore[arg-type]
    assert len(headline(results([MAPPED, KENLM])["models"])) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 KiB"),
        (60 * 1024, "60 KiB"),
        (1023 * 1024, "1.00 MiB"),
        (2_164_352, "2.06 MiB"),
        (61.64 * 2**20, "61.6 MiB"),
        (207 * 2**20, "207 MiB"),
        (1.2 * 2**30, "1.20 GiB"),
    ],
)
def test_bytes_have_three_digits(count: float, text: str) -> None:
    assert format_bytes(count) == text


def test_times() -> None:
    assert [format_us(us) for us in (0.04, 36.1, 1350)] == ["0.04 µs", "36 µs", "1.35 ms"]


def test_ticks_are_round() -> None:
    assert [rounded(format_bytes(2**power)) for power in (10, 22, 30)] == [
        "1 KiB",
        "4 MiB",
        "1 GiB",
    ]
    ticks = ["0.1 µs", "10 µs", "1 ms", "10 s"]
    assert [rounded(format_us(us)) for us in (0.1, 10, 1000, 1e7)] == ticks


@pytest.mark.parametrize("which", [[0], [1], [0, 1, 2, 3]])
def test_perplexities_too_large_for_a_number_are_said(tmp_path: Path, which: list[int]) -> None:
    models = [
        replace(model, word_perplexity=math.inf) if i in which else model
        for i, model in enumerate(ALL)
    ]
    made = results(models)
    write_report(made, tmp_path / "report")
    written = json.loads((tmp_path / "report" / "results.json").read_text())
    assert written["models"][which[0]]["word_perplexity"] is None
    assert "too large" in (tmp_path / "report" / "report.html").read_text()
    console = Console(width=80, file=io.StringIO(), record=True)
    print_table(made, console)
    assert "too large" in console.export_text()
    assert [format_perplexity(x) for x in (224.54, 3e8, None)] == ["224.5", "3e+08", "too large"]


def test_table_on_the_terminal() -> None:
    console = Console(width=80, file=io.StringIO(), record=True)
    print_table(results(ALL), console)
    text = console.export_text()
    assert "gru <base>" in text
    assert "1.17 GiB" in text
    assert "224.5" in text
    assert max(map(len, text.splitlines())) <= 80


def test_names_are_not_markup() -> None:
    console = Console(width=80, file=io.StringIO(), record=True)
    print_table(results([replace(NETWORK, name="a [red]b[/]")]), console)
    assert "a [red]b[/]" in console.export_text()
