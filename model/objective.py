"""What a training minimises: the model it trains, its loss on a window, its figures on text.

    Segments, carried states -> loss, final states          documents -> an Evaluation a context

`NextToken` is language modelling; gap_objective.py has the one for models that fill gaps.

Shapes: B rows, S segments, N tokens, L layers, H hidden.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pocketlm.model.evaluate import CONTEXTS, Evaluation, evaluate
from pocketlm.model.gap_model import GapModel
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel
from pocketlm.model.loss import SoftTargets, tied_softmax_loss
from pocketlm.model.network import NetworkPredictor
from pocketlm.model.predictor import IntArray
from pocketlm.model.sampled_loss import SampledSoftmax
from pocketlm.model.segments import Segments
from pocketlm.model.tokenizer import Tokenizer


class Objective(ABC):
    """A model and what it is trained for."""

    def __init__(
        self, model: RecurrentLanguageModel | GapModel, tokenizer: Tokenizer, device: torch.device
    ) -> None:
        self.model = model.to(device)
        self.tokenizer, self.device = tokenizer, device
        self.sampled: SampledSoftmax | None = None  # in place of the whole softmax
        self.score_exponent = 1.0  # above 1, another score than cross-entropy (loss.py)

    @abstractmethod
    def predict(self, segments: Segments, state: Tensor) -> tuple[Tensor, IntArray, Tensor]:
        """All predictions on a window.

        Args:
            segments: the window.
            state: what its segments start from [L, S, H].

        Returns:
            vectors [M, E] that are compared with the embeddings, the tokens [M] to be predicted,
            and the final states [L, S, H].
        """

    @abstractmethod
    def evaluate(self, documents: Sequence[Sequence[str]]) -> dict[str, Evaluation]:
        """The model as it is now, by context; `line` is always among them."""

    def loss(
        self,
        segments: Segments,
        carried: Tensor,
        dtype: torch.dtype,
        soft: Sequence[SoftTargets] = (),
    ) -> tuple[Tensor, Tensor]:
        """Average loss of a window's tokens, and the final states of its segments [L, S, H].

        Args:
            segments: the window.
            carried: states of its rows [L, B, H].
            dtype: of the matrix products.
            soft: what teachers predict there (teacher.py).
        """
        fresh = self.model.start_state(segments.count)
        state = segment_states(segments, carried, fresh)
        with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
            projected, targets, final = self.predict(segments, state)
        weight, targets_here = self.model.embedding.weight, to_device(targets, self.device)
        if self.sampled:
            loss = self.sampled.loss(projected.float(), weight, targets_here, dtype)
        else:
            loss = tied_softmax_loss(
                projected.float(),
                weight,
                targets_here,
                dtype,
                soft=soft,
                exponent=self.score_exponent,
            )
        return loss, final.float()


class NextToken(Objective):
    """The next token after what came before."""

    def __init__(self, config: ModelConfig, tokenizer: Tokenizer, device: torch.device) -> None:
        self._network = RecurrentLanguageModel(config)
        super().__init__(self._network, tokenizer, device)

    def predict(self, segments: Segments, state: Tensor) -> tuple[Tensor, IntArray, Tensor]:
        """See Objective."""
        inputs = to_device(segments.inputs, self.device)
        sizes = torch.from_numpy(segments.batch_sizes)
        projected, final = self._network.packed(inputs, sizes, state)
        return projected, segments.targets, final

    def evaluate(self, documents: Sequence[Sequence[str]]) -> dict[str, Evaluation]:
        """See Objective."""
        predictor = NetworkPredictor(self._network.eval(), self.tokenizer, "training")
        return {context: evaluate(predictor, documents, context) for context in CONTEXTS}


def segment_states(segments: Segments, carried: Tensor, fresh: Tensor) -> Tensor:
    """What segments start from [L, S, H]: their row's carried state [L, B, H], or a fresh one."""
    rows = to_device(segments.carried_row, carried.device)  # [S]
    return torch.where((rows >= 0)[None, :, None], carried[:, rows.clamp(min=0)], fresh)


def to_device(array: np.ndarray[Any, Any], device: torch.device) -> Tensor:
    """A tensor of an array; on a GPU copied without waiting."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor
