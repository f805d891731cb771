"""The tasks by name."""

from importlib import import_module

from pocketlm.model.errors import UserError
from pocketlm.model.tasks.task import Task

NAMES = ("regression", "caption", "sentiment", "translation", "case")


def open_task(name: str) -> Task:
    """A task by its name; its module is imported only then."""
    if name not in NAMES:
        raise UserError(f"no task {name!r}: choose one of {', '.join(NAMES)}")
    module = import_module(f"pocketlm.model.tasks.{name}")
    task: Task = getattr(module, name.capitalize())()
    return task
