"""Whether a program is one that our exporter can have written, before the runtime maps it.

    file -> header, tables -> each method (program_method.py) -> their names, inputs and outputs

The runtime follows what a program says: it ends the process where an argument is of another kind,
and reads what is not its own where a size, a place or an index is wrong. So everything that it
follows is checked, on the bytes that it will map. What is inside a delegate's blob (XNNPACK's) is
checked by nobody.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pocketlm.export.operator_rules import FLOAT, INT64, Sizes
from pocketlm.export.program_method import Method, item_at
from pocketlm.export.program_schema import read_program
from pocketlm.model.errors import UserError

_DELEGATE, _IN_A_SEGMENT = "XnnpackBackend", 1
_LARGEST_BLOB = 1 << 20  # bytes: names and shapes of a graph; en-base has 4.7 KB


def check_program(file: BinaryIO, path: Path, vocabulary: int | None = None) -> None:
    """Refuse a program that is none of our exports; the file's position is lost.

    Args:
        file: the very file that is to be mapped.
        path: what to call it.
        vocabulary: how many tokens it will be given; where None, as many as a model of language
            has logits.

    Raises:
        UserError: in one line, why.
    """
    try:
        program = read_program(file)
        methods = _methods(program)
        _check_delegate(program, file)
        if "forward" in methods:
            _check_language_model(methods, vocabulary)
        else:
            _check_task(methods, vocabulary)
    except UserError as error:
        raise UserError(f"{path} is no program that PocketLM exports: {error}") from None


def program_damage(path: Path) -> str | None:
    """The same of a file by its name: why it is refused, or None."""
    try:
        with path.open("rb") as file:
            check_program(file, path)
    except UserError as error:
        return str(error)
    return None


def _methods(program: dict[str, Any]) -> dict[str, Method]:
    """All methods by name, once what they share is checked."""
    unused = ("version", "constant_buffer", "backend_delegate_data", "mutable_data_segments")
    if any(program[name] for name in unused):
        raise UserError("it has parts that no export has")
    plans = program["execution_plan"]
    methods = {plan["name"]: Method(plan, program) for plan in plans}
    if len(methods) != len(plans):
        raise UserError("two methods of one name")
    return methods


def _check_delegate(program: dict[str, Any], file: BinaryIO) -> None:
    """At most one, of XNNPACK, whose blob is a segment and names the segments of its weights."""
    delegates = [each for plan in program["execution_plan"] for each in plan["delegates"]]
    segments, named = program["segments"], program["named_data"] or []
    used = {data["segment_index"] for data in (program["constant_segment"], *named)}
    blob = b""
    for delegate in delegates:
        processed = delegate["processed"]
        usual = delegate["id"] == _DELEGATE and not delegate["compile_specs"]
        if len(delegates) > 1 or not usual or processed["location"] != _IN_A_SEGMENT:
            raise UserError("a delegate that no export has")
        segment = item_at(segments, processed["index"])
        used.add(processed["index"])
        file.seek(segment["offset"])
        blob = file.read(min(segment["size"], _LARGEST_BLOB))
    names = {data["key"] for data in named}
    if len(names) != len(named) or any(name.encode() not in blob for name in names):
        raise UserError("weights of a name that its delegate does not know")
    if used != set(range(len(segments))):
        raise UserError("a segment that is of no use")


def _check_language_model(methods: Mapping[str, Method], vocabulary: int | None) -> None:
    """forward(token [1, 1], state [L, 1, H]) -> logits [1, V], state; initial_state() -> state."""
    forward, initial = _these(methods, "forward", "initial_state")
    logits = forward.outputs[0].sizes[-1] if forward.outputs else 0
    state = initial.outputs[0].sizes if initial.outputs else ()
    _check_signature(initial, [], [state])
    _check_signature(forward, [(1, 1), state], [(1, logits), state])
    if len(state) != 3 or state[1] != 1:
        raise UserError("its state is not of the shape [L, 1, H]")
    _check_tables(forward, logits)
    if vocabulary not in (None, logits):
        raise UserError("it is of another vocabulary")


def _check_task(methods: Mapping[str, Method], vocabulary: int | None) -> None:
    """Of each direction a step (token [1, 1], state [1, H]) -> state; head(features) -> scores."""
    names = ["forwards", "backwards"][: len(methods) - 2]
    initial, head, *steps = _these(methods, "initial_states", "head", *names)
    states = initial.outputs[0].sizes if initial.outputs else ()
    _check_signature(initial, [], [states])
    if len(states) != 2 or states[0] != len(steps):
        raise UserError("its initial states are not of the shape [D, H]")
    state = (1, states[1])
    for step in steps:
        _check_signature(step, [(1, 1), state], [state])
        if vocabulary is not None:
            _check_tables(step, vocabulary)
    features = head.inputs[0].sizes if head.inputs else ()
    scores = head.outputs[0].sizes if head.outputs else ()
    _check_signature(head, [features], [scores])


def _these(methods: Mapping[str, Method], *names: str) -> list[Method]:
    if set(methods) != set(names):
        raise UserError("it has other methods")
    return [methods[name] for name in names]


def _check_signature(method: Method, inputs: list[Sizes], outputs: list[Sizes]) -> None:
    """The first of two inputs is a token, everything else float32."""
    types = [INT64, FLOAT] if len(inputs) == 2 else [FLOAT] * len(inputs)
    found = [(value.scalar_type, value.sizes) for value in method.inputs + method.outputs]
    if found != list(zip(types + [FLOAT] * len(outputs), inputs + outputs, strict=True)):
        raise UserError("a method has other inputs or outputs")
    # Who calls a method may write to what it gave, as the native runner's softmax does.
    if inputs and not all(value.place for value in method.outputs):
        raise UserError("a method gives constants")


def _check_tables(method: Method, vocabulary: int) -> None:
    """Every token has its row: the kernel of bytes does not look."""
    if any(rows != vocabulary for rows in method.tables):
        raise UserError("an embedding is of another vocabulary")
