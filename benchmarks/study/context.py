"""What every stage of `bench all` shares: the plan, the text, the report's folder."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.benchmarks.memory import Text, read_text
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.benchmarks.study.cells import Cells
from pocketlm.benchmarks.study.plan import Plan
from pocketlm.model.corpus import Corpus
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.shards import TokenShards, open_shards
from pocketlm.model.tokenizer import WORD_START, Tokenizer

CELLS, MODELS = "cells", "models"
TokenArray = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Study:
    """One run of `bench all`.

    Attributes:
        plan: what is measured.
        folder: of the report.
        cells: finished measurements.
        corpus: train is counted, valid replayed, words of test are guessed.
        tokenizer: of all models, the networks' own.
        networks: MODELs, the first of them the one that n-grams are compared with.
        notify: told in one line what is going on.
    """

    plan: Plan
    folder: Path
    cells: Cells
    corpus: Corpus
    tokenizer: Tokenizer
    networks: tuple[Path, ...]
    notify: Callable[[str], None] = field(default=lambda _: None)

    @property
    def models(self) -> Path:
        """Where what is built and trained goes."""
        return self.folder / MODELS

    @cached_property
    def shards(self) -> TokenShards:
        """The tokens of train."""
        return open_shards(self.corpus, "train", self.tokenizer, self.notify)

    @cached_property
    def lexicon(self) -> Lexicon:
        """The words of train, for the suggester over n-gram models."""
        return Lexicon.build(self.corpus.lines("train"), self.shards.chunks(), self.tokenizer)

    @cached_property
    def replayed(self) -> Text:
        """The text of every native process, from valid."""
        return read_text(self.corpus.path("valid"), self.plan.text_lines)

    @cached_property
    def unseen(self) -> Text:
        """Text that neither the networks nor anything else was chosen by, from test."""
        return read_text(self.corpus.path("test"), self.plan.text_lines)

    def memory_settings(self) -> dict[str, Any]:
        """What decides the memory that a process is seen to take, beside its model."""
        return {
            "steps": self.plan.steps,
            "samples": self.plan.samples,
            "text_sha256": self.replayed.sha256,
            "text_lines": len(self.replayed.lines),
        }

    def tokens(self, share: float = 1.0) -> TokenArray:
        """The tokens of a share of train's documents; smaller shares are parts of larger ones."""
        if share == 1:
            return np.concatenate(list(self.shards.chunks()))
        order = np.random.default_rng(self.plan.seed).permutation(len(self.shards))
        sizes = np.cumsum(self.shards.lengths()[order].astype(np.int64))
        taken = np.searchsorted(sizes, share * self.shards.index.tokens) + 1
        return np.concatenate([self.shards.document(int(i)) for i in np.sort(order[:taken])])

    def count_words(self, tokens: TokenArray) -> int:
        """White-space words of a token stream: each begins with one piece that says so."""
        starts = [piece.startswith(WORD_START) for piece in self.tokenizer.pieces]
        return int(np.count_nonzero(np.array(starts)[tokens]))

    def train(
        self, tokens: TokenArray, out: Path, with_lexicon: bool = False, **settings: Any
    ) -> None:
        """`train_ngram` of these tokens."""
        train_ngram(
            [tokens],
            self.tokenizer,
            out=out,
            corpus=self.corpus.record(),
            lexicon=self.lexicon if with_lexicon else None,
            notify=self.notify,
            **settings,
        )
