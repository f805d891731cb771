"""Valid files of every kind, as small as they come: what the targets' inputs are mutated from."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from helpers import SENTENCES, VOCABULARY, Silent, tiny_config, write_corpus

from pocketlm.benchmarks.arpa import export_arpa
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.model.corpus import Corpus
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.run_folder import run_config
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import train
from pocketlm.model.weights import save_weights

ORDER = 3
TEXT = "see you  tomorrow\u2581at the café 😀\t\u2028 don’t"  # what readers are asked about


@dataclass(frozen=True)
class Specimens:
    """Where the valid files are; targets read them and write nothing there."""

    folder: Path
    tokenizer: Tokenizer
    run: Path
    bundle: Path

    @property
    def table(self) -> Path:
        """A count table's folder."""
        return self.folder / "table"

    @property
    def small_run(self) -> Path:
        """A run whose checkpoint is a few KB."""
        return self.folder / "small-run"

    @property
    def backoff(self) -> Path:
        """A backoff table's folder."""
        return self.folder / "kneser-ney"


def make_specimens(folder: Path, run: Path, bundle: Path) -> Specimens:
    """Add what is missing to a run and its bundle."""
    tokenizer = Tokenizer.load(run / "tokenizer.model")
    lines = SENTENCES[:20]
    encoded = [np.array([*tokenizer.encode(line), tokenizer.end_id]) for line in lines]
    streams = [tokens.astype(np.uint16) for tokens in encoded]
    Lexicon.build(lines, streams, tokenizer).save(folder / "lexicon.bin")
    smallest = ModelConfig(vocabulary_size=VOCABULARY, embedding=1, hidden=1)
    save_weights(folder / "weights.safetensors", RecurrentLanguageModel(smallest), tokenizer)
    settings = replace(run_config(run), model=smallest, max_steps=2, valid_lines=5)
    if not (folder / "small-run").exists():
        train(settings, folder / "small-run", Silent(), tokenizer)
    for kind in ("table", "kneser-ney"):
        out = folder / kind
        train_ngram(encoded, tokenizer, kind=kind, order=ORDER, out=out, corpus={})
    export_arpa(folder / "kneser-ney", folder / "model.arpa")
    return Specimens(folder, tokenizer, run, bundle)


def specimens_from_nothing(folder: Path) -> Specimens:
    """The same without the fixtures of the tests; made once and kept in the folder."""
    from pocketlm.export.exporter import export_bundle

    done = folder / "done"
    run, bundle = folder / "runs" / "tiny", folder / "bundle"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        corpus = write_corpus(folder / "text", SENTENCES)
        train(tiny_config(Corpus(str(corpus), corpus)), run, Silent())
        export_bundle(run, "zero-copy", bundle, SENTENCES[:50], verify_tokens=200)
        make_specimens(folder, run, bundle)
        done.touch()
    return Specimens(folder, Tokenizer.load(run / "tokenizer.model"), run, bundle)


def link_files(source: Path, folder: Path, *but: str) -> None:
    """Links to all files of a folder but some, as a cache of models has them."""
    for file in source.iterdir():
        if file.name not in but:
            (folder / file.name).symlink_to(file)
