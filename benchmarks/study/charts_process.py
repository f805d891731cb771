"""The whole process: what it holds, what of it the system may drop, and what dropping it costs.

results["process"] -> stacked parts of memory, private and evictable
                   -> first steps under memory pressure
"""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from pocketlm.benchmarks.chart_style import INK, STYLE, legend, log_axis, named_rows
from pocketlm.benchmarks.study.drawing import COLOURS, WIDTH
from pocketlm.benchmarks.study.page_parts import (
    NOTHING,
    Cell,
    Json,
    Section,
    StudyChart,
    Table,
    bytes_cell,
    data_table,
    figure_cell,
    finish,
    us_cell,
)
from pocketlm.benchmarks.units import format_bytes, format_us, rounded

_DROPS = {"dropped": "after a drop", "cold": "from a cold cache"}
_PRESSURE = {"steady": "#2a9d6f", "after a drop": "#e09f3e", "from a cold cache": "#d1495b"}
_MIB = 1 << 20


def process_section(process: Json) -> Section | None:
    """None if no process was measured."""
    models = process.get("models", [])
    if not models:
        return None
    charts, tables = [_parts(models)], [_table(models)]
    pressed = [m for m in models if m["pressure"] and any(m["pressure"][key] for key in _DROPS)]
    if pressed:
        charts.append(_pressure(pressed))
        tables.append(_pressure_table(pressed))
    return Section(
        "process",
        "The whole process",
        [
            "Everything that the process holds after the replay, its start and the runtime "
            "included. Evictable pages are clean pages of files: the system may drop them when "
            "memory is short and reads them again when they are touched. Private memory it cannot "
            "drop."
        ],
        charts,
        tables,
    )


def _label(model: Json) -> str:
    name, load_mode = model["name"], model["load_mode"]
    return str(name) if f"({load_mode})" in name else f"{name}, {load_mode}"


def _parts(models: Sequence[Json]) -> StudyChart:
    """Stacked bars, private parts first; a bar too long for the networks to be seen is cut."""
    parts = list(dict.fromkeys(p["part"] for m in models for p in m["parts"]))
    colours = {part: COLOURS[place % len(COLOURS)] for place, part in enumerate(parts)}
    totals = [_total(m) for m in models]
    end = _axis_end(models, totals)
    with mpl.rc_context(STYLE):
        figure, axes = named_rows([_label(m) for m in models], 0.5, WIDTH)
        for row, model in enumerate(models):
            left = 0.0
            for kind, strength in (("private_dirty", 1.0), ("file_backed", 0.45)):
                for part in model["parts"]:
                    width = min(part[kind]["median"] / _MIB, end - left)
                    if width > 0:
                        axes.barh(
                            row + 0.13, width, 0.28, left, color=colours[part["part"]],
                            alpha=strength, linewidth=0, zorder=2,
                        )  # fmt: skip
                    left += max(width, 0.0)
            cut = totals[row] / _MIB > end
            text = format_bytes(totals[row])
            axes.annotate(
                f"» {text}" if cut else text, (end if cut else left, row + 0.13), (4, 0),
                textcoords="offset points", va="center", size=9, annotation_clip=False,
            )  # fmt: skip
        axes.set_xlim(0, end * 1.27)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:g}" if value <= end else "")
        )
        axes.set_xlabel("MiB")
        handles = [Patch(color=colours[part], label=part, linewidth=0) for part in parts]
        handles.append(Patch(color=INK, alpha=0.3, label="fainter: evictable", linewidth=0))
        figure.legend(
            handles=handles, loc="outside upper left", ncols=2, handlelength=1, fontsize=9,
            columnspacing=1.2, labelspacing=0.35,
        )  # fmt: skip
        title = "What the process holds"
        caption = (
            "Private pages first, then in fainter colours the pages of files, which are evictable. "
            "The figure is the sum of both. Bars marked » go on beyond the chart."
        )
        rows = [[_label(m), *(_pair(m, part) for part in parts)] for m in models]
        columns = ["private + file pages", *parts]
        return finish(figure, "process", title, caption, data_table(title, columns, rows))


def _total(model: Json) -> float:
    return float(
        sum(p[kind]["median"] for p in model["parts"] for kind in ("private_dirty", "file_backed"))
    )


