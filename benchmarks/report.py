"""The memory report: results.json for programs, report.html for people, a table for the terminal.

[ModelResult] + machine + text + command -> results (schema_version 1)
    -> results.json
    -> charts.py -> templates/report.html -> report.html (self-contained)
    -> print_table
"""

import datetime
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import rich.box
import rich.markup
from rich.console import Console
from rich.table import Table

from pocketlm.benchmarks.memory import ModelResult, Text, as_json
from pocketlm.benchmarks.toolchain import KENLM_VERSION
from pocketlm.benchmarks.units import format_bytes, format_perplexity, format_times, format_us
from pocketlm.model.files import atomic_folder, finite, write_json

SCHEMA_VERSION = 1
RESULTS_FILE = "results.json"
REPORT_FILE = "report.html"
TEMPLATES = Path(__file__).resolve().parent / "templates"
_TERMINAL_FIELDS = ("private_dirty", "model_file_backed", "runtime_file_backed", "pss")
Results = dict[str, Any]


def make_results(models: Sequence[ModelResult], text: Text, command: str) -> Results:
    """Everything that the report says, as one JSON object; what no number can hold is null."""
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "text": {
            "name": text.path.name,
            "sha256": text.sha256,
            "lines": len(text.lines),
            "words": text.words,
        },
        "samples": models[0].samples,
        "steps": models[0].steps,
        "machine": machine(),
        "versions": versions(),
        "models": [finite(as_json(model)) for model in models],
    }


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "processor": _field(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
    }


def _field(path: Path, name: str) -> str | None:
    if not path.is_file():
        return None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return None


def versions() -> dict[str, str]:
    """Of what took part."""
    found = {"python": platform.python_version(), "kenlm": KENLM_VERSION}
    for package in ("pocketlm", "executorch", "torch"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def write_report(results: Results, out: Path) -> None:
    """Write results.json and report.html into the folder `out`, both or neither."""
    html = render(results)
    with atomic_folder(out, RESULTS_FILE) as folder:
        write_json(folder / RESULTS_FILE, results)
        (folder / REPORT_FILE).write_text(html, encoding="utf-8")


def render(results: Results) -> str:
    """The HTML page; it loads nothing from anywhere."""
    import jinja2

    from pocketlm.benchmarks.charts import memory_chart, quality_chart, time_chart

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True
    )
    environment.filters |= {"bytes": format_bytes, "us": format_us, "perplexity": format_perplexity}
    models = results["models"]
    return environment.get_template(REPORT_FILE).render(
        results=results,
        headline=headline(models),
        charts=[c for c in (memory_chart(models), quality_chart(models), time_chart(models)) if c],
    )


def headline(models: Sequence[dict[str, Any]]) -> list[str]:
    """What the figures say: the smallest network beside the best n-gram model and the nearest one.

    Memory is private dirty pages and the model's own file pages.
    """
    networks = [model for model in models if model["kind"] == "network"]
    tables = [model for model in models if model["kind"] != "network"]
    least = min(networks or models, key=lambda model: model["resident_model_bytes"])
    first = (
        f"{least['name']} takes {format_bytes(least['resident_model_bytes'])} of memory, "
        f"{format_bytes(least['private_dirty_bytes'])} of it private"
    )
    if not networks or not tables:
        return [f"{first}: the least of {len(models)} models."]
    if least["word_perplexity"] is None:
        return [f"{first}.", f"The word perplexity of {least['name']} is too large to be written."]
    first = f"{first}, for a word perplexity of {format_perplexity(least['word_perplexity'])}"
    rated = [model for model in tables if model["word_perplexity"] is not None]
    if not rated:
        return [f"{first}."]
    best = min(rated, key=lambda model: (model["word_perplexity"], model["resident_model_bytes"]))
    nearest = min(rated, key=lambda model: _distance(model, least))
    sentences = [f"{first}; the best of the n-gram models, {_beside(best, least)}."]
    if nearest is not best:
        sentences.append(f"The n-gram model nearest to its memory, {_beside(nearest, least)}.")
    return sentences


def _distance(model: dict[str, Any], other: dict[str, Any]) -> float:
    """How far apart the memory of two models is, as a ratio of at least 1."""
    sizes = sorted(max(m["resident_model_bytes"], 1) for m in (model, other))
    return float(sizes[1] / sizes[0])


def _beside(model: dict[str, Any], other: dict[str, Any]) -> str:
    return (
        f"{model['name']}, takes {_compare(model, other, 'resident_model_bytes')}, "
        f"for {format_perplexity(model['word_perplexity'])}"
    )


def _compare(model: dict[str, Any], other: dict[str, Any], field: str) -> str:
    """A figure, and how many times the other's it is, where that can be said."""
    figure = format_bytes(model[field])
    if min(model[field], other[field]) <= 0:
        return figure
    ratio = model[field] / other[field]
    if ratio >= 1.05:
        return f"{figure}, {format_times(ratio)} times as much"
    if ratio <= 1 / 1.05:
        return f"{figure}, {format_times(1 / ratio)} times less"
    return f"{figure}, about as much"


def print_table(results: Results, console: Console) -> None:
    """The figures on a terminal; all of them are in the report."""
    table = Table(
        title=f"{results['text']['name']}: growth after {results['steps']:,} steps",
        box=rich.box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    table.add_column("model", overflow="fold")
    for name in (
        "private",
        "model\npages",
        "runtime\npages",
        "PSS",
        "step\nmedian",
        "word per-\nplexity",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for model in results["models"]:
        table.add_row(
            rich.markup.escape(model["name"]),
            *(format_bytes(model[f"{field}_bytes"]) for field in _TERMINAL_FIELDS),
            format_us(model["step_us"]["median"]),
            format_perplexity(model["word_perplexity"]),
        )
    console.print(table)
