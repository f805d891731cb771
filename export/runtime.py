"""An exported program run by the ExecuTorch runtime, as a predictor.

model.pte -> Runtime -> forward(token, state) -> logits -> log-softmax
"""

import hashlib
from pathlib import Path
from typing import Any

import executorch.kernels.quantized  # noqa: F401 - registers the quantised kernels
import torch
from executorch.runtime import Runtime
from torch import Tensor

from pocketlm.export.program_check import check_program
from pocketlm.export.quiet import quiet_native
from pocketlm.model.errors import UserError
from pocketlm.model.predictor import FloatArray, IntArray, Predictor
from pocketlm.model.tokenizer import END_ID, Tokenizer

# A state: log-probabilities [B, V] of the next token, and the hidden state [L, B, H].
ProgramState = tuple[Tensor, Tensor]
_DESCRIPTORS = Path("/dev/fd")


def use_one_thread() -> None:
    """Run programs on the calling thread alone, as the native runner and a phone's keyboard do."""
    with quiet_native():
        from executorch.extension.pybindings import portable_lib

        portable_lib._unsafe_reset_threadpool(1)


def load_program(path: Path, vocabulary: int, sha256: str | None = None) -> Any:
    """Map a program that takes tokens below `vocabulary`.

    The file that is mapped is the very one whose SHA-256 was compared, and that was checked.

    Raises:
        UserError: it is missing, another one, or none that our recipes write.
        RuntimeError: the runtime's own, of a file that it cannot use.
    """
    try:
        with path.open("rb") as file:
            # By its descriptor: another file may be put at the path at any moment.
            if sha256 and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise UserError(f"{path} does not match the SHA-256 in its manifest")
            check_program(file, path, vocabulary)
            held = _DESCRIPTORS / str(file.fileno())
            return Runtime.get().load_program(held if held.exists() else path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None


class ProgramPredictor(Predictor):
    """A `.pte` behind the one interface. The program has batch 1, so a batch is a loop."""

    def __init__(
        self, path: Path, tokenizer: Tokenizer, name: str, sha256: str | None = None
    ) -> None:
        super().__init__(name, "bundle", tokenizer)
        self._inputs = torch.arange(tokenizer.vocabulary_size)[:, None, None]  # [V, 1, 1]
        try:
            with quiet_native():
                # The program keeps the methods' memory: it has to live as long as they do.
                self._program: Any = load_program(path, tokenizer.vocabulary_size, sha256)
                self._forward: Any = self._program.load_method("forward")
                (initial,) = self._program.load_method("initial_state").execute([])
                self._start = self._step(END_ID, initial.clone())
        except UserError:
            raise
        except (RuntimeError, KeyError, ValueError) as error:  # no such method; other outputs
            reason = " ".join(str(error).split())
            raise UserError(f"{path} cannot be run: {reason}") from None
        if not torch.isfinite(self._start[0]).all():
            raise UserError(f"{path} gives numbers that are not finite: its weights are damaged")
        if self._start[0].shape != (1, tokenizer.vocabulary_size):
            raise UserError(f"{path} is of another vocabulary than its tokenizer.model")

    def start(self, batch: int = 1) -> ProgramState:
        """See Predictor."""
        log_probabilities, hidden = self._start
        return log_probabilities.expand(batch, -1), hidden.expand(-1, batch, -1)

    def advance(self, state: ProgramState, tokens: IntArray) -> ProgramState:
        """See Predictor."""
        hidden = state[1]
        if len(tokens) == 1:
            return self._step(int(tokens[0]), hidden)
        steps = [
            self._step(int(token), hidden[:, row : row + 1]) for row, token in enumerate(tokens)
        ]
        return torch.cat([s[0] for s in steps]), torch.cat([s[1] for s in steps], dim=1)

    def log_probabilities(self, state: ProgramState) -> FloatArray:
        """See Predictor."""
        probabilities: FloatArray = state[0].numpy()
        return probabilities

    def select(self, state: ProgramState, rows: IntArray) -> ProgramState:
        """See Predictor."""
        index = torch.from_numpy(rows)
        return state[0][index], state[1][:, index]

    def _step(self, token: int, hidden: Tensor) -> ProgramState:
        """One token, hidden [L, 1, H] -> log-probabilities [1, V], hidden [L, 1, H]."""
        if not 0 <= token < self.tokenizer.vocabulary_size:
            raise ValueError(f"token {token} is outside the vocabulary")
        logits, hidden = self._forward.execute([self._inputs[token], hidden.contiguous()])
        # The outputs lie in the method's own memory, which the next step overwrites.
        return torch.log_softmax(logits.float(), dim=-1), hidden.clone()
