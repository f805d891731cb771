"""Whole words for the text so far, from any predictor.

    text so far -> context (finished) + prefix (the word being typed)
                -> best-first search over pieces from the context's state -> k likeliest words

A word's probability is that of its pieces and of what follows not being part of it:

    p(word) = sum over ways to write and spell it of p(pieces | context) * p(end | context, pieces)

where an end is the end of the line, a piece that starts a word, or punctuation, and the ways to
write a word differ in case only. Since the last factor is at most 1, p(pieces) bounds each word
that begins with them: the search takes open beginnings by this bound, and may stop when none is
likelier than the k-th complete word. (Spellings rarer than that are left out of the sum.) A search
that has spent its steps before completes what is still open by the lexicon's share of endings.

The network steps once for each token of the context and of each beginning looked into. Steps are
kept, so that typing on, deleting and jumping back cost what is new; the result does not depend on
what was kept.
"""

import heapq
import itertools
from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np

from pocketlm.model.blocklist import is_blocked
from pocketlm.model.found_words import FoundWords, Ways
from pocketlm.model.generate import context_tokens
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.predictor import Predictor
from pocketlm.model.steps import Steps, Tokens
from pocketlm.model.text_entry import EXPANSIONS, Suggestion
from pocketlm.model.tokenizer import WORD_START
from pocketlm.model.word_pieces import WordPieces
from pocketlm.model.words import (
    APOSTROPHES,
    OPENING_SIGNS,
    fold,
    is_letter,
    plain_apostrophes,
    plain_spaces,
    recent,
    split_context,
    starts_sentence,
    without_apostrophes,
)

# Of one beginning only so many longer ones matter: for each step, and for each word asked for.
CONTINUATIONS_A_STEP, CONTINUATIONS_A_WORD = 6, 2
# A word that is so much less likely than the first is no suggestion.
LEAST_SHARE = 1e-4
# Of a longer text only the end is context: between so many and twice as many characters.
CONTEXT_CHARACTERS = 1024
# A way to write a word that fits the prefix better is shown if it has this share of the word.
FITTING_SHARE = 0.1


@dataclass(frozen=True)
class _Beginning:
    """Pieces that begin a word, after a context."""

    text: str  # without WORD_START
    key: str  # of the text and of WORD_START, as matched with the prefix
    tokens: Tokens  # the context's, then the pieces
    log_probability: float


# An open beginning: minus the estimate by which it is taken, its number, its log-probability, and
# what it is made of when its turn comes: a piece, after another beginning.
_Open = tuple[float, int, float, int, _Beginning]


