"""What the page of `bench all` is made of: sections of charts and tables, cells of figures.

A chart is an SVG element in the page, an SVG file and a PNG file of the same figure, with a table
of its figures for those who cannot see it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from pocketlm.benchmarks.chart_style import svg_element
from pocketlm.benchmarks.units import format_bytes, format_perplexity, format_us

NOTHING = "–"
Json = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """A figure, and its spread in small print."""

    text: str
    small: str = ""


@dataclass(frozen=True)
class Table:
    """Rows with a name in their first cell.

    Attributes:
        caption: what the rows are.
        columns: names, the first that of the row's name.
        rows: as long as `columns`.
        note: a sentence below the caption.
        scrolls: sideways on a phone; otherwise each row becomes a card there.
        folded: shown when it is asked for.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    note: str = ""
    scrolls: bool = False
    folded: bool = False

    @property
    def cells(self) -> list[list[Cell]]:
        """Each cell with its spread, which may be empty."""
        return [[c if isinstance(c, Cell) else Cell(c) for c in row] for row in self.rows]


@dataclass(frozen=True)
class StudyChart:
    """A chart as an SVG element for the page, and its figure; `name` is that of its files."""

    name: str
    title: str
    caption: str
    svg: str
    figure: Figure
    table: Table


@dataclass(frozen=True)
class Section:
    """A heading with what belongs to it."""

    id: str
    title: str
    lead: Sequence[str] = ()
    charts: Sequence[StudyChart] = ()
    tables: Sequence[Table] = field(default=())


def finish(figure: Figure, name: str, title: str, caption: str, table: Table) -> StudyChart:
    """A chart of a drawn figure; its table is also what is read aloud."""
    spoken = "; ".join(
        f"{row[0].text}: "
        + ", ".join(f"{c} {cell.text}" for c, cell in zip(table.columns[1:], row[1:], strict=True))
        for row in table.cells
    )
    return StudyChart(name, title, caption, svg_element(figure, name, title, spoken), figure, table)


def data_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Cell]]) -> Table:
    """The figures of a chart, folded below it."""
    return Table(f"{title}: the figures", columns, rows, scrolls=True, folded=True)


def median(figure: Json | None) -> float | None:
    """Of a figure that may be missing."""
    return None if figure is None else figure["median"]


def written(value: float | None, write: Callable[[float], str]) -> str:
    """A number that may be missing."""
    return NOTHING if value is None else write(value)


def figure_cell(figure: Json | None, write: Callable[[float], str]) -> Cell:
    """A median, and least to most in small print where they read differently."""
    if figure is None or figure["median"] is None:
        return Cell(NOTHING)
    least, most = write(figure["least"]), write(figure["most"])
    return Cell(write(figure["median"]), "" if least == most else f"{least} – {most}")


def estimate_cell(estimate: Json | None, write: Callable[[float], str]) -> Cell:
    """A value, and its interval in small print."""
    if estimate is None or estimate["value"] is None:
        return Cell(NOTHING)
    return Cell(write(estimate["value"]), f"{write(estimate['low'])} – {write(estimate['high'])}")


def bytes_cell(figure: Json | None) -> Cell:
    """A figure in bytes."""
    return figure_cell(figure, format_bytes)


def us_cell(figure: Json | None) -> Cell:
    """A figure in microseconds."""
    return figure_cell(figure, format_us)


def perplexity_text(value: float | None) -> str:
    """A word perplexity."""
    return format_perplexity(value)


def percent(value: float) -> str:
    """A figure that is in percent already."""
    return f"{value:.1f} %"


def percent_error(share: float) -> str:
    """A relative error with its sign; 0 where there is none at all."""
    return "0" if share == 0 else f"{100 * share:+.2f} %"


def count_text(count: float) -> str:
    """A number of words: 123,000, 12.3 M, 1 B."""
    for unit, name in ((1e9, "B"), (1e6, "M")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count:,.0f}"
