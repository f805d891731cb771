"""Many to many, not aligned: English to German, by an encoder, attention and a decoder.

    English -> pieces -> bidirectional GRU -> attention <-> decoder -> pieces -> German

Both languages share their pieces and their embedding, which is the softmax's weight too. The metric
is BLEU (Papineni et al. 2002) by sacrebleu's standard tokenisation (Post 2018), one reference each.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pocketlm.model.errors import UserError
from pocketlm.model.tasks.answers import Answer
from pocketlm.model.tasks.batches import Example, Inputs
from pocketlm.model.tasks.config import NetworkConfig, TaskConfig
from pocketlm.model.tasks.needed import needed
from pocketlm.model.tasks.pairs import Pair, read_pairs
from pocketlm.model.tasks.task import Encoding, Splits, Task
from pocketlm.model.tokenizer import Tokenizer

_NETWORK = NetworkConfig(
    alignment="decoder",
    head="tokens",
    embedding=256,
    hidden=256,
    decoder_hidden=384,
    attention=True,
    dropout=0.3,
    token_dropout=0.05,
)


class Translation(Task):
    """See the module's docstring."""

    name = "translation"
    main_metric = "bleu"
    long = TaskConfig(
        task="translation",
        data="parallel/tatoeba-en-de",
        network=_NETWORK,
        vocabulary_size=4096,
        batch=1536,
        learning_rate=2e-3,
        warmup_steps=500,
        smoothing=0.1,
        average=0.998,
        epochs=18,
        beam=5,
    )
    quick = replace(long, network=replace(_NETWORK, dropout=0.2), epochs=None, max_minutes=6.0)

    def read(self, config: TaskConfig) -> Splits:
        """See Task."""
        return dict(read_pairs(config.data))

    def fit(self, config: TaskConfig, rows: Sequence[Pair]) -> Encoding:
        """See Task."""
        lines = [side for row in rows for side in row]
        return Encoding({}, Tokenizer.train(lines, config.vocabulary_size, config.seed))

    def sizes(self, config: TaskConfig, encoding: Encoding) -> NetworkConfig:
        """See Task."""
        return replace(config.network, vocabulary_size=encoding.tokenizer.vocabulary_size)

    def examples(self, encoding: Encoding, rows: Sequence[Pair]) -> list[Example]:
        """See Task."""
        sources = encoding.tokenizer.encode_batch([source for source, _ in rows])
        targets = encoding.tokenizer.encode_batch([target for _, target in rows])
        return [
            Example(np.array(source, dtype=np.int32), np.array(target, dtype=np.int32))
            for source, target in zip(sources, targets, strict=True)
        ]

    def measure(
        self, encoding: Encoding, rows: Sequence[Pair], answers: Sequence[Answer]
    ) -> dict[str, float]:
        """BLEU and chrF of a whole split, and the share of answers that are the reference."""
        written = [encoding.tokenizer.decode(list(map(int, answer))) for answer in answers]
        return _scores(written, [target for _, target in rows])

    def baseline(self, train: Sequence[Pair], test: Sequence[Pair]) -> dict[str, float]:
        """The translation of the training sentence that shares most words with the one asked."""
        nearest = needed("sklearn.neighbors", "tasks").NearestNeighbors(n_neighbors=1)
        words = needed("sklearn.feature_extraction.text", "tasks").TfidfVectorizer()
        nearest.fit(words.fit_transform([source for source, _ in train]))
        found = nearest.kneighbors(words.transform([s for s, _ in test]), return_distance=False)
        return _scores([train[i][1] for i in found[:, 0]], [target for _, target in test])

    def question(self, encoding: Encoding, text: str) -> Inputs:
        """See Task."""
        if not text.strip():
            raise UserError("there is no text to translate")
        return np.array(encoding.tokenizer.encode(text), dtype=np.int32)

    def reply(self, encoding: Encoding, text: str, answer: Answer) -> dict[str, Any]:  # noqa: ARG002
        """See Task."""
        return {"text": encoding.tokenizer.decode(list(map(int, answer)))}


def _scores(written: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    sacrebleu = needed("sacrebleu", "tasks")
    same = sum(a == b for a, b in zip(written, references, strict=True))
    return {
        "bleu": sacrebleu.corpus_bleu(written, [references]).score,
        "chrf": sacrebleu.corpus_chrf(written, [references]).score,
        "exact_match": same / len(references),
    }