def _axis_end(models: Sequence[Json], totals: Sequence[float]) -> float:
    """MiB at which bars are cut: twice the largest network, where there is one."""
    networks = [t for m, t in zip(models, totals, strict=True) if m["kind"] == "network"]
    largest = max(totals)
    return min(2 * max(networks), largest) / _MIB if networks else largest / _MIB


def _pair(model: Json, part: str) -> str:
    """Private and file pages of a part that the process may not have."""
    found = next((p for p in model["parts"] if p["part"] == part), None)
    if found is None:
        return NOTHING
    private, backed = (format_bytes(found[k]["median"]) for k in ("private_dirty", "file_backed"))
    return f"{private} + {backed}"


def _first_steps(model: Json) -> list[Json | None]:
    pressure = model["pressure"]
    first = [(pressure[key] or {}).get("first_step_us") for key in _DROPS]
    return [pressure["steady_us"], *first]


def _pressure(models: Sequence[Json]) -> StudyChart:
    """A steady step, the first after the file's pages were dropped, the first from the disk."""
    known = [f["median"] for m in models for f in _first_steps(m) if f]
    with mpl.rc_context(STYLE):
        figure, axes = named_rows([_label(m) for m in models], 0.86, WIDTH)
        for row, model in enumerate(models):
            steps = zip(_first_steps(model), _PRESSURE.values(), strict=True)
            for bar, (step, colour) in enumerate(steps):
                if step is not None:
                    place = row + 0.21 * bar
                    axes.barh(place, step["median"], 0.18, color=colour, zorder=2)
                    label = format_us(step["median"])
                    axes.text(step["median"] * 1.12, place, label, va="center", size=9)
        log_axis(axes, 10.0 ** (len(str(int(min(known)))) - 2), max(known), room=1.3)
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: rounded(format_us(value))))
        legend(axes, _PRESSURE)
        title = "A step under memory pressure"
        caption = (
            "The process gives its file's pages back (madvise), as when the system is short of "
            "memory, and takes one step: the pages come from the page cache, or, from a cold "
            "cache, from the disk of this machine, which is not a phone's. The axis is logarithmic."
        )
        rows = [[Cell(_label(m)), *(us_cell(step) for step in _first_steps(m))] for m in models]
        columns = ["first step", *_PRESSURE]
        return finish(figure, "pressure", title, caption, data_table(title, columns, rows))


def _table(models: Sequence[Json]) -> Table:
    rows = [
        [
            m["name"],
            m["load_mode"],
            m["page_cache"] or NOTHING,
            us_cell(m["load_us"]),
            bytes_cell(m["private_dirty"]),
            bytes_cell(m["evictable"]),
            bytes_cell(m["pss"]),
        ]
        for m in models
    ]
    columns = ["model", "load mode", "page cache", "load", "private", "evictable", "PSS"]
    return Table("Whole processes", columns, rows, "Medians, least to most in small print.")


def _pressure_table(models: Sequence[Json]) -> Table:
    rows: list[list[str | Cell]] = []
    for model in models:
        for key, name in (_DROPS | {"code": "the programs' code dropped"}).items():
            if (found := model["pressure"].get(key)) is not None:
                rows.append(
                    [
                        f"{_label(model)}: {name}",
                        bytes_cell(found["file_backed_before"]),
                        bytes_cell(found["file_backed_after"]),
                        figure_cell(found["page_cache_resident"], _share),
                        us_cell(found["first_step_us"]),
                        *(
                            figure_cell(found[k], _count)
                            for k in ("steps_to_recover", "major_faults", "minor_faults")
                        ),
                    ]
                )
    return Table(
        "Under memory pressure",
        [
            *(
                "model",
                "file pages before",
                "after the drop",
                "still in the cache",
                "first step",
                "steps to recover",
            ),
            *("major faults", "minor faults"),
        ],
        rows,
        "A major fault waits for the disk; a minor one finds the page in the cache. A process that "
        "was never as quick again counts with all of the 200 steps that were watched.",
        scrolls=True,
        folded=True,
    )


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


def _count(count: float) -> str:
    return f"{count:,.0f}"
