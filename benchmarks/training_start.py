"""One stage of what a training does with its text, in a process of its own.

    python -m pocketlm.benchmarks.training_start STAGE CORPUS TOKENIZER

tokenising.py measures such processes from outside.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from pocketlm.model.corpus import Corpus, open_corpus
from pocketlm.model.errors import UserError
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.segments import WindowStream
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.module_command import run_module

VOCABULARY = 8192


def _hash(corpus: Corpus, _: Tokenizer) -> None:
    assert corpus.sha256


def _vocabulary(corpus: Corpus, _: Tokenizer) -> None:
    Tokenizer.train(corpus.lines("train"), VOCABULARY)


def _shards(corpus: Corpus, tokenizer: Tokenizer) -> None:
    open_shards(corpus, "train", tokenizer)


def _lexicon(corpus: Corpus, tokenizer: Tokenizer) -> None:
    """Reads every shard, which is there by then, and checks it."""
    chunks = open_shards(corpus, "train", tokenizer).chunks()
    Lexicon.build(corpus.lines("train"), chunks, tokenizer)


def _windows(corpus: Corpus, tokenizer: Tokenizer) -> None:
    """An epoch of windows, as the training of a preset takes them, without the training."""
    shards = open_shards(corpus, "train", tokenizer)
    stream = WindowStream(shards, rows=64, window=48, fresh=0.5, seed=1)
    for _ in range(shards.index.tokens // (64 * 48)):
        stream.next_window()


STAGES: dict[str, Callable[[Corpus, Tokenizer], None]] = {
    "hash": _hash,
    "vocabulary": _vocabulary,
    "shards": _shards,
    "lexicon": _lexicon,
    "windows": _windows,
}


def _run(stage: str, corpus: str, tokenizer: str) -> None:
    if stage not in STAGES:
        raise UserError(f"no stage {stage!r}: {', '.join(STAGES)}")
    STAGES[stage](open_corpus(corpus), Tokenizer.load(Path(tokenizer)))


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    usage = "pocketlm.benchmarks.training_start STAGE CORPUS TOKENIZER"
    return run_module(usage, arguments, _run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
