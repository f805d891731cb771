"""What a word is, for the suggester, the lexicon and the typing metrics alike.

A word is a run of letters, digits and apostrophes, without apostrophes at its ends; a hyphen ends
one, so that "well-kn" is completed by "known". Everything here goes character by character and
depends on nothing but Unicode's categories, so that another runtime can do the same.
"""

import unicodedata
from collections.abc import Iterator

from pocketlm.model.tokenizer import UNKNOWN_ID, WORD_START, Tokenizer

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
    if token == UNKNOWN_ID:
        return tokenizer.of_words
    first = tokenizer.pieces[token][0]
    return tokenizer.is_text(token) and (first == WORD_START or not is_inner(first))


def fold(text: str) -> str:
    """Lower case, one character for each; typographic apostrophes as the plain one."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


def plain_apostrophes(text: str) -> str:
    """The typographic apostrophe as the plain one."""
    return text.replace("’", "'")


def plain_spaces(text: str) -> str:
    """White space of any kind as a space, but for line ends."""
    return "".join(" " if c.isspace() and c != "\n" else c for c in text)


def recent(text: str, size: int) -> str:
    """The end of a long text, from a space on: between `size` and twice as many characters.

    It begins at the same place until `size` more are typed, so that what was read stays known.
    """
    if len(text) < 2 * size:
        return text
    start = (len(text) // size - 1) * size
    space = next((i for i in range(start, len(text) - size // 2) if text[i] in " \n"), start)
    return text[space:].lstrip(" ")


def without_apostrophes(text: str) -> str:
    """For matching "dont" with "don't"."""
    for apostrophe in APOSTROPHES:
        text = text.replace(apostrophe, "")
    return text


def word_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the words of text begin and end, in their order."""
    stop = 0
    while (span := word_span(text, stop))[0] < len(text):
        yield span
        stop = span[1]


def word_span(text: str, begin: int = 0) -> tuple[int, int]:
    """Where the first word after `begin` begins and ends; twice the length if there is none."""
    start = next((i for i in range(begin, len(text)) if is_letter(text[i])), len(text))
    stop = next((i for i in range(start, len(text)) if not is_inner(text[i])), len(text))
    while stop > start and text[stop - 1] in APOSTROPHES:
        stop -= 1
    return start, stop


def words_of(line: str) -> Iterator[str]:
    """The words of a line, in their order."""
    return (line[start:stop] for start, stop in word_spans(line))


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


def has_capital(text: str) -> bool:
    """Whether some letter is upper case."""
    return not text.islower() and any(c.isupper() for c in text)


def capitalise_sentences(text: str) -> str:
    """A capital for the first word of each sentence, where it has none in any place."""
    parts: list[str] = []
    done = 0
    for start, stop in word_spans(text):
        small = fold(text[start:stop]) == plain_apostrophes(text[start:stop])
        capital = text[start].title()
        if small and len(capital) == 1 and starts_sentence(text[:start]):
            parts += [text[done:start], capital]
            done = start + 1
    return "".join(parts) + text[done:]


def _fold_character(character: str) -> str:
    if character in APOSTROPHES:
        return "'"
    lower = character.lower()
    return lower if len(lower) == 1 else character
