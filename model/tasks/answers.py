"""Whatever gives a task's answers: an eager network here, an exported program elsewhere.

what is read, one after another -> Answers -> scores [C], scores [T, C] or token ids
"""

from collections.abc import Callable, Sequence

import torch

from pocketlm.model.tasks.batches import FloatArray, Inputs, read_batches, stack_inputs
from pocketlm.model.tasks.network import TaskNetwork
from pocketlm.model.tasks.search import beam_search

# Scores of the whole [C], of each time [T, C], or the token ids that a decoder wrote.
Answer = FloatArray | list[int]
Answers = Callable[[Sequence[Inputs]], list[Answer]]

_READ_TOKENS = 8192  # of one batch, which bounds the memory
_SEARCH_TOKENS = 1024  # a search has several hypotheses of each


def network_answers(network: TaskNetwork, beam: int = 1) -> Answers:
    """The answers of an eager network; a decoder's by beam search."""

    @torch.no_grad()
    def answer(inputs: Sequence[Inputs]) -> list[Answer]:
        network.eval()
        device = next(network.parameters()).device
        decodes = network.config.alignment == "decoder"
        answers: list[Answer] = [[]] * len(inputs)
        for batch in read_batches(inputs, _SEARCH_TOKENS if decodes else _READ_TOKENS):
            read, lengths = (t.to(device) for t in stack_inputs([inputs[i] for i in batch]))
            if decodes:
                found: list[Answer] = [*beam_search(network, read, lengths, beam)]
            else:
                rows = zip(network.scores(read, lengths).cpu().numpy(), lengths, strict=True)
                each = network.config.alignment == "each"
                found = [row[:length] if each else row for row, length in rows]
            for i, one in zip(batch, found, strict=True):
                answers[i] = one
        return answers

    return answer
