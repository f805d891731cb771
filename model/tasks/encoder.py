"""The encoder: a stack of GRU layers, each in one direction or in both.

The two directions of a bidirectional layer (Schuster and Paliwal 1997) are two networks with weights
of their own, whose states are joined for each time; neither sees the padding.

Shapes: B batch, T time, E what is read, H hidden of a direction, D directions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

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
        # Each sequence read from its end; the padding stays where it is.
        mirrored = torch.where(present, lengths[:, None] - 1 - time, time)  # [B, T]
        end = (lengths - 1)[:, None]
        for layer, forwards in enumerate(self.forwards):
            if layer:
                x = self.dropout(x)
            outputs = forwards.scan(x)[0]
            last = [_at(outputs, end)[:, 0]]
            if self.backwards:
                reverse = self.backwards[layer].scan(_at(x, mirrored))[0]
                last.append(_at(reverse, end)[:, 0])
                outputs = torch.cat([outputs, _at(reverse, mirrored)], dim=-1)
            x = outputs
        return Encoded(x, torch.cat(last, dim=-1), present)


def _at(x: Tensor, times: Tensor) -> Tensor:
    """X [B, T, K] at times [B, U] -> [B, U, K]."""
    return x.gather(1, times[:, :, None].expand(-1, -1, x.shape[-1]))
