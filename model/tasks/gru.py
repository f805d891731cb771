"""One layer of a GRU in one direction, by the equations of recurrence.py.

Shapes: B batch, T time, E what is read, H hidden.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocketlm.model.recurrence import gru_state, scan


class Gru(nn.GRU):
    """Torch's weights, and the state that a sequence begins from."""

    weight_ih_l0: Tensor  # W_x [3H, E], the gates in the order r, z, n
    weight_hh_l0: Tensor  # W_h [3H, H]
    bias_ih_l0: Tensor  # [3H]
    bias_hh_l0: Tensor  # [3H]

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs, hidden, batch_first=True)
        self.initial_state = nn.Parameter(torch.zeros(hidden))  # [H]
        for gate in self.weight_hh_l0.detach().split(hidden):
            nn.init.orthogonal_(gate)

    def scan(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The equations along time: x [B, T, E], state [B, H] -> states [B, T, H], last [B, H]."""
        h = self.initial_state.expand(len(x), -1) if state is None else state
        products = F.linear(x.transpose(0, 1), self.weight_ih_l0, self.bias_ih_l0)  # [T, B, 3H]
        states = scan(self._advance, h, products.unbind())
        return torch.stack(states).transpose(0, 1), states[-1]

    def _advance(self, h: Tensor, from_input: Tensor) -> Tensor:
        return gru_state(from_input, F.linear(h, self.weight_hh_l0, self.bias_hh_l0), h)
