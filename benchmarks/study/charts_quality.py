"""Quality for memory: which model predicts how well for what it takes.

results["quality"] -> word perplexity against PSS, and against private memory
                   -> next-word recall against PSS
                   -> a table of all
"""

from collections.abc import Sequence
from itertools import pairwise

import matplotlib as mpl
from matplotlib.axes import Axes

from pocketlm.benchmarks.chart_style import (
    INK,
    KIND_COLOURS,
    KIND_NAMES,
    STYLE,
    byte_ticks,
    kinds_of,
)
from pocketlm.benchmarks.study.drawing import (
    FLOOR,
    KIND_MARKS,
    Point,
    legend_above,
    line,
    name_points,
    new_axes,
    plain_ticks,
)
from pocketlm.benchmarks.study.page_parts import (
    NOTHING,
    Json,
    Section,
    StudyChart,
    Table,
    bytes_cell,
    data_table,
    estimate_cell,
    finish,
    percent,
    perplexity_text,
)
from pocketlm.benchmarks.units import format_bytes

_PERPLEXITIES = (100, 150, 200, 250, 300, 400, 500, 700, 1000, 1500, 2000, 3000, 5000, 10000)


def quality_section(quality: Json) -> Section | None:
    """None if no model was measured."""
    models = quality.get("models", [])
    if not models:
        return None
    named = named_models(quality)
    charts = [
        _perplexity(
            models, named, "pss", "quality-pss", "Word perplexity for PSS",
            "PSS counts what the process holds, pages of mapped files and of the runtime included.",
        ),
        _perplexity(
            models, named, "private_dirty", "quality-private", "Word perplexity for private memory",
            "Private memory is what the system cannot drop; a mapped file is not in it, which "
            f"favours large tables. What is below {format_bytes(FLOOR)} is drawn there.",
        ),
        _recall(models, named, "pss", "quality-recall", "Next-word recall for PSS"),
        _recall(
            models, named, "private_dirty", "quality-recall-private",
            "Next-word recall for private memory",
        ),
    ]  # fmt: skip
    return Section(
        "quality",
        "Quality for memory",
        [
            "Every model over the same tokens and the same lines. Memory is the growth of a fresh "
            "process; n-gram models score only the token that comes, which touches the fewest "
            "pages."
        ],
        [chart for chart in charts if chart],
        [_table(models)],
    )


def named_models(quality: Json) -> list[str]:
    """The models that the headline speaks of, and the other networks."""
    ratios = quality.get("ratios") or {}
    found = [m["name"] for m in quality["models"] if m["kind"] == "network"]
    for key in ("same_memory", "same_quality", "best"):
        if ratios.get(key):
            found.append(ratios[key]["ngram"])
    return list(dict.fromkeys(found))


def _perplexity(
    models: Sequence[Json], named: Sequence[str], field: str, name: str, title: str, note: str
) -> StudyChart | None:
    """Points of all models, and a step line of the best n-gram model for each amount of memory."""
    models = [m for m in models if m["word_perplexity"] is not None and m[field] is not None]
    if not models:
        return None
    with mpl.rc_context(STYLE):
        figure, (axes,) = new_axes(4.4)
        points = [(_shown(m[field]), float(m["word_perplexity"])) for m in models]
        _scatter(axes, models, points)
        axes.set(xscale="log", yscale="log", ylabel="word perplexity")
        axes.set_xlabel("PSS" if field == "pss" else "private dirty memory")
        sizes, perplexities = [x for x, _ in points], [y for _, y in points]
        axes.set_xlim(min(sizes) / 2.5, max(sizes) * 2.5)
        axes.set_ylim(min(perplexities) / 1.12, max(perplexities) * 1.12)
        byte_ticks(axes.xaxis, 4 if max(sizes) / min(sizes) < 4**7 else 16)
        plain_ticks(axes, _PERPLEXITIES)
        front = _front([p for p, m in zip(points, models, strict=True) if m["kind"] != "network"])
        handles, corners = _handles(models), []
        if front:
            corners = _corners(front, axes.get_ylim()[1], axes.get_xlim()[1])
            axes.plot(*zip(*corners, strict=True), color=INK, alpha=0.45, linewidth=1.2, zorder=1)
            handles.append(line(INK, label="best n-grams", width=1.2))
        legend_above(figure, handles)
        name_points(axes, points, _names(models, named), [*pairwise(corners)])
        caption = (
            "Lower left is better. The step line is the best that n-gram models reach with at most "
            f"so much memory. {note} Both axes are logarithmic."
        )
        rows = [
            [m["name"], bytes_cell(m[field]), perplexity_text(m["word_perplexity"])] for m in models
        ]
        memory = "PSS" if field == "pss" else "private memory"
        table = data_table(title, ["model", memory, "word perplexity"], rows)
        return finish(figure, name, title, caption, table)


