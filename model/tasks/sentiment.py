"""Many to one: whether a sentence is meant well or ill, and the emoji that a keyboard may offer.

    text -> pieces -> GRU, both ways -> last states and their average over time -> two classes

Training begins from a language model: its embedding and its recurrence read the text from the
first step on (as in Howard and Ruder 2018), since 8,537 sentences are few to learn a language from.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from pocketlm.model.errors import UserError
from pocketlm.model.tasks.answers import Answer
from pocketlm.model.tasks.batches import Example, FloatArray, Inputs
from pocketlm.model.tasks.config import NetworkConfig, TaskConfig
from pocketlm.model.tasks.needed import needed
from pocketlm.model.tasks.pairs import Pair, read_pairs
from pocketlm.model.tasks.task import Encoding, Splits, Task
from pocketlm.model.tokenizer import END_ID, Tokenizer
from pocketlm.models import open_network

# The probability of the second label (pos) from which a mood is offered.
MOODS = ((0.85, "😄"), (0.6, "🙂"), (0.4, "😐"), (0.15, "🙁"), (0.0, "😞"))
_SPACE_BEFORE = re.compile(r" (?=[,.!?;:%)\]]|n't\b|'(?:s|re|ve|ll|d|m)\b)")
_SPACE_AFTER = re.compile(r"(?<=[(\[$]) ")


class Sentiment(Task):
    """See the module's docstring."""

    name = "sentiment"
    encoding_shape: ClassVar[dict[str, Any]] = {"labels": [str, str]}
    main_metric = "accuracy"
    long = TaskConfig(
        task="sentiment",
        data="sentiment/sentence-polarity",
        network=NetworkConfig(classes=2, dropout=0.3, token_dropout=0.05),
        initial="en-small",
        batch=1024,
        learning_rate=1e-3,
        warmup_steps=100,
        smoothing=0.05,
        average=0.99,
        epochs=6,
        patience=4,
    )
    quick = replace(long, epochs=3)

    def read(self, config: TaskConfig) -> Splits:
        """See Task."""
        return {
            split: [(label, natural(text)) for label, text in rows]
            for split, rows in read_pairs(config.data).items()
        }

    def fit(self, config: TaskConfig, rows: Sequence[Pair]) -> Encoding:
        """See Task; the labels are those of the training rows, in alphabetical order."""
        labels = sorted({label for label, _ in rows})
        if len(labels) != 2:
            raise UserError(f"{config.data} has {len(labels)} labels: two were expected")
        if config.initial:
            tokenizer = open_network(Path(config.initial))[1]
        else:
            texts = [text for _, text in rows]
            tokenizer = Tokenizer.train(texts, config.vocabulary_size, config.seed)
        return Encoding({"labels": labels}, tokenizer)

    def sizes(self, config: TaskConfig, encoding: Encoding) -> NetworkConfig:
        """See Task; a language model's sizes are kept."""
        sizes: dict[str, Any] = {"vocabulary_size": encoding.tokenizer.vocabulary_size}
        if config.initial:
            model = open_network(Path(config.initial))[0].config
            if model.cell != "gru":
                raise UserError(f"{config.initial} is no GRU: the encoder cannot begin from it")
            if model.recurrent_projection:
                raise UserError(
                    f"{config.initial} has a recurrent projection: the encoder cannot begin from it"
                )
            sizes |= {"embedding": model.embedding, "hidden": model.hidden, "layers": model.layers}
        return replace(config.network, classes=2, **sizes)

    def initial_weights(self, config: TaskConfig) -> dict[str, Tensor]:
        """See Task: the embedding, and the forward layers (its first state too)."""
        if not config.initial:
            return {}
        model, _ = open_network(Path(config.initial))
        weights = {"embedding.weight": model.embedding.weight.detach()}
        for layer in range(model.config.layers):
            if layer and config.network.bidirectional:
                break  # it reads both directions, which the language model's did not
            name = f"encoder.forwards.{layer}"
            kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            for kind, tensor in zip(kinds, model.layer_weights(layer)[:4], strict=True):
                weights[f"{name}.{kind}_l0"] = tensor.detach()
            weights[f"{name}.initial_state"] = model.initial_state[layer].detach()
        return weights

    def examples(self, encoding: Encoding, rows: Sequence[Pair]) -> list[Example]:
        """See Task."""
        labels: list[str] = encoding.values["labels"]
        if unknown := {label for label, _ in rows} - set(labels):
            raise UserError(f"label {min(unknown)!r:.60} is not among {', '.join(labels)}")
        tokens = encoding.tokenizer.encode_batch([text for _, text in rows])
        return [
            Example(_inputs(line), labels.index(label))
            for line, (label, _) in zip(tokens, rows, strict=True)
        ]

    def measure(
        self, encoding: Encoding, rows: Sequence[Pair], answers: Sequence[Answer]
    ) -> dict[str, float]:
        """Accuracy, F1 of the second label, and nats an answer."""
        labels: list[str] = encoding.values["labels"]
        truth = np.array([labels.index(label) for label, _ in rows])
        probabilities = np.array([_probability(np.asarray(answer)) for answer in answers])
        nats = -np.log(np.where(truth == 1, probabilities, 1 - probabilities)).mean()
        return {**_agreement(truth, probabilities > 0.5), "cross_entropy": float(nats)}

    def baseline(self, train: Sequence[Pair], test: Sequence[Pair]) -> dict[str, float]:
        """Logistic regression on the words and pairs of words that a text has."""
        words = needed("sklearn.feature_extraction.text", "tasks").CountVectorizer(
            ngram_range=(1, 2),
            binary=True,
            token_pattern=r"[\w']+|[!?.]",  # noqa: S106
        )
        regression = needed("sklearn.linear_model", "tasks").LogisticRegression(
            C=0.3, max_iter=1000
        )
        labels = sorted({label for label, _ in train})
        features = words.fit_transform([text for _, text in train])
        regression.fit(features, [labels.index(label) for label, _ in train])
        found = regression.predict(words.transform([text for _, text in test]))
        return _agreement(np.array([labels.index(label) for label, _ in test]), found == 1)

    def question(self, encoding: Encoding, text: str) -> Inputs:
        """See Task."""
        if not text.strip():
            raise UserError("there is no text to judge")
        return _inputs(encoding.tokenizer.encode(natural(text)))

    def reply(self, encoding: Encoding, text: str, answer: Answer) -> dict[str, Any]:  # noqa: ARG002
        """See Task: the label, its probability, and an emoji for the mood."""
        positive = _probability(np.asarray(answer))
        label = encoding.values["labels"][int(positive > 0.5)]
        mood = next(emoji for least, emoji in MOODS if positive >= least)
        return {"label": label, "probability": max(positive, 1 - positive), "mood": mood}


def natural(text: str) -> str:
    """Text as a keyboard sees it, in lower case: no space before a comma or inside brackets."""
    text = " ".join(text.lower().split())
    return _SPACE_AFTER.sub("", _SPACE_BEFORE.sub("", text))


def _inputs(tokens: Sequence[int]) -> Inputs:
    """A line begins with the end token, as the language model has read it."""
    return np.array([END_ID, *tokens], dtype=np.int32)


def _probability(scores: FloatArray) -> float:
    """Of the second label, by logits [2]."""
    return float(1 / (1 + np.exp(np.clip(float(scores[0] - scores[1]), -30, 30))))


def _agreement(truth: Any, found: Any) -> dict[str, float]:
    both = int(((truth == 1) & found).sum())
    f1 = 2 * both / max(1, int((truth == 1).sum() + found.sum()))
    return {"accuracy": float(((truth == 1) == found).mean()), "f1": f1}
