"""Reach: how much of what came before a model uses, and how far back a token still tells.

results["reach"]     -> nats a word against the words seen
results["influence"] -> Jacobian norm against lag, KL against lag
"""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from pocketlm.benchmarks.chart_style import STYLE
from pocketlm.benchmarks.study.drawing import (
    MARKS,
    NETWORK_COLOURS,
    ORDER_COLOURS,
    Dashes,
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
    data_table,
    estimate_cell,
    finish,
)

_NETWORK_MARKS = ("D", "s", "*", "P")
_SMALLEST = 1e-12  # below it a KL of single precision says nothing
Style = tuple[str, str, Dashes, float]  # colour, mark, dashes, width


def reach_section(reach: Json, influence: Json) -> Section | None:
    """None if neither was measured."""
    charts: list[StudyChart | None] = [loss_chart(reach)] if reach.get("models") else []
    if influence.get("models"):
        charts += [
            lag_chart(
                influence, "jacobian_spectral", "influence-jacobian",
                "How much of an earlier state is left", "spectral norm of the Jacobian",
                "The largest factor by which a small change of the state k tokens back still "
                "changes today's; a table has no state to differentiate.",
            ),
            lag_chart(
                influence, "kl", "influence-kl",
                "How much an earlier token still changes the prediction", "KL, nats",
                "The token k steps back is replaced by another, and the prediction compared with "
                "what it was. An n-gram's line ends where its order does: from there on it is 0.",
            ),
        ]  # fmt: skip
    drawn = [chart for chart in charts if chart]
    if not drawn:
        return None
    lead = (
        ["Every model is asked for the same words, and sees only so many words before them."]
        if reach.get("models")
        else []
    )
    return Section("reach", "Reach: what earlier words are worth", lead, drawn)


def loss_chart(reach: Json) -> StudyChart:
    """Nats a word by words seen; the state carried over earlier lines as a place of its own."""
    contexts, models = reach["contexts"], reach["models"]
    names = ["whole line" if c is None else str(c) for c in contexts]
    carried = any(m.get("carried") for m in models)
    with mpl.rc_context(STYLE):
        figure, (axes,) = new_axes(4.6)
        styles = _styles(models)
        for model, (colour, mark, dashes, width) in zip(models, styles, strict=True):
            known = [(i, e) for i, e in enumerate(model["nats_per_word"]) if e is not None]
            places = [i for i, _ in known]
            axes.fill_between(
                places, [e["low"] for _, e in known], [e["high"] for _, e in known],
                color=colour, alpha=0.14 if model["kind"] == "network" else 0.06, linewidth=0,
            )  # fmt: skip
            axes.plot(
                places, [e["value"] for _, e in known], color=colour, marker=mark, markersize=4.5,
                linestyle=dashes, linewidth=width,
            )  # fmt: skip
            if after := model.get("carried"):
                bounds = [[after["value"] - after["low"]], [after["high"] - after["value"]]]
                axes.errorbar(
                    [len(contexts)], [after["value"]], yerr=bounds, color=colour, marker=mark,
                    markersize=4.5, capsize=2,
                )  # fmt: skip
        ticks = ["all" if c is None else str(c) for c in contexts]
        ticks += ["earlier\nlines too"] * carried
        axes.set_xticks(range(len(ticks)), ticks)
        axes.set(xlabel="words before it that are seen", ylabel="nats a word")
        legend_above(figure, _handles(models, styles))
        title = "Loss by how much is seen"
        caption = (
            f"The same {reach['positions']:,} words for every model; lower is better; bands are "
            "95 % intervals. An n-gram's line is flat from its order on. Steps along the axis are "
            "not to scale."
        )
        columns = ["model", *(f"{n} seen" for n in names), *["carried over lines"] * carried]
        rows = [
            [m["name"], *(estimate_cell(e, _nats) for e in m["nats_per_word"])]
            + [estimate_cell(m.get("carried"), _nats)] * carried
            for m in models
        ]
        return finish(figure, "reach", title, caption, data_table(title, columns, rows))


def lag_chart(
    influence: Json, field: str, name: str, title: str, label: str, note: str
) -> StudyChart | None:
    """Medians by lag with a band of quartiles, logarithmic; what is 0 is not drawn."""
    lags = influence["lags"]
    models = [m for m in influence["models"] if m[field]]
    if not models:
        return None
    with mpl.rc_context(STYLE):
        figure, (axes,) = new_axes(4.2)
        styles = _styles(models)
        for model, (colour, mark, dashes, width) in zip(models, styles, strict=True):
            known = [
                (lag, q)
                for lag, q in zip(lags, model[field], strict=True)
                if q and q["median"] is not None and q["median"] > _SMALLEST
            ]
            at = [lag for lag, _ in known]
            axes.fill_between(
                at, [max(q["lower"], _SMALLEST) for _, q in known], [q["upper"] for _, q in known],
                color=colour, alpha=0.14, linewidth=0,
            )  # fmt: skip
            axes.plot(
                at, [q["median"] for _, q in known], color=colour, marker=mark, markersize=4.5,
                linestyle=dashes, linewidth=width,
            )  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel="tokens back", ylabel=label)
        axes.set_xticks(lags, [str(lag) for lag in lags])
        axes.xaxis.set_minor_locator(NullLocator())
        _decades(axes)
        legend_above(figure, _handles(models, styles))
        caption = f"{note} Lines are medians, bands the middle half; both axes are logarithmic."
        rows = [[m["name"], *(_quartiles(q) for q in m[field])] for m in models]
        columns = ["model", *(f"{lag} back" for lag in lags)]
        return finish(figure, name, title, caption, data_table(title, columns, rows))


def _decades(axes: Axes) -> None:
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_minor_locator(NullLocator())


def _styles(models: Sequence[Json]) -> list[Style]:
    """Networks in colours of their own, n-gram models by their order, count tables dotted."""
    styles: list[Style] = []
    networks = ngrams = 0
    for model in models:
        if model["kind"] == "network":
            colour = NETWORK_COLOURS[networks % len(NETWORK_COLOURS)]
            styles.append((colour, _NETWORK_MARKS[networks % len(_NETWORK_MARKS)], "-", 2.2))
            networks += 1
        else:
            place = (model.get("order") or ngrams + 1) - 1
            dashes: Dashes = ":" if model["kind"] == "table" else "-"
            colour = ORDER_COLOURS[place % len(ORDER_COLOURS)]
            styles.append((colour, MARKS[place % len(MARKS)], dashes, 1.3))
            ngrams += 1
    return styles


def _handles(models: Sequence[Json], styles: Sequence[Style]) -> list[mpl.lines.Line2D]:
    return [
        line(colour, mark, model["name"], dashes, width)
        for model, (colour, mark, dashes, width) in zip(models, styles, strict=True)
    ]


def _nats(value: float) -> str:
    return f"{value:.3f}"


def _quartiles(quartiles: Json | None) -> Cell:
    if quartiles is None or quartiles["median"] is None:
        return Cell(NOTHING)
    return Cell(
        f"{quartiles['median']:.2g}", f"{quartiles['lower']:.2g} – {quartiles['upper']:.2g}"
    )
