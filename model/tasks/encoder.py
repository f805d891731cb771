"""The encoder: a stack of GRU layers, each in one direction or in both.

The two directions of a bidirectional layer (Schuster and Paliwal 1997) are two networks with
weights of their own, whose states are joined for each time (bidirectional.py); neither sees the
padding.

Shapes: B batch, T time, E what is read, H hidden of a direction, D directions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pocketlm.model.bidirectional import reversed_in_time
from pocketlm.model.tasks.config import NetworkConfig
from pocketlm.model.tasks.dropout import SequenceDropout
from pocketlm.model.tasks.gru import Gru


@dataclass(frozen=True)
class Encoded:
    """What an encoder makes of a batch."""

    outputs: Tensor  # [B, T, DH], anything where there is padding
    last: Tensor  # [B, DH], the state of each direction after its last step
    present: Tensor  # [B, T] bool, False where there is padding


class Encoder(nn.Module):
    """A stack of GRU layers, each in one direction or in both."""

    def __init__(self, config: NetworkConfig, inputs: int) -> None:
        super().__init__()
        directions = 2 if config.bidirectional else 1
        widths = [inputs, *[directions * config.hidden] * (config.layers - 1)]
        self.forwards = nn.ModuleList(Gru(width, config.hidden) for width in widths)
        self.backwards = nn.ModuleList(
            Gru(width, config.hidden) for width in widths if config.bidirectional
        )
        self.dropout = SequenceDropout(config.dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Encoded:
        """A batch x [B, T, E], of lengths [B]."""
        time = torch.arange(x.shape[1], device=x.device)  # [T]
        present = time < lengths[:, None]  # [B, T]
        rows = torch.arange(len(x), device=x.device)
        backwards = layers_of(self.backwards)
        for layer, forwards in enumerate(layers_of(self.forwards)):
            if layer:
                x = self.dropout(x)
            outputs = forwards.scan(x)[0]
            last = [outputs[rows, lengths - 1]]
            if backwards:
                reverse = backwards[layer].scan(reversed_in_time(x, lengths))[0]
                last.append(reverse[rows, lengths - 1])
                outputs = torch.cat([outputs, reversed_in_time(reverse, lengths)], dim=-1)
            x = outputs
        return Encoded(x, torch.cat(last, dim=-1), present)


def layers_of(modules: nn.ModuleList) -> list[Gru]:
    """The layers of a list of them."""
    return [module for module in modules if isinstance(module, Gru)]
