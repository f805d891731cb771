"""A task's bundle: the folder that a phone takes.

    model.pte         the program: forwards, backwards, head, initial_states (task_graphs.py)
    tokenizer.model   SentencePiece
    encoding.json     what the task learnt of its data (labels, forms)
    config.json       the settings of the training
    manifest.json     what the files are, how good, and their SHA-256; the manifest's own too

The manifest is sealed and checked as a language model's is (bundle.py); its `kind` is "task".
"""

from pathlib import Path
from typing import Any

from pocketlm.export.bundle import PROGRAM, damaged_file, read_sealed, seal
from pocketlm.export.quiet import quiet_native
from pocketlm.model.errors import UserError
from pocketlm.model.files import describe_file, write_json
from pocketlm.model.run_folder import CONFIG
from pocketlm.model.settings import matches
from pocketlm.model.steady import read_steadily
from pocketlm.model.tasks.answers import Answers
from pocketlm.model.tasks.config import TaskConfig
from pocketlm.model.tasks.runs import read_config
from pocketlm.model.tasks.task import ENCODING, TOKENIZER, Encoding, Task

MANIFEST = "manifest.json"
FILES = (PROGRAM, TOKENIZER, ENCODING, CONFIG)
_FILE = {"bytes": int, "sha256": str}
_SHAPE = {
    "kind": str,
    "task": str,
    "alignment": str,
    "files": dict.fromkeys(FILES, _FILE),
    "quality": {"rows": int, "argmax_agreement": float, "largest_difference": float},
}


def write_task_manifest(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Describe the files, seal the manifest and write it; returns what was written."""
    files = {name: describe_file(folder / name) for name in FILES}
    whole = seal({**manifest, "kind": "task", "files": files})
    write_json(folder / MANIFEST, whole)
    return whole


def read_task_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, once it and every file that it names are checked; UserError if one fails."""
    manifest = read_sealed(folder)
    if manifest.get("kind") != "task" or not matches(manifest, _SHAPE):
        raise UserError(f"{folder} is no bundle of a task")
    if set(manifest["files"]) != set(FILES):
        raise UserError(f"{folder / MANIFEST} lacks what a task's manifest holds")
    if damage := damaged_file(folder, manifest):
        raise UserError(damage)
    return manifest


def open_task_bundle(task: Task, folder: Path) -> tuple[Answers, Encoding, TaskConfig]:
    """A bundle's answers, what the task learnt, and the settings, once everything is checked.

    Raises:
        UserError: a file is missing, damaged or of another format; it is of another task.
    """
    return read_steadily(folder / MANIFEST, lambda: _open(task, folder))


def _open(task: Task, folder: Path) -> tuple[Answers, Encoding, TaskConfig]:
    manifest = read_task_manifest(folder)
    if manifest["task"] != task.name:
        raise UserError(f"{folder} is a bundle of the task {manifest['task']}, not {task.name}")
    with quiet_native():  # the runtime comes with torch and the exporter, and takes seconds
        from pocketlm.export.task_program import TaskProgram
    config, sha256 = read_config(task, folder), manifest["files"][PROGRAM]["sha256"]
    each, vocabulary = manifest["alignment"] == "each", config.network.vocabulary_size
    program = TaskProgram(folder / PROGRAM, each, vocabulary, sha256)
    return program, Encoding.load(folder, task, config.network), config
