"""What each operator of our programs takes, and the sizes that come of it.

The runtime's kernels trust much of this: a wrong kind of argument ends the process, and a wrong
size can lead out of memory. Shapes: N rows, K columns of a matrix.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import prod
from typing import Any

from pocketlm.model.errors import UserError

Sizes = tuple[int, ...]
INT8, INT64, FLOAT = 1, 4, 6  # ScalarType of ExecuTorch and torch
ITEM_BYTES = {INT8: 1, INT64: 8, FLOAT: 4}


@dataclass(frozen=True)
class Place:
    """Bytes of a method's arenas, and what kind of number lies there."""

    memory: int
    begin: int
    end: int
    scalar_type: int

    def overlaps(self, other: "Place") -> bool:
        """Whether a byte belongs to both."""
        return self.memory == other.memory and self.begin < other.end and other.begin < self.end


@dataclass(frozen=True)
class TensorValue:
    """A tensor of a method; one without a place is a constant of the file."""

    scalar_type: int
    sizes: Sizes
    place: Place | None


def sizes_of(operator: str, arguments: Sequence[Any]) -> Sizes:
    """The sizes of what an operator writes, which is always float32.

    Args:
        operator: its name, overload included.
        arguments: all but the output: tensors, numbers, None and lists of these.

    Raises:
        UserError: they are not what our exports give it.
    """
    kinds, rule = RULES.get(operator, ((), _no_sizes))
    taken = len(kinds) == len(arguments) and all(map(_is_of, kinds, arguments))
    sizes: Sizes | None = rule(*arguments) if taken else None
    if sizes is None:
        raise UserError(f"{operator} is called with what no export gives it")
    return sizes


def _is_of(kind: Any, value: Any) -> bool:
    """See RULES."""
    if isinstance(kind, str):
        if not isinstance(value, TensorValue):
            return kind.endswith("?") and value is None
        return value.scalar_type == _TENSORS[kind.rstrip("?")]
    if isinstance(kind, list):
        return isinstance(value, list) and all(_is_of(kind[0], each) for each in value)
    if isinstance(kind, tuple):
        return any(_is_of(each, value) for each in kind)
    return type(value) is int if kind is int else type(value) is type(kind) and value == kind


def _no_sizes(*_: Any) -> None:
    return None


def _same(x: TensorValue) -> Sizes:
    return x.sizes


def _broadcast(x: TensorValue, y: TensorValue, _alpha: int = 1) -> Sizes | None:
    pairs = list(zip_longest(x.sizes[::-1], y.sizes[::-1], fillvalue=1))
    fits = all(a == b or 1 in (a, b) for a, b in pairs)
    return tuple(max(pair) for pair in pairs)[::-1] if fits else None


def _slice(x: TensorValue, dim: int, begin: int, end: int, _step: int) -> Sizes | None:
    if not 0 <= dim < len(x.sizes) or not 0 <= begin <= end:
        return None
    end = min(end, x.sizes[dim])
    return (*x.sizes[:dim], end - begin, *x.sizes[dim + 1 :])


def _join(tensors: list[TensorValue], dim: int) -> Sizes | None:
    if not tensors or not 0 <= dim < len(tensors[0].sizes):
        return None
    others = {(*t.sizes[:dim], 0, *t.sizes[dim + 1 :]) for t in tensors if dim < len(t.sizes)}
    if len(others) != 1 or any(len(t.sizes) != len(tensors[0].sizes) for t in tensors):
        return None
    first = tensors[0].sizes
    return (*first[:dim], sum(t.sizes[dim] for t in tensors), *first[dim + 1 :])


def _view(x: TensorValue, sizes: list[int]) -> Sizes | None:
    known = prod(size for size in sizes if size != -1)
    if sizes.count(-1) > 1 or known <= 0:
        return None
    found = tuple(prod(x.sizes) // known if size == -1 else size for size in sizes)
    return found if min(found, default=1) > 0 and prod(found) == prod(x.sizes) else None


def _row(table: TensorValue, tokens: TensorValue, *_: Any) -> Sizes | None:
    return (*tokens.sizes, table.sizes[1]) if len(table.sizes) == 2 else None


def _row_of_bytes(
    table: TensorValue,
    scales: TensorValue,
    *rest: Any,  # zero points, least, most, tokens
) -> Sizes | None:
    rows = table.sizes[:1]
    return _row(table, rest[-1]) if scales.sizes in (rows, (*rows, 1)) else None


def _product(x: TensorValue, matrix: TensorValue, bias: TensorValue | None) -> Sizes | None:
    if len(x.sizes) != 2 or len(matrix.sizes) != 2 or x.sizes[1] != matrix.sizes[1]:
        return None
    rows = matrix.sizes[:1]
    return (*x.sizes[:1], *rows) if bias is None or bias.sizes == rows else None


def _product_of_bytes(
    x: TensorValue, matrix: TensorValue, scales: TensorValue, *_: None
) -> Sizes | None:
    return _product(x, matrix, scales)


_TENSORS = {"float": FLOAT, "int8": INT8, "int64": INT64}
# Of each argument but the output: a tensor by its type (with "?": or none), `int` for any integer,
# [kind] for a list, or the one value that our exports give, or a tuple of those that they give.
RULES: dict[str, tuple[tuple[Any, ...], Callable[..., Sizes | None]]] = {
    "aten::add.out": (("float", "float", (1, -1)), _broadcast),
    "aten::cat.out": ((["float"], int), _join),
    "aten::div.out": (("float", "float"), _broadcast),
    "aten::embedding.out": (("float", "int64", -1, False, False), _row),
    "aten::exp.out": (("float",), _same),
    "aten::linear.out": (("float", "float", "float?"), _product),
    "aten::mul.out": (("float", "float"), _broadcast),
    "aten::sigmoid.out": (("float",), _same),
    "aten::slice_copy.Tensor_out": (("float", int, int, int, 1), _slice),
    "aten::sub.out": (("float", "float", 1), _broadcast),
    "aten::tanh.out": (("float",), _same),
    "aten::view_copy.out": (("float", [int]), _view),
    "quantized_decomposed::embedding_byte.out": (
        ("int8", "float", None, -128, 127, "int64"),
        _row_of_bytes,
    ),
    "quantized_decomposed::mixed_linear.out": (
        ("float", "int8", "float", None, None),
        _product_of_bytes,
    ),
}
