"""A strict reader of flatbuffers: bytes and the fields of each table -> dictionaries and lists.

Every offset is compared with the buffer before it is followed, and a field that the schema does not
have is refused. Tables may be shared, so that a few KB can stand for a tree without end: what is
read in all is counted.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from pocketlm.model.errors import UserError

# Fields of each table in the order of their numbers; one whose name ends in "?" may be missing. A
# kind is a scalar of `struct`, "text", the name of a table, or [kind], a vector; "<name" begins a
# union of the tables that `unions` has by that name, which takes two numbers.
Schema = Mapping[str, Sequence[tuple[str, Any]]]

_MOST_VALUES = 1 << 17  # scalars, tables and vectors of one buffer; en-base has 3,000
_SCALARS = {"b", "B", "?", "h", "H", "i", "I", "q", "Q", "d"}


class FlatReader:
    """One buffer."""

    def __init__(self, data: bytes, schema: Schema, unions: Mapping[str, Sequence[str]]) -> None:
        self._data, self._schema, self._unions = data, schema, unions
        self._left = _MOST_VALUES

    def root(self, table: str) -> dict[str, Any]:
        """The buffer's own table.

        Raises:
            UserError: anything in it is not what a flatbuffer of the schema has.
        """
        return self._table(self._follow(0), table)

    def _scalar(self, at: int, kind: str) -> Any:
        size = struct.calcsize("<" + kind)
        if not 0 <= at <= len(self._data) - size:
            raise UserError("an offset leads out of it")
        self._left -= 1
        if self._left < 0:
            raise UserError("it holds more than a program has")
        return struct.unpack_from("<" + kind, self._data, at)[0]

    def _follow(self, at: int) -> int:
        return int(at + self._scalar(at, "I"))

    def _table(self, at: int, table: str) -> dict[str, Any]:
        """All fields; a scalar that is not there is 0, anything else None."""
        if table not in self._schema:
            raise UserError(f"it has a {table}, which no export has")
        vtable = at - self._scalar(at, "i")
        size = self._scalar(vtable, "H")
        if size % 2 or size < 4:
            raise UserError("a table without its fields")
        offsets = [self._scalar(vtable + 4 + 2 * n, "H") for n in range((size - 4) // 2)]
        places = [at + offset if offset else None for offset in offsets]
        fields: dict[str, Any] = {}
        number = 0
        for name, kind in self._schema[table]:
            place = places[number] if number < len(places) else None
            if isinstance(kind, str) and kind[0] == "<":
                tag, place = place, places[number + 1] if number + 1 < len(places) else None
                fields[name] = self._union(tag, place, self._unions[kind[1:]])
                number += 2
                continue
            default = _default(kind)
            if place is None and default is None and name[-1] != "?":
                raise UserError(f"a {table} without its {name}")
            fields[name.rstrip("?")] = default if place is None else self._value(place, kind)
            number += 1
        if any(places[number:]):
            raise UserError(f"a {table} has a field that is not known")
        return fields

    def _union(
        self, tag: int | None, place: int | None, tables: Sequence[str]
    ) -> tuple[str, dict[str, Any]]:
        number = 0 if tag is None else self._scalar(tag, "B")
        table = tables[number - 1] if 1 <= number <= len(tables) else ""
        if place is None or not table:
            raise UserError("a value or instruction of a kind that no export has")
        return table, self._table(self._follow(place), table)

    def _value(self, at: int, kind: Any) -> Any:
        if isinstance(kind, list):
            return self._vector(self._follow(at), kind[0])
        if kind == "text":
            return self._text(self._follow(at))
        if kind in _SCALARS:
            return self._scalar(at, kind)
        return self._table(self._follow(at), kind)

    def _vector(self, at: int, kind: Any) -> list[Any]:
        count = self._scalar(at, "I")
        step = struct.calcsize("<" + kind) if kind in _SCALARS else 4
        return [self._value(at + 4 + step * number, kind) for number in range(count)]

    def _text(self, at: int) -> str:
        count = self._scalar(at, "I")
        self._scalar(at + 4 + count, "B")  # the zero at its end
        self._left -= count
        return self._data[at + 4 : at + 4 + count].decode("utf-8", "replace")


def _default(kind: Any) -> int | bool | None:
    if isinstance(kind, str) and kind in _SCALARS:
        return False if kind == "?" else 0
    return None
