"""What a built n-gram model takes, to hold the formulas of estimate.py against.

n-gram folder -> its files' bytes                         -> Measurement
              -> table_runner --load dictionary -> smaps  -> Measurement (a count table's other
                                                             layout)
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pocketlm.benchmarks.estimate import DICTIONARY
from pocketlm.benchmarks.ngram import MANIFEST, read_ngram
from pocketlm.benchmarks.toolchain import native_program
from pocketlm.model.errors import UserError
from pocketlm.model.files import read_json


@dataclass(frozen=True)
class Measurement:
    """A structure's bytes, as they were found in `folder` or after it was loaded."""

    structure: str
    bytes: int
    folder: str


def check_built(
    folder: Path, tokenizer_sha256: str, prune: Sequence[int], corpus: dict[str, Any]
) -> None:
    """Hold that a folder was trained from the same tokens with the same settings.

    Args:
        folder: an n-gram folder.
        tokenizer_sha256: the tokens.
        prune: a threshold for each order.
        corpus: `Corpus.record()`; the training text's hash counts.

    Raises:
        UserError: it was not, or it is no sound n-gram folder.
    """
    read_ngram(folder)
    manifest = read_json(folder / MANIFEST, "n-gram model")
    expected = {
        "tokenizer_sha256": tokenizer_sha256,
        "order": len(prune),
        "prune": list(prune),
        "corpus": {"sha256": corpus["sha256"]},
    }
    found = {name: manifest.get(name) for name in expected}
    built_from = found["corpus"] if isinstance(found["corpus"], dict) else {}
    found["corpus"] = {"sha256": built_from.get("sha256")}
    if different := [name for name in expected if found[name] != expected[name]]:
        raise UserError(f"{folder} was built from another {' and '.join(different)}")


def measure_built(folder: Path) -> list[Measurement]:
    """A folder's bytes on disk; of a count table also those of its dictionary when loaded.

    Raises:
        UserError: it is no sound n-gram folder, or its runner fails.
    """
    model = read_ngram(folder)
    size = sum(path.stat().st_size for path in model.files)
    found = [Measurement(model.structure, size, str(folder))]
    if model.kind == "table":
        loaded = _dictionary_bytes(folder, model.tokenizer.end_id)
        found.append(Measurement(DICTIONARY, loaded, str(folder)))
    return found


def _dictionary_bytes(folder: Path, end: int) -> int:
    """Growth of private dirty memory in a fresh process: the dictionary is loaded, one step run."""
    with tempfile.NamedTemporaryFile(suffix=".int32") as tokens:
        Path(tokens.name).write_bytes(np.array([0 if end else 1, end], dtype="<i4").data)
        command = [str(native_program("table_runner")), str(folder), "--load", "dictionary"]
        command += ["--tokens", tokens.name, "--end", str(end), "--steps", "1"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["its runner failed"])[-1]
        raise UserError(f"{folder}: {reason.removeprefix('error: ')}")
    sample = json.loads(result.stdout)
    return int(sample["after_replay"]["private_dirty"] - sample["before_load"]["private_dirty"])
