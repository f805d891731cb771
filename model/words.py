"""What a word is, for the suggester, the lexicon and the typing metrics alike.

A word is a run of letters, digits and apostrophes, without apostrophes at its ends; a hyphen ends
one, so that "well-kn" is completed by "known". Everything here goes character by character and
depends on nothing but Unicode's categories, so that another runtime can do the same.
"""

import unicodedata
from collections.abc import Iterator

from pocketlm.model.tokenizer import WORD_START, Tokenizer

APOSTROPHES = "'’"
# After one of these a word begins without a space.
OPENING_SIGNS = '([{<"“‘«¿¡'
SENTENCE_ENDS = ".!?…"


def is_letter(character: str) -> bool:
    """A letter or a digit."""
    return unicodedata.category(character)[0] in "LN"


def is_inner(character: str) -> bool:
    """Whether a character may stand inside a word: letters, digits, marks on them, apostrophes."""
    return character in APOSTROPHES or unicodedata.category(character)[0] in "LNM"


def is_boundary(tokenizer: Tokenizer, token: int) -> bool:
    """Whether a word is finished where this token follows: the end, a new word, punctuation."""
    if token == tokenizer.end_id:
        return True
    first = tokenizer.pieces[token][0]
    return tokenizer.is_text(token) and (first == WORD_START or not is_inner(first))


def fold(text: str) -> str:
    """Lower case, one character for each; typographic apostrophes as the plain one."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


def without_apostrophes(text: str) -> str:
    """For matching "dont" with "don't"."""
    return "".join(c for c in text if c not in APOSTROPHES)


def word_span(text: str) -> tuple[int, int]:
    """Where the first word of text begins and ends; (n, n) with n the length if there is none."""
    start = next((i for i, c in enumerate(text) if is_letter(c)), len(text))
    stop = next((i for i in range(start, len(text)) if not is_inner(text[i])), len(text))
    while stop > start and text[stop - 1] in APOSTROPHES:
        stop -= 1
    return start, stop


def words_of(line: str) -> Iterator[str]:
    """The words of a line, in their order."""
    for part in line.split():
        start, stop = word_span(part)
        while start < stop:
            yield part[start:stop]
            part = part[stop:]  # noqa: PLW2901 - what is left of it
            start, stop = word_span(part)


def split_context(text: str) -> tuple[str, str]:
    """What comes before the word being typed, and that word: the run of characters at the end."""
    start = len(text)
    while start and is_inner(text[start - 1]):
        start -= 1
    while start < len(text) and not is_letter(text[start]):
        start += 1
    return text[:start], text[start:]


def starts_sentence(context: str) -> bool:
    """Whether a word after this context is the first of its sentence."""
    line = context[context.rfind("\n") + 1 :].rstrip(" " + OPENING_SIGNS)
    return not line or line[-1] in SENTENCE_ENDS


def _fold_character(character: str) -> str:
    if character in APOSTROPHES:
        return "'"
    lower = character.lower()
    return lower if len(lower) == 1 else character
