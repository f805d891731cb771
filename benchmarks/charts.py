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

_INK = "#010203"  # no chart draws with this colour but for ink
PRIVATE, FILE_BACKED = "#d1495b", "#3a86c8"
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
    """Private and file-backed memory: a pair of bars a model, on a logarithmic axis."""
    with mpl.rc_context(_STYLE):
        figure, axes = _rows(models, 0.62)
        smallest = 1.0
        for row, model in enumerate(models):
            for offset, field, colour in (
                (0.02, "private_dirty_bytes", PRIVATE),
                (0.28, "file_backed_bytes", FILE_BACKED),
            ):
                kib = model[field] / 1024
                axes.barh(row + offset, max(kib, smallest), 0.24, color=colour, zorder=2)
                axes.text(max(kib, smallest) * 1.12, row + offset, _bytes(kib), va="center", size=9)
        largest = max(_field(models, "private_dirty_bytes", "file_backed_bytes")) / 1024
        _log_axis(axes, smallest, largest, room=1.22)
        _byte_ticks(axes)
        _legend(axes, {"private dirty": PRIVATE, "file-backed (clean)": FILE_BACKED})
        spoken = "; ".join(
            f"{model['name']}: private {_bytes(model['private_dirty_bytes'] / 1024)}, "
            f"file-backed {_bytes(model['file_backed_bytes'] / 1024)}"
            for model in models
        )
        caption = (
            "Each line to the right is sixteen times as much (a logarithmic axis), so the bars "
            "stand side by side instead of being stacked."
        )
        return Chart("Memory", caption, _svg(figure, "memory", "Memory by model", spoken))


def quality_chart(models: Models) -> Chart:
    """Word perplexity against proportional set size."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 3.9), layout="constrained")
        axes = figure.add_subplot()
        for model in models:
            axes.scatter(
                _kib(model),
                model["word_perplexity"],
                s=60,
                color=KIND_COLOURS[model["kind"]],
                zorder=3,
            )
        sizes = [_kib(model) for model in models]
        perplexities = _field(models, "word_perplexity")
        axes.set_xscale("log")
        axes.set_xlim(min(sizes) / 3, max(sizes) * 3)
        margin = (max(perplexities) - min(perplexities)) * 0.12 or max(perplexities) * 0.1
        axes.set_ylim(min(perplexities) - 2 * margin, max(perplexities) + margin)
        _byte_ticks(axes)
        axes.set(xlabel="proportional set size (growth)", ylabel="word perplexity")
        axes.grid(alpha=0.2, color=_INK)
        _label_points(axes, models, sizes)
        _legend(axes, {KIND_NAMES[kind]: KIND_COLOURS[kind] for kind in _kinds(models)})
        spoken = "; ".join(
            f"{model['name']}: {_bytes(_kib(model))}, perplexity {model['word_perplexity']:.1f}"
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
            label = f"{_us(medians[row])}, p99 {_us(worst[row])}"
            axes.text(worst[row] * 1.15, row + 0.13, label, va="center", size=9)
        _log_axis(axes, smallest, max(worst), room=1.7)
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _us(value)))
        _legend(axes, {KIND_NAMES[kind]: KIND_COLOURS[kind] for kind in _kinds(models)})
        spoken = "; ".join(
            f"{model['name']}: median {_us(medians[row])}, 99th percentile {_us(worst[row])}"
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
    axes.xaxis.set_major_locator(FixedLocator([16.0**power for power in range(7)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _bytes(value)))


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
        size, perplexity = _kib(model), model["word_perplexity"]
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


def _kib(model: dict[str, Any]) -> float:
    return max(float(model["pss_bytes"]), 4096.0) / 1024


def _bytes(kib: float) -> str:
    for factor, unit in ((1 << 20, "GiB"), (1 << 10, "MiB")):
        if kib >= factor * 0.97:
            return f"{kib / factor:.3g} {unit}"
    return f"{kib:.3g} KiB" if kib < 1000 else f"{kib:.0f} KiB"


def _us(value: float) -> str:
    for factor, unit in ((1e6, "s"), (1e3, "ms")):
        if value >= factor * 0.9995:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.3g} µs"


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
