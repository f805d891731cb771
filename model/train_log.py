"""The curve of a training as CSV, a row every few steps."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pocketlm.model.files import atomic_path

LOG_COLUMNS = (
    "step", "tokens", "seconds", "loss", "learning_rate", "gradient_norm", "tokens_per_second",
    "valid_word_perplexity_line", "valid_word_perplexity_document",
)  # fmt: skip


@contextmanager
def open_log(
    path: Path, step: int, columns: Sequence[str] = LOG_COLUMNS
) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Append to the CSV log, without the rows after `step` that a killed run left."""
    kept: list[dict[str, str]] = []
    if step and path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            kept = [row for row in csv.DictReader(file) if int(row["step"] or 0) <= step]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(kept)
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)

        def write(row: dict[str, Any]) -> None:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
            file.flush()

        yield write
