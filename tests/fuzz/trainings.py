"""Targets that a training reads: its checkpoint, and the shards of tokens in the cache."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fuzz import parts
from fuzz.specimens import Specimens
from pocketlm.model.corpus import open_corpus
from pocketlm.model.progress import NoProgress
from pocketlm.model.run_folder import CHECKPOINT, run_config
from pocketlm.model.segments import WindowStream
from pocketlm.model.shards import TokenShards, open_shards
from pocketlm.model.trainer import Trainer

_FILES = ("tokens-00000.u16", "documents-00000.u32")
_HASHES = ("sha256", "documents_sha256")
Read = Callable[[bytes, Path], object]


def resume(s: Specimens) -> Read:
    """A checkpoint, and a step from it where it is taken."""
    config = run_config(s.small_run)
    trainer = Trainer(config, s.small_run, NoProgress(), open_corpus(config.corpus), s.tokenizer)

    def read(data: bytes, folder: Path) -> object:
        (folder / CHECKPOINT).write_bytes(data)
        trainer.folder = folder
        trainer.restore()
        return trainer.train_step(0.5)

    return read


def shards_seed(s: Specimens) -> bytes:
    """The index of good shards and its files."""
    config = run_config(s.small_run)
    folder = open_shards(open_corpus(config.corpus), "train", s.tokenizer).folder
    return parts.join([(folder / name).read_bytes() for name in ("index.json", *_FILES)])


def read_shards(data: bytes, folder: Path) -> object:
    """Shards whose hashes are right, and windows of what is in them."""
    index, *files = parts.split(data, 1 + len(_FILES))
    for name, content in zip(_FILES, files, strict=True):
        (folder / name).write_bytes(content)
    with suppress(ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        value = json.loads(index)
        hashes = [hashlib.sha256(content).hexdigest() for content in files]
        value["shards"][0].update(zip(_HASHES, hashes, strict=True))
        index = json.dumps(value).encode()
    (folder / "index.json").write_bytes(index)
    shards = TokenShards(folder)
    stream = WindowStream(shards, rows=4, window=8, fresh=0.5, seed=1)
    return [stream.next_window() for _ in range(20)], shards.lengths(), shards.document(0)
