"""A task's network as the graphs that are exported: a step a direction, and the head.

    forwards    token [1, 1] int64, state [1, H] -> state [1, H]    from the first token on
    backwards   the same, with weights of its own                   from the last token on
    head        features [1, F] -> scores [1, C]

The features of each time are the states of both directions after its token; those of the whole are
the last state of each direction, and the average over time of each: what the runtime gathers from
the steps (task_program.py). The methods share the embedding. Shapes: E embedding, H hidden,
F features, C classes, V vocabulary.
"""

from typing import Any

import torch
from executorch.exir import EdgeCompileConfig, ExecutorchBackendConfig, to_edge
from torch import Tensor, nn

from pocketlm.export.matrices import FloatMatrices, Int8Matrices, Matrices, Matrix
from pocketlm.export.recipes import Program
from pocketlm.model.errors import UserError
from pocketlm.model.recurrence import gru_state
from pocketlm.model.tasks.encoder import layers_of
from pocketlm.model.tasks.gru import Gru
from pocketlm.model.tasks.network import TaskNetwork

RECIPES: dict[str, type[FloatMatrices | Int8Matrices]] = {
    "zero-copy": Int8Matrices,
    "float": FloatMatrices,
}


class DirectionStep(nn.Module):
    """One step of one direction."""

    def __init__(self, matrices: Matrices) -> None:
        super().__init__()
        self.matrices = matrices

    def forward(self, token: Tensor, state: Tensor) -> Tensor:
        """Token [1, 1], state [1, H] -> state [1, H]."""
        x = self.matrices.embed("embedding", token)  # [1, E]
        return gru_state(self.matrices.product("w", x), self.matrices.product("u", state), state)


class Head(nn.Module):
    """Features to scores."""

    def __init__(self, matrices: Matrices) -> None:
        super().__init__()
        self.matrices = matrices

    def forward(self, features: Tensor) -> Tensor:
        """Features [1, F] -> scores [1, C]."""
        return self.matrices.product("head", features)


def lower_task(network: TaskNetwork, recipe: str) -> tuple[Program, float]:
    """The program, and the largest error of a weight by rounding.

    Raises:
        UserError: the network is not of a kind that can be exported.
    """
    config = network.config
    if config.reads != "tokens" or config.alignment == "decoder" or config.layers != 1:
        raise UserError("what can be exported reads tokens in one layer, and has no decoder")
    kind = RECIPES[recipe]
    example = torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, config.hidden)
    methods: dict[str, Any] = {}
    errors = []
    initial = []
    for name, layers in _directions(network).items():
        (layer,) = layers
        matrices = kind(_of_direction(network, layer))
        errors.append(matrices.largest_error)
        methods[name] = torch.export.export(DirectionStep(matrices).eval(), example)
        initial.append(layer.initial_state.detach())
    head = kind({"head": (network.head.weight.detach(), network.head.bias.detach())})
    errors.append(head.largest_error)
    features = torch.zeros(1, network.head.in_features)
    methods["head"] = torch.export.export(Head(head).eval(), (features,))
    preserved = [torch.ops.aten.linear.default] if recipe == "float" else []
    edge = to_edge(
        methods,
        compile_config=EdgeCompileConfig(_check_ir_validity=False, preserve_ops=preserved),
        constant_methods={"initial_states": torch.stack(initial)},  # [D, H]
    )
    return edge.to_executorch(ExecutorchBackendConfig()), max(errors)


def _directions(network: TaskNetwork) -> dict[str, list[Gru]]:
    encoder = network.encoder
    found = {"forwards": encoder.forwards, "backwards": encoder.backwards}
    return {name: layers_of(modules) for name, modules in found.items() if len(modules)}


def _of_direction(network: TaskNetwork, layer: Gru) -> dict[str, Matrix]:
    """W [3H, E], U [3H, H] with their biases, and the embedding [V, E]."""
    return {
        "embedding": (network.embedding.weight.detach(), None),
        "w": (layer.weight_ih_l0.detach(), layer.bias_ih_l0.detach()),
        "u": (layer.weight_hh_l0.detach(), layer.bias_hh_l0.detach()),
    }
