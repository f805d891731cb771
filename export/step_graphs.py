"""The step of the language model as the graphs that are exported, one class a recipe.

    token [1, 1] int64, state [L, 1, H] -> logits [1, V], state [L, 1, H]

All three are `RecurrentLanguageModel.step` before its softmax; they differ in what their matrix
products are made of. Their cells are those of recurrence.py, but for the zero-copy GRU's. Shapes:
E embedding, H hidden, L layers, V vocabulary.
"""

import torch
from torch import Tensor, nn

from pocketlm.export.folded_gru import folded_matrices, folded_step, is_folded
from pocketlm.export.matrices import FloatMatrices, Int8Matrices, Matrices, Matrix, Named
from pocketlm.export.quantise import quantise_rows
from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.recurrence import CELLS


def example_inputs(model: RecurrentLanguageModel) -> tuple[Tensor, Tensor]:
    """A token and a state of the right shapes."""
    config = model.config
    return torch.zeros(1, 1, dtype=torch.long), torch.zeros(config.layers, 1, config.hidden)


class StepGraph(nn.Module):
    """The step; a recipe supplies the products."""

    def __init__(self, model: RecurrentLanguageModel) -> None:
        super().__init__()
        self.layers, self.cell = model.config.layers, CELLS[model.config.cell]
        self.projected = model.config.recurrent_projection

    def embed(self, token: Tensor) -> Tensor:
        """Token [1, 1] -> its embedding [1, E]."""
        raise NotImplementedError

    def product(self, name: str, x: Tensor) -> Tensor:
        """X [1, K] -> [1, N] by the matrix of that name, its bias added."""
        raise NotImplementedError

    def forward(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Token [1, 1], state [L, 1, H] -> logits [1, V], state [L, 1, H]."""
        x = self.embed(token)
        hidden = []
        for layer in range(self.layers):
            h = self._layer_state(state, layer)  # [1, H]
            read = self.product("projection", h) if self.projected else h
            hidden.append(self.new_state(layer, x, read, h))
            x = hidden[-1].reshape(1, -1) if hidden[-1].dim() > 2 else hidden[-1]
        logits = self.product("output", self.product("projection", x))
        return logits, self._stacked(hidden)

    def new_state(self, layer: int, x: Tensor, read: Tensor, h: Tensor) -> Tensor:
        """The new state of a layer, [1, H] or [1, 1, H].

        Args:
            layer: which one.
            x: what it reads, [1, E] or [1, H].
            read: what the state's product reads, [1, H] or [1, E].
            h: its state before, [1, H].
        """
        return self.cell(self.product(f"w{layer}", x), self.product(f"u{layer}", read), h)

    def _layer_state(self, state: Tensor, layer: int) -> Tensor:
        # A reshape or a slice: `select` would break the XNNPACK delegate in two.
        part = state if self.layers == 1 else state[layer : layer + 1]
        return part.reshape(1, -1)

    def _stacked(self, hidden: list[Tensor]) -> Tensor:
        joined = hidden[0] if self.layers == 1 else torch.cat(hidden, dim=0)
        return joined if joined.dim() > 2 else joined.reshape(self.layers, 1, -1)


class MatrixStep(StepGraph):
    """Products with matrices by name; embedding and output are one tied constant."""

    def __init__(self, model: RecurrentLanguageModel, matrices: Matrices) -> None:
        super().__init__(model)
        self.matrices = matrices

    def embed(self, token: Tensor) -> Tensor:
        """See StepGraph."""
        return self.matrices.embed("output", token)

    def product(self, name: str, x: Tensor) -> Tensor:
        """See StepGraph."""
        return self.matrices.product(name, x)


class FloatStep(MatrixStep):
    """fp32, the reference."""

    def __init__(self, model: RecurrentLanguageModel) -> None:
        super().__init__(model, FloatMatrices(named_matrices(model)))


class ZeroCopyStep(MatrixStep):
    """int8 read where it lies; a GRU's step is that of folded_gru.py.

    Attributes:
        largest_error: of a weight of the model, by rounding.
    """

    def __init__(self, model: RecurrentLanguageModel) -> None:
        super().__init__(model, Int8Matrices(zero_copy_matrices(model)))
        self.folded = is_folded(model.config)
        if self.folded:
            self.register_buffer("one", torch.ones(1, model.config.hidden))
        plain = named_matrices(model).values()
        self.largest_error = max(quantise_rows(weight).largest_error for weight, _ in plain)

    def new_state(self, layer: int, x: Tensor, read: Tensor, h: Tensor) -> Tensor:
        """See StepGraph."""
        if not self.folded:
            return super().new_state(layer, x, read, h)
        a, b = folded_step(self.product, layer, x, read, h, self.get_buffer("one"))
        # Summed in the shape that is returned: a view of the sum would have to be copied.
        return a.reshape(1, 1, -1) + b.reshape(1, 1, -1)


class LinearStep(StepGraph):
    """Products as nn.Linear and the embedding as nn.Embedding, the form that torchao quantises.

    Embedding and output are two modules, since XNNPACK packs its own copy of the output matrix.
    """

    def __init__(self, model: RecurrentLanguageModel) -> None:
        super().__init__(model)
        self.linears = nn.ModuleDict()
        for name, (weight, bias) in named_matrices(model).items():
            linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
            linear.weight = nn.Parameter(weight.clone(), requires_grad=False)
            if bias is not None:
                linear.bias = nn.Parameter(bias.clone(), requires_grad=False)
            self.linears[name] = linear
        table = model.embedding.weight.detach().clone()
        self.embedding = nn.Embedding.from_pretrained(table)

    def embed(self, token: Tensor) -> Tensor:
        """See StepGraph."""
        return self.embedding(token).reshape(1, -1)  # type: ignore[no-any-return]

    def product(self, name: str, x: Tensor) -> Tensor:
        """See StepGraph."""
        y: Tensor = self.linears[name](x)
        return y


def zero_copy_matrices(model: RecurrentLanguageModel) -> Named:
    """The matrices that the zero-copy recipe rounds."""
    matrices, config = named_matrices(model), model.config
    return folded_matrices(matrices, config) if is_folded(config) else matrices


def named_matrices(model: RecurrentLanguageModel) -> dict[str, Matrix]:
    """Each matrix [N, K] of a step with its bias [N]; the embedding is the output [V, E]."""
    matrices: dict[str, Matrix] = {}
    for layer in range(model.config.layers):
        weights = model.layer_weights(layer)
        matrices[f"w{layer}"] = (weights.w_x.detach(), weights.b_x.detach())
        matrices[f"u{layer}"] = (weights.w_h.detach(), weights.b_h.detach())
    matrices["projection"] = (model.projection.weight.detach(), model.projection.bias.detach())
    matrices["output"] = (model.embedding.weight.detach(), None)
    return matrices
