"""What several charts of `bench all` draw: marked lines, a legend above, names beside points."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import Bbox

from pocketlm.benchmarks.chart_style import INK, KIND_COLOURS

WIDTH = 4.9  # inches; 353 points
NETWORK = KIND_COLOURS["network"]
KIND_MARKS = {"network": "D", "kenlm": "o", "table": "s"}
# Each is at least three times as light or dark as the page, a light and a dark one. Marks tell
# lines apart where colours do not.
COLOURS = ("#3a86c8", "#d1495b", "#8d6cab", "#7a8288", "#c27c1a", "#c05f9a", "#97762e")
MARKS = ("o", "s", "^", "v", "D", "P", "X")
ORDER_COLOURS = ("#97762e", "#c27c1a", "#d1663a", "#d1495b", "#b0589a", "#7f6cc0")
NETWORK_COLOURS = (NETWORK, "#3a86c8", "#4b8f9a", "#7d8a1c")
# Where a name may stand beside its point, in points, the best place first.
_PLACES = [
    ((x, y), align)
    for y in (0, 9, -9, 18, -18, 30, -30, 44, -44, 58, -58)
    for x, align in ((7, "left"), (-7, "right"), *([(0, "center")] if y else []))
]
_ALIGNED = {"left": 0.0, "center": 0.5, "right": 1.0}  # of a name's width, left of its place
_LEADER = {"arrowstyle": "-", "color": INK, "alpha": 0.4, "shrinkA": 0}
Point = tuple[float, float]
Dashes = Literal["-", ":", "none"]
FLOOR = 4096.0  # bytes; a page: the least that a logarithmic axis shows


def new_axes(height: float, rows: int = 1) -> tuple[Figure, Sequence[Axes]]:
    """A figure of the page's width, and its axes from top to bottom, which share their x axis."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    for one in axes:
        one.grid(alpha=0.2, color=INK)
        one.set_axisbelow(True)
    return figure, list(axes)


def line(
    colour: str, mark: str = "", label: str = "", dashes: Dashes = "-", width: float = 1.6
) -> Line2D:
    """A line for the legend."""
    return Line2D(
        [], [], color=colour, marker=mark, markersize=5, linestyle=dashes, linewidth=width,
        label=label,
    )  # fmt: skip


def legend_above(figure: Figure, handles: Sequence[Line2D], columns: int = 2) -> None:
    """Names above the axes, where no data are."""
    figure.legend(
        handles=list(handles), loc="outside upper left", ncols=columns, handlelength=1.8,
        columnspacing=1.2, labelspacing=0.35, fontsize=9,
    )  # fmt: skip


def plain_ticks(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic y axis of plain figures, with ticks at those that it shows."""
    axes.yaxis.set_major_locator(FixedLocator(list(values)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def name_points(
    axes: Axes,
    points: Sequence[Point],
    names: dict[int, str],
    strokes: Sequence[tuple[Point, Point]] = (),
) -> None:
    """Write names beside some points, each where it covers neither a point nor another name.

    Args:
        axes: with its limits set.
        points: all that are drawn.
        names: of some of them, by their place in `points`.
        strokes: lines along the axes, from one point to another, not to be written over either.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # text placed from here on moves nothing
    renderer = figure._get_renderer()  # type: ignore[attr-defined]
    inside = axes.get_window_extent(renderer)
    taken = [_around(axes.transData.transform(point)) for point in points]
    for ends in strokes:
        (left, low), (right, high) = axes.transData.transform(ends)
        taken.append(Bbox.from_extents(left - 2, low - 2, right + 2, high + 2))
    points_to_pixels = figure.dpi / 72
    for place, name in names.items():
        text = axes.annotate(
            name, points[place], (0, 0), textcoords="offset points", va="center", size=9,
            arrowprops=_LEADER,
        )  # fmt: skip
        text.update_positions(renderer)
        size = Text.get_window_extent(text, renderer)
        origin = axes.transData.transform(points[place])
        tried = []
        for (x, y), align in _PLACES:
            left = (
                x * points_to_pixels
                - {"left": 0.0, "center": 0.5, "right": 1.0}[align] * size.width
            )
            low = y * points_to_pixels - size.height / 2
            box = Bbox.from_bounds(origin[0] + left, origin[1] + low, size.width, size.height)
            outside = box.width * box.height - _shared(box, inside)
            tried.append((outside + sum(_shared(box, other) for other in taken), x, y, align, box))
        _, x, y, align, kept = min(tried, key=lambda one: one[0])
        text.set(position=(x, y), ha=align)
        if text.arrow_patch is not None:
            text.arrow_patch.set_visible(abs(y) > 14)
        taken.append(kept)


def _around(place: npt.NDArray[np.float64], reach: float = 4) -> Bbox:
    x, y = place
    return Bbox.from_extents(x - reach, y - reach, x + reach, y + reach)


def _shared(one: Bbox, other: Bbox) -> float:
    """The area that two boxes share."""
    both = Bbox.intersection(one, other)
    return 0.0 if both is None else float(both.width * both.height)
