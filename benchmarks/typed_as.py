"""A text as people type it who do not write as it is written.

lines, a way to type -> the same words in lower case, in capitals, with other signs, with emoji
"""

import random
import re
from collections.abc import Callable, Sequence

EMOJI = "😀😂❤👍🙏😊😍🎉"
_TYPOGRAPHIC = (
    (re.compile(r'"([^"]*)"'), r"“\1”"),
    (re.compile("'"), "’"),
    (re.compile(r"\.\.\."), "…"),
    (re.compile(" - "), " – "),
)


def typographic(line: str, _: random.Random) -> str:
    """With the signs that word processors and some keyboards put in the place of ASCII's."""
    for plain, sign in _TYPOGRAPHIC:
        line = plain.sub(sign, line)
    return line


def with_capital_words(line: str, _: random.Random) -> str:
    """With a capital at the start of each word, as in a title."""
    return " ".join(word[:1].upper() + word[1:] for word in line.split(" "))


def with_emoji(line: str, generator: random.Random) -> str:
    """With an emoji after one of its words, so that others follow it."""
    words = line.split()
    words.insert(generator.randrange(max(1, len(words))) + 1, generator.choice(EMOJI))
    return " ".join(words)


WAYS: dict[str, Callable[[str, random.Random], str]] = {
    "written": lambda line, _: line,
    "lower-case": lambda line, _: line.lower(),
    "capitals": lambda line, _: line.upper(),
    "capital-words": with_capital_words,
    "typographic": typographic,
    "emoji": with_emoji,
}
# Who types so cannot mean a word's case.
WITHOUT_CASE = ("lower-case", "capitals", "capital-words")


def typed_as(lines: Sequence[str], way: str, seed: int) -> list[str]:
    """Lines typed in one of WAYS."""
    generator = random.Random(seed)
    return [WAYS[way](line, generator) for line in lines]