class Suggester:
    """Suggests words from one predictor.

    Args:
        predictor: the model.
        lexicon: the words that may be suggested, and the share of endings; without one every
            run of letters may be, and an ending is taken for as likely as not.
        blocked: folded words that are never suggested.
        expansions: steps that one list may cost beside the context's, or as many as words are
            asked for; many make the search exhaustive.
    """

    def __init__(
        self,
        predictor: Predictor,
        lexicon: Lexicon | None = None,
        blocked: Set[str] = frozenset(),
        expansions: int = EXPANSIONS,
    ) -> None:
        self.name = predictor.name
        self._tokenizer = predictor.tokenizer
        self._lexicon, self._blocked, self._expansions = lexicon, blocked, expansions
        self._pieces = WordPieces(predictor.tokenizer)
        self._steps = Steps(predictor)
        size = predictor.tokenizer.vocabulary_size
        endings = lexicon.endings() if lexicon else np.full(size, 0.5)
        self._log_endings, self._log_going_on = np.log(endings), np.log(1 - endings)

    def doubts(self, ignore_case: bool) -> list[str]:  # noqa: ARG002
        """See TextEntry."""
        without = "it has no lexicon.bin: any run of letters may be suggested"
        return [] if self._lexicon else [without]

    def suggest(self, text: str, k: int = 3) -> list[Suggestion]:
        """The k likeliest words, best first: completions of the prefix, or next words if it is ''.

        Case and apostrophes need not be typed: "dont" finds "don't" and "par" finds "Paris". The
        prefix itself, just as it was typed, is no suggestion.
        """
        context, prefix = split_context(plain_spaces(text))
        context, prefix = recent(context, CONTEXT_CHARACTERS), plain_apostrophes(prefix)
        context_ids = tuple(context_tokens(self._tokenizer, context.rstrip(" ")))
        words = self._search(context_ids, _Target.of(context, prefix), k)
        sentence = starts_sentence(context)
        shown = ((_way_to_write(ways, all_, prefix, sentence), all_) for ways, all_ in words)
        best = sorted((-log, word) for word, log in shown if word)[:k]
        return [
            Suggestion(word, float(np.exp(-log)))
            for log, word in best
            if log <= best[0][0] - np.log(LEAST_SHARE)
        ]

    def _search(self, context: Tokens, target: "_Target", k: int) -> FoundWords:
        """The likeliest words that fit the target, and some more."""
        words = FoundWords()
        order = itertools.count()  # breaks ties
        heap: list[_Open] = []

        def push(parent: _Beginning) -> None:
            for token, score, hidden in self._continuations(parent, target, k):
                heap.append((-hidden, next(order), score, token, parent))
            heapq.heapify(heap)

        push(_Beginning("", "", context, 0.0))
        # One word more than asked for may be the prefix itself.
        for _ in range(max(self._expansions, k)):
            worst = words.kth_best(k + 1)
            if not heap or (worst > -np.inf and max(entry[2] for entry in heap) <= worst):
                return words
            beginning = self._extend(heapq.heappop(heap), target)
            if self._completes(beginning, target):
                following = self._steps.log_probabilities(beginning.tokens)
                ending = np.exp(following[self._pieces.boundaries]).sum(dtype=np.float64)
                words.add(beginning.text, beginning.log_probability + float(np.log(ending)))
            push(beginning)
        self._complete(words, heap, target, k)
        return words

    def _complete(self, words: FoundWords, entries: list[_Open], target: "_Target", k: int) -> None:
        """Add open beginnings as they stand, likeliest first, until what is left cannot matter."""
        tokens = [token for _, _, _, token, _ in entries]
        scores = np.array([score for _, _, score, _, _ in entries]) + self._log_endings[tokens]
        order = np.argsort(-scores, kind="stable").tolist()
        worst = words.kth_best(k + 1)
        for i, score in zip(order, scores[order].tolist(), strict=True):
            if score <= worst + np.log(FITTING_SHARE):
                return
            beginning = self._extend(entries[i], target)
            if self._completes(beginning, target):
                words.add(beginning.text, score)
                worst = words.kth_best(k + 1)

    def _continuations(
        self, parent: _Beginning, target: "_Target", k: int
    ) -> Iterator[tuple[int, float, float]]:
        """The likeliest pieces after a beginning.

        Each with the log-probability of the longer beginning, and an estimate of how much of it
        lies in words that are longer still.
        """
        ids, fits = self._pieces.continuations(target.rest(parent.key), target.apostrophes)
        if target.capital and not any(map(is_letter, parent.text)):
            upper = ~self._pieces.begins_lower[ids]
            ids, fits = ids[upper], fits[upper]
        scores = parent.log_probability + self._steps.log_probabilities(parent.tokens)[ids]
        most = CONTINUATIONS_A_STEP * self._expansions + CONTINUATIONS_A_WORD * k
        if len(ids) > most:
            best = np.sort(np.argpartition(-scores - fits, most)[:most])
            ids, fits, scores = ids[best], fits[best], scores[best]
        hidden = scores + fits + self._log_going_on[ids]
        return zip(ids.tolist(), scores.tolist(), hidden.tolist(), strict=True)

    def _extend(self, entry: _Open, target: "_Target") -> _Beginning:
        _, _, log_probability, token, parent = entry
        return _Beginning(
            parent.text + self._pieces.text(token),
            parent.key + self._pieces.key(token, target.apostrophes),
            (*parent.tokens, token),
            log_probability,
        )

    def _completes(self, beginning: _Beginning, target: "_Target") -> bool:
        """Whether a beginning is a word that may be suggested."""
        word = beginning.text
        return (
            len(beginning.key) >= len(target.key)
            and bool(word)
            and is_letter(word[0])
            and word[-1] not in APOSTROPHES
            and not is_blocked(fold(word), self._blocked)
            and (self._lexicon is None or word in self._lexicon)
        )


@dataclass(frozen=True)
class _Target:
    """What the keys of a word have to begin with."""

    key: str  # with WORD_START where the word begins after a space
    apostrophes: bool  # whether the prefix has any
    capital: bool  # only words that are written with a capital fit

    @classmethod
    def of(cls, context: str, prefix: str) -> "_Target":
        before = context[-1:]
        joined = before not in ("", " ", "\n") and bool(prefix or before in OPENING_SIGNS)
        return cls(
            key=("" if joined else WORD_START) + fold(prefix),
            apostrophes=any(c in APOSTROPHES for c in prefix),
            capital=prefix[:1].isupper() and not starts_sentence(context),
        )

    def rest(self, key: str) -> str:
        """What a beginning with this key still lacks."""
        return self.key[len(key) :]


def _way_to_write(ways: Ways, total: float, prefix: str, sentence: bool) -> str | None:
    """How a word is shown: as it was begun, else as the text mostly writes it there.

    A sentence starts with a capital, unless hardly any text does so with this word. What is typed
    already is not shown; if it is the word, another way to write it may be.
    """
    least = total + np.log(FITTING_SHARE)
    if prefix in ways:
        ways = {way: log for way, log in ways.items() if way != prefix and log >= least}
        if not ways:
            return None
    if prefix or not sentence:
        fitting = {way: log for way, log in ways.items() if _fits(way, prefix)}
    else:
        fitting = {way: log for way, log in ways.items() if way[0].isupper()}
    likeliest = max(ways, key=lambda way: (ways[way], way))
    if fitting:
        best = max(fitting, key=lambda way: (fitting[way], way))
        if fitting[best] >= least:
            likeliest = best
    if prefix.isupper() and sum(map(is_letter, prefix)) > 1:
        likeliest = likeliest.upper()
    elif prefix[1:] != prefix[1:].lower() and fold(likeliest).startswith(fold(prefix)):
        likeliest = prefix + likeliest[len(prefix) :]  # "McD", "iPh"
    elif prefix[:1].isupper():
        likeliest = likeliest[0].upper() + likeliest[1:]
    return likeliest if likeliest != prefix else None


def _fits(word: str, prefix: str) -> bool:
    return word.startswith(prefix) or without_apostrophes(word).startswith(prefix)
