"""What several tests use: a tiny corpus, settings of a tiny training, a silent progress display."""

import json
import os
import random
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from pocketlm.model.corpus import Corpus
from pocketlm.model.first_look import first_look_splits
from pocketlm.model.language_model import ModelConfig
from pocketlm.model.predictor import FloatArray, IntArray, Predictor
from pocketlm.model.progress import Status
from pocketlm.model.run_folder import TrainConfig
from pocketlm.model.tokenizer import WORD_START, Tokenizer

ROOT = Path(__file__).parent.parent
VOCABULARY = 384
# The command: arguments -> exit code, standard output, standard error.
Invoke = Callable[..., tuple[int, str, str]]


class Silent:
    """A progress display that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.statuses: list[Status] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def update(self, status: Status) -> None:
        self.statuses.append(status)


class StopAt(Silent):
    """Ends a training after a step, as abruptly as a kill: nothing is saved at the end."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._step = step

    def update(self, status: Status) -> None:
        if status.step == self._step:
            self.stop()

    def stop(self) -> None:
        raise KeyboardInterrupt


class InterruptAt(StopAt):
    """Sends this process SIGTERM after a step."""

    def stop(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def assert_same_tensors(first: Path, second: Path) -> None:
    """Two files of tensors hold the same names and, bit for bit, the same numbers."""
    one, other = load_file(first), load_file(second)
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def write_corpus(folder: Path, sentences: Sequence[str], documents: int = 120) -> Path:
    """A folder with train, valid and test of short documents drawn from sentences."""
    generator = random.Random(3)
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", documents), ("valid", 12), ("test", 12)):
        lines = [generator.choice(sentences) for _ in range(3 * count)]
        blocks = ["\n".join(lines[i : i + 3]) for i in range(0, len(lines), 3)]
        (folder / f"{split}.txt").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return folder


SENTENCES = (
    *[line for line in first_look_splits()["valid"].split("\n") if line][:300],
    "see you tomorrow at the station",
    "café or pizza? 😀",
)


def tiny_config(corpus: Corpus, layers: int = 1, **settings: object) -> TrainConfig:
    """A training of a second or two."""
    values: dict[str, object] = {
        "max_steps": 60,
        "rows": 4,
        "window": 16,
        "warmup_steps": 5,
        "learning_rate": 0.01,
        "valid_every": 20,
        "precision": "fp32",
        "device": "cpu",
        **settings,
    }
    model = ModelConfig(vocabulary_size=VOCABULARY, embedding=24, hidden=40, layers=layers)
    return TrainConfig(corpus=corpus.name, model=model, **values)  # type: ignore[arg-type]


def only_json(result: tuple[int, str, str]) -> dict[str, Any]:
    code, out, _ = result
    assert code == 0
    assert out.count("\n") == 1
    value = json.loads(out)
    assert isinstance(value, dict)
    return value


class Bigram(Predictor):
    """A random distribution after each token, in which most words end soon."""

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        super().__init__("bigram", "test", tokenizer)
        generator = np.random.default_rng(seed)
        size = tokenizer.vocabulary_size
        logits = 2.5 * generator.standard_normal((size, size))
        ends = [i for i, p in enumerate(tokenizer.pieces) if p[0] == WORD_START or i == 1]
        logits[:, ends] += 2
        self.table = (logits - np.logaddexp.reduce(logits, axis=1)[:, None]).astype(np.float32)

    def start(self, batch: int = 1) -> IntArray:
        return np.full(batch, self.tokenizer.end_id)

    def advance(self, state: IntArray, tokens: IntArray) -> IntArray:
        return tokens

    def log_probabilities(self, state: IntArray) -> FloatArray:
        rows: FloatArray = self.table[state]
        return rows

    def select(self, state: IntArray, rows: IntArray) -> IntArray:
        picked: IntArray = state[rows]
        return picked
