"""Libraries that only some commands need."""

from importlib import import_module
from typing import Any

from pocketlm.model.errors import UserError


def needed(module: str, extra: str) -> Any:
    """Import a module of an optional library; UserError says which extra brings it."""
    try:
        return import_module(module)
    except ImportError:
        name = module.split(".")[0]
        raise UserError(f"{name} is not installed: pip install 'pocketlm[{extra}]'") from None
