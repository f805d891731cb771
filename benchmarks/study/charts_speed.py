"""Speed, and the bytes of a conversation.

results["speed"] -> bars of a score, bars of a whole distribution -> a table
"""

import math
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.ticker import FuncFormatter, LogLocator

from pocketlm.benchmarks.chart_style import (
    INK,
    KIND_COLOURS,
    KIND_NAMES,
    STYLE,
    kinds_of,
    legend,
    log_axis,
    named_rows,
)
from pocketlm.benchmarks.study.drawing import WIDTH
from pocketlm.benchmarks.study.page_parts import (
    NOTHING,
    Json,
    Section,
    StudyChart,
    Table,
    data_table,
    figure_cell,
    finish,
    us_cell,
)
from pocketlm.benchmarks.units import format_times, format_us, rounded


def speed_section(speed: Json) -> Section | None:
    """None if nothing was timed."""
    models = speed.get("models", [])
    if not models:
        return None
    reference = speed["reference"]
    charts = [
        _bars(
            models, reference, "distribution", "The whole distribution",
            "The probabilities of all tokens that may follow, which is what a keyboard asks for.",
        ),
        _bars(
            models, reference, "score", "The score of one token",
            "Only the token that comes. A network works out all of them in any case.",
        ),
    ]  # fmt: skip
    return Section(
        "speed",
        "Speed and state",
        ["One thread; in each round all models take turns, so that ratios are of the same moment."],
        [chart for chart in charts if chart],
        [_table(models, reference)],
    )


def _bars(
    models: Sequence[Json], reference: str, field: str, title: str, note: str
) -> StudyChart | None:
    models = [m for m in models if m.get(field) and m[field]["median"]]
    if not models:
        return None
    models = sorted(models, key=lambda m: float(m[field]["median"]))
    with mpl.rc_context(STYLE):
        figure, axes = named_rows([m["name"] for m in models], 0.5, WIDTH)
        medians = [m[field]["median"] for m in models]
        for row, model in enumerate(models):
            figure_ = model[field]
            axes.barh(row + 0.13, medians[row], 0.26, color=KIND_COLOURS[model["kind"]], zorder=2)
            axes.plot(
                [figure_["least"], figure_["most"]],
                [row + 0.13] * 2,
                color=INK,
                linewidth=1.2,
                zorder=3,
            )
            label = format_us(medians[row])
            if model["name"] != reference and (ratio := model[f"{field}_ratio"]):
                label += f", {_ratio(ratio['median'])} ×"
            axes.text(
                max(figure_["most"], medians[row]) * 1.15, row + 0.13, label, va="center", size=9
            )
        smallest = 10.0 ** _power_below(min(medians))
        log_axis(axes, smallest, max(m[field]["most"] for m in models), room=1.55)
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: rounded(format_us(value))))
        legend(axes, {KIND_NAMES[kind]: KIND_COLOURS[kind] for kind in kinds_of(models)})
        caption = (
            f"{note} Median time a token; × is the time over that of {reference} in the same "
            "round; the dark line goes from the fastest round to the slowest. The axis is "
            "logarithmic."
        )
        rows = [
            [m["name"], us_cell(m[field]), figure_cell(m[f"{field}_ratio"], _ratio)] for m in models
        ]
        table = data_table(title, ["model", "time a token", f"times {reference}"], rows)
        return finish(figure, f"speed-{field}", f"{title}, time a token", caption, table)


def _ratio(ratio: float) -> str:
    """Below a tenth as one of so many."""
    return format_times(ratio) if ratio >= 0.1 else f"1/{format_times(1 / ratio)}"


def _power_below(value: float) -> int:
    """The power of ten at or below half of it, so that the shortest bar can be seen."""
    return math.floor(math.log10(value / 2))


def _table(models: Sequence[Json], reference: str) -> Table:
    rows = [
        [
            m["name"],
            m["load_mode"],
            NOTHING if m["state_bytes"] is None else f"{m['state_bytes']:,} bytes",
            us_cell(m.get("score")),
            figure_cell(m.get("score_ratio"), _ratio),
            us_cell(m.get("distribution")),
            figure_cell(m.get("distribution_ratio"), _ratio),
        ]
        for m in models
    ]
    return Table(
        "Times, and the state of a conversation",
        ["model", "load mode", "state", "score", "its ratio", "distribution", "its ratio"],
        rows,
        f"Ratios are times over those of {reference} in the same round. The state is what has to "
        "be kept between two words of a conversation: a network's hidden state, an n-gram's last "
        "words.",
    )
