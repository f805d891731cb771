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
from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from pocketlm.model.blocklist import is_blocked
from pocketlm.model.found_words import FoundWords, Ways
from pocketlm.model.generate import context_tokens
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.predictor import FloatArray, IntArray, Predictor
from pocketlm.model.steps import Steps, Tokens
from pocketlm.model.text_entry import EXPANSIONS, Suggestion
from pocketlm.model.tokenizer import WORD_START
from pocketlm.model.word_pieces import DoubleArray, WordPieces
from pocketlm.model.words import (
    APOSTROPHES,
    OPENING_SIGNS,
    capitalise_sentences,
    fold,
    has_capital,
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
# Before a second letter so many fewer beginnings are looked into: the word is mostly a single
# piece, all steps are new then, and after a finished word its own come on top.
FEWER_AT_FIRST = 2
# A word that is so much less likely than the first is no suggestion.
LEAST_SHARE = 1e-4
LOG_LEAST_SHARE = float(np.log(LEAST_SHARE))
# Of a longer text only the end is context: between so many and twice as many characters.
CONTEXT_CHARACTERS = 1024
# A text that begins so few lines in lower case, beside those with a capital, never means it.
LOWER_STARTS = 0.02
# How often a word that the text writes without a capital is begun with one within a sentence.
CAPITAL_SHARE = 3e-3
LOG_CAPITAL_SHARE = np.float32(np.log(CAPITAL_SHARE))
# A way to write a word that fits the prefix better is shown if it has this share of the word.
FITTING_SHARE = 0.1
LOG_FITTING_SHARE = float(np.log(FITTING_SHARE))
# One without a capital, typed by someone who uses capitals, if it is mostly written so: else it is
# a name.
SMALL_SHARE = 0.5
LOG_SMALL_SHARE = float(np.log(SMALL_SHARE))


class _Beginning(NamedTuple):
    """Pieces that begin a word, after a context."""

    text: str  # without WORD_START
    key: str  # of the text and of WORD_START, as matched with the prefix
    tokens: Tokens  # the context's, then the pieces
    log_probability: float


class _Longer(NamedTuple):
    """Open beginnings: one beginning, made longer by each of n pieces."""

    parent: _Beginning
    tokens: IntArray  # [n]
    scores: FloatArray  # [n] log-probabilities; -inf once it was taken
    hidden: DoubleArray  # [n] the estimates by which they are taken
    order: list[int]  # of the pieces, by falling estimate


class _OpenBeginnings:
    """Open beginnings, taken by their estimates; of equals the one that was opened first."""

    def __init__(self) -> None:
        self.groups: list[_Longer] = []
        self._heap: list[tuple[float, int, int]] = []  # the next of each group: -estimate, places

    def add(
        self, parent: _Beginning, tokens: IntArray, scores: FloatArray, hidden: DoubleArray
    ) -> None:
        order = np.argsort(-hidden, kind="stable").tolist()
        if order:
            heapq.heappush(self._heap, (-float(hidden[order[0]]), len(self.groups), 0))
            self.groups.append(_Longer(parent, tokens, scores, hidden, order))

    def likeliest(self) -> float:
        """The largest log-probability of those not taken, -inf if there is none."""
        return max((float(group.scores.max()) for group in self.groups), default=-np.inf)

    def __bool__(self) -> bool:
        return bool(self._heap)

    def take(self) -> tuple[_Beginning, int, float]:
        """The next by its estimate: what it makes longer, its piece, its log-probability."""
        _, number, place = self._heap[0]
        group = self.groups[number]
        i = group.order[place]
        if place + 1 < len(group.order):
            following = -float(group.hidden[group.order[place + 1]])
            heapq.heapreplace(self._heap, (following, number, place + 1))
        else:
            heapq.heappop(self._heap)
        score = float(group.scores[i])
        group.scores[i] = -np.inf
        return group.parent, int(group.tokens[i]), score


class Suggester:
    """Suggests words from one predictor.

    Args:
        predictor: the model.
        lexicon: the words that may be suggested, and the share of endings; without one every
            run of letters may be, and an ending is taken for as likely as not.
        blocked: folded words that are never suggested.
        expansions: steps that one list may cost beside the context's, FEWER_AT_FIRST less before
            a second letter, or as many as words are asked for; many make the search exhaustive.
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
        self._may_be_suggested = lru_cache(maxsize=8192)(self._find_whether_suggested)

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
        tokens = tuple(self.context_tokens(context))
        words = self._search(tokens, _Target.of(context, prefix), k)
        small = prefix[:1].islower() and has_capital(context)
        fitting_share = LOG_SMALL_SHARE if small else LOG_FITTING_SHARE
        sentence = starts_sentence(context)
        best: list[tuple[float, str]] = []
        for ways, total in sorted(words, key=lambda each: -each[1]):
            if best and len(best) >= k and total < -best[k - 1][0]:
                break
            if word := _way_to_write(ways, total, prefix, sentence, fitting_share):
                best.append((-total, word))
        best = sorted(best)[:k]
        return [
            Suggestion(word, float(np.exp(-log)))
            for log, word in best
            if log <= best[0][0] - LOG_LEAST_SHARE
        ]

    def context_tokens(self, context: str) -> list[int]:
        """What the model reads of a context.

        Where its text begins hardly a line in lower case, a sentence that is typed so is read with
        the capital that it would have there.
        """
        read = capitalise_sentences(context) if self._begins_with_capitals else context
        return context_tokens(self._tokenizer, read.rstrip(" "))

    @cached_property
    def _begins_with_capitals(self) -> bool:
        first = np.exp(self._steps.log_probabilities(()))
        lower, upper = self._pieces.begins_lower, self._pieces.begins_upper
        return bool(first[lower].sum() < LOWER_STARTS * first[upper].sum())

    def _search(self, context: Tokens, target: "_Target", k: int) -> FoundWords:
        """The likeliest words that fit the target, and some more."""
        words, open_ = FoundWords(), _OpenBeginnings()
        self._open_longer(open_, _Beginning("", "", context, 0.0), target, k)
        expansions = self._expansions - (FEWER_AT_FIRST if target.first else 0)
        # One word more than asked for may be the prefix itself.
        for _ in range(max(expansions, k)):
            (worst,) = words.kth_best(k + 1)
            if not open_ or (worst > -np.inf and open_.likeliest() <= worst):
                return words
            beginning = self._extend(*open_.take(), target)
            if self._completes(beginning.text, beginning.key, target):
                following = self._steps.log_probabilities(beginning.tokens)
                ending = np.exp(following[self._pieces.boundaries]).sum(dtype=np.float64)
                words.add(beginning.text, beginning.log_probability + float(np.log(ending)))
            self._open_longer(open_, beginning, target, k)
        self._complete(words, open_.groups, target, k)
        return words

    def _complete(
        self, words: FoundWords, groups: list[_Longer], target: "_Target", k: int
    ) -> None:
        """Add open beginnings as they stand, likeliest first, until what is left cannot matter."""
        if not groups:
            return
        tokens = np.concatenate([group.tokens for group in groups])
        scores = np.concatenate([group.scores for group in groups]) + self._log_endings[tokens]
        owners = np.repeat(np.arange(len(groups)), [len(group.tokens) for group in groups])
        least = self._least(words, k)
        for i in np.argsort(-scores, kind="stable").tolist():
            score = float(scores[i])
            if score <= least:
                return
            parent = groups[owners[i]].parent
            text, key = self._with_piece(parent, int(tokens[i]), target)
            if self._completes(text, key, target):
                words.add(text, score)
                least = self._least(words, k)

    @staticmethod
    def _least(words: FoundWords, k: int) -> float:
        """What is no likelier is neither shown nor a way to write what is."""
        best, worst = words.kth_best(1, k + 1)
        return LOG_FITTING_SHARE + max(worst, best + LOG_LEAST_SHARE + LOG_FITTING_SHARE)

    def _open_longer(
        self, open_: _OpenBeginnings, parent: _Beginning, target: "_Target", k: int
    ) -> None:
        """Open the likeliest pieces after a beginning.

        Their estimate is how much of a longer beginning lies in words that are longer still.
        """
        ids, fits = self._pieces.continuations(target.rest(parent.key), target.apostrophes)
        scores = parent.log_probability + self._steps.log_probabilities(parent.tokens)[ids]
        if target.capital and not any(map(is_letter, parent.text)):
            scores[self._pieces.begins_lower[ids]] += LOG_CAPITAL_SHARE
        fitting = scores + fits
        most = CONTINUATIONS_A_STEP * self._expansions + CONTINUATIONS_A_WORD * k
        if len(ids) > most:
            best = np.sort(np.argpartition(fitting, -most)[-most:])
            ids, scores, fitting = ids[best], scores[best], fitting[best]
        open_.add(parent, ids, scores, fitting + self._log_going_on[ids])

    def _extend(
        self, parent: _Beginning, token: int, log_probability: float, target: "_Target"
    ) -> _Beginning:
        text, key = self._with_piece(parent, token, target)
        return _Beginning(text, key, (*parent.tokens, token), log_probability)

    def _with_piece(self, parent: _Beginning, token: int, target: "_Target") -> tuple[str, str]:
        """Text and key of a beginning with one more piece."""
        key = self._pieces.key(token, target.apostrophes)
        return parent.text + self._pieces.text(token), parent.key + key

    def _completes(self, text: str, key: str, target: "_Target") -> bool:
        """Whether a beginning is a word that may be suggested, and has all of the prefix."""
        return len(key) >= len(target.key) and self._may_be_suggested(text)

    def _find_whether_suggested(self, word: str) -> bool:
        return (
            bool(word)
            and is_letter(word[0])
            and word[-1] not in APOSTROPHES
            and (self._lexicon is None or word in self._lexicon)
            and not is_blocked(fold(word), self._blocked)
        )


@dataclass(frozen=True)
class _Target:
    """What the keys of a word have to begin with."""

    key: str  # with WORD_START where the word begins after a space
    apostrophes: bool  # whether the prefix has any
    capital: bool  # words that are written with a capital are meant
    first: bool  # no second letter is typed yet

    @classmethod
    def of(cls, context: str, prefix: str) -> "_Target":
        before = context[-1:]
        joined = before not in ("", " ", "\n") and bool(prefix or before in OPENING_SIGNS)
        return cls(
            key=("" if joined else WORD_START) + fold(prefix),
            apostrophes=any(c in APOSTROPHES for c in prefix),
            capital=prefix[:1].isupper() and not starts_sentence(context),
            first=len(prefix) < 2,
        )

    def rest(self, key: str) -> str:
        """What a beginning with this key still lacks."""
        return self.key[len(key) :]


def _way_to_write(
    ways: Ways, total: float, prefix: str, sentence: bool, fitting_share: float
) -> str | None:
    """How a word is shown: as it was begun, else as the text mostly writes it there.

    A sentence starts with a capital, unless hardly any text does so with this word. What is typed
    already is not shown; if it is the word, another way to write it may be.
    """
    if prefix in ways:
        least = total + LOG_FITTING_SHARE
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
        if fitting[best] >= total + fitting_share:
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
