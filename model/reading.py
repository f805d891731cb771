"""The text so far as a suggester reads it: what a model has hardly seen becomes what it knows.

    text -> readable: its spaces, and signs without a piece -> context (finished) + prefix
         -> lines in capitals as they are written otherwise

A sign that the tokenizer has no piece for is three or four bytes, which say next to nothing to a
model and make it forget what was before: after an emoji it would guess the next words a fifth
worse. Words in capitals are as strange to it. docs/typing.md has what each change gives.
"""

import unicodedata
from typing import NamedTuple

from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.words import (
    capitalise_sentences,
    fold,
    plain_apostrophes,
    plain_spaces,
    recent,
    split_context,
    word_spans,
)

# Of a longer text only the end is context: between so many and twice as many characters.
CONTEXT_CHARACTERS = 1024
# What typographic signs stand for.
PLAIN_SIGNS = {
    **dict.fromkeys("‘’‛", "'"),
    **dict.fromkeys("“”„‟«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "…": "...",
}
# A line is in capitals that has so many words of two capitals or more, and no small letter.
WORDS_IN_CAPITALS = 2


class TextSoFar(NamedTuple):
    """What was typed."""

    context: str  # all before the word that is being typed
    prefix: str  # what there is of that word
    capitals: bool  # whether their line is typed in capitals


def read(text: str, tokenizer: Tokenizer) -> TextSoFar:
    """The text so far for a model with this tokenizer."""
    context, prefix = split_context(readable(text, tokenizer))
    context, prefix = recent(context, CONTEXT_CHARACTERS), plain_apostrophes(prefix)
    *finished, line = context.split("\n")
    capitals = is_in_capitals(line + prefix)
    lines = [_without_capitals(each) if is_in_capitals(each) else each for each in finished]
    lines.append(_without_capitals(line) if capitals else line)
    return TextSoFar("\n".join(lines), prefix, capitals)


def readable(text: str, tokenizer: Tokenizer) -> str:
    """White space as spaces, and signs that no piece has as plain ones, or else as spaces.

    Letters and digits stay, those of other scripts too, and so does all of ASCII, each sign of
    which is one token. Marks and invisible characters that no piece has are left out.
    """
    text = plain_spaces(text)
    if text.isascii():
        return text
    return "".join(c if c in tokenizer.characters else _plain(c) for c in text)


def is_in_capitals(line: str) -> bool:
    """Whether a line is typed in capitals: an abbreviation alone is not, nor "I"."""
    if any(c.islower() for c in line):
        return False
    capitals = (sum(c.isupper() for c in line[start:stop]) for start, stop in word_spans(line))
    return sum(count > 1 for count in capitals) >= WORDS_IN_CAPITALS


def _without_capitals(line: str) -> str:
    return capitalise_sentences(fold(line))


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if character.isascii() or category[0] in "LN":
        return character
    if category[0] == "M" or category == "Cf":
        return ""
    return PLAIN_SIGNS.get(character, " ")
