"""Growth: what the n-grams of more and more text take, and a network beside them.

results["growth"] -> bytes against words, by structure and by order, with fitted laws
                  -> memory after the replay
                  -> distinct n-grams
                  -> tables: the laws, formula against measurement
"""

from collections.abc import Callable, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from pocketlm.benchmarks.chart_style import INK, STYLE, byte_ticks
from pocketlm.benchmarks.study.drawing import (
    COLOURS,
    FLOOR,
    MARKS,
    NETWORK,
    ORDER_COLOURS,
    legend_above,
    line,
    new_axes,
)
from pocketlm.benchmarks.study.page_parts import (
    NOTHING,
    Cell,
    Json,
    Section,
    StudyChart,
    Table,
    bytes_cell,
    count_text,
    data_table,
    finish,
    percent_error,
)
from pocketlm.benchmarks.units import format_bytes

_SHOWN_ORDER = 5  # where there is one: the order that is used in practice
_SHOWN_STRUCTURE = "trie"  # where there is one: the smallest
_DECADES = [10.0**power for power in range(3, 11)]


def growth_section(growth: Json) -> Section | None:
    """None if nothing grew."""
    points = growth.get("points", [])
    if not points:
        return None
    networks, laws = growth.get("network", []), growth.get("laws", [])
    structures = list(dict.fromkeys(p["structure"] for p in points))
    orders = sorted({p["order"] for p in points})
    order = _SHOWN_ORDER if _SHOWN_ORDER in orders else orders[-1]
    structure = _SHOWN_STRUCTURE if _SHOWN_STRUCTURE in structures else structures[0]
    by_structure = _Lines("structure", structures, COLOURS, str)
    by_order = _Lines("order", orders, ORDER_COLOURS, lambda number: f"order {number}")
    of_order = [p for p in points if p["order"] == order]
    of_structure = [p for p in points if p["structure"] == structure]
    tables = [_formulas(points)]
    if laws:
        tables.insert(0, _laws(laws))
    return Section(
        "growth",
        "Growth: what more text and a longer reach take",
        [
            "The same training text in growing shares, every n-gram of it kept. A network's size "
            "is a setting: it is the same whatever the text's."
        ],
        [
            _sizes(
                "growth-structures",
                f"Bytes by structure, order {order}",
                by_structure,
                of_order,
                [law for law in laws if law["order"] == order],
                networks,
            ),
            _sizes(
                "growth-orders",
                f"Bytes by order, {structure}",
                by_order,
                of_structure,
                [law for law in laws if law["structure"] == structure],
                networks,
            ),
            _memory(by_structure, of_order, networks, order),
            _distinct(points),
        ],
        [*tables, _all(points, networks)],
    )


class _Lines:
    """Which line each point belongs to, and how that is drawn and named."""

    def __init__(
        self, field: str, values: Sequence[object], colours: Sequence[str],
        name: Callable[[object], str],
    ) -> None:  # fmt: skip
        self.field, self.values = field, values
        self.style = {
            value: (colours[place % len(colours)], MARKS[place % len(MARKS)], name(value))
            for place, value in enumerate(values)
        }

    def present(self, points: Sequence[Json]) -> list[object]:
        """The values that some point has."""
        return [v for v in self.values if any(p[self.field] == v for p in points)]

    def of(self, points: Sequence[Json], value: object) -> list[Json]:
        """The points of a line, from left to right."""
        return sorted((p for p in points if p[self.field] == value), key=lambda p: int(p["words"]))


def _sizes(
    name: str,
    title: str,
    lines: _Lines,
    points: Sequence[Json],
    laws: Sequence[Json],
    networks: Sequence[Json],
) -> StudyChart:
    """Measured bytes, and the laws on to where nothing was measured."""
    with mpl.rc_context(STYLE):
        figure, (axes,) = new_axes(4.6)
        for value in lines.present(points):
            colour, mark, _ = lines.style[value]
            own = lines.of(points, value)
            words = [p["words"] for p in own]
            sizes = [p["measured_bytes"] for p in own]
            axes.plot(words, sizes, color=colour, marker=mark, markersize=5, linewidth=1.6)
            for law in laws:
                further = law["extrapolated"]
                if law[lines.field] != value or law["exponent"] is None or not further:
                    continue
                at = [words[-1], *(f["words"] for f in further)]
                fitted = [law["coefficient"] * w ** law["exponent"] for w in at]
                axes.plot(at, fitted, color=colour, linestyle=(0, (3, 2)), linewidth=1.3)
                axes.plot(
                    at[1:], fitted[1:], linestyle="none", marker=mark, markersize=5,
                    markeredgecolor=colour, markerfacecolor="none",
                )  # fmt: skip
        _network_lines(axes, [n["file_bytes"] for n in networks])
        _word_axis(axes)
        axes.set(ylabel="bytes", yscale="log")
        byte_ticks(axes.yaxis)
        if laws:
            _mark_extrapolated(axes, max(p["words"] for p in points))
        legend_above(figure, _handles(lines, points, networks))
        caption = (
            "The file's size; of a dictionary, which has no file, the process's private memory. "
            "Filled marks were measured. Dashed lines with hollow marks are the fitted laws "
            "carried on to more words: extrapolated, not measured. Both axes are logarithmic."
        )
        table = _figures(
            title,
            lines,
            {(p["words"], p[lines.field]): Cell(format_bytes(p["measured_bytes"])) for p in points},
            {
                (further["words"], law[lines.field]): Cell(format_bytes(further["bytes"]))
                for law in laws
                for further in law["extrapolated"]
            },
            {n["name"]: Cell(format_bytes(n["file_bytes"])) for n in networks},
        )
        return finish(figure, name, title, caption, table)


