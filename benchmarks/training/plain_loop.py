"""The loop that anybody would write first: embedding, torch's GRU, tied softmax, AdamW.

It trains the same network as trainer.py on the same tokens, as rows [B, T] whose state goes on
from window to window, also from one document to the next. Of the package it takes the sizes, the
text and the learning rates.
"""

import torch
import torch.nn.functional as F

from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.optimizer import learning_rate
from pocketlm.model.run_folder import TrainConfig
from pocketlm.model.segments import WindowStream
from pocketlm.model.shards import TokenShards


class PlainLoop:
    """A training whose steps are taken one by one."""

    def __init__(self, config: TrainConfig, shards: TokenShards, dtype: torch.dtype) -> None:
        torch.manual_seed(config.seed)
        self.model = RecurrentLanguageModel(config.model)
        self._config, self._dtype = config, dtype
        self._stream = WindowStream(
            shards, config.rows, config.window, config.fresh_lines, config.seed
        )
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        self._state = torch.zeros(config.model.layers, config.rows, config.model.hidden)
        self._step = 0

    def step(self, fraction: float) -> float:
        """One step; its loss in nats a token."""
        inputs, targets, _ = (torch.from_numpy(array) for array in self._stream.next_rows())
        self._optimizer.param_groups[0]["lr"] = learning_rate(self._config, self._step, fraction)
        self._optimizer.zero_grad()
        with torch.autocast("cpu", self._dtype, enabled=self._dtype != torch.float32):
            outputs, state = self.model.recurrent(self.model.embedding(inputs), self._state)
            logits = F.linear(self.model.projection(outputs), self.model.embedding.weight)
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self._config.clip)
        self._optimizer.step()
        self._state = state.detach().float()
        self._step += 1
        return loss.item()
