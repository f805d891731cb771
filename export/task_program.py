"""An exported task run by the ExecuTorch runtime: the answers of a `.pte`.

tokens -> forwards, step by step --.
       -> backwards, from the end --+-> features -> head -> scores
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import executorch.kernels.quantized  # noqa: F401 - registers the quantised kernels
import torch
from torch import Tensor

from pocketlm.export.quiet import quiet_native
from pocketlm.export.runtime import load_program
from pocketlm.model.errors import UserError
from pocketlm.model.tasks.answers import Answer
from pocketlm.model.tasks.batches import Inputs
from pocketlm.model.tokenizer import END_ID


class TaskProgram:
    """The answers of a program whose features are of the whole, or of each time."""

    def __init__(self, path: Path, each: bool, vocabulary: int, sha256: str | None = None) -> None:
        self._each = each
        try:
            with quiet_native():
                # The program keeps the methods' memory: it has to live as long as they do.
                self._program: Any = load_program(path, vocabulary, sha256)
                names = sorted(self._program.method_names - {"initial_states", "head"})
                # "backwards" comes before "forwards", and features are the other way round.
                self._steps = [self._program.load_method(name) for name in reversed(names)]
                self._head: Any = self._program.load_method("head")
                (initial,) = self._program.load_method("initial_states").execute([])
                self._initial = initial.clone()  # [D, H]
                self._answer([END_ID])  # the first run starts the runtime's threads, with a log
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path} cannot be run: {reason}") from None

    def __call__(self, inputs: Sequence[Inputs]) -> list[Answer]:
        """See Answers."""
        return [self._answer([int(token) for token in tokens]) for tokens in inputs]

    def _answer(self, tokens: list[int]) -> Answer:
        states = [self._states(0, tokens)]
        if len(self._steps) == 2:
            states.append(self._states(1, tokens[::-1]))
        if self._each:
            if len(states) == 2:
                states[1].reverse()
            of_times = [torch.cat(of_time, dim=1) for of_time in zip(*states, strict=True)]
            return torch.cat([self._scores(x) for x in of_times]).numpy()
        last = [of_direction[-1] for of_direction in states]
        average = [torch.cat(of_direction).mean(0, keepdim=True) for of_direction in states]
        return self._scores(torch.cat([*last, *average], dim=1))[0].numpy()

    def _states(self, direction: int, tokens: list[int]) -> list[Tensor]:
        """The state [1, H] after each token."""
        state = self._initial[direction : direction + 1]
        states = []
        for token in tokens:
            (state,) = self._steps[direction].execute([torch.tensor([[token]]), state])
            state = state.clone()  # it lies in the method's memory, which the next step overwrites
            states.append(state)
        return states

    def _scores(self, features: Tensor) -> Tensor:
        (scores,) = self._head.execute([features.contiguous()])
        copied: Tensor = scores.clone()
        return copied
