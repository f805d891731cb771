"""Whole words for the text so far, from any predictor.

    text so far -> context (whole words) + prefix (the word being typed)
                -> best-first search over pieces from the context's state -> k likeliest words

A word's probability is that of its pieces and of what follows not being part of it:

    p(word) = sum over ways to spell it of p(pieces | context) * p(boundary | context, pieces)

where a boundary is the end of the line, a piece that starts a word, or punctuation. Since the last
factor is at most 1, p(pieces) bounds each spelling that starts with them, and the search stops when
no open node is likelier than the k-th complete word. (Spellings of one word that are rarer than
that bound are left out of its sum: SentencePiece spells a word in one way.)
"""

import bisect
import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pocketlm.model.generate import context_tokens, read_context
from pocketlm.model.predictor import Predictor, State
from pocketlm.model.tokenizer import WORD_START, Tokenizer

# Characters besides letters and digits that stand inside words.
INNER_CHARACTERS = "'-’"
# Steps of the network that a search may cost, and for each word asked for where those are more.
MAX_EXPANSIONS = 64
EXPANSIONS_PER_WORD = 8


@dataclass(frozen=True)
class Suggestion:
    """A whole word and its probability after the context."""

    word: str
    probability: float


@dataclass(frozen=True)
class _Node:
    """Pieces that begin a word: the state before the last of them, and that piece."""

    text: str  # with the leading WORD_START
    parent: State
    token: int
    log_probability: float


class Suggester:
    """Suggests words from one predictor; holds tables of its pieces only."""

    def __init__(self, predictor: Predictor, max_expansions: int = MAX_EXPANSIONS) -> None:
        self._predictor = predictor
        self._max_expansions = max_expansions
        self._pieces = _PieceTable(predictor.tokenizer)

    def suggest(self, text: str, k: int = 3) -> list[Suggestion]:
        """The k likeliest words, best first: completions of the prefix, or next words if it is ''.

        A prefix that no word of the vocabulary's pieces can begin with has none.
        """
        context, prefix = split_context(text)
        tokens = context_tokens(self._predictor.tokenizer, context)
        state = read_context(self._predictor, tokens)
        words = self._search(state, WORD_START + prefix, k)
        best = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:k]
        return [Suggestion(word[1:], float(np.exp(log))) for word, log in best]

    def _search(self, state: State, target: str, k: int) -> dict[str, float]:
        """Complete words, with their WORD_START, and their log-probabilities."""
        words: dict[str, float] = {}
        order = itertools.count()  # breaks ties, so that states are never compared
        heap: list[tuple[float, int, _Node]] = []

        def push(text: str, parent: State, base: float) -> None:
            following = self._predictor.log_probabilities(parent)[0]
            worst = _kth_best(words, k)
            for token in self._pieces.continuations(text, target):
                log_probability = base + float(following[token])
                if log_probability > worst:
                    node = _Node(text + self._pieces.text(token), parent, token, log_probability)
                    heapq.heappush(heap, (-log_probability, next(order), node))

        push("", state, 0.0)
        for _ in range(max(self._max_expansions, EXPANSIONS_PER_WORD * k)):
            if not heap or -heap[0][0] <= _kth_best(words, k):
                break
            node = heapq.heappop(heap)[2]
            after = self._predictor.advance(node.parent, np.array([node.token]))
            if len(node.text) >= len(target) and _is_word(node.text):
                following = self._predictor.log_probabilities(after)[0]
                boundary = np.logaddexp.reduce(following[self._pieces.boundaries].astype(float))
                complete = node.log_probability + float(boundary)
                words[node.text] = float(np.logaddexp(words.get(node.text, -np.inf), complete))
            push(node.text, after, node.log_probability)
        return words


def split_context(text: str) -> tuple[str, str]:
    """The finished words, and the word being typed: the part after the last space or line end."""
    start = max(text.rfind(" "), text.rfind("\n")) + 1
    return text[:start], text[start:]


def _kth_best(words: dict[str, float], k: int) -> float:
    return heapq.nlargest(k, words.values())[-1] if len(words) >= k else -np.inf


class _PieceTable:
    """Which pieces may stand where in a word."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        pieces = {i: p for i, p in enumerate(tokenizer.pieces) if tokenizer.is_text(i)}
        self._text = pieces
        self._sorted = sorted((piece, token) for token, piece in pieces.items())
        self._by_text = {piece: token for token, piece in pieces.items()}
        # What follows a complete word: the end, the next word, punctuation.
        boundaries = [i for i, p in pieces.items() if p[0] == WORD_START or not _inner(p[0])]
        self.boundaries: npt.NDArray[np.int64] = np.array([tokenizer.end_id, *boundaries])
        self._inner_pieces = [i for i, p in pieces.items() if all(_inner(c) for c in p)]
        self._with_prefix = lru_cache(maxsize=256)(self._find_with_prefix)

    def text(self, token: int) -> str:
        return self._text[token]

    def continuations(self, text: str, target: str) -> list[int]:
        """Pieces after `text` that lead to a word beginning with `target`."""
        if len(text) >= len(target):
            return self._inner_pieces
        return self._with_prefix(target[len(text) :])

    def _find_with_prefix(self, rest: str) -> list[int]:
        """Pieces that are a part of `rest` from its start, or `rest` and more of a word."""
        parts = [self._by_text.get(rest[:i]) for i in range(1, len(rest))]
        return [p for p in parts if p is not None] + list(self._longer(rest))

    def _longer(self, rest: str) -> Iterator[int]:
        for piece, token in self._sorted[bisect.bisect_left(self._sorted, (rest, -1)) :]:
            if not piece.startswith(rest):
                break
            if all(_inner(c) for c in piece[len(rest) :]):
                yield token


def _is_word(text: str) -> bool:
    """Whether text is more than signs, and does not end in the middle of a hyphenation."""
    return any(c.isalnum() for c in text) and text[-1] != "-"


def _inner(character: str) -> bool:
    return character.isalnum() or character in INNER_CHARACTERS
