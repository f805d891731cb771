"""Perplexity of any predictor on text.

    text -> documents of lines -> sequences of tokens -> Predictor.score -> nats -> perplexity

Over a text of W white-space words, T tokens (end tokens included) and C characters (line ends
included), with nats = -sum of ln p(token | what came before):

    token perplexity = exp(nats / T), word perplexity = exp(nats / W), bits = nats / (C ln 2)

The cross-entropy averaged over time is nats / T; the probability of the text is exp(-nats).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pocketlm.model.predictor import Predictor
from pocketlm.model.tokenizer import Tokenizer

CONTEXTS = ("line", "document")
_GROUP_TOKENS = 1 << 14


@dataclass(frozen=True)
class Evaluation:
    """Sums over a text and what follows from them; the field names are those of `--json`."""

    lines: int
    words: int
    tokens: int
    nats: float
    token_perplexity: float
    word_perplexity: float
    bits_per_character: float


def evaluate(
    predictor: Predictor,
    documents: Sequence[Sequence[str]],
    context: str = "line",
    progress: Callable[[float], None] = lambda _: None,
) -> Evaluation:
    """Score a text.

    Args:
        predictor: any model.
        documents: lists of lines.
        context: "line" starts each line from a fresh state; "document" carries the state over the
            lines of a document.
        progress: told the share that is done, 0..1, now and then.
    """
    nats, tokens = 0.0, 0
    sequences = token_sequences(documents, predictor.tokenizer, context)
    whole = sum(len(sequence) for sequence in sequences)
    for group in _grouped(sequences):
        scores = predictor.score(group)
        nats -= sum(math.fsum(score.tolist()) for score in scores)
        tokens += sum(len(score) for score in scores)
        progress(tokens / whole)
    return _summary(documents, nats, tokens)


def evaluate_groups(
    predictor: Predictor,
    groups: Mapping[str, Sequence[Sequence[str]]],
    context: str = "line",
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[Evaluation, dict[str, Evaluation]]:
    """Score groups of documents, all together and each by its name; as `evaluate`."""
    done, whole = 0, max(sum(map(len, groups.values())), 1)
    parts = {}
    for name, documents in groups.items():

        def within(share: float, before: int = done, size: int = len(documents)) -> None:
            progress((before + share * size) / whole)

        parts[name] = evaluate(predictor, documents, context, within)
        done += len(documents)
    everything = [document for documents in groups.values() for document in documents]
    nats = math.fsum(part.nats for part in parts.values())
    return _summary(everything, nats, sum(part.tokens for part in parts.values())), parts


def _summary(documents: Sequence[Sequence[str]], nats: float, tokens: int) -> Evaluation:
    lines = [line for document in documents for line in document]
    words = sum(len(line.split()) for line in lines)
    characters = sum(len(line) + 1 for line in lines)
    return Evaluation(
        lines=len(lines),
        words=words,
        tokens=tokens,
        nats=nats,
        token_perplexity=exp_or_infinity(nats / tokens),
        word_perplexity=exp_or_infinity(nats / max(words, 1)),
        bits_per_character=nats / (characters * math.log(2)),
    )


def token_sequences(
    documents: Sequence[Sequence[str]], tokenizer: Tokenizer, context: str
) -> list[list[int]]:
    """Token ids with end tokens: a sequence a line, or a sequence a document."""
    sequences: list[list[int]] = []
    for document in documents:
        encoded = [[*tokens, tokenizer.end_id] for tokens in tokenizer.encode_batch(document)]
        sequences += encoded if context == "line" else [[t for line in encoded for t in line]]
    return sequences


def _grouped(sequences: list[list[int]]) -> Iterator[list[list[int]]]:
    """Groups of about `_GROUP_TOKENS`, which bounds memory and lets progress show."""
    group: list[list[int]] = []
    size = 0
    for sequence in sequences:
        group.append(sequence)
        size += len(sequence)
        if size >= _GROUP_TOKENS:
            yield group
            group, size = [], 0
    if group:
        yield group


def exp_or_infinity(value: float) -> float:
    """exp, with infinity for what a float cannot hold."""
    return math.exp(value) if value < 700 else math.inf
