"""The lines of an ARPA file in their places: head, sections, end.

FILE.arpa -> ArpaLines -> read_head: counts -> section: blocks of lines -> expect: the end
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from pocketlm.benchmarks.arpa_words import TOKENIZER_COMMENT
from pocketlm.model.errors import UserError
from pocketlm.model.files import read_lines
from pocketlm.model.tokenizer import Tokenizer

_BLOCK_LINES = 1 << 16
_COUNT = re.compile(r"ngram\s+(\d{1,9})\s*=\s*(\d+)")


class ArpaLines:
    """The lines of a file, one after the other, with the number of the last one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self._lines = read_lines(path)

    def next(self) -> str:
        """The next line, stripped; UserError at the file's end."""
        self.number += 1
        line = next(self._lines, None)
        if line is None:
            raise UserError(f"{self.path} is cut short: it ends in line {self.number - 1}")
        return line.strip()

    def next_filled(self) -> str:
        """The next line that is not blank."""
        while not (line := self.next()):
            pass
        return line

    def expect(self, wanted: str) -> None:
        """Hold that the next line that is not blank is this one."""
        if (line := self.next_filled()) != wanted:
            self.refuse(f"{wanted} was expected, not {line!r:.60}")

    def section(self, order: int) -> Iterator[tuple[int, list[str]]]:
        """Blocks of lines to the next blank line or section, and the first one's number."""
        self.expect(f"\\{order}-grams:")
        first, block = self.number + 1, []
        while line := self.next():
            block.append(line)
            if len(block) == _BLOCK_LINES:
                yield first, block
                first, block = self.number + 1, []
        if block:
            yield first, block

    def refuse(self, reason: str, number: int | None = None) -> NoReturn:
        """Say what is wrong with a line, the last one unless another is meant."""
        raise UserError(f"{self.path}, line {number or self.number}: {reason}")


def read_head(lines: ArpaLines, tokenizer: Tokenizer) -> list[int]:
    """The number of n-grams of each order; no more than keys of V tokens can number."""
    while (line := lines.next_filled()).startswith("#"):
        if line.startswith(TOKENIZER_COMMENT) and not line.endswith(tokenizer.sha256):
            lines.refuse("it was written with another tokenizer")
    if line != "\\data\\":
        raise UserError(
            f"{lines.path} is not an ARPA file: \\data\\ was expected, not {line!r:.60}"
        )
    counts: list[int] = []
    while line := lines.next():
        found = _COUNT.fullmatch(line)
        if not found or int(found[1]) != len(counts) + 1:
            lines.refuse(f"ngram {len(counts) + 1}=COUNT was expected, not {line!r:.60}")
        if len(found[2]) > 19 or int(found[2]) > (1 << 63) // tokenizer.vocabulary_size:
            lines.refuse(f"{found[2]:.40} n-grams are more than a table can hold")
        counts.append(int(found[2]))
    return counts
