"""Exploding gradients, and what clipping does: one plain RNN, trained with and without it.

The recurrent matrix is begun as `scale` times an orthogonal one: above 1, a gradient grows from
step to step back in time until tanh has saturated. Both trainings see the same windows, from the
same weights, with plain gradient descent, which a large gradient throws as far as it is large;
`clip` is the largest norm that a gradient keeps (Pascanu et al. 2013).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pocketlm.model.language_model import ModelConfig
from pocketlm.model.objective import NextToken
from pocketlm.model.segments import WindowStream
from pocketlm.model.shards import TokenShards
from pocketlm.model.tokenizer import Tokenizer


@dataclass(frozen=True)
class Explosion:
    """The settings of both trainings."""

    scale: float = 1.5
    hidden: int = 256
    embedding: int = 64
    rows: int = 16
    window: int = 64
    learning_rate: float = 1.0
    clip: float = 1.0
    steps: int = 100
    seed: int = 1


def explosion(
    settings: Explosion,
    shards: TokenShards,
    tokenizer: Tokenizer,
    progress: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Loss and gradient norm of each step, without clipping and with it.

    Returns:
        `without` and `clipped`, each `loss` and `gradient_norm` [steps], the norm before it is
        clipped; None from the step on at which a number was no longer finite.
    """
    found = {}
    for i, (name, clip) in enumerate((("without", math.inf), ("clipped", settings.clip))):

        def within(share: float, before: int = i) -> None:
            progress((before + share) / 2)

        found[name] = _training(settings, clip, shards, tokenizer, within)
    return found


def _training(
    settings: Explosion,
    clip: float,
    shards: TokenShards,
    tokenizer: Tokenizer,
    progress: Callable[[float], None],
) -> dict[str, list[float | None]]:
    torch.manual_seed(settings.seed)
    sizes = ModelConfig(tokenizer.vocabulary_size, settings.embedding, settings.hidden, cell="rnn")
    objective = NextToken(sizes, tokenizer, torch.device("cpu"))
    model = objective.model
    with torch.no_grad():
        model.get_parameter("rnn.weight_hh_l0").mul_(settings.scale)
    # No fresh lines: a window is one sequence, and its gradient goes all the way back.
    stream = WindowStream(shards, settings.rows, settings.window, 0.0, settings.seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.learning_rate)
    carried = model.start_state(settings.rows).detach()
    losses: list[float | None] = []
    norms: list[float | None] = []
    for step in range(settings.steps):
        segments = stream.next_window()
        optimizer.zero_grad()
        loss, final = objective.loss(segments, carried, torch.float32)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip).item()
        if not (math.isfinite(loss.item()) and math.isfinite(norm)):
            break
        losses.append(loss.item())
        norms.append(norm)
        optimizer.step()
        carried = final[:, torch.from_numpy(segments.last_of_row)].detach()
        progress((step + 1) / settings.steps)
    missing: list[float | None] = [None] * (settings.steps - len(losses))
    return {"loss": losses + missing, "gradient_norm": norms + missing}
