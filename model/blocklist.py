"""Words that are never suggested. They may be typed, and then are context like any other."""

from collections.abc import Set
from functools import cache
from importlib.resources import files
from pathlib import Path

from pocketlm.model.errors import UserError
from pocketlm.model.files import read_lines
from pocketlm.model.words import fold, words_of


def is_blocked(folded: str, blocked: Set[str]) -> bool:
    """Whether a folded word, or what it is the possessive of, is among the blocked ones."""
    return folded in blocked or folded.removesuffix("'s") in blocked


@cache
def offensive_words() -> frozenset[str]:
    """Our own short list of slurs and vulgar words, folded; what it lacks can be blocked too."""
    text = (files("pocketlm.model") / "offensive.txt").read_text("utf-8")
    return frozenset(fold(line) for line in text.split() if line)


def read_blocklist(path: Path) -> frozenset[str]:
    """The words of a file, one a line, in any case.

    Raises:
        UserError: the file is missing, is not UTF-8, or a line is not one word.
    """
    words: set[str] = set()
    for number, line in enumerate(read_lines(path), start=1):
        found = list(words_of(line))
        if line.strip() and found != [line.strip()]:
            raise UserError(f"{path}, line {number}: not one word: {line.strip()[:40]!r}")
        words.update(map(fold, found))
    return frozenset(words)
