"""The three ways down to a program of the ExecuTorch runtime.

    zero-copy  int8 weights read straight from the memory-mapped file; one tied constant
    xnnpack    int8 weights packed by XNNPACK when loaded; one delegate but for the embedding
    float      fp32 with BLAS products, the reference

Each program has two methods: `forward` (step_graphs.py) and `initial_state`, a constant [L, 1, H].
"""

from collections.abc import Callable
from typing import Any

import executorch.exir.passes._quant_patterns_and_replacements
import executorch.kernels.quantized  # noqa: F401 - registers their out variants
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import (
    EdgeCompileConfig,
    ExecutorchBackendConfig,
    to_edge,
    to_edge_transform_and_lower,
)
from torch import Tensor, nn

from pocketlm.export.arena import planning
from pocketlm.export.folded_gru import shifted
from pocketlm.export.step_graphs import (
    FloatStep,
    LinearStep,
    ZeroCopyStep,
    example_inputs,
)
from pocketlm.model.language_model import RecurrentLanguageModel

# What ExecuTorch calls an ExecutorchProgramManager; the package has no types.
Program = Any
Lower = Callable[[RecurrentLanguageModel], tuple[Program, float]]


def lower_zero_copy(model: RecurrentLanguageModel) -> tuple[Program, float]:
    """The program, and the largest error of a quantised weight."""
    graph = ZeroCopyStep(model).eval()
    start = model.start_state(1)
    edge = to_edge(
        torch.export.export(graph, example_inputs(model)),
        compile_config=EdgeCompileConfig(_check_ir_validity=False),
        constant_methods=_constants(shifted(start) if graph.folded else start),
    )
    config = ExecutorchBackendConfig(memory_planning_pass=planning())
    return edge.to_executorch(config), graph.largest_error


def lower_xnnpack(model: RecurrentLanguageModel) -> tuple[Program, float]:
    """The program, and the largest error of a quantised weight."""
    graph = LinearStep(model).eval()
    before = {name: p.detach().clone() for name, p in graph.named_parameters()}
    _quantise_modules(graph)
    error = max(
        (_plain(parameter) - before[name]).abs().max().item()
        for name, parameter in graph.named_parameters()
    )
    edge = to_edge_transform_and_lower(
        torch.export.export(graph, example_inputs(model)),
        partitioner=[XnnpackPartitioner()],
        compile_config=EdgeCompileConfig(_check_ir_validity=False),
        constant_methods=_constants(model.start_state(1)),
    )
    config = ExecutorchBackendConfig(do_quant_fusion_and_const_prop=True)
    return edge.to_executorch(config), error


def lower_float(model: RecurrentLanguageModel) -> tuple[Program, float]:
    """The program; nothing is rounded."""
    edge = to_edge(
        torch.export.export(FloatStep(model).eval(), example_inputs(model)),
        compile_config=EdgeCompileConfig(
            _check_ir_validity=False, preserve_ops=[torch.ops.aten.linear.default]
        ),
        constant_methods=_constants(model.start_state(1)),
    )
    return edge.to_executorch(ExecutorchBackendConfig()), 0.0


RECIPES: dict[str, Lower] = {
    "zero-copy": lower_zero_copy,
    "xnnpack": lower_xnnpack,
    "float": lower_float,
}


def _constants(state: Tensor) -> dict[str, Any]:
    return {"initial_state": state.detach().contiguous()}


def _quantise_modules(graph: nn.Module) -> None:
    """int8 weights by torchao: rows of the linears (dynamic int8 inputs), rows of the embedding."""
    from torchao.quantization import quantize_
    from torchao.quantization.granularity import PerAxis
    from torchao.quantization.quant_api import (
        Int8DynamicActivationIntxWeightConfig,
        IntxWeightOnlyConfig,
    )
    from torchao.quantization.quant_primitives import MappingType

    rows = PerAxis(0)
    quantize_(
        graph,
        Int8DynamicActivationIntxWeightConfig(weight_dtype=torch.int8, weight_granularity=rows),
        lambda module, _: isinstance(module, nn.Linear),
    )
    quantize_(
        graph,
        IntxWeightOnlyConfig(
            weight_dtype=torch.int8, granularity=rows, mapping_type=MappingType.SYMMETRIC
        ),
        lambda module, _: isinstance(module, nn.Embedding),
    )


def _plain(parameter: Tensor) -> Tensor:
    """The fp32 numbers that a torchao tensor stands for."""
    dequantize = getattr(parameter, "dequantize", None)
    return (
        dequantize() if dequantize and type(parameter) is not nn.Parameter else parameter.detach()
    )


def _mixed_linear(
    x: Tensor, weight: Tensor, scales: Tensor, zero_points: Tensor | None, _dtype: object = None
) -> Tensor:
    """What the runtime's kernel computes: x [M, K], int8 weight [N, K], scales [N] -> [M, N]."""
    assert zero_points is None
    return torch.nn.functional.linear(x, weight.to(x.dtype) * scales[:, None])


# The operator has a schema and a kernel in the runtime, but no implementation in Python.
_library = torch.library.Library("quantized_decomposed", "IMPL")
_library.impl("mixed_linear", _mixed_linear, "CompositeExplicitAutograd")
torch.library.register_fake(
    "quantized_decomposed::mixed_linear",
    lambda x, weight, _scales, _zero_points, _dtype=None: x.new_empty(x.shape[0], weight.shape[0]),
)
