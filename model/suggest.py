"""Whole words for the text so far, from any predictor.

    text so far -> reading.py -> context (finished) + prefix (the word being typed)
                -> best-first search over pieces from the context's state -> k likeliest words

A word's probability is that of its pieces and of what follows not being part of it:

    p(word) = sum over ways to write and spell it of p(pieces | context) * p(end | context, pieces)

where an end is the end of the line, a piece that starts a word, or punctuation, and the ways to
write a word differ in case only. Since the last factor is at most 1, p(pieces) bounds each word
that begins with them, so that a thorough search may stop when no open beginning is likelier than
the k-th complete word. (Spellings rarer than that are left out of the sum.)

On a phone each beginning looked into costs a step of the network. There the k-th word counts as it
is estimated, open beginnings among them, by the lexicon's share of endings: only what is likelier
than that is looked into, first what hides most in longer words, and when nothing is left, or the
steps are spent, what is still open is completed by that share, and once letters are typed by the
lexicon's words of more than one piece.

The network steps once for each token of the context and of each beginning looked into. Steps are
kept, so that typing on, deleting and jumping back cost what is new; the result does not depend on
what was kept.
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from pocketlm.model.blocklist import is_blocked
from pocketlm.model.found_words import FoundWords, Ways
from pocketlm.model.generate import context_tokens
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.open_beginnings import Beginning, OpenBeginnings
from pocketlm.model.predictor import IntArray, Predictor
from pocketlm.model.reading import Capitals, read
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
    starts_sentence,
    without_apostrophes,
)

# Of one beginning only so many longer ones matter: for each step, and for each word asked for.
CONTINUATIONS_A_STEP, CONTINUATIONS_A_WORD = 11, 2
# The likeliest of these are mostly no more than so many nats below the first.
LARGEST_WITHIN = 8.0
# A word that is so much less likely than the first is no suggestion.
LEAST_SHARE = 1e-4
LOG_LEAST_SHARE = float(np.log(LEAST_SHARE))
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


class Suggester:
    """Suggests words from one predictor.

    Args:
        predictor: the model.
        lexicon: the words that may be suggested, and the share of endings; without one every
            run of letters may be, and an ending is taken for as likely as not.
        blocked: folded words that are never suggested.
        expansions: steps that one list may cost, the finished word's among them, or as many as
            words are asked for.
        thorough: look into all that may be likelier than the words found, by the bound, not only
            into what may be so by the estimates: with many expansions the search is exhaustive. A
            finished word's steps are not counted then.
    """

    def __init__(
        self,
        predictor: Predictor,
        lexicon: Lexicon | None = None,
        blocked: Set[str] = frozenset(),
        expansions: int = EXPANSIONS,
        thorough: bool = False,
    ) -> None:
        self.name = predictor.name
        self.tokenizer = predictor.tokenizer
        self._lexicon, self._blocked = lexicon, blocked
        self._expansions, self._thorough = expansions, thorough
        self._pieces = WordPieces(predictor.tokenizer)
        self._steps = Steps(predictor)
        size = predictor.tokenizer.vocabulary_size
        endings = lexicon.endings() if lexicon else np.full(size, 0.5)
        self._log_endings, self._log_going_on = np.log(endings), np.log(1 - endings)
        most_after = lexicon.most_after() if lexicon else np.full(size, -np.inf)
        self._most_after = most_after[self._pieces.after_space]
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
        context, prefix, capitals = read(text, self.tokenizer)
        tokens = self._context_tokens(context)
        words = self._search(tokens, _Target.of(context, prefix, capitals), k)
        small = prefix[:1].islower() and has_capital(context)
        fitting_share = LOG_SMALL_SHARE if small else LOG_FITTING_SHARE
        sentence = starts_sentence(context)
        best: list[tuple[float, str]] = []
        for ways, total in sorted(words, key=lambda each: -each[1]):
            if best and len(best) >= k and total < -best[k - 1][0]:
                break
            if word := _way_to_write(ways, total, prefix, capitals, sentence, fitting_share):
                best.append((-total, word))
        best = sorted(best)[:k]
        return [
            Suggestion(word, float(np.exp(-log)))
            for log, word in best
            if log <= best[0][0] - LOG_LEAST_SHARE
        ]

    def context_tokens(self, text: str) -> Tokens:
        """The tokens that it reads before the word being typed.

        Where its text begins hardly a line in lower case, a sentence that is typed so is read with
        the capital that it would have there.
        """
        return self._context_tokens(read(text, self.tokenizer).context)

    def _context_tokens(self, context: str) -> Tokens:
        if self._begins_with_capitals:
            context = capitalise_sentences(context)
        return tuple(context_tokens(self.tokenizer, context.rstrip(" ")))

    @cached_property
    def _begins_with_capitals(self) -> bool:
        first = np.exp(self._steps.log_probabilities(()))
        lower, upper = self._pieces.begins_lower, self._pieces.begins_upper
        return bool(first[lower].sum() < LOWER_STARTS * first[upper].sum())

    def _search(self, context: Tokens, target: "_Target", k: int) -> FoundWords:
        """The likeliest words that fit the target, and some more."""
        words, open_ = FoundWords(), OpenBeginnings()
        self._open_longer(open_, Beginning("", "", context, 0.0), target, k, -np.inf)
        row = open_.SCORE if self._thorough else open_.FIT
        for _ in range(self._most_looks(context, target, k)):
            least = self._least_to_look_into(open_, words, target, k)
            taken = open_.take(row, least)
            if taken is None:
                if self._thorough:  # it has found them all: nothing is left to an estimate
                    return words
                break
            beginning = self._extend(*taken, target)
            if self._completes(beginning, target):
                following = self._steps.log_probabilities(beginning.tokens)
                ending = np.exp(following[self._pieces.boundaries]).sum(dtype=np.float64)
                words.add(beginning.text, beginning.log_probability + float(np.log(ending)))
            self._open_longer(open_, beginning, target, k, least + LOG_FITTING_SHARE)
        self._complete(words, open_, context, target, k)
        return words

    def _most_looks(self, context: Tokens, target: "_Target", k: int) -> int:
        """How many beginnings may be looked into.

        After a finished word its pieces are steps of this list too, but one is always left.
        """
        most = max(self._expansions, k)
        if self._thorough or target.typed:
            return most
        return max(1, most - self._pieces.of_last_word(context))

    def _least_to_look_into(
        self, open_: OpenBeginnings, words: FoundWords, target: "_Target", k: int
    ) -> float:
        """What is no likelier cannot change which words are the k best.

        One word more than asked for may be the prefix itself.
        """
        if self._thorough:
            return words.kth_best(k + 1)[0]
        return open_.kth_word(words.totals(), k + (target.typed > 0))

    def _complete(
        self, words: FoundWords, open_: OpenBeginnings, context: Tokens, target: "_Target", k: int
    ) -> None:
        """Add what open beginnings are by estimate, and once letters are typed may become."""
        logs = open_.logs[open_.WORD]
        likely = np.flatnonzero(logs > _least(*words.kth_best(1, k + 1))).tolist()
        whole = [open_.parents[i].text + self._pieces.text(open_.tokens[i]) for i in likely]
        self._add(words, k, zip(logs[likely].tolist(), whole, strict=True))
        if not target.typed or self._lexicon is None:
            return
        longer: list[tuple[float, str]] = []
        least = _least(*words.kth_best(1, k + 1)) - LOG_FITTING_SHARE
        for i in np.flatnonzero(open_.logs[open_.LONGER] > least).tolist():
            longer += self._longer(self._lexicon, *open_.at(i), len(context), target, least)
        self._add(words, k, longer)

    def _add(self, words: FoundWords, k: int, estimates: Iterable[tuple[float, str]]) -> None:
        """Add words by their log-probabilities until what is left cannot matter."""
        best, worst = words.kth_best(1, k + 1)
        for score, text in sorted(estimates, key=lambda each: (-each[0], each[1])):
            if score <= _least(best, worst):
                return
            if self._may_be_suggested(text) and words.add(text, score) > worst:
                best, worst = words.kth_best(1, k + 1)

    def _longer(
        self,
        lexicon: Lexicon,
        parent: Beginning,
        token: int,
        log_probability: float,
        context_length: int,
        target: "_Target",
        least: float,
    ) -> Iterator[tuple[float, str]]:
        """Words that a beginning may become, and their log-probabilities above `least`."""
        first, *more = *parent.tokens[context_length:], token
        pieces = (self._pieces.after_space[first], *more)
        if more and token not in lexicon.next_pieces(pieces[:-1]):  # as most of them
            return
        logs, following, words = lexicon.after(pieces)
        if not len(logs):
            return
        beginning = self._extend(parent, token, log_probability, target)
        likely = logs > least - log_probability
        if rest := target.rest(beginning.key):
            likely &= self._pieces.going_on(rest, target.apostrophes)[following]
        for i in np.flatnonzero(likely).tolist():
            text = "".join(map(self._pieces.text, words[i][len(more) :]))
            key = fold(text) if target.apostrophes else without_apostrophes(fold(text))
            if key.startswith(rest):
                yield log_probability + float(logs[i]), beginning.text + text

    def _open_longer(
        self,
        open_: OpenBeginnings,
        parent: Beginning,
        target: "_Target",
        k: int,
        least: float,
    ) -> None:
        """Open the likeliest pieces after a beginning, above what can matter at least."""
        ids, fits = self._pieces.continuations(target.rest(parent.key), target.apostrophes)
        following = self._steps.log_probabilities(parent.tokens)[ids]
        if least > -np.inf:
            above = np.flatnonzero(following > least - parent.log_probability)
            ids, fits, following = ids[above], fits[above], following[above]
        scores = parent.log_probability + following
        if target.capital and not any(map(is_letter, parent.text)):
            scores[self._pieces.begins_lower[ids]] += LOG_CAPITAL_SHARE
        fitting = scores + fits
        most = CONTINUATIONS_A_STEP * self._expansions + CONTINUATIONS_A_WORD * k
        if len(ids) > most:
            best = _largest(fitting, most)
            ids, scores, fitting = ids[best], scores[best], fitting[best]
        lengths = len(parent.key) + self._pieces.key_lengths(target.apostrophes)[ids]
        logs = np.empty((len(open_.ROWS), len(ids)))
        logs[open_.SCORE], logs[open_.FIT] = scores, fitting
        logs[open_.HIDDEN] = fitting + self._log_going_on[ids]
        logs[open_.WORD] = scores + self._log_endings[ids]
        logs[open_.WORD, lengths < len(target.key)] = -np.inf
        first = not (parent.text or parent.key)
        logs[open_.LONGER] = scores + self._most_after[ids] if first else scores
        open_.add(parent, ids, logs)

    def _extend(
        self, parent: Beginning, token: int, log_probability: float, target: "_Target"
    ) -> Beginning:
        text = parent.text + self._pieces.text(token)
        key = parent.key + self._pieces.key(token, target.apostrophes)
        return Beginning(text, key, (*parent.tokens, token), log_probability)

    def _completes(self, beginning: Beginning, target: "_Target") -> bool:
        """Whether a beginning is a word that may be suggested, and has all of the prefix."""
        return len(beginning.key) >= len(target.key) and self._may_be_suggested(beginning.text)

    def _find_whether_suggested(self, word: str) -> bool:
        return (
            bool(word)
            and is_letter(word[0])
            and word[-1] not in APOSTROPHES
            and (self._lexicon is None or word in self._lexicon)
            and not is_blocked(fold(word), self._blocked)
        )


def _largest(logs: DoubleArray, most: int) -> IntArray:
    """Where the `most` largest of more numbers stand, in order."""
    # To leave out what is far below first takes a quarter of the time.
    near = np.flatnonzero(logs > logs.max() - LARGEST_WITHIN)
    if len(near) < most:
        near = np.arange(len(logs))
    return np.sort(near[np.argpartition(logs[near], -most)[-most:]])


def _least(best: float, worst: float) -> float:
    """What is no likelier is neither shown nor a way to write what is, by the words found."""
    return LOG_FITTING_SHARE + max(worst, best + LOG_LEAST_SHARE + LOG_FITTING_SHARE)


@dataclass(frozen=True)
class _Target:
    """What the keys of a word have to begin with."""

    key: str  # with WORD_START where the word begins after a space
    apostrophes: bool  # whether the prefix has any
    capital: bool  # words that are written with a capital are meant
    typed: int  # characters of the prefix

    @classmethod
    def of(cls, context: str, prefix: str, capitals: Capitals) -> "_Target":
        before = context[-1:]
        joined = before not in ("", " ", "\n") and bool(prefix or before in OPENING_SIGNS)
        return cls(
            key=("" if joined else WORD_START) + fold(prefix),
            apostrophes=any(c in APOSTROPHES for c in prefix),
            capital=prefix[:1].isupper()
            and capitals is Capitals.NONE
            and not starts_sentence(context),
            typed=len(prefix),
        )

    def rest(self, key: str) -> str:
        """What a beginning with this key still lacks."""
        return self.key[len(key) :]


def _way_to_write(
    ways: Ways, total: float, prefix: str, capitals: Capitals, sentence: bool, fitting_share: float
) -> str | None:
    """How a word is shown: as it was begun, else as the text mostly writes it there.

    A sentence starts with a capital, unless hardly any text does so with this word; a line in
    capitals goes on in them. What is typed already is not shown; if it is the word, another way to
    write it may be.
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
    if capitals is Capitals.ALL or (prefix.isupper() and sum(map(is_letter, prefix)) > 1):
        likeliest = likeliest.upper()
    elif prefix[1:] != prefix[1:].lower() and fold(likeliest).startswith(fold(prefix)):
        likeliest = prefix + likeliest[len(prefix) :]  # "McD", "iPh"
    elif capitals is Capitals.WORDS or prefix[:1].isupper():
        likeliest = likeliest[0].upper() + likeliest[1:]
    return likeliest if likeliest != prefix else None


def _fits(word: str, prefix: str) -> bool:
    return word.startswith(prefix) or without_apostrophes(word).startswith(prefix)
