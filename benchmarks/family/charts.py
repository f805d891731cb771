"""The charts of the family: reach, gradients over time, and an explosion.

results.json -> loss by words seen, |d loss_T / d h_(T-k)| by k, loss and norm by step
"""

from typing import Any

import matplotlib as mpl

from pocketlm.benchmarks.chart_style import STYLE
from pocketlm.benchmarks.study.charts_reach import lag_chart, loss_chart
from pocketlm.benchmarks.study.drawing import COLOURS, legend_above, line, new_axes
from pocketlm.benchmarks.study.page_parts import NOTHING, StudyChart, data_table, finish

Json = dict[str, Any]
_TRAININGS = (("without", "without clipping", COLOURS[1]), ("clipped", "clipped", COLOURS[0]))


def family_charts(results: Json) -> list[StudyChart]:
    """All charts of the results."""
    networks = [{**m, "kind": "network", "order": None} for m in results["members"]]
    reach = {
        "contexts": networks[0]["contexts"],
        "positions": results["positions"],
        "models": networks,
    }
    # A logarithmic axis has no place for the state itself, k = 0: shares are of it.
    later = [{**m, "gradient_share": m["gradient_share"][1:]} for m in networks]
    gradients = lag_chart(
        {"lags": results["lags"][1:], "models": later},
        "gradient_share",
        "gradients",
        "What is left of a gradient, back in time",
        "share of the gradient's norm",
        "The norm of d loss_T / d h_(T-k), over that at k = 0; of trained networks.",
    )
    assert gradients is not None
    return [loss_chart(reach), gradients, exploding_chart(results["exploding"])]


def exploding_chart(exploding: Json) -> StudyChart:
    """Loss and gradient norm of each step; a line ends where a number was not finite."""
    title = "An exploding gradient, and the same clipped"
    with mpl.rc_context(STYLE):
        figure, (above, below) = new_axes(5.0, rows=2)
        for name, _, colour in _TRAININGS:
            known = [loss for loss in exploding[name]["loss"] if loss is not None]
            norms = exploding[name]["gradient_norm"][: len(known)]
            above.plot(range(1, len(known) + 1), known, color=colour, linewidth=1.6)
            below.plot(range(1, len(known) + 1), norms, color=colour, linewidth=1.6)
        above.set(yscale="log", ylabel="loss, nats a token")
        below.set(yscale="log", ylabel="norm of the gradient", xlabel="step")
        below.axhline(exploding["clip"], color=COLOURS[0], linestyle=":", linewidth=1)
        legend_above(figure, [line(colour, label=label) for _, label, colour in _TRAININGS])
        caption = (
            f"A plain RNN whose recurrent matrix begins at {exploding['scale']} times an "
            f"orthogonal one, by gradient descent of rate {exploding['learning_rate']:g}; the "
            f"dotted line is the norm to which a larger gradient is clipped, {exploding['clip']:g}."
        )
        steps = sorted({0, *range(9, exploding["steps"], 20), exploding["steps"] - 1})
        rows = [
            [label, *(_written(exploding[name]["loss"][step]) for step in steps)]
            for name, label, _ in _TRAININGS
        ]
        columns = ["training", *(f"step {step + 1}" for step in steps)]
        return finish(figure, "exploding", title, caption, data_table(title, columns, rows))


def _written(loss: float | None) -> str:
    return NOTHING if loss is None else f"{loss:.3g}"
