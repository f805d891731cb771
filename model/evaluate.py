"""Perplexity of any predictor on text.

    text -> documents of lines -> sequences of tokens -> Predictor.score -> nats -> perplexity

Over a text of W white-space words, T tokens (end tokens included) and C characters (line ends
included), with nats = -sum of ln p(token | what came before):

    token perplexity = exp(nats / T), word perplexity = exp(nats / W), bits = nats / (C ln 2)

Where tokens are words of a closed vocabulary, U words are unknown, with nats u of their <unk>:

    known word perplexity = exp((nats - u) / (W - U))

leaves them out as what is predicted, though not as context; the word perplexity counts each as
the one token <unk>, and so says nothing of how it is spelt. Else U = u = 0 and both are the same.

The cross-entropy averaged over time is nats / T; the probability of the text is exp(-nats).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pocketlm.model.predictor import FloatArray, Predictor
from pocketlm.model.tokenizer import UNKNOWN_ID, Tokenizer

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
    unknown_words: int
    unknown_nats: float
    word_perplexity_known: float


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
    sums = _Sums()
    sequences = token_sequences(documents, predictor.tokenizer, context)
    whole = sum(len(sequence) for sequence in sequences)
    for group in _grouped(sequences):
        sums += _Sums.of(group, predictor.score(group))
        progress(sums.tokens / whole)
    return _summary(documents, sums)


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
    sums = _Sums()
    for part in parts.values():
        sums += _Sums(part.tokens, part.nats, part.unknown_words, part.unknown_nats)
    return _summary(everything, sums), parts


@dataclass(frozen=True)
class _Sums:
    """Over tokens, and over those of them that are <unk>."""

    tokens: int = 0
    nats: float = 0.0
    unknown_words: int = 0
    unknown_nats: float = 0.0

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]], scores: Sequence[FloatArray]) -> "_Sums":
        """Of sequences and the log-probabilities of their tokens."""
        tokens = np.concatenate([np.array(sequence, dtype=np.int64) for sequence in sequences])
        all_scores = np.concatenate(scores)
        unknown = tokens == UNKNOWN_ID
        return cls(
            len(tokens),
            -math.fsum(all_scores.tolist()),
            int(np.count_nonzero(unknown)),
            0.0 - math.fsum(all_scores[unknown].tolist()),  # of none it is not -0.0
        )

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.tokens + other.tokens,
            self.nats + other.nats,
            self.unknown_words + other.unknown_words,
            self.unknown_nats + other.unknown_nats,
        )


def _summary(documents: Sequence[Sequence[str]], sums: _Sums) -> Evaluation:
    lines = [line for document in documents for line in document]
    words = sum(len(line.split()) for line in lines)
    characters = sum(len(line) + 1 for line in lines)
    known_nats, known_words = sums.nats - sums.unknown_nats, words - sums.unknown_words
    return Evaluation(
        lines=len(lines),
        words=words,
        tokens=sums.tokens,
        nats=sums.nats,
        token_perplexity=exp_or_infinity(sums.nats / sums.tokens),
        word_perplexity=exp_or_infinity(sums.nats / max(words, 1)),
        bits_per_character=sums.nats / (characters * math.log(2)),
        unknown_words=sums.unknown_words,
        unknown_nats=sums.unknown_nats,
        word_perplexity_known=exp_or_infinity(known_nats / max(known_words, 1)),
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