def _memory(
    lines: _Lines, points: Sequence[Json], networks: Sequence[Json], order: int
) -> StudyChart:
    """PSS after the replay."""
    with mpl.rc_context(STYLE):
        figure, (axes,) = new_axes(4.2)
        for value in lines.present(points):
            colour, mark, _ = lines.style[value]
            own = lines.of(points, value)
            held = [p["pss_after_replay"] for p in own]
            middle = [max(h["median"], FLOOR) for h in held]
            spread = [
                [m - max(h["least"], FLOOR) for m, h in zip(middle, held, strict=True)],
                [max(h["most"], FLOOR) - m for m, h in zip(middle, held, strict=True)],
            ]
            axes.errorbar(
                [p["words"] for p in own], middle, yerr=spread, color=colour, marker=mark,
                markersize=5, linewidth=1.6, capsize=2,
            )  # fmt: skip
        _network_lines(axes, [n["pss_after_replay"]["median"] for n in networks])
        _word_axis(axes)
        axes.set(ylabel="PSS after the replay", yscale="log")
        byte_ticks(axes.yaxis)
        legend_above(figure, _handles(lines, points, networks))
        title = f"Memory after the replay, order {order}"
        caption = (
            "What a fresh process's PSS grew by from before the load to after the replay; medians, "
            "with bars from least to most. It holds the runtime's own pages too, and of a mapped "
            "file the pages that were touched and their neighbours."
        )
        table = _figures(
            title,
            lines,
            {(p["words"], p[lines.field]): bytes_cell(p["pss_after_replay"]) for p in points},
            {},
            {n["name"]: bytes_cell(n["pss_after_replay"]) for n in networks},
        )
        return finish(figure, "growth-memory", title, caption, table)


def _distinct(points: Sequence[Json]) -> StudyChart:
    """Distinct n-grams of each order."""
    largest = max(p["order"] for p in points)
    counts = {p["words"]: p["ngrams"] for p in points if p["order"] == largest}
    words = sorted(counts)
    with mpl.rc_context(STYLE):
        figure, (axes,) = new_axes(3.8)
        handles = []
        for place in range(largest):
            colour, mark = ORDER_COLOURS[place % len(ORDER_COLOURS)], MARKS[place % len(MARKS)]
            own = [counts[w][place] for w in words]
            axes.plot(words, own, color=colour, marker=mark, markersize=5, linewidth=1.6)
            handles.append(line(colour, mark, f"of {place + 1} token{'s' if place else ''}"))
        axes.set(xscale="log", yscale="log", ylabel="distinct n-grams")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))
        axes.yaxis.set_minor_locator(NullLocator())
        _word_axis(axes)
        legend_above(figure, handles, columns=3)
        title = "Distinct n-grams"
        rows = [[count_text(w), *(f"{n:,}" for n in counts[w])] for w in words]
        columns = ["words of training text", *(f"of {n + 1}" for n in range(largest))]
        caption = "The longer an n-gram, the more nearly every place of the text adds a new one."
        return finish(figure, "growth-ngrams", title, caption, data_table(title, columns, rows))


def _network_lines(axes: Axes, sizes: Sequence[float]) -> None:
    for size in sizes:
        axes.axhline(size, color=NETWORK, linewidth=2.2, zorder=1.5)


def _handles(
    lines: _Lines, points: Sequence[Json], networks: Sequence[Json]
) -> list[mpl.lines.Line2D]:
    handles = [line(*lines.style[value]) for value in lines.present(points)]
    if networks:
        names = "a network" if len(networks) == 1 else "networks"
        handles.append(line(NETWORK, label=f"{names}: constant", width=2.2))
    return handles


def _word_axis(axes: Axes) -> None:
    axes.set(xscale="log", xlabel="words of training text")
    axes.xaxis.set_major_locator(FixedLocator(_DECADES))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))


