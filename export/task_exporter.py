"""From a task's run to a verified bundle.

run -> recipe -> model.pte -> gates -> run the written file against eager -> manifest -> rename
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pocketlm import __version__
from pocketlm.export.bundle import FORMAT_VERSION, PROGRAM
from pocketlm.export.layout import check_stock, operators
from pocketlm.export.quiet import quiet_native
from pocketlm.export.task_bundle import MANIFEST, write_task_manifest
from pocketlm.export.task_graphs import lower_task
from pocketlm.export.task_program import TaskProgram
from pocketlm.model.errors import UserError
from pocketlm.model.files import atomic_folder, read_json, write_json
from pocketlm.model.run_folder import CONFIG, RECORD
from pocketlm.model.tasks.answers import Answer, network_answers
from pocketlm.model.tasks.config import config_to_json
from pocketlm.model.tasks.runs import open_task_run
from pocketlm.model.tasks.task import Task

LEAST_AGREEMENT = 0.98  # of the first class, written program against eager


def export_task(
    task: Task,
    run: Path,
    recipe: str,
    out: Path,
    notify: Callable[[str], None] = lambda _: None,
    verify_rows: int = 200,
) -> dict[str, Any]:
    """Export the best weights of a run and return the manifest.

    Args:
        task: which the run has to be of.
        run: the run folder.
        recipe: `zero-copy` or `float`.
        out: the bundle; replaced only if it is one, and only once the new one has passed.
        notify: told of each step in one line.
        verify_rows: of valid, on which both are compared.

    Raises:
        UserError: the run is unusable, or the program fails a gate.
    """
    network, encoding, config = open_task_run(task, run)
    rows = task.read(config)["valid"][:verify_rows]
    with atomic_folder(out, MANIFEST) as folder:
        notify(f"lowering {network.parameter_count():,} parameters with the recipe {recipe}")
        with quiet_native():
            program, largest_error = lower_task(network, recipe)
        with (folder / PROGRAM).open("wb") as file:
            program.write_to_file(file)
        encoding.save(folder)
        write_json(folder / CONFIG, config_to_json(config))
        methods = sorted(program.methods)
        found = {name: operators(program, name) for name in methods if name != "initial_states"}
        for of_method in found.values():
            check_stock(of_method)

        notify(f"verifying the written file on {len(rows):,} rows")
        inputs = [example.inputs for example in task.examples(encoding, rows)]
        each, vocabulary = config.network.alignment == "each", config.network.vocabulary_size
        exported = TaskProgram(folder / PROGRAM, each, vocabulary)(inputs)
        eager = network_answers(network)(inputs)
        quality = {
            "rows": len(rows),
            **compare(eager, exported),
            "metrics": task.measure(encoding, rows, exported),
            "metrics_eager": task.measure(encoding, rows, eager),
        }
        check_quality(quality)
        manifest = {
            "format_version": FORMAT_VERSION,
            "name": out.name,
            "task": task.name,
            "alignment": config.network.alignment,
            "recipe": recipe,
            "made_by": f"pocketlm {__version__}",
            "parameters": network.parameter_count(),
            "largest_error": largest_error,
            "operators": found,
            "quality": quality,
            "training": _training(run),
        }
        return write_task_manifest(folder, manifest)


def compare(eager: list[Answer], exported: list[Answer]) -> dict[str, float]:
    """How often both put the same class first, and the largest difference of two scores."""
    a = np.concatenate([np.atleast_2d(np.asarray(answer)) for answer in eager])
    b = np.concatenate([np.atleast_2d(np.asarray(answer)) for answer in exported])
    return {
        "argmax_agreement": float((a.argmax(1) == b.argmax(1)).mean()),
        "largest_difference": float(np.abs(a - b).max()),
    }


def check_quality(quality: dict[str, Any]) -> None:
    """The gate: UserError if the program too often answers otherwise than eager."""
    # Written so that NaN fails.
    agrees = quality["argmax_agreement"] >= LEAST_AGREEMENT
    if not (agrees and np.isfinite(quality["largest_difference"])):
        raise UserError(
            f"gate: the exported program agrees with eager on "
            f"{100 * quality['argmax_agreement']:.1f} % of answers, at least "
            f"{100 * LEAST_AGREEMENT:.0f} % is needed"
        )


def _training(run: Path) -> dict[str, Any] | None:
    """What the run record says of where the weights come from; None for a run still going on."""
    if not (run / RECORD).is_file():
        return None
    record = read_json(run / RECORD, "run record")
    return {key: record.get(key) for key in ("data", "seed", "epochs", "metrics")}
