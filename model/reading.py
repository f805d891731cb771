"""The text so far as a suggester reads it: what a model has hardly seen becomes what it knows.

    text -> context (finished) + prefix -> readable: its spaces, and signs without a piece
         -> lines in capitals as they are written otherwise

A sign that the tokenizer has no piece for is three or four bytes, which say next to nothing to a
model and make it forget what was before: after an emoji it would guess the next words a fifth
worse. Words In Capitals, or IN NOTHING ELSE, are as strange to it. docs/results.md has what each
change gives.
"""

import unicodedata
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.words import (
    capitalise_sentences,
    fold,
    plain_apostrophes,
    plain_spaces,
    recent,
    split_context,
    starts_sentence,
    word_spans,
)

# Of a longer text only the end is context: between so many and twice as many characters.
CONTEXT_CHARACTERS = 1024
# What typographic signs stand for.
PLAIN_SIGNS = {
    "’": "'",
    **dict.fromkeys("‘‛“”„‟«»", '"'),
    **dict.fromkeys("‐‑‒–−", "-"),
    **dict.fromkeys("—―", " - "),  # mostly without spaces, and between words
    "…": "...",
}
VARIATION_SELECTORS = frozenset((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
# So many words say that the capitals of a line are a way to write.
WORDS_IN_CAPITALS = 2
# The log-probability of a token that is no piece of text, in a word.
UNLIKELY = -20.0


class Capitals(Enum):
    """Where a line has capitals that are only a way to write."""

    NONE = "none"
    WORDS = "words"  # At The Start Of All Words
    ALL = "all"  # EVERYWHERE


class TextSoFar(NamedTuple):
    """What was typed."""

    context: str  # all before the word that is being typed, without such capitals
    prefix: str  # what there is of that word, as it was typed
    capitals: Capitals  # of the words that go on with it


def read(text: str, tokenizer: Tokenizer) -> TextSoFar:
    """The text so far for a model with this tokenizer."""
    context, prefix = split_context(text)
    context = recent(readable(context, tokenizer), CONTEXT_CHARACTERS)
    prefix = plain_apostrophes(readable(prefix, tokenizer))
    *finished, line = context.split("\n")
    capitals = _capitals_of(line, tokenizer)
    if is_in_capitals(line + prefix):
        capitals = Capitals.ALL
    lines = [_plainly(each, _capitals_of(each, tokenizer), tokenizer) for each in finished]
    lines.append(_plainly(line, capitals, tokenizer))
    return TextSoFar("\n".join(lines), prefix, _after(prefix, capitals))


def readable(text: str, tokenizer: Tokenizer) -> str:
    """White space as spaces, and signs that no piece has as plain ones, or else as spaces.

    Letters with their marks and digits stay, those of other scripts too, and so does ASCII, each
    sign of which is one token. Invisible characters that no piece has are left out.
    """
    text = plain_spaces(text)
    if text.isascii():
        return text
    return "".join(c if c in tokenizer.characters else _plain(c) for c in text)


def is_in_capitals(line: str) -> bool:
    """Whether a line has two words of two capitals or more, and no small letter."""
    if any(c.islower() for c in line):
        return False
    capitals = (sum(c.isupper() for c in line[start:stop]) for start, stop in word_spans(line))
    return sum(count > 1 for count in capitals) >= WORDS_IN_CAPITALS


def has_capital_words(line: str, tokenizer: Tokenizer) -> bool:
    """Whether all words of a line begin with a capital that several have not by themselves."""
    needless = 0
    for start, stop in word_spans(line):
        word, before = line[start:stop], line[:start]
        if before[-1:] in ("", " ") and word[0].islower():
            return False
        needless += not starts_sentence(before) and _is_needless(word, tokenizer)
    return needless >= WORDS_IN_CAPITALS


def _capitals_of(line: str, tokenizer: Tokenizer) -> Capitals:
    if is_in_capitals(line):
        return Capitals.ALL
    return Capitals.WORDS if has_capital_words(line, tokenizer) else Capitals.NONE


def _after(prefix: str, capitals: Capitals) -> Capitals:
    """Those of a line for a word that begins so: a small letter is against them."""
    against = prefix if capitals is Capitals.ALL else prefix[:1]
    return Capitals.NONE if any(c.islower() for c in against) else capitals


@lru_cache(maxsize=1024)
def _is_needless(word: str, tokenizer: Tokenizer) -> bool:
    """Whether a word has one capital, at its start, and is likelier without by the tokenizer."""
    lower = fold(word)
    return (
        word != lower
        and word[1:] == lower[1:]
        and _log_probability(lower, tokenizer) > _log_probability(word, tokenizer)
    )


def _log_probability(word: str, tokenizer: Tokenizer) -> float:
    tokens = tokenizer.encode(word)
    return sum(tokenizer.scores[i] if tokenizer.is_text(i) else UNLIKELY for i in tokens)


def _plainly(line: str, capitals: Capitals, tokenizer: Tokenizer) -> str:
    """A line as it would be written without its capitals."""
    if capitals is Capitals.NONE:
        return line
    if capitals is Capitals.ALL:
        return capitalise_sentences(fold(line))
    for start, stop in word_spans(line):
        if _is_needless(line[start:stop], tokenizer):
            line = line[:start] + fold(line[start]) + line[start + 1 :]
    return capitalise_sentences(line)


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cf", "Me") or ord(character) in VARIATION_SELECTORS:
        return ""
    if character.isascii() or category[0] in "LNM":
        return character
    return PLAIN_SIGNS.get(character, " ")
