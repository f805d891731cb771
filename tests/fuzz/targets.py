"""The readers of files, each as a target: bytes -> a file or a folder of them -> the reader.

Hashes are made anew over what a fuzzer made: whoever can write a file can write its checksum. Each
target goes as far as a command would: it opens the file, and asks what came of it a question.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzz import bundles, ngrams, programs, trainings
from fuzz.harness import Target
from fuzz.specimens import TEXT, Specimens
from pocketlm.model.blocklist import read_blocklist
from pocketlm.model.checkpoint import load_checkpoint
from pocketlm.model.corpus import Corpus, text_lines
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.run_folder import CHECKPOINT, run_config
from pocketlm.model.tasks.pairs import read_pairs
from pocketlm.model.tasks.regression import read_table
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.weights import open_weights
from pocketlm.model.words import words_of


def all_targets(specimens: Specimens) -> dict[str, Target]:
    """Every target by its name."""
    s = specimens
    table, backoff = (
        ngrams.parts_of(f, n) for f, n in ((s.table, ngrams.TABLE), (s.backoff, ngrams.BACKOFF))
    )
    each = [
        Target("manifest", bundles.manifest(s), [(s.bundle / "manifest.json").read_bytes()]),
        Target("bundle-files", bundles.bundle_files(s), [b""]),
        Target("tokenizer", _read_tokenizer, [(s.run / "tokenizer.model").read_bytes()]),
        Target("lexicon", _lexicon(s), [(s.folder / "lexicon.bin").read_bytes()[:-32]]),
        Target("weights", _weights(s), [(s.folder / "weights.safetensors").read_bytes()]),
        Target("checkpoint", _read_checkpoint, [(s.folder / "weights.safetensors").read_bytes()]),
        Target("config", _read_config, [(s.run / "config.json").read_bytes()]),
        Target("resume", trainings.resume(s), [(s.small_run / CHECKPOINT).read_bytes()]),
        Target("shards", trainings.read_shards, [trainings.shards_seed(s)]),
        Target("program", programs.program(s), [programs.seed(s)]),
        Target("task-manifest", bundles.task_manifest(s), [bundles.task_seed(s)]),
        Target("arpa", ngrams.arpa(s), [(s.folder / "model.arpa").read_bytes(), _SMALL_ARPA]),
        Target("ngram-manifest", ngrams.ngram_manifest(s), [(s.table / "ngram.json").read_bytes()]),
        Target("table", ngrams.sorted_table(s.table, ngrams.TABLE), [table]),
        Target("backoff", ngrams.sorted_table(s.backoff, ngrams.BACKOFF), [backoff]),
        Target("corpus", _read_corpus, [_CORPUS, b"\xef\xbb\xbfa b\r\nc\n"]),
        Target("csv", _read_csv, [_CSV]),
        Target("pairs", _read_pairs, [b"pos\ta good film\nneg\ta bad one\n"]),
        Target("blocklist", _read_blocklist, [b"bad\nWorse\n\nna\xc3\xafve\ndon't\n"]),
    ]
    return {target.name: target for target in each}


TARGET_NAMES = (
    "manifest", "bundle-files", "tokenizer", "lexicon", "weights", "checkpoint", "config",
    "resume", "shards", "program", "task-manifest", "arpa", "ngram-manifest", "table", "backoff",
    "corpus", "csv", "pairs", "blocklist",
)  # fmt: skip
_CORPUS = "see you\ntomorrow\n\nat the\u2028café\n\n\u2581 x\n".encode()
_CSV = b"a,b,value\n" + b"".join(b"%d,0.5,-%de1\n" % (i, i) for i in range(8))
_SMALL_ARPA = (
    b"\\data\\\nngram 1=4\nngram 2=2\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\t-0.3\n-1\t</s>\n"
    b"-0.5\t17\t-0.2\n\n\\2-grams:\n-0.4\t<s> 17\n-0.1\t17 </s>\n\n\\end\\\n"
)


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
        for piece in range(s.tokenizer.vocabulary_size):
            logs, following, longer = lexicon.after((piece,))
            assert len(logs) == len(longer) == len(following)
            assert np.all(logs < 0)
            for word in longer[:3]:
                assert all(s.tokenizer.is_text(inside) for inside in word)
                assert np.all(lexicon.after((piece, *word[:1])).logs <= 0)
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


def _read_corpus(data: bytes, folder: Path) -> object:
    path = folder / "train.txt"
    path.write_bytes(data)
    lines = list(Corpus("hostile", folder).lines("train"))
    words = [word for line in lines for word in words_of(line)]
    return words, text_lines(path)


def _read_csv(data: bytes, folder: Path) -> object:
    path = folder / "table.csv"
    path.write_bytes(data)
    rows = read_table(path)
    assert np.isfinite([value for row in rows for value in (*row[0], row[1])]).all()
    return rows


def _read_pairs(data: bytes, folder: Path) -> object:
    for split in ("train", "valid", "test"):
        (folder / f"{split}.tsv").write_bytes(data)
    return read_pairs(str(folder))


def _read_blocklist(data: bytes, folder: Path) -> object:
    path = folder / "blocklist.txt"
    path.write_bytes(data)
    return read_blocklist(path)
