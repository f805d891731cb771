"""Task runs: begin one, go on with one, open one, measure one.

A task's run folder holds what a language model's does (run_folder.py), with `encoding.json`, what
the task learnt of its data, in place of the lexicon; `tokenizer.model` only where it has tokens.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pocketlm.model.checkpoint import load_checkpoint, open_weighted
from pocketlm.model.errors import UserError
from pocketlm.model.files import read_json, write_json
from pocketlm.model.hardware import machine_record
from pocketlm.model.progress import Progress
from pocketlm.model.run_folder import (
    CONFIG,
    RECORD,
    WEIGHTS,
    check_new,
    check_resumable,
    locked_run,
)
from pocketlm.model.signals import caught_signals
from pocketlm.model.tasks.answers import Answers, network_answers
from pocketlm.model.tasks.config import TaskConfig, config_from_json, config_to_json
from pocketlm.model.tasks.network import TaskNetwork
from pocketlm.model.tasks.task import Encoding, Row, Splits, Task
from pocketlm.model.tasks.trainer import TaskTrainer


def train_task(task: Task, config: TaskConfig, folder: Path, progress: Progress) -> dict[str, Any]:
    """Train into a new run folder and return the run record.

    Raises:
        UserError: the folder is in use or holds another training, the data are unusable, or the
            loss stopped being finite.
        InterruptedRunError: SIGINT or SIGTERM; a checkpoint was written.
    """
    splits = task.read(config)
    with locked_run(folder):
        check_new(folder)
        rows = task.training_rows(config, splits["train"])
        progress.note(f"encoding {len(rows):,} rows of {config.data}")
        encoding = task.fit(config, rows)
        config = replace(config, network=task.sizes(config, encoding))
        trainer = _trainer(task, config, folder, progress, splits, encoding)
        trainer.begin_from(task.initial_weights(config))
        encoding.save(folder)
        write_json(folder / CONFIG, config_to_json(config))
        return _finish(task, trainer, splits, encoding)


def resume_task(
    task: Task, folder: Path, progress: Progress, **bounds: float | None
) -> dict[str, Any]:
    """Go on from a run folder's checkpoint, on the same trajectory, and return the run record.

    Args:
        task: which the folder has to be of.
        folder: the run folder.
        progress: told of each step.
        bounds: `epochs`, `max_steps`, `max_minutes` that replace those of the folder.
    """
    check_resumable(folder)
    with locked_run(folder):
        kept = config_to_json(read_config(task, folder))
        changed = {name: bound for name, bound in bounds.items() if bound is not None}
        config = config_from_json({**kept, **changed}, "the new bounds")
        encoding, splits = Encoding.load(folder, task, config.network), task.read(config)
        trainer = _trainer(task, config, folder, progress, splits, encoding)
        trainer.restore()
        write_json(folder / CONFIG, config_to_json(config))
        return _finish(task, trainer, splits, encoding)


def open_task_run(task: Task, folder: Path) -> tuple[TaskNetwork, Encoding, TaskConfig]:
    """The best weights of a run, with what the task learnt of its data, and the settings."""
    config = read_config(task, folder)
    encoding = Encoding.load(folder, task, config.network)
    tensors = load_checkpoint(folder / WEIGHTS).tensors
    network = open_weighted(lambda: TaskNetwork(config.network), tensors, folder / WEIGHTS)
    return network, encoding, config


def read_config(task: Task, folder: Path) -> TaskConfig:
    """The settings of a run of the task; UserError if it is of another one."""
    path = folder / CONFIG
    value = read_json(path, "run's config")
    if "task" not in value:
        raise UserError(f"{folder} is no run of a task")
    config = config_from_json(value, str(path))
    if config.task != task.name:
        raise UserError(f"{folder} is a run of the task {config.task}, not {task.name}")
    return config


def measure(
    task: Task, encoding: Encoding, rows: Sequence[Row], answers: Answers
) -> dict[str, float]:
    """The task's metrics of answers to rows."""
    examples = task.examples(encoding, rows)
    return task.measure(encoding, rows, answers([example.inputs for example in examples]))


def _trainer(
    task: Task,
    config: TaskConfig,
    folder: Path,
    progress: Progress,
    splits: Splits,
    encoding: Encoding,
) -> TaskTrainer:
    train = task.examples(encoding, task.training_rows(config, splits["train"]))
    valid = task.examples(encoding, splits["valid"])
    return TaskTrainer(config, folder, progress, train, valid, _sha256(splits))


def _finish(task: Task, trainer: TaskTrainer, splits: Splits, encoding: Encoding) -> dict[str, Any]:
    started_at = trainer.step
    with caught_signals() as interrupted:
        trainer.run(interrupted)
    record_path = trainer.folder / RECORD
    if started_at and trainer.step == started_at and record_path.is_file():
        return read_json(record_path, "run record")  # it was finished already
    network, _, config = open_task_run(task, trainer.folder)
    answers = network_answers(network, config.beam)
    trainer.progress.note("measuring the best weights on valid and test")
    record = {
        "format_version": 1,
        "task": task.name,
        "config": config_to_json(config),
        "data": {
            "name": config.data,
            "sha256": trainer.data_sha256,
            "rows": {split: len(rows) for split, rows in splits.items()},
            "training_rows": len(trainer.train),
        },
        "parameters": network.parameter_count(),
        **machine_record(trainer.device, trainer.dtype),
        "seed": config.seed,
        "steps": trainer.step,
        "epochs": trainer.curve[-1]["epoch"],
        "seconds": round(trainer.seconds, 1),
        "sessions": trainer.sessions,
        "best_step": trainer.best_step,
        "metrics": {
            split: measure(task, encoding, splits[split], answers) for split in ("valid", "test")
        },
        "curve": trainer.curve,
    }
    write_json(record_path, record)
    return record


def _sha256(splits: Splits) -> str:
    """A hash of the rows, to know the data by."""
    digest = hashlib.sha256()
    for split in sorted(splits):
        for row in splits[split]:
            digest.update(json.dumps([split, row], default=_plain).encode("utf-8", "replace"))
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    return value.tolist()
