"""What a keyboard asks: anything that suggests words for the text so far."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Suggestion:
    """A whole word and its probability after the context."""

    word: str
    probability: float


class TextEntry(Protocol):
    """The suggester over any predictor, or another engine that we are measured against."""

    name: str

    def suggest(self, text: str, k: int = 3) -> list[Suggestion]:
        """The k likeliest words, best first: completions of the word being typed, or next words."""
