"""The page of `bench all`, and its charts as files.

results.json -> sections (charts_*.py) -> templates/study.html -> report.html
             -> sentences.py           -> charts/NAME.svg, charts/NAME.png

What results lack is left out: a run that was stopped has a page of what it got to.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pocketlm.benchmarks.chart_style import png_file, svg_file
from pocketlm.benchmarks.report import REPORT_FILE, TEMPLATES
from pocketlm.benchmarks.study.charts_growth import growth_section
from pocketlm.benchmarks.study.charts_process import process_section
from pocketlm.benchmarks.study.charts_quality import quality_section
from pocketlm.benchmarks.study.charts_reach import reach_section
from pocketlm.benchmarks.study.charts_speed import speed_section
from pocketlm.benchmarks.study.page_parts import Section, StudyChart
from pocketlm.benchmarks.study.sentences import headline, tables_win
from pocketlm.benchmarks.units import format_bytes
from pocketlm.model.files import atomic_path, write_text

CHARTS = "charts"
_TEMPLATE = "study.html"


def write_page(results: dict[str, Any], folder: Path) -> None:
    """Write report.html and charts/*.svg, *.png into the folder, each whole or not at all."""
    sections = make_sections(results)
    for section in sections:
        for chart in section.charts:
            write_chart(chart, folder / CHARTS)
    write_text(folder / REPORT_FILE, render(results, sections))


def write_chart(chart: StudyChart, folder: Path) -> None:
    """A chart as an SVG file and a PNG file."""
    write_text(folder / f"{chart.name}.svg", svg_file(chart.svg))
    with atomic_path(folder / f"{chart.name}.png") as temporary:
        temporary.write_bytes(png_file(chart.figure))


def make_sections(results: dict[str, Any]) -> list[Section]:
    """The sections of what was measured."""
    found = (
        growth_section(results.get("growth") or {}),
        quality_section(results.get("quality") or {}),
        reach_section(results.get("reach") or {}, results.get("influence") or {}),
        speed_section(results.get("speed") or {}),
        process_section(results.get("process") or {}),
    )
    return [section for section in found if section]


def render(results: dict[str, Any], sections: Sequence[Section]) -> str:
    """The HTML page; it loads nothing from anywhere."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True
    )
    environment.filters["bytes"] = format_bytes
    said = headline(results)
    return environment.get_template(_TEMPLATE).render(
        results=results,
        quick=results["plan"]["name"] == "quick",
        headline=said or ["N-gram tables and a network, measured side by side"],
        wins=tables_win(results),
        compared=any(results.get(key) for key in ("quality", "reach", "speed", "process")),
        sections=sections,
        load_modes=_load_modes(results),
        page_cache=_distinct(results, "page_cache"),
    )


def _load_modes(results: dict[str, Any]) -> list[str]:
    return _distinct(results, "load_mode")


def _distinct(results: dict[str, Any], field: str) -> list[str]:
    """What a field says anywhere in the results, in the order of the page."""
    entries = [
        *(results.get("growth") or {}).get("points", []),
        *(m for key in ("quality", "speed", "process") for m in _models(results, key)),
    ]
    return list(dict.fromkeys(str(e[field]) for e in entries if e.get(field) is not None))


def _models(results: dict[str, Any], key: str) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = (results.get(key) or {}).get("models", [])
    return models
