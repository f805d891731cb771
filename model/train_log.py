"""The curve of a training as CSV, a row every few steps."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pocketlm.model.files import atomic_path
from pocketlm.model.temporaries import named_errors

LOG_COLUMNS = (
    "step", "tokens", "seconds", "loss", "learning_rate", "gradient_norm", "tokens_per_second",
    "valid_word_perplexity_line", "valid_word_perplexity_document",
)  # fmt: skip


@contextmanager
def open_log(
    path: Path, step: int, columns: Sequence[str] = LOG_COLUMNS
) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Append to the CSV log, without the rows after `step` that a killed run left."""
    kept = _rows_to(step, path) if step and path.is_file() else []
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(kept)
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)

        def write(row: dict[str, Any]) -> None:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
            with named_errors(path):
                try:
                    file.flush()
                except OSError:
                    with suppress(OSError):  # else the end of the block would write it again
                        file.close()
                    raise

        yield write


def _rows_to(step: int, path: Path) -> list[dict[str, str]]:
    """The rows up to a step; the last line may be cut short, where a disk was full."""
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    rows = [row for row in csv.DictReader(whole.splitlines()) if row.get("step", "").isdecimal()]
    return [row for row in rows if int(row["step"]) <= step]