def _mark_extrapolated(axes: Axes, measured: float) -> None:
    """Shade what lies beyond the most words that were measured."""
    right = axes.get_xlim()[1]
    axes.axvspan(measured * 1.25, right, color=INK, alpha=0.06, linewidth=0)
    axes.set_xlim(right=right)
    axes.annotate(
        "extrapolated", (measured * 1.25, 1), (4, -3), ("data", "axes fraction"), "offset points",
        ha="left", va="top", size=9, style="italic",
    )  # fmt: skip


def _figures(
    title: str,
    lines: _Lines,
    measured: dict[tuple[int, object], Cell],
    extrapolated: dict[tuple[int, object], Cell],
    networks: dict[str, Cell],
) -> Table:
    """Cells by words and line: a row a text length, a column a line, networks the same in all."""
    present = [v for v in lines.values if any(value == v for _, value in measured)]
    rows: list[list[str | Cell]] = [
        [
            f"{count_text(words)}{said}",
            *(found.get((words, v), NOTHING) for v in present),
            *networks.values(),
        ]
        for found, said in ((measured, ""), (extrapolated, ", extrapolated"))
        for words in sorted({words for words, _ in found})
    ]
    columns = ["words of training text", *(lines.style[v][2] for v in present), *networks]
    return data_table(title, columns, rows)


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:+.1f} %"


def _laws(laws: Sequence[Json]) -> Table:
    ahead = sorted({further["words"] for law in laws for further in law["extrapolated"]})
    rows: list[list[str | Cell]] = []
    for law in laws:
        bytes_at = {further["words"]: further["bytes"] for further in law["extrapolated"]}
        rows.append(
            [
                f"{law['structure']}, order {law['order']}",
                NOTHING
                if law["exponent"] is None
                else f"{law['coefficient']:.3g} · words^{law['exponent']:.3f}",
                str(law["points"]),
                *(_percent(law[error]) for error in ("largest_error", "held_out_error")),
                *(format_bytes(bytes_at[w]) if w in bytes_at else NOTHING for w in ahead),
            ]
        )
    return Table(
        "The fitted laws",
        ["structure", "bytes", "points", "largest error at them", "held-out error"]
        + [f"{count_text(w)} words, extrapolated" for w in ahead],
        rows,
        "Least squares on logarithms, over the three largest texts: the exponent falls as the "
        "text grows. The held-out error is that of a law fitted to the three texts before the "
        "largest, at the largest; above 0 the law overshoots. The last columns are the laws "
        "carried on: nothing of that size was built.",
        scrolls=True,
        folded=True,
    )


def _formulas(points: Sequence[Json]) -> Table:
    rows: list[list[str | Cell]] = []
    for structure in dict.fromkeys(p["structure"] for p in points):
        own = [p for p in points if p["structure"] == structure and p["formula_error"] is not None]
        if own:
            worst = max(own, key=lambda p: (abs(p["formula_error"]), p["measured_bytes"]))
            exact = worst["formula_error"] == 0
            rows.append(
                [
                    structure,
                    str(len(own)),
                    "none" if exact else percent_error(worst["formula_error"]),
                    _place(worst),
                    format_bytes(worst["estimate_bytes"]),
                    format_bytes(worst["measured_bytes"]),
                ]
            )
    return Table(
        "Formula against measurement",
        ["structure", "models", "largest error", "where", "formula there", "measured there"],
        rows,
        "Each structure's formula gives its bytes from the counts alone, before anything is built; "
        "the largest error over all orders and shares. Where there is none, the largest model.",
    )


def _place(point: Json) -> str:
    return f"order {point['order']}, {100 * point['share']:g} % of the text"


def _all(points: Sequence[Json], networks: Sequence[Json]) -> Table:
    moments = [
        f"{what}_{when}" for when in ("after_load", "after_replay") for what in ("private", "pss")
    ]
    rows: list[list[str | Cell]] = [
        [
            f"{p['structure']}, order {p['order']}, {100 * p['share']:g} %",
            count_text(p["words"]),
            f"{sum(p['ngrams']):,}",
            p["load_mode"],
            format_bytes(p["estimate_bytes"]),
            format_bytes(p["file_bytes"]),
            *(bytes_cell(p[moment]) for moment in moments),
        ]
        for p in points
    ]
    rows += [
        [
            n["name"],
            *[NOTHING] * 4,
            format_bytes(n["file_bytes"]),
            *(bytes_cell(n[m]) for m in moments),
        ]
        for n in networks
    ]
    return Table(
        "Every model of the growth",
        [
            *("model", "words", "n-grams", "load mode", "formula", "file"),
            *("private after load", "PSS after load", "private after replay", "PSS after replay"),
        ],
        rows,
        scrolls=True,
        folded=True,
    )
