"""The report's charts, as SVG inside the page: it scales, is read aloud, follows the theme.

    results["models"] -> matplotlib figure -> SVG text -> own ids, ink as currentColor -> Chart

Axes and letters are drawn in a colour that stands for "ink" and is replaced by `currentColor`, so
that they are dark on a light page and light on a dark one. The charts are narrow: on a phone they
fill the screen at nearly their own size.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from pocketlm.benchmarks.units import format_bytes, format_perplexity, format_us, rounded

_INK = "#010203"  # no chart draws with this colour but for ink
_PARTS = (  # of a model's memory: field, name, colour
    ("private_dirty_bytes", "private dirty", "#d1495b"),
    ("model_file_backed_bytes", "the model's file", "#3a86c8"),
    ("runtime_file_backed_bytes", "the runtime's code", "#9aa5b1"),
)
KIND_COLOURS = {"network": "#2a9d6f", "kenlm": "#e09f3e", "table": "#8d6cab"}
KIND_NAMES = {"network": "network", "kenlm": "KenLM", "table": "count table"}
_WIDTH = 5.4  # inches; 389 points
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
Models = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Chart:
    """A heading, a sentence below it, and the SVG element."""

    title: str
    caption: str
    svg: str


def memory_chart(models: Models) -> Chart:
    """Private memory, the model's file pages, the runtime's: three bars a model, logarithmic."""
    with mpl.rc_context(_STYLE):
        figure, axes = _rows(models, 0.86)
        smallest = 1024.0
        for row, model in enumerate(models):
            for bar, (field, _, colour) in enumerate(_PARTS):
                size, place = max(model[field], smallest), row + 0.21 * bar
                axes.barh(place, size, 0.18, color=colour, zorder=2)
                axes.text(size * 1.12, place, format_bytes(model[field]), va="center", size=9)
        largest = max(_field(models, *(field for field, _, _ in _PARTS)))
        _log_axis(axes, smallest, largest, room=1.22)
        _byte_ticks(axes)
        _legend(axes, {name: colour for _, name, colour in _PARTS})
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
        return Chart("Memory", caption, _svg(figure, "memory", "Memory by model", spoken))


def quality_chart(models: Models) -> Chart | None:
    """Word perplexity against private memory and file pages; None if no perplexity is finite."""
    models = [model for model in models if model["word_perplexity"] is not None]
    if not models:
        return None
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 3.9), layout="constrained")
        axes = figure.add_subplot()
        sizes = [_size(model) for model in models]
        perplexities = _field(models, "word_perplexity")
        colours = [KIND_COLOURS[model["kind"]] for model in models]
        axes.scatter(sizes, perplexities, s=60, color=colours, zorder=3)
        axes.set_xscale("log")
        axes.set_xlim(min(sizes) / 3, max(sizes) * 3)
        margin = (max(perplexities) - min(perplexities)) * 0.12 or max(perplexities) * 0.1
        axes.set_ylim(min(perplexities) - 2 * margin, max(perplexities) + margin)
        _byte_ticks(axes)
        axes.set(xlabel="private dirty + the model's file pages", ylabel="word perplexity")
        axes.grid(alpha=0.2, color=_INK)
        _label_points(axes, models, sizes)
        _legend(axes, {KIND_NAMES[kind]: KIND_COLOURS[kind] for kind in _kinds(models)})
        spoken = "; ".join(
            f"{model['name']}: {format_bytes(_size(model))}, "
            f"perplexity {format_perplexity(model['word_perplexity'])}"
            for model in models
        )
        caption = "Lower left is better: less memory, better prediction."
        return Chart(
            "Quality for its memory",
            caption,
            _svg(figure, "quality", "Perplexity against memory", spoken),
        )


def time_chart(models: Models) -> Chart:
    """Median time of a step, with a mark at its 99th percentile."""
    with mpl.rc_context(_STYLE):
        figure, axes = _rows(models, 0.5)
        medians = [model["step_us"]["median"] for model in models]
        worst = [model["step_us"]["p99"] for model in models]
        smallest = 10.0 ** (len(str(int(min(medians)))) - 2)
        for row, model in enumerate(models):
            axes.barh(row + 0.13, medians[row], 0.26, color=KIND_COLOURS[model["kind"]], zorder=2)
            axes.plot(
                [worst[row]] * 2, [row - 0.02, row + 0.28], color=_INK, linewidth=1.5, zorder=3
            )
            label = f"{format_us(medians[row])}, p99 {format_us(worst[row])}"
            axes.text(worst[row] * 1.15, row + 0.13, label, va="center", size=9)
        _log_axis(axes, smallest, max(worst), room=1.7)
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: rounded(format_us(value))))
        _legend(axes, {KIND_NAMES[kind]: KIND_COLOURS[kind] for kind in _kinds(models)})
        spoken = "; ".join(
            f"{model['name']}: median {format_us(medians[row])}, "
            f"99th percentile {format_us(worst[row])}"
            for row, model in enumerate(models)
        )
        caption = (
            "One word's token taken in, and the probabilities of all that may follow worked out. "
            "Bars are medians, the dark mark is the 99th percentile; the axis is logarithmic."
        )
        return Chart("Time a step", caption, _svg(figure, "time", "Time a step by model", spoken))


def _rows(models: Models, height: float) -> tuple[Figure, Axes]:
    """Axes with a row for each model, its name above its bars."""
    figure = Figure(figsize=(_WIDTH, height * len(models) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    for row, model in enumerate(models):
        axes.annotate(
            model["name"], (0, row - 0.24), (4, 0), ("axes fraction", "data"), "offset points",
            va="center", weight="bold",
        )  # fmt: skip
    axes.set_ylim(len(models) - 0.4, -0.5)
    axes.yaxis.set_major_locator(NullLocator())
    axes.grid(axis="x", alpha=0.2, color=_INK, zorder=0)
    return figure, axes


def _log_axis(axes: Axes, smallest: float, largest: float, room: float) -> None:
    """A logarithmic axis, `room` times as long as its bars need, for the label of the longest."""
    axes.set_xscale("log")
    axes.set_xlim(smallest, smallest * max(largest / smallest, 10) ** room)
    axes.xaxis.set_minor_locator(NullLocator())


def _byte_ticks(axes: Axes) -> None:
    """Ticks at powers of 16 KiB, which are round figures in KiB, MiB and GiB."""
    axes.xaxis.set_major_locator(FixedLocator([1024 * 16.0**power for power in range(7)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: rounded(format_bytes(value))))


def _legend(axes: Axes, colours: dict[str, str]) -> None:
    handles = [axes.barh(0, 0, color=colour, label=name) for name, colour in colours.items()]
    axes.figure.legend(handles=handles, loc="outside upper left", ncols=3, handlelength=1)


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
            arrowprops={"arrowstyle": "-", "color": _INK, "alpha": 0.35, "shrinkB": 3},
        )  # fmt: skip


def _kinds(models: Models) -> list[str]:
    present = {model["kind"] for model in models}
    return [kind for kind in KIND_COLOURS if kind in present]


def _field(models: Models, *names: str) -> list[float]:
    return [float(model[name]) for model in models for name in names]


def _size(model: dict[str, Any]) -> float:
    return max(float(model["resident_model_bytes"]), 4096.0)


def _svg(figure: Figure, name: str, title: str, spoken: str) -> str:
    """The figure as an <svg> element that may stand in a page beside others."""
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(
            file, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font(-family)?: ?([^;\"']*)'[^;\"]*(?=[;\"])", _plain_font, text)
    text = text.replace(_INK, "currentColor")
    head, _, rest = text.partition(">")
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    label = f'role="img" aria-labelledby="{name}-title {name}-text"'
    return (
        f'{head} {label}><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-text">{escape(spoken)}</desc>{rest}'
    )


def _plain_font(match: re.Match[str]) -> str:
    """Keep a font's size and weight, and let the page choose the family."""
    if match[1]:
        return "font-family: inherit"
    return f"font: {match[2]}system-ui, sans-serif"
