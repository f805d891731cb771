"""Words for a gap in a text, from what stands on both of its sides.

    text with ___ -> split_gap -> left, right -> a Filler -> words, best first

A model of both directions (gap_model.py) is asked as it was trained: the suggester looks for the
likeliest words by p(piece | left, right). A model that only reads forward has no state of the right
side, but a probability of it: its own candidates are ranked by Bayes' rule,

    p(word | left, right) = p(left word right) / sum over candidates of p(left candidate right)

which takes a pass over the line for each candidate, where the other takes one over its right side.
A right side is the rest of the line, to its end; earlier lines are known, later ones are not.
"""

import math
from collections.abc import Set
from typing import Protocol

from pocketlm.model.errors import UserError
from pocketlm.model.gap_model import GapModel
from pocketlm.model.gap_predictor import GapPredictor
from pocketlm.model.generate import context_tokens, last_line
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.predictor import Predictor
from pocketlm.model.reading import CONTEXT_CHARACTERS, readable
from pocketlm.model.suggest import Suggester
from pocketlm.model.text_entry import Suggestion
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.words import is_inner, recent

GAP = "___"
CANDIDATES = 50
CANDIDATE_EXPANSIONS = 12


class Filler(Protocol):
    """What fills gaps."""

    name: str

    def fill(self, left: str, right: str, k: int = 3) -> list[Suggestion]:
        """The k likeliest words between two sides, best first.

        Args:
            left: the text before; letters at its end are the beginning of the word.
            right: the rest of the line.
            k: how many.
        """


class BothSides:
    """By a model of both directions."""

    def __init__(
        self,
        model: GapModel,
        tokenizer: Tokenizer,
        name: str,
        lexicon: Lexicon | None = None,
        blocked: Set[str] = frozenset(),
        expansions: int = CANDIDATE_EXPANSIONS,
    ) -> None:
        self.name = name
        self._model, self._tokenizer = model, tokenizer
        self._lexicon, self._blocked, self._expansions = lexicon, blocked, expansions

    def fill(self, left: str, right: str, k: int = 3) -> list[Suggestion]:
        """See Filler; probabilities are the model's own, before candidates are chosen."""
        tokens = right_tokens(self._tokenizer, right)
        predictor = GapPredictor(self._model, self._tokenizer, self.name, tokens)
        suggester = Suggester(
            predictor, self._lexicon, self._blocked, self._expansions, thorough=True
        )
        return suggester.suggest(last_line(left), k)


class Rescored:
    """By a model that reads forward: its candidates after the left side, ranked by the whole line.

    Args:
        predictor: any model.
        lexicon: of the suggester.
        blocked: folded words that are never offered.
        candidates: how many are ranked.
    """

    def __init__(
        self,
        predictor: Predictor,
        lexicon: Lexicon | None = None,
        blocked: Set[str] = frozenset(),
        candidates: int = CANDIDATES,
    ) -> None:
        self.name = predictor.name
        self._predictor, self._candidates = predictor, candidates
        self.suggester = Suggester(predictor, lexicon, blocked, CANDIDATE_EXPANSIONS, thorough=True)

    def fill(self, left: str, right: str, k: int = 3) -> list[Suggestion]:
        """See Filler; probabilities are shares among the candidates."""
        found = self.suggester.suggest(left, max(k, self._candidates))
        if not found:
            return []
        tokenizer = self._predictor.tokenizer
        before, right = left, readable(right, tokenizer)
        while before and is_inner(before[-1]):
            before = before[:-1]  # the beginning of the word, which candidates have
        before = recent(readable(before, tokenizer), CONTEXT_CHARACTERS)
        texts = [
            [*context_tokens(tokenizer, before + each.word + right), tokenizer.end_id]
            for each in found
        ]
        scores = [float(score.sum(dtype="float64")) for score in self._predictor.score(texts)]
        best = max(scores)
        total = best + math.log(math.fsum(math.exp(score - best) for score in scores))
        ranked = sorted(zip(scores, found, strict=True), key=lambda one: -one[0])
        return [Suggestion(each.word, math.exp(score - total)) for score, each in ranked[:k]]


def split_gap(text: str) -> tuple[str, str]:
    """What stands before the gap, and after it to the end of its line.

    Raises:
        UserError: there is not one gap, or it is followed by a letter.
    """
    if text.count(GAP) != 1 or "_" in text.replace(GAP, ""):
        raise UserError(f"the text has to have one gap, written as {GAP}")
    left, right = text.split(GAP)
    if right and is_inner(right[0]):
        raise UserError(f"a word ends at the gap: no letter may follow {GAP}")
    return left, right.split("\n")[0].rstrip()


def right_tokens(tokenizer: Tokenizer, right: str) -> list[int]:
    """Tokens of the rest of a line after a word, and its end token."""
    # A line's tokens begin with a space: only behind a word does the text begin as it stands.
    right = readable(right, tokenizer)
    word, tokens = tokenizer.encode("a"), tokenizer.encode("a" + right)
    known = tokens[: len(word)] == word  # unless a piece reaches over the word's end
    return [*(tokens[len(word) :] if known else tokenizer.encode(right)), tokenizer.end_id]
