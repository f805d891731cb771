"""The eager network as a predictor."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence, unpack_sequence

from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.predictor import FloatArray, IntArray, Predictor
from pocketlm.model.run_folder import load_run
from pocketlm.model.tokenizer import END_ID, Tokenizer

# A state: log-probabilities [B, V] of the next token, and the hidden state [L, B, H].
NetworkState = tuple[Tensor, Tensor]

_SCORE_TOKENS = 16_384  # tokens of one packed block, which bounds the memory of `score`
_LOGIT_ROWS = 512


class NetworkPredictor(Predictor):
    """A RecurrentLanguageModel behind the one interface."""

    def __init__(self, model: RecurrentLanguageModel, tokenizer: Tokenizer, name: str) -> None:
        super().__init__(name, "network", tokenizer)
        self.model = model

    @torch.no_grad()
    def start(self, batch: int = 1) -> NetworkState:
        """See Predictor."""
        end = torch.full((batch,), END_ID, device=self._device)
        return self.model.step(end, self.model.start_state(batch))

    @torch.no_grad()
    def advance(self, state: NetworkState, tokens: IntArray) -> NetworkState:
        """See Predictor."""
        return self.model.step(torch.from_numpy(tokens).to(self._device), state[1])

    def log_probabilities(self, state: NetworkState) -> FloatArray:
        """See Predictor."""
        probabilities: FloatArray = state[0].float().cpu().numpy()
        return probabilities

    def select(self, state: NetworkState, rows: IntArray) -> NetworkState:
        """See Predictor."""
        index = torch.from_numpy(rows).to(self._device)
        return state[0][index], state[1][:, index]

    def score(self, sequences: Sequence[Sequence[int]]) -> list[FloatArray]:
        """See Predictor; here sequences of like length go through the network together."""
        scores: list[FloatArray] = [np.empty(0, dtype=np.float32)] * len(sequences)
        order = sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))
        batch: list[int] = []
        for i in order:
            if batch and (len(batch) + 1) * len(sequences[batch[0]]) > _SCORE_TOKENS:
                self._score_batch(batch, sequences, scores)
                batch = []
            batch.append(i)
        if batch:
            self._score_batch(batch, sequences, scores)
        return scores

    @property
    def _device(self) -> torch.device:
        return self.model.initial_state.device

    @torch.no_grad()
    def _score_batch(
        self, batch: list[int], sequences: Sequence[Sequence[int]], scores: list[FloatArray]
    ) -> None:
        """Score the sequences of a batch, longest first, into their places.

        Time is walked in blocks that carry the state on, so that a long sequence takes no more
        memory than many short ones.
        """
        targets = [torch.as_tensor(np.asarray(sequences[i], dtype=np.int64)) for i in batch]
        inputs = [torch.cat([torch.tensor([END_ID]), t])[:-1] for t in targets]
        state = self.model.start_state(len(batch))
        parts: list[list[Tensor]] = [[] for _ in batch]
        block = max(1, _SCORE_TOKENS // len(batch))
        for start in range(0, len(targets[0]), block):
            running = sum(len(t) > start for t in targets)
            span = slice(start, start + block)
            taken, state = self._score_block(
                [x[span] for x in inputs[:running]],
                [t[span] for t in targets[:running]],
                state[:, :running],
            )
            for part, scored in zip(parts, taken, strict=False):
                part.append(scored)
        for i, part in zip(batch, parts, strict=True):
            if part:
                scores[i] = torch.cat(part).numpy()

    def _score_block(
        self, inputs: list[Tensor], targets: list[Tensor], state: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        """Log-probabilities of targets, each [t] after its inputs, from states [L, B, H]."""
        packed = pack_sequence(inputs)
        projected, state = self.model.packed(
            packed.data.to(self._device), packed.batch_sizes, state
        )
        rows = zip(
            projected.split(_LOGIT_ROWS),
            pack_sequence(targets).data.to(self._device).split(_LOGIT_ROWS),
            strict=True,
        )
        taken = [self.model.log_probabilities(p).gather(1, t[:, None])[:, 0] for p, t in rows]
        scored = PackedSequence(torch.cat(taken).cpu(), packed.batch_sizes)
        return unpack_sequence(scored), state


def open_run(folder: Path) -> NetworkPredictor:
    """The best weights of a run folder as a predictor."""
    model, tokenizer, _ = load_run(folder)
    return NetworkPredictor(model, tokenizer, folder.name)
