"""One method of a program, call by call, as the runtime would run it but without numbers.

    values -> instruction: arguments -> sizes (operator_rules.py) -> what lies where in the arenas

A call is refused where the runtime's kernels could end the process or leave their memory.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

from pocketlm.export.operator_rules import (
    FLOAT,
    INT64,
    ITEM_BYTES,
    Place,
    Sizes,
    TensorValue,
    sizes_of,
)
from pocketlm.model.errors import UserError

_ALIGNMENT = 16  # bytes, of constants and places
_LARGEST_ARENA = 64 << 20  # bytes; as in benchmarks/native/executorch_runner.cpp
_LARGEST_DIMENSIONS, _LARGEST_SIZE = 4, 1 << 24


class Method:
    """One method of a program, every call of it checked.

    Attributes:
        inputs: its tensors.
        outputs: its tensors.
        tables: the rows of each embedding that it looks up.
    """

    def __init__(self, plan: dict[str, Any], program: dict[str, Any]) -> None:
        self._plan, self._program = plan, program
        self._arenas = _arenas(plan)
        self._values = self._read_values()
        self.inputs = [self._tensor(index) for index in plan["inputs"]]
        self.outputs = [self._tensor(index) for index in plan["outputs"]]
        self.tables: list[int] = []
        self._live: set[Place] = set()  # where the arenas hold what was put there
        for value in self.inputs:
            self._write(value)
        for instruction in _instructions(plan):
            self._call(*instruction)
        for value in self.outputs:
            self._read(value)

    def _read_values(self) -> list[Any]:
        values: list[Any] = []
        for entry in self._plan["values"]:
            kind, fields = entry["val"]
            values.append(self._value(kind, fields, values))
        return values

    def _value(self, kind: str, fields: dict[str, Any], before: Sequence[Any]) -> Any:
        """A value as Python has it; lists name values that come before them."""
        if kind == "Tensor":
            return self._tensor_value(fields)
        if kind in ("IntList", "TensorList"):
            items = [item_at(before, index) for index in fields["items"]]
            if not all(type(item) is _ITEMS[kind] for item in items):
                raise UserError("a list of other things than it says")
            return items
        return {"Null": None, "Int": fields.get("int_val"), "Bool": fields.get("bool_val")}[kind]

    def _tensor_value(self, fields: dict[str, Any]) -> TensorValue:
        sizes: Sizes = tuple(fields["sizes"])
        scalar_type = fields["scalar_type"]
        usual = (
            scalar_type in ITEM_BYTES
            and 1 <= len(sizes) <= _LARGEST_DIMENSIONS
            and all(1 <= size <= _LARGEST_SIZE for size in sizes)
            and fields["dim_order"] == list(range(len(sizes)))
            and not any(fields[name] for name in ("storage_offset", "layout", "shape_dynamism"))
            and fields["extra_tensor_info"] is None
        )
        if not usual:
            raise UserError("a tensor of a form that no export has")
        size = prod(sizes) * ITEM_BYTES[scalar_type]
        constant, planned = fields["data_buffer_idx"], fields["allocation_info"]
        if bool(constant) == bool(planned):
            raise UserError("a tensor without a place")
        if constant:
            _check_constant(self._program, constant, size)
            return TensorValue(scalar_type, sizes, None)
        return TensorValue(scalar_type, sizes, self._place(planned, size, scalar_type))

    def _place(self, planned: dict[str, Any], size: int, scalar_type: int) -> Place:
        memory, begin = planned["memory_id"], planned["memory_offset_low"]
        arena = self._arenas[memory] if 1 <= memory < len(self._arenas) else 0
        if planned["memory_offset_high"] or begin % _ALIGNMENT or begin + size > arena:
            raise UserError("a tensor outside of the arena")
        return Place(memory, begin, begin + size, scalar_type)

    def _tensor(self, index: int) -> TensorValue:
        value = item_at(self._values, index)
        if not isinstance(value, TensorValue):
            raise UserError("a number where a tensor belongs")
        return value

    def _call(self, kind: str, fields: dict[str, Any]) -> None:
        arguments = fields["args"]
        if kind == "DelegateCall":
            self._call_delegate(fields["delegate_index"], arguments)
            return
        operator = item_at(self._plan["operators"], fields["op_index"])
        if len(arguments) < 3 or arguments[-1] != arguments[-2]:
            raise UserError("a call without an output")
        name = f"{operator['name']}.{operator['overload']}"
        given = [item_at(self._values, index) for index in arguments[:-2]]
        out = self._tensor(arguments[-1])
        if sizes_of(name, given) != out.sizes or out.scalar_type != FLOAT:
            raise UserError(f"{name} writes to a tensor of another size or type")
        for value in given:
            for tensor in value if isinstance(value, list) else [value]:
                if isinstance(tensor, TensorValue):
                    self._read(tensor, out.place)
        if "embedding" in name:
            self.tables.append(given[0].sizes[0])
        self._write(out)

    def _call_delegate(self, index: int, arguments: Sequence[int]) -> None:
        """The whole of the recipe xnnpack but the embedding: (embedding, state) -> outputs."""
        item_at(self._plan["delegates"], index)
        tensors = [self._tensor(argument) for argument in arguments]
        if tensors[2:] != self.outputs or any(t.scalar_type != FLOAT for t in tensors):
            raise UserError("a delegate is called with what no export gives it")
        for tensor in tensors[:2]:
            for out in self.outputs:
                self._read(tensor, out.place)
        for out in self.outputs:
            self._write(out)

    def _read(self, value: TensorValue, out: Place | None = None) -> None:
        """Something is read while `out` is written."""
        if value.place is None:
            # A token decides what is read: it has to come from who calls the method.
            if value.scalar_type == INT64:
                raise UserError("a constant in the place of a token")
        elif value.place not in self._live:
            raise UserError("memory is read in which nothing was put, or something else since")
        elif out and value.place.overlaps(out):
            raise UserError("an operator writes over what it reads")

    def _write(self, value: TensorValue) -> None:
        if value.place is None:
            raise UserError("a constant is written to")
        place = value.place
        self._live = {other for other in self._live if not other.overlaps(place)} | {place}


_ITEMS = {"IntList": int, "TensorList": TensorValue}


def item_at(values: Sequence[Any], index: int) -> Any:
    """An item by an index that a file says; UserError if there is none."""
    if not 0 <= index < len(values):
        raise UserError("an index leads out of a list")
    return values[index]


def _arenas(plan: dict[str, Any]) -> list[int]:
    arenas = plan["non_const_buffer_sizes"]
    small = min(arenas, default=0) >= 0 and sum(arenas) <= _LARGEST_ARENA
    if plan["non_const_buffer_device"] or not small:
        raise UserError("it asks for memory that no export needs")
    return list(arenas)


def _instructions(plan: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    chains = plan["chains"]
    if len(chains) != 1 or any(chains[0][name] for name in ("inputs", "outputs", "stacktrace")):
        raise UserError("a method is not one chain of calls")
    return [instruction["instr_args"] for instruction in chains[0]["instructions"]]


def _check_constant(program: dict[str, Any], index: int, size: int) -> None:
    """A constant lies in the segment of constants."""
    constants = program["constant_segment"]
    segment = item_at(program["segments"], constants["segment_index"])
    offset = item_at(constants["offsets"], index)
    if offset + size > segment["size"]:
        raise UserError("a constant leads out of it")
    if (segment["offset"] + offset) % _ALIGNMENT:
        raise UserError("a constant that is not aligned")
