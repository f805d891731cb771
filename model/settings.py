"""One strict loader of settings: JSON to a frozen dataclass, by its annotations.

An unknown key, a value of another type, a number that is not finite: each is a UserError that
names the key.
"""

import dataclasses
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pocketlm.model.errors import UserError

Settings = TypeVar("Settings")
PRECISIONS = ("auto", "fp32", "bf16")  # of a training's products


def from_json(part: type[Settings], value: Any, source: str) -> Settings:
    """Make a dataclass of a JSON object; its fields may be dataclasses, or lists of them.

    Args:
        part: a dataclass whose fields are bool, int, float, str, None, unions and lists of them,
            dataclasses or lists of one dataclass.
        value: what JSON gave.
        source: names the file in the error line.

    Raises:
        UserError: see the module's docstring; also what the dataclass itself refuses.
    """
    if not isinstance(value, dict):
        raise UserError(f"{source}: an object with the settings was expected")
    hints = typing.get_type_hints(part)
    if unknown := sorted(value.keys() - hints.keys()):
        raise UserError(f"{source}: unknown key {unknown[0]!r}")
    arguments: dict[str, Any] = {}
    for name, item in value.items():
        if dataclasses.is_dataclass(hints[name]):
            arguments[name] = from_json(typing.cast(type, hints[name]), item, f"{source}: {name}")
        elif isinstance(item, list) and (each := _listed_dataclass(hints[name])):
            arguments[name] = [
                from_json(each, one, f"{source}: {name}[{i}]") for i, one in enumerate(item)
            ]
        elif _fits(item, hints[name]):
            arguments[name] = item
        else:
            raise UserError(f"{source}: {name} cannot be {item!r:.60}")
    try:
        return part(**arguments)
    except TypeError as error:  # a field without a default is missing
        raise UserError(f"{source}: {error}") from None


def check_choices(settings: Any, choices: Mapping[str, Sequence[str]]) -> None:
    """UserError if a setting that `choices` names has a value that is not among its choices."""
    for name, known in choices.items():
        if getattr(settings, name) not in known:
            raise UserError(f"{name} {getattr(settings, name)!r:.60} is not {_listed(known)}")


def _listed_dataclass(hint: Any) -> type | None:
    """What a list of dataclasses has, and None of any other annotation."""
    if typing.get_origin(hint) is not list:
        return None
    (each,) = typing.get_args(hint)
    return each if isinstance(each, type) and dataclasses.is_dataclass(each) else None


def _listed(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _fits(value: Any, hint: Any) -> bool:
    if isinstance(hint, types.UnionType):
        return any(_fits(value, choice) for choice in typing.get_args(hint))
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and abs(value) <= sys.float_info.max  # JSON's integers may be larger
    if origin := typing.get_origin(hint):  # list[item] or dict[str, item]
        items = value.values() if type(value) is dict else value
        item = typing.get_args(hint)[-1]
        return type(value) is origin and all(_fits(each, item) for each in items)
    return type(value) is hint


def matches(value: Any, template: Any) -> bool:
    """Whether JSON has a template's shape: its types at the leaves, at least its keys."""
    if isinstance(template, dict):
        return isinstance(value, dict) and all(
            key in value and matches(value[key], item) for key, item in template.items()
        )
    if isinstance(template, list):  # as many items, of these types
        same = isinstance(value, list) and len(value) == len(template)
        return same and all(map(matches, value, template))
    return bool(_fits(value, template))
