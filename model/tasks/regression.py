"""One to one: a number from a row of a table, the recurrent network with a sequence of length 1.

    features, standardised -> one step of a GRU -> a value

With T = 1 nothing recurs: a GRU step is a layer with gates. The table is scikit-learn's `diabetes`
(Efron et al. 2004: 442 patients, ten measurements, the disease's progress a year later), or a CSV
file with a line of names, whose last column is the value.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pocketlm.model.errors import UserError
from pocketlm.model.files import read_lines
from pocketlm.model.tasks.answers import Answer
from pocketlm.model.tasks.batches import Example, FloatArray, Inputs
from pocketlm.model.tasks.config import NetworkConfig, TaskConfig
from pocketlm.model.tasks.needed import needed
from pocketlm.model.tasks.task import Encoding, Splits, Task, checked, split_rows

# The features of a row, and its value.
TableRow = tuple[list[float], float]


class Regression(Task):
    """See the module's docstring."""

    name = "regression"
    encoding_shape: ClassVar[dict[str, Any]] = {
        "feature_means": list[float],
        "feature_deviations": list[float],
        "value_mean": float,
        "value_deviation": float,
    }
    main_metric = "r2"
    long = TaskConfig(
        task="regression",
        data="diabetes",
        network=NetworkConfig(
            reads="features", head="value", hidden=32, bidirectional=False, dropout=0.2
        ),
        batch=32,
        learning_rate=3e-3,
        warmup_steps=20,
        weight_decay=0.1,
        average=0.99,
        epochs=100,
        patience=30,
    )
    quick = long  # it takes seconds

    def read(self, config: TaskConfig) -> Splits:
        """See Task."""
        if config.data == "diabetes":
            table = needed("sklearn.datasets", "tasks").load_diabetes(scaled=False)
            rows = list(zip(table.data.tolist(), table.target.tolist(), strict=True))
        else:
            rows = read_table(Path(config.data))
        return checked(split_rows(rows, config.seed), config.data)

    def fit(self, config: TaskConfig, rows: Sequence[TableRow]) -> Encoding:  # noqa: ARG002
        """See Task: means and deviations of the training rows."""
        features = np.array([row[0] for row in rows])
        values = np.array([row[1] for row in rows])
        return Encoding(
            {
                "feature_means": features.mean(0).tolist(),
                "feature_deviations": (features.std(0) + 1e-9).tolist(),
                "value_mean": float(values.mean()),
                "value_deviation": float(values.std() + 1e-9),
            }
        )

    def sizes(self, config: TaskConfig, encoding: Encoding) -> NetworkConfig:
        """See Task."""
        return replace(config.network, features=len(encoding.values["feature_means"]))

    def examples(self, encoding: Encoding, rows: Sequence[TableRow]) -> list[Example]:
        """See Task; the values are standardised too."""
        mean, deviation = encoding.values["value_mean"], encoding.values["value_deviation"]
        return [
            Example(_standardised(encoding, features), float((value - mean) / deviation))
            for features, value in rows
        ]

    def measure(
        self, encoding: Encoding, rows: Sequence[TableRow], answers: Sequence[Answer]
    ) -> dict[str, float]:
        """R squared, and the mean absolute error."""
        return _fit_of([row[1] for row in rows], [_value(encoding, answer) for answer in answers])

    def baseline(self, train: Sequence[TableRow], test: Sequence[TableRow]) -> dict[str, float]:
        """Linear regression by least squares."""
        regression = needed("sklearn.linear_model", "tasks").LinearRegression()
        regression.fit([row[0] for row in train], [row[1] for row in train])
        found = regression.predict([row[0] for row in test])
        return _fit_of([row[1] for row in test], found.tolist())

    def question(self, encoding: Encoding, text: str) -> Inputs:
        """See Task: the features of one row, with commas or spaces between."""
        count = len(encoding.values["feature_means"])
        return _standardised(encoding, numbers(text, count))

    def reply(self, encoding: Encoding, text: str, answer: Answer) -> dict[str, Any]:  # noqa: ARG002
        """See Task."""
        return {"value": _value(encoding, answer)}


def read_table(path: Path) -> list[TableRow]:
    """The rows of a CSV file; UserError names the line that has not a number in each column."""
    try:
        lines = list(csv.reader(read_lines(path)))
    except csv.Error as error:
        raise UserError(f"{path} is no table: {error}") from None
    if len(lines) < 8 or len(lines[0]) < 2:
        raise UserError(f"{path} is no table: names, and at least 7 rows of 2 columns are needed")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            values = numbers(" ".join(line), len(lines[0]))
        except UserError as error:
            raise UserError(f"{path}, line {number}: {error}") from None
        rows.append((values[:-1], values[-1]))
    return rows


def numbers(text: str, count: int) -> list[float]:
    """So many finite numbers; UserError if there are others."""
    try:
        values = [float(part) for part in text.replace(",", " ").split()]
    except ValueError as error:
        raise UserError(f"{error}") from None
    if len(values) != count or not all(map(math.isfinite, values)):
        raise UserError(f"{count} finite numbers were expected")
    return values


def _standardised(encoding: Encoding, features: Sequence[float]) -> Inputs:
    means = np.array(encoding.values["feature_means"])
    deviations = np.array(encoding.values["feature_deviations"])
    if not len(features) == len(means) == len(deviations):
        raise UserError(f"a row has {len(features)} features, the run was trained on {len(means)}")
    standardised: FloatArray = ((np.array(features) - means) / deviations).astype(np.float32)
    return standardised


def _value(encoding: Encoding, answer: Answer) -> float:
    """In the table's own unit, of a standardised answer [1]."""
    scale: float = encoding.values["value_deviation"]
    mean: float = encoding.values["value_mean"]
    return float(answer[0]) * scale + mean


def _fit_of(truth: Sequence[float], found: Sequence[float]) -> dict[str, float]:
    y, p = np.array(truth), np.array(found)
    spread = float(((y - y.mean()) ** 2).sum())
    return {
        "r2": 1 - float(((y - p) ** 2).sum()) / max(spread, 1e-12),
        "mean_absolute_error": float(np.abs(y - p).mean()),
    }