def _recall(
    models: Sequence[Json], named: Sequence[str], memory: str, name: str, title: str
) -> StudyChart | None:
    """How often the next word is the first, or among three, that is suggested."""
    needed = ("top1", "top3", memory)
    models = [m for m in models if all(m[field] is not None for field in needed)]
    if not models:
        return None
    with mpl.rc_context(STYLE):
        figure, panels = new_axes(5.6, rows=2)
        placed = []
        for axes, field, label in zip(
            panels, ("top3", "top1"), ("among three, %", "first, %"), strict=True
        ):
            points = [(_shown(m[memory]), float(m[field]["value"])) for m in models]
            for model, (x, y) in zip(models, points, strict=True):
                bounds = [[y - model[field]["low"]], [model[field]["high"] - y]]
                axes.errorbar(
                    [x],
                    [y],
                    yerr=bounds,
                    color=KIND_COLOURS[model["kind"]],
                    linewidth=1.1,
                    capsize=2,
                )
            _scatter(axes, models, points)
            axes.set(xscale="log", ylabel=label)
            placed.append(points)
        sizes = [x for x, _ in placed[0]]
        byte_ticks(panels[-1].xaxis, 4 if max(sizes) / min(sizes) < 4**7 else 16)
        panels[-1].set_xlim(min(sizes) / 2.5, max(sizes) * 2.5)
        panels[-1].set_xlabel("PSS" if memory == "pss" else "private dirty memory")
        legend_above(figure, _handles(models), columns=3)
        for axes, points, field in zip(panels, placed, ("top3", "top1"), strict=True):
            ends = [
                ((x, m[field]["low"]), (x, m[field]["high"]))
                for m, (x, _) in zip(models, points, strict=True)
            ]
            name_points(axes, points, _names(models, named), ends)
        caption = (
            "How often the next word, before its first letter, is the first that the suggester "
            "shows, and among its three, ignoring case; bars are 95 % intervals. Upper left is "
            "better."
        )
        rows = [
            [m["name"], bytes_cell(m[memory])]
            + [estimate_cell(m[field], percent) for field in ("top1", "top3")]
            for m in models
        ]
        label = "PSS" if memory == "pss" else "private memory"
        table = data_table(title, ["model", label, "first", "among three"], rows)
        return finish(figure, name, title, caption, table)


def _shown(figure: Json) -> float:
    return max(float(figure["median"]), FLOOR)


def _scatter(axes: Axes, models: Sequence[Json], points: Sequence[Point]) -> None:
    for model, (x, y) in zip(models, points, strict=True):
        kind = model["kind"]
        size = 6.5 if kind == "network" else 5.5
        axes.plot(
            [x], [y], marker=KIND_MARKS[kind], markersize=size, color=KIND_COLOURS[kind], zorder=3
        )


def _handles(models: Sequence[Json]) -> list[mpl.lines.Line2D]:
    return [
        line(KIND_COLOURS[kind], KIND_MARKS[kind], KIND_NAMES[kind], "none")
        for kind in kinds_of(models)
    ]


def _names(models: Sequence[Json], named: Sequence[str]) -> dict[int, str]:
    return {place: m["name"] for place, m in enumerate(models) if m["name"] in named}


def _front(points: Sequence[Point]) -> list[Point]:
    """Those that nothing smaller, or as small, is better than."""
    front: list[Point] = []
    for memory, perplexity in sorted(points):
        if not front or perplexity < front[-1][1]:
            front.append((memory, perplexity))
    return front


def _corners(front: Sequence[Point], top: float, right: float) -> list[Point]:
    """Of the step line: down at each point of the front, level to the next."""
    corners = [(front[0][0], top), front[0]]
    for (_, before), after in pairwise(front):
        corners += [(after[0], before), after]
    return [*corners, (right, front[-1][1])]


def _table(models: Sequence[Json]) -> Table:
    rows = [
        [
            m["name"],
            m["load_mode"],
            format_bytes(m["file_bytes"]),
            bytes_cell(m["private_dirty"]),
            bytes_cell(m["model_file_backed"]),
            bytes_cell(m["pss"]),
            perplexity_text(m["word_perplexity"]),
            NOTHING
            if m.get("word_perplexity_test") is None
            else perplexity_text(m["word_perplexity_test"]),
            estimate_cell(m["top1"], percent),
            estimate_cell(m["top3"], percent),
        ]
        for m in models
    ]
    return Table(
        "Every model of the comparison",
        [
            *("model", "load mode", "file", "private", "file pages", "PSS"),
            *("word perplexity", "on test", "next word first", "among three"),
        ],
        rows,
        "Medians, least to most in small print; recall with its 95 % interval. A KenLM's name "
        "gives its order and, where it is pruned, the threshold of each order.",
    )
