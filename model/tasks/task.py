"""What a task adds to the harness: its data, how they become numbers, and how good answers are.

read -> rows of each split -> fit (on train) -> Encoding -> examples -> training
                                                    |
         answers of a network -> measure (a split), baseline, predict (one text)
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from pocketlm.model.errors import UserError
from pocketlm.model.files import read_json, write_json
from pocketlm.model.settings import matches
from pocketlm.model.tasks.answers import Answer
from pocketlm.model.tasks.batches import Example, Inputs
from pocketlm.model.tasks.config import NetworkConfig, TaskConfig
from pocketlm.model.tokenizer import Tokenizer

ENCODING, TOKENIZER = "encoding.json", "tokenizer.model"
# One row of a split: what is read and the right answer, in the task's own form.
Row = Any
Splits = dict[str, list[Row]]


@dataclass(frozen=True)
class Encoding:
    """How a task's data become numbers: tokens where it has any, and what JSON can hold."""

    values: dict[str, Any]
    text_tokens: Tokenizer | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokens of a task that has them."""
        assert self.text_tokens is not None
        return self.text_tokens

    def save(self, folder: Path) -> None:
        """Write `encoding.json`, and `tokenizer.model` where there is one."""
        write_json(folder / ENCODING, self.values)
        if self.text_tokens:
            self.text_tokens.save(folder / TOKENIZER)

    @classmethod
    def load(cls, folder: Path, task: "Task", network: NetworkConfig) -> "Encoding":
        """Read what `save` wrote for a task's network; UserError if it is missing or damaged."""
        values = read_json(folder / ENCODING, "task's encoding")
        if not matches(values, task.encoding_shape):
            raise UserError(f"{folder / ENCODING} lacks what an encoding of {task.name} holds")
        has_tokens = "tokens" in (network.reads, network.head)
        encoding = cls(values, Tokenizer.load(folder / TOKENIZER) if has_tokens else None)
        tokens = encoding.tokenizer.vocabulary_size if has_tokens else network.vocabulary_size
        if tokens != network.vocabulary_size:
            raise UserError(f"{folder / TOKENIZER} has {tokens} pieces: it is of another network")
        return encoding


class Task(ABC):
    """One of the tasks."""

    name: str
    quick: TaskConfig  # minutes on one core
    long: TaskConfig  # the recipe of the figures in docs/tasks.md
    encoding_shape: ClassVar[dict[str, Any]] = {}  # of encoding.json, for settings.matches
    main_metric: str  # of `measure`, the one that a line of text names first

    @abstractmethod
    def read(self, config: TaskConfig) -> Splits:
        """The rows of train, valid and test; UserError if the data are missing or not usable."""

    @abstractmethod
    def fit(self, config: TaskConfig, rows: Sequence[Row]) -> Encoding:
        """Learn from the training rows how to encode."""

    @abstractmethod
    def sizes(self, config: TaskConfig, encoding: Encoding) -> NetworkConfig:
        """The network's settings with the sizes that follow from the data."""

    @abstractmethod
    def examples(self, encoding: Encoding, rows: Sequence[Row]) -> list[Example]:
        """Rows as what a network reads and is to answer."""

    @abstractmethod
    def measure(
        self, encoding: Encoding, rows: Sequence[Row], answers: Sequence[Answer]
    ) -> dict[str, float]:
        """How good answers to rows are."""

    @abstractmethod
    def baseline(self, train: Sequence[Row], test: Sequence[Row]) -> dict[str, float]:
        """The same metrics of a simpler method, learnt from `train` and measured on `test`."""

    @abstractmethod
    def question(self, encoding: Encoding, text: str) -> Inputs:
        """What `predict` was given, as the network reads it; UserError if it cannot be."""

    @abstractmethod
    def reply(self, encoding: Encoding, text: str, answer: Answer) -> dict[str, Any]:
        """The network's answer to `text`, for people and programs."""

    def initial_weights(self, config: TaskConfig) -> dict[str, Tensor]:  # noqa: ARG002
        """Weights of the network that training begins from in place of random ones."""
        return {}

    def training_rows(self, config: TaskConfig, rows: list[Row]) -> list[Row]:
        """At most `config.rows` of the training split, in a seeded order."""
        if config.rows is None or config.rows >= len(rows):
            return rows
        return random.Random(config.seed).sample(rows, config.rows)


def checked(rows: Splits, what: str) -> Splits:
    """The splits, once none of them is empty."""
    for split in ("train", "valid", "test"):
        if not rows.get(split):
            raise UserError(f"{what} has no rows in {split}")
    return rows


def split_rows(rows: list[Row], seed: int) -> Splits:
    """Rows dealt to train (70 %), valid and test (15 % each) in a seeded order."""
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    first, second = round(0.7 * len(rows)), round(0.85 * len(rows))
    parts = {"train": order[:first], "valid": order[first:second], "test": order[second:]}
    return {split: [rows[i] for i in part] for split, part in parts.items()}
