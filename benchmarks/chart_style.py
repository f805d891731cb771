"""How every chart looks, and how a figure becomes SVG in a page, an SVG file or a PNG file.

    matplotlib figure -> SVG text -> own ids, ink as currentColor -> svg_element (in a page)
                                          -> a ground and dark ink -> svg_file (opened alone)
                      -> png_file

Axes and letters are drawn in a colour that stands for "ink" and is replaced by `currentColor`, so
that they are dark on a light page and light on a dark one. A file that is opened alone has no page
around it: it brings its own light ground. The charts are narrow: on a phone they fill the screen at
nearly their own size.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from pocketlm.benchmarks.units import format_bytes, rounded

INK = "#010203"  # no chart draws with this colour but for ink
KIND_COLOURS = {"network": "#2a9d6f", "kenlm": "#e09f3e", "table": "#8d6cab"}
KIND_NAMES = {"network": "network", "kenlm": "KenLM", "table": "count table"}
WIDTH = 5.4  # inches; 389 points
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
_GROUND, _DARK_INK = "#ffffff", "#1d1f24"
_PNG_DPI = 200
Models = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Chart:
    """A heading, a sentence below it, and the SVG element."""

    title: str
    caption: str
    svg: str


def named_rows(names: Sequence[str], height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """Axes with a row for each name, which stands above its bars."""
    figure = Figure(figsize=(width, height * len(names) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    for row, name in enumerate(names):
        axes.annotate(
            name, (0, row - 0.24), (4, 0), ("axes fraction", "data"), "offset points",
            va="center", weight="bold",
        )  # fmt: skip
    axes.set_ylim(len(names) - 0.4, -0.5)
    axes.yaxis.set_major_locator(NullLocator())
    axes.grid(axis="x", alpha=0.2, color=INK, zorder=0)
    return figure, axes


def log_axis(axes: Axes, smallest: float, largest: float, room: float) -> None:
    """A logarithmic axis, `room` times as long as its bars need, for the label of the longest."""
    axes.set_xscale("log")
    axes.set_xlim(smallest, smallest * max(largest / smallest, 10) ** room)
    axes.xaxis.set_minor_locator(NullLocator())


def byte_ticks(axis: Axis, step: int = 16) -> None:
    """Ticks at powers of 16 or 4 KiB, which are round figures in KiB, MiB and GiB."""
    axis.set_major_locator(FixedLocator([1024.0 * step**power for power in range(14)]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: rounded(format_bytes(value))))


def legend(axes: Axes, colours: dict[str, str]) -> None:
    """Names of colours, above the axes."""
    handles = [axes.barh(0, 0, color=colour, label=name) for name, colour in colours.items()]
    axes.figure.legend(handles=handles, loc="outside upper left", ncols=3, handlelength=1)


def kinds_of(models: Models) -> list[str]:
    """The kinds that some model is of, in the order of their colours."""
    present = {model["kind"] for model in models}
    return [kind for kind in KIND_COLOURS if kind in present]


def svg_element(figure: Figure, name: str, title: str, spoken: str) -> str:
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
    text = text.replace(INK, "currentColor")
    head, _, rest = text.partition(">")
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    label = f'role="img" aria-labelledby="{name}-title {name}-text"'
    return (
        f'{head} {label}><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-text">{escape(spoken)}</desc>{rest}'
    )


def svg_file(element: str) -> str:
    """An `svg_element` as a file of its own: sized, with dark ink on a light ground."""
    found = re.search(r'viewBox="0 0 (\S+) (\S+)"', element)
    assert found, "matplotlib's SVG states its size"
    width, height = found.groups()
    ground = f'<rect width="{width}" height="{height}" fill="{_GROUND}"/>'
    text = element.replace("currentColor", _DARK_INK).replace("font-family: inherit", _FAMILY)
    text = text.replace("<svg ", f'<svg width="{width}pt" height="{height}pt" ', 1)
    text = text.replace("</desc>", f"</desc>{ground}", 1)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}'


def png_file(figure: Figure) -> bytes:
    """The figure as a PNG file with a light ground."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_PNG_DPI, facecolor=_GROUND, metadata={"Software": None})
    return file.getvalue()


_FAMILY = "font-family: system-ui, sans-serif"


def _plain_font(match: re.Match[str]) -> str:
    """Keep a font's size and weight, and let the page choose the family."""
    if match[1]:
        return "font-family: inherit"
    return f"font: {match[2]}system-ui, sans-serif"
