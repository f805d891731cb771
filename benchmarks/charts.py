"""The memory report's charts.

results["models"] -> matplotlib figure -> Chart

How they look, and how a figure becomes SVG in a page, is in chart_style.py.
"""

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from pocketlm.benchmarks.chart_style import (
    INK,
    KIND_COLOURS,
    KIND_NAMES,
    STYLE,
    WIDTH,
    Chart,
    Models,
    byte_ticks,
    kinds_of,
    legend,
    log_axis,
    named_rows,
    svg_element,
)
from pocketlm.benchmarks.units import format_bytes, format_perplexity, format_us, rounded

_PARTS = (  # of a model's memory: field, name, colour
    ("private_dirty_bytes", "private dirty", "#d1495b"),
    ("model_file_backed_bytes", "the model's file", "#3a86c8"),
    ("runtime_file_backed_bytes", "the runtime's code", "#9aa5b1"),
)


def memory_chart(models: Models) -> Chart:
    """Private memory, the model's file pages, the runtime's: three bars a model, logarithmic."""
    with mpl.rc_context(STYLE):
        figure, axes = named_rows(_names(models), 0.86)
        smallest = 1024.0
        for row, model in enumerate(models):
            for bar, (field, _, colour) in enumerate(_PARTS):
                size, place = max(model[field], smallest), row + 0.21 * bar
                axes.barh(place, size, 0.18, color=colour, zorder=2)
                axes.text(size * 1.12, place, format_bytes(model[field]), va="center", size=9)
        largest = max(_field(models, *(field for field, _, _ in _PARTS)))
        log_axis(axes, smallest, largest, room=1.22)
        byte_ticks(axes.xaxis)
        legend(axes, {name: colour for _, name, colour in _PARTS})
        spoken = "; ".join(
            f"{model['name']}: "
            + ", ".join(f"{name} {format_bytes(model[field])}" for field, name, _ in _PARTS)
            for model in models
        )
        caption = (
            "Each line to the right is sixteen times as much (a logarithmic axis), so the bars "
            "stand side by side instead of being stacked. The runtime's code is the same for "
            "every model that it runs, and may be shared with other programs."
        )
        return Chart("Memory", caption, svg_element(figure, "memory", "Memory by model", spoken))


def quality_chart(models: Models) -> Chart | None:
    """Word perplexity against private memory and file pages; None if no perplexity is finite."""
    models = [model for model in models if model["word_perplexity"] is not None]
    if not models:
        return None
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
        axes = figure.add_subplot()
        sizes = [_size(model) for model in models]
        perplexities = _field(models, "word_perplexity")
        colours = [KIND_COLOURS[model["kind"]] for model in models]
        axes.scatter(sizes, perplexities, s=60, color=colours, zorder=3)
        axes.set_xscale("log")
        axes.set_xlim(min(sizes) / 3, max(sizes) * 3)
        margin = (max(perplexities) - min(perplexities)) * 0.12 or max(perplexities) * 0.1
        axes.set_ylim(min(perplexities) - 2 * margin, max(perplexities) + margin)
        byte_ticks(axes.xaxis)
        axes.set(xlabel="private dirty + the model's file pages", ylabel="word perplexity")
        axes.grid(alpha=0.2, color=INK)
        _label_points(axes, models, sizes)
        legend(axes, {KIND_NAMES[kind]: KIND_COLOURS[kind] for kind in kinds_of(models)})
        spoken = "; ".join(
            f"{model['name']}: {format_bytes(_size(model))}, "
            f"perplexity {format_perplexity(model['word_perplexity'])}"
            for model in models
        )
        caption = "Lower left is better: less memory, better prediction."
        return Chart(
            "Quality for its memory",
            caption,
            svg_element(figure, "quality", "Perplexity against memory", spoken),
        )


def time_chart(models: Models) -> Chart:
    """Median time of a step, with a mark at its 99th percentile."""
    with mpl.rc_context(STYLE):
        figure, axes = named_rows(_names(models), 0.5)
        medians = [model["step_us"]["median"] for model in models]
        worst = [model["step_us"]["p99"] for model in models]
        smallest = 10.0 ** (len(str(int(min(medians)))) - 2)
        for row, model in enumerate(models):
            axes.barh(row + 0.13, medians[row], 0.26, color=KIND_COLOURS[model["kind"]], zorder=2)
            axes.plot(
                [worst[row]] * 2, [row - 0.02, row + 0.28], color=INK, linewidth=1.5, zorder=3
            )
            label = f"{format_us(medians[row])}, p99 {format_us(worst[row])}"
            axes.text(worst[row] * 1.15, row + 0.13, label, va="center", size=9)
        log_axis(axes, smallest, max(worst), room=1.7)
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: rounded(format_us(value))))
        legend(axes, {KIND_NAMES[kind]: KIND_COLOURS[kind] for kind in kinds_of(models)})
        spoken = "; ".join(
            f"{model['name']}: median {format_us(medians[row])}, "
            f"99th percentile {format_us(worst[row])}"
            for row, model in enumerate(models)
        )
        caption = (
            "One word's token taken in, and the probabilities of all that may follow worked out. "
            "Bars are medians, the dark mark is the 99th percentile; the axis is logarithmic."
        )
        return Chart(
            "Time a step", caption, svg_element(figure, "time", "Time a step by model", spoken)
        )


def _label_points(axes: Axes, models: Models, sizes: list[float]) -> None:
    """Names below their points, further down where they would touch; thin lines lead back."""
    low, high = axes.get_ylim()
    gap = (high - low) / 17
    middle = (min(sizes) * max(sizes)) ** 0.5
    free = high
    for model in sorted(models, key=lambda model: -float(model["word_perplexity"])):
        size, perplexity = _size(model), model["word_perplexity"]
        free = min(free, perplexity) - gap
        right = size > middle
        axes.annotate(
            model["name"], (size, perplexity), (size / 1.25 if right else size * 1.25, free),
            ha="right" if right else "left", va="center", size=9,
            arrowprops={"arrowstyle": "-", "color": INK, "alpha": 0.35, "shrinkB": 3},
        )  # fmt: skip


def _names(models: Models) -> list[str]:
    return [str(model["name"]) for model in models]


def _field(models: Models, *names: str) -> list[float]:
    return [float(model[name]) for model in models for name in names]


def _size(model: dict[str, Any]) -> float:
    return max(float(model["resident_model_bytes"]), 4096.0)
