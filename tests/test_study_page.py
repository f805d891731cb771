"""The page of `bench all`: its sentences, its charts, and that it needs nothing else."""

import copy
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from study_results import Json, made_up_results

from pocketlm.benchmarks.study.page import make_sections, render, write_page
from pocketlm.benchmarks.study.sentences import headline, tables_win

SECTIONS = ("growth", "quality", "reach", "influence", "speed", "process")
CHARTS = {
    *("growth-structures", "growth-orders", "growth-memory", "growth-ngrams"),
    *("quality-pss", "quality-private", "quality-recall", "quality-recall-private"),
    *("reach", "influence-jacobian", "influence-kl"),
    *("speed-distribution", "speed-score", "process", "pressure"),
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "report"
    write_page(made_up_results(), folder)
    return folder


@pytest.fixture(scope="module")
def html(report: Path) -> str:
    return (report / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """What a page would load, its ids, its headings, its tables' rows, what is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.headings: list[int] = []
        self.widths: list[list[int]] = []
        self.scopes: set[str | None] = set()
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "srcset", "data") and value:
                self.loads += [] if value.startswith("#") else [value]
            if name == "id":
                self.ids.append(value or "")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        elif tag == "table":
            self.widths.append([])
        elif tag == "tr":
            self.widths[-1].append(0)
        elif tag in ("th", "td"):
            self.widths[-1][-1] += 1
            if tag == "th":
                self.scopes.add(dict(attrs).get("scope"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_loads_nothing_and_can_be_read_aloud(html: str) -> None:
    page = Page(html)
    assert page.open == []
    assert page.loads == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not re.search(r"@import|url\((?!#)", html)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("svg") == html.count('role="img"') == html.count("<desc id=") == 15
    assert page.scopes == {"col", "row"}
    assert all(len(set(widths)) == 1 for widths in page.widths)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    pairs = zip(page.headings, page.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in pairs)
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport"' in html
    assert "#010203" not in html
    assert "quick run" not in html


def test_every_chart_has_its_figures_below_it(html: str) -> None:
    charts = html.split('role="img"')[1:]
    for chart in charts:
        assert re.search(r"</svg>\s*<details>.*?<table", chart, re.DOTALL)


def test_charts_are_files_that_can_be_opened_alone(report: Path) -> None:
    for name in CHARTS:
        svg = (report / "charts" / f"{name}.svg").read_text(encoding="utf-8")
        root = ElementTree.fromstring(svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.get("width")
        assert "currentColor" not in svg
        assert '<rect width="' in svg
        assert (report / "charts" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((report / "charts").iterdir())) == 2 * len(CHARTS)


def test_quick_runs_say_so() -> None:
    quick = render(made_up_results("quick"), [])
    assert "quick run: small samples, not for quoting" in quick


@pytest.mark.parametrize("section", SECTIONS)
def test_each_section_stands_alone(section: str) -> None:
    results = only(made_up_results(), section)
    sections = make_sections(results)
    drawn = {chart.name for part in sections for chart in part.charts}
    assert drawn == {name for name in CHARTS if section_of(name) == section}
    Page(render(results, sections))


def only(results: Json, *sections: str) -> Json:
    """The results of a run that measured nothing else."""
    return {key: v for key, v in results.items() if key not in SECTIONS or key in sections}


def section_of(chart: str) -> str:
    return "process" if chart == "pressure" else chart.partition("-")[0]


@pytest.mark.parametrize("keys", [(), ("points", "network", "laws", "models")])
def test_nothing_measured_is_a_page_without_sections(keys: tuple[str, ...]) -> None:
    results = only(made_up_results()) | {key: {k: [] for k in keys} for key in SECTIONS if keys}
    assert make_sections(results) == []
    Page(render(results, []))


@pytest.mark.parametrize(
    "fields",
    [  # together what neither hides the other nor stands in the same chart
        ("word_perplexity_test", "top1", "formula_error", "exponent", "jacobian_spectral"),
        ("carried", "state_bytes", "score_ratio", "pressure", "load_us"),
        ("word_perplexity", "top3", "score", "distribution_ratio", "cold", "page_cache"),
        ("kl", "distribution", "first_step_us", "steps_to_recover"),
    ],
)
def test_what_no_number_can_hold_is_written(fields: tuple[str, ...]) -> None:
    results = made_up_results()
    changed = {key for key in SECTIONS for field in fields if without(results[key], field)}
    assert all(without(made_up_results(), field) for field in fields)
    if "word_perplexity" in fields:
        results["quality"]["ratios"] = None
    results = only(results, *changed)
    html = render(results, make_sections(results))
    Page(html)
    assert "None" not in html
    assert not re.search(r">\s*(nan|inf)\b", html)


def without(value: Any, field: str) -> int:
    """Make a field null wherever it is; how often."""
    count = 0
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if key == field:
            value[key] = None
            count += 1
        elif isinstance(item, dict | list):
            count += without(item, field)
    return count


def test_one_kind_of_work_may_not_have_been_timed_yet() -> None:
    results = only(made_up_results(), "speed")
    for model in results["speed"]["models"]:
        del model["score"], model["score_ratio"]
    (section,) = make_sections(results)
    assert [chart.name for chart in section.charts] == ["speed-distribution"]
    assert "Scoring a token" not in render(results, [section])


def test_headline_where_no_table_reaches_the_network() -> None:
    assert headline(made_up_results()) == [
        "With no more memory than en-base (PSS 3.20 MiB), the best n-gram model is "
        "kenlm-5-0-5-10-20-20 (PSS 2.05 MiB): its word perplexity is 390.2 against 181.9, 2.1 "
        "times the network's.",
        "en-base guesses the next word, before its first letter, 24.2 % of the time against "
        "18.2 % (1.20 times as often, 95 % interval 1.10 to 1.30) for kenlm-5-0-5-10-20-20; the "
        "word is among its three guesses 38.4 % of the time against 28.1 % (1.25 times as often, "
        "95 % interval 1.20 to 1.30).",
        "No n-gram model that was measured reaches en-base's word perplexity of 181.9: the best, "
        "kenlm-6, gets 194.7, 1.07 times the network's, with a PSS of 112 MiB, 35 times the "
        "network's.",
    ]


def test_headline_where_a_table_reaches_it_and_none_is_as_small() -> None:
    results = made_up_results()
    ratios = results["quality"]["ratios"]
    ratios["same_memory"]["memory"] = 1.4
    ratios["same_quality"] = ratios["best"]
    sentences = headline(results)
    assert sentences[0].startswith(
        "No n-gram model is as small as en-base (PSS 3.20 MiB); the smallest is "
        "kenlm-5-0-5-10-20-20 (PSS 2.05 MiB, 1.4 times as much):"
    )
    assert sentences[-1] == (
        "The smallest n-gram model of en-base's word perplexity (181.9) is kenlm-6 (194.7): its "
        "PSS is 112 MiB, 35 times the network's."
    )


def test_tables_win_what_they_win() -> None:
    results = made_up_results()
    starts = {sentence.partition(":")[0] for sentence in tables_win(results)}
    assert starts == {
        *("Memory", "Private memory", "Next word first", "Loss when few words are seen"),
        *("Scoring a token", "A whole distribution", "State of a conversation"),
        *("Whole process, PSS", "Whole process, private memory"),
    }


def test_tables_win_nothing_against_a_network_that_is_better_in_all() -> None:
    results = copy.deepcopy(made_up_results())
    for key in ("quality", "speed", "process"):
        for model in results[key]["models"]:
            worse = 0.5 if model["kind"] == "network" else 2.0
            for field in ("pss", "private_dirty", "load_us", "score_ratio", "distribution_ratio"):
                if model.get(field):
                    model[field] = {"median": worse, "least": worse, "most": worse}
            if "state_bytes" in model:
                model["state_bytes"] = worse
    for model in results["reach"]["models"]:
        if model["kind"] == "network":
            model["nats_per_word"] = [{"value": 1.0, "low": 1.0, "high": 1.0}] * 8
    for model in results["quality"]["models"]:
        if model["kind"] != "network":
            model["top1"] = model["top3"] = {"value": 1.0, "low": 0.5, "high": 1.5}
    assert tables_win(results) == []
    assert "Nowhere in what was measured." in render(results, [])


def test_what_is_extrapolated_is_marked(html: str) -> None:
    assert "1 B, extrapolated" in html
    assert "extrapolated, not measured" in html
    assert re.search(r"<text[^>]*>extrapolated</text>", html)


def test_names_are_escaped(html: str) -> None:
    assert "--out &lt;report&gt;" in html
    assert "<report>" not in html


def test_names_beside_points_do_not_cover_each_other() -> None:
    from matplotlib.text import Text

    from pocketlm.benchmarks.study.drawing import name_points, new_axes

    figure, (axes,) = new_axes(4.0)
    axes.set(xlim=(0, 10), ylim=(0, 10))
    points = [(5.0, 5.0), (5.1, 5.0), (5.0, 5.1), (9.8, 9.8)]
    name_points(axes, points, dict(enumerate(["one long name", "another name", "third", "fourth"])))
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert len(boxes) == 4
    frame = axes.get_window_extent()
    for place, box in enumerate(boxes):
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])
