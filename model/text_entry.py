"""What a keyboard asks: anything that suggests words for the text so far."""

from dataclasses import dataclass
from typing import Protocol

# Steps of the network that one list of suggestions may cost: one for each piece of the word that
# was just finished, and one for each beginning of a word that is looked into.
EXPANSIONS = 4


@dataclass(frozen=True)
class Suggestion:
    """A whole word and its probability after the context."""

    word: str
    probability: float


class TextEntry(Protocol):
    """The suggester over any predictor, or another engine that we are measured against."""

    name: str

    def doubts(self, ignore_case: bool) -> list[str]:
        """What makes its figures lower than they could be, each in a line."""

    def suggest(self, text: str, k: int = 3) -> list[Suggestion]:
        """The k likeliest words, best first: completions of the word being typed, or next words."""
