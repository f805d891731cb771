"""Beam search: the likeliest text of a decoder, many inputs at a time.

A finished hypothesis is worth its log-probability by its length to the power of 0.8 (as in Wu et
al. 2016): without that, short texts win. A beam of 1 is nearly greedy: it too goes on past an end,
for a longer text that is worth more.

Shapes: B inputs, K hypotheses of each, V vocabulary.
"""

import torch
from torch import Tensor

from pocketlm.model.tasks.network import TaskNetwork
from pocketlm.model.tokenizer import END_ID

LENGTH_POWER = 0.8


def longest_answer(read: int) -> int:
    """How many tokens an answer may have, by those read: more than any good one needs."""
    return 2 * read + 20


@torch.no_grad()
def beam_search(
    network: TaskNetwork, inputs: Tensor, lengths: Tensor, beam: int
) -> list[list[int]]:
    """Token ids, without the end, for each of a batch.

    Args:
        network: one with a decoder.
        inputs: [B, T] or [B, 1, F].
        lengths: [B].
        beam: K.
    """
    batch, device = len(lengths), inputs.device
    state = network.decoder.begin(network.encode(inputs, lengths))
    state = state.select(torch.arange(batch, device=device).repeat_interleave(beam))  # [B K, ...]
    written = torch.empty(batch * beam, 0, dtype=torch.int64, device=device)  # [B K, U]
    token = torch.full((batch * beam,), END_ID, device=device)
    # One hypothesis of each input at first: the others are the same.
    scores = torch.full((batch, beam), -torch.inf, device=device)
    scores[:, 0] = 0
    best: list[tuple[float, list[int]]] = [(-torch.inf, [])] * batch
    first_row = torch.arange(batch, device=device)[:, None] * beam
    for length in range(1, longest_answer(int(lengths.max())) + 1):
        projected, state = network.decoder.advance(network.embedding(token)[:, None], state)
        following = _log_probabilities(network, projected[:, 0])  # [B K, V]
        totals = scores[:, :, None] + following.view(batch, beam, -1)  # [B, K, V]
        _finish(totals[:, :, END_ID], written.view(batch, beam, -1), length, best)
        totals[:, :, END_ID] = -torch.inf
        scores, places = totals.flatten(1).topk(beam)  # [B, K]
        rows = (first_row + places // following.shape[1]).flatten()
        token = (places % following.shape[1]).flatten()
        state = state.select(rows)
        written = torch.cat([written[rows], token[:, None]], dim=1)
        if _none_can_win(scores, length, best):
            break
    return [tokens for _, tokens in best]


def _log_probabilities(network: TaskNetwork, projected: Tensor) -> Tensor:
    """Vectors [N, E] -> log-probabilities [N, V] of the next token."""
    return torch.log_softmax(projected @ network.embedding.weight.T, dim=-1)


def _finish(
    ended: Tensor, written: Tensor, length: int, best: list[tuple[float, list[int]]]
) -> None:
    """Take hypotheses whose next token is the end, of totals [B, K], where they are the best."""
    worth, hypothesis = (ended / length**LENGTH_POWER).max(dim=1)
    for i, (value, k) in enumerate(zip(worth.tolist(), hypothesis.tolist(), strict=True)):
        if value > best[i][0]:
            best[i] = (value, written[i, k].tolist())


def _none_can_win(scores: Tensor, length: int, best: list[tuple[float, list[int]]]) -> bool:
    """Whether no hypothesis that goes on, [B, K], is likely to be worth more than the best."""
    # A total only falls, but a longer text divides it by more: few gain by more than three tokens.
    likeliest = (scores[:, 0] / (length + 3) ** LENGTH_POWER).tolist()
    return all(value < found for value, (found, _) in zip(likeliest, best, strict=True))
