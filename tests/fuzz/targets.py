"""The readers of files, each as a target: bytes -> a file or a folder of them -> the reader.

Hashes are made anew over what a fuzzer made: whoever can write a file can write its checksum. Each
target goes as far as a command would: it opens the file, and asks what came of it a question.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fuzz import parts
from fuzz.harness import Target
from fuzz.specimens import ORDER, Specimens

from pocketlm.benchmarks.arpa import import_arpa
from pocketlm.benchmarks.backoff_table import backoff_table_files
from pocketlm.benchmarks.count_table import count_table_files
from pocketlm.benchmarks.ngram import open_ngram
from pocketlm.export.bundle import checked_manifest, seal
from pocketlm.model.blocklist import read_blocklist
from pocketlm.model.checkpoint import load_checkpoint
from pocketlm.model.corpus import Corpus, text_lines
from pocketlm.model.files import describe_file, read_json
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.predictor import Predictor
from pocketlm.model.run_folder import run_config
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.weights import open_weights
from pocketlm.model.words import words_of

TEXT = "see you  tomorrow\u2581at the café 😀\t\u2028 don’t"


def all_targets(specimens: Specimens) -> dict[str, Target]:
    """Every target by its name."""
    s = specimens
    each = [
        Target("manifest", _manifest(s), [(s.bundle / "manifest.json").read_bytes()]),
        Target("tokenizer", _read_tokenizer, [(s.run / "tokenizer.model").read_bytes()]),
        Target("lexicon", _lexicon(s), [(s.folder / "lexicon.bin").read_bytes()[:-32]]),
        Target("weights", _weights(s), [(s.folder / "weights.safetensors").read_bytes()]),
        Target("checkpoint", _read_checkpoint, [(s.folder / "weights.safetensors").read_bytes()]),
        Target("config", _read_config, [(s.run / "config.json").read_bytes()]),
        Target("arpa", _arpa(s), [(s.folder / "model.arpa").read_bytes(), _SMALL_ARPA]),
        Target("corpus", _read_corpus, [_CORPUS, b"\xef\xbb\xbfa b\r\nc\n"]),
        Target("blocklist", _read_blocklist, [b"bad\nWorse\n\nna\xc3\xafve\ndon't\n"]),
    ]
    return {target.name: target for target in each}


_CORPUS = "see you\ntomorrow\n\nat the\u2028café\n\n\u2581 x\n".encode()
_SMALL_ARPA = (
    b"\\data\\\nngram 1=4\nngram 2=2\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\t-0.3\n-1\t</s>\n"
    b"-0.5\t17\t-0.2\n\n\\2-grams:\n-0.4\t<s> 17\n-0.1\t17 </s>\n\n\\end\\\n"
)


def _manifest(s: Specimens) -> Callable[[bytes, Path], object]:
    """A manifest over good files, with its own hash."""

    def read(data: bytes, folder: Path) -> object:
        for file in s.bundle.iterdir():
            (folder / file.name).symlink_to(file)
        (folder / "manifest.json").unlink()
        _write_json(folder / "manifest.json", data, seal)
        return checked_manifest(folder)

    return read


def _write_json(path: Path, data: bytes, change: Callable[[dict[str, Any]], Any]) -> None:
    """What the fuzzer made, changed if it is an object; else as it is."""
    try:
        value = json.loads(data)
        data = json.dumps(change(value)).encode() if isinstance(value, dict) else data
    except (ValueError, RecursionError):
        pass
    path.write_bytes(data)


def _read_tokenizer(data: bytes, folder: Path) -> object:
    path = folder / "tokenizer.model"
    path.write_bytes(data)
    return _use_tokenizer(Tokenizer.load(path))


def _use_tokenizer(tokenizer: Tokenizer) -> object:
    ids = tokenizer.encode(TEXT)
    assert all(0 <= i < tokenizer.vocabulary_size for i in ids)
    tokenizer.encode_batch([TEXT, "", "a" * 300])
    tokenizer.decode(range(min(tokenizer.vocabulary_size, 400)))
    return tokenizer.decode(ids), tokenizer.pieces, tokenizer.scores, tokenizer.of_words


def _lexicon(s: Specimens) -> Callable[[bytes, Path], object]:
    """A lexicon with its hash."""

    def read(data: bytes, folder: Path) -> object:
        path = folder / "lexicon.bin"
        path.write_bytes(data + hashlib.sha256(data).digest())
        lexicon = Lexicon.load(path, s.tokenizer)
        shares = lexicon.endings()
        assert shares.shape == (s.tokenizer.vocabulary_size,)
        assert np.all((shares > 0) & (shares < 1))
        return [word in lexicon for word in words_of(TEXT)]

    return read


def _weights(s: Specimens) -> Callable[[bytes, Path], object]:
    """A network's weights, to train on from."""

    def read(data: bytes, folder: Path) -> object:
        path = folder / "weights.safetensors"
        path.write_bytes(data)
        model = open_weights(path, s.tokenizer)
        assert all(bool(p.isfinite().all()) for p in model.parameters())
        return model

    return read


def _read_checkpoint(data: bytes, folder: Path) -> object:
    path = folder / "checkpoint.safetensors"
    path.write_bytes(data)
    return load_checkpoint(path)


def _read_config(data: bytes, folder: Path) -> object:
    (folder / "config.json").write_bytes(data)
    return run_config(folder)


def _arpa(s: Specimens) -> Callable[[bytes, Path], object]:
    """An ARPA file, imported and asked."""

    def read(data: bytes, folder: Path) -> object:
        path = folder / "model.arpa"
        path.write_bytes(data)
        import_arpa(path, s.tokenizer, folder / "model")
        return _ask(open_ngram(folder / "model"))

    return read


def _ask(predictor: Predictor) -> object:
    """Probabilities by both ways that there are; a model that says NaN should have been refused."""
    tokens = predictor.tokenizer.encode(TEXT)
    (scores,) = predictor.score([tokens])
    state = predictor.start()
    for token in tokens[:4]:
        logs = predictor.log_probabilities(state)
        assert not np.isnan(logs).any()
        state = predictor.advance(state, np.array([token]))
    assert not np.isnan(scores).any()
    return scores


def _read_corpus(data: bytes, folder: Path) -> object:
    path = folder / "train.txt"
    path.write_bytes(data)
    lines = list(Corpus("hostile", folder).lines("train"))
    words = [word for line in lines for word in words_of(line)]
    return words, text_lines(path)


def _read_blocklist(data: bytes, folder: Path) -> object:
    path = folder / "blocklist.txt"
    path.write_bytes(data)
    return read_blocklist(path)
