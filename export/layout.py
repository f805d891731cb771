"""What lies in a program: bytes by part, operators, the memory it will take, and their gates.

Bytes follow from the sizes alone (one scale of 4 bytes a row of an int8 matrix):

    int8 matrix [N, K]: N K + 4 N        fp32 matrix [N, K]: 4 N K        bias [N]: 4 N

The zero-copy and float recipes hold the embedding once, for input and output; xnnpack holds it
twice. Private memory is the arena of activations, two states, what the runtime keeps
for a method and each of its calls and, for xnnpack, the packed weights.
"""

from pathlib import Path
from typing import Any

import numpy as np

from pocketlm.export.folded_gru import is_folded
from pocketlm.export.quantise import quantise_rows
from pocketlm.export.recipes import Program
from pocketlm.export.step_graphs import named_matrices, zero_copy_matrices
from pocketlm.model.errors import UserError
from pocketlm.model.language_model import RecurrentLanguageModel

# Operators outside a delegate that the stock Android library of ExecuTorch 1.5 registers (seen in
# it and in the wheel): portable and optimised kernels, and the quantised ones named here.
STOCK_OPERATORS = frozenset(
    {
        "aten::add.out",
        "aten::cat.out",
        "aten::div.out",
        "aten::embedding.out",
        "aten::exp.out",
        "aten::linear.out",
        "aten::mul.out",
        "aten::sigmoid.out",
        "aten::slice_copy.Tensor_out",
        "aten::sub.out",
        "aten::tanh.out",
        "aten::view_copy.out",
        "quantized_decomposed::embedding_byte.out",
        "quantized_decomposed::mixed_linear.out",
    }
)
# XNNPACK packs int8 rows with their scale, bias and sum (4 bytes each).
_XNNPACK_ROW_BYTES = 12
# What the runtime itself keeps for a method, measured (docs/bundle.md): structures of the program
# and of each call of an operator, and for XNNPACK its graph and workspace.
_RUNTIME_BYTES = 12 << 10
_CALL_BYTES = 400
_XNNPACK_RUNTIME_BYTES = 80 << 10
_PAGE = 4096
_LARGEST_GRAPH = 16 << 10  # a layer: the graph, names and padding, but no weights


def bytes_by_part(model: RecurrentLanguageModel, recipe: str, file_bytes: int) -> dict[str, int]:
    """Bytes of `model.pte` by part; `program` is the rest: graph, operator names, padding."""
    parts = {"embedding": 0, "recurrent": 0, "projection": 0, "initial_state": 0}
    matrices = zero_copy_matrices(model) if recipe == "zero-copy" else named_matrices(model)
    for name, (weight, bias) in matrices.items():
        part = {"output": "embedding", "projection": "projection"}.get(name, "recurrent")
        rows, columns = weight.shape
        matrix = 4 * rows * columns if recipe == "float" else rows * columns + 4 * rows
        parts[part] += matrix + (4 * rows if bias is not None else 0)
    if recipe == "zero-copy" and is_folded(model.config):
        parts["recurrent"] += 4 * model.config.hidden  # one
    parts["initial_state"] = 4 * model.initial_state.numel()
    if recipe == "xnnpack":
        parts["output"] = parts["embedding"]
    parts["program"] = file_bytes - sum(parts.values())
    return parts


def operators(program: Program, method: str = "forward") -> dict[str, list[str]]:
    """The delegates of a method, and the operators that run outside one."""
    plan = _plan(program, method)
    names = {f"{op.name}.{op.overload}" if op.overload else op.name for op in plan.operators}
    return {
        "delegates": [delegate.id for delegate in plan.delegates],
        "outside_delegates": sorted(names),
    }


def predicted_memory(
    program: Program, model: RecurrentLanguageModel, recipe: str, parts: dict[str, int]
) -> dict[str, int]:
    """Bytes after many steps, the file memory-mapped: private ones, and evictable pages of it."""
    state = 4 * model.initial_state.numel()
    plan = _plan(program, "forward")
    calls = sum(len(chain.instructions) for chain in plan.chains)
    private = sum(plan.non_const_buffer_sizes) + 2 * state + _RUNTIME_BYTES + _CALL_BYTES * calls
    file_backed = sum(parts.values())
    if recipe == "xnnpack":
        for weight, _ in named_matrices(model).values():
            rows, columns = weight.shape
            private += rows * columns + _XNNPACK_ROW_BYTES * rows
        private += _XNNPACK_RUNTIME_BYTES
        file_backed = parts["embedding"] + parts["program"]
    pages = {"private_bytes": private, "file_backed_bytes_at_most": file_backed + _PAGE}
    return {name: -(-size // _PAGE) * _PAGE for name, size in pages.items()}


def check_operators(found: dict[str, list[str]], recipe: str) -> None:
    """The gate on operators: UserError if the stock Android library lacks one."""
    check_stock(found)
    expected = ["XnnpackBackend"] if recipe == "xnnpack" else []
    if found["delegates"] != expected:
        raise UserError(f"gate: delegates {found['delegates']} where {expected} was expected")


def check_stock(found: dict[str, list[str]]) -> None:
    """The part of that gate that is no recipe's own."""
    foreign = sorted(set(found["outside_delegates"]) - STOCK_OPERATORS)
    if foreign:
        raise UserError(f"gate: {foreign[0]} is not in the stock Android library")


def check_weights_once(path: Path, model: RecurrentLanguageModel) -> None:
    """The gate on the zero-copy recipe: each weight lies in the file once, the tied table too."""
    table = quantise_rows(model.embedding.weight).values.numpy()
    copies = path.read_bytes().count(np.ascontiguousarray(table).tobytes())
    if copies != 1:
        raise UserError(f"gate: the tied weights lie {copies} times in {path.name}, not once")
    spare = bytes_by_part(model, "zero-copy", path.stat().st_size)["program"]
    if not 0 <= spare <= _LARGEST_GRAPH * model.config.layers:
        raise UserError(f"gate: {path.name} holds {spare} bytes beside its weights, too many")


def _plan(program: Program, method: str) -> Any:
    plans = {plan.name: plan for plan in program.executorch_program.execution_plan}
    return plans[method]
