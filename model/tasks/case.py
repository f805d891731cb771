"""Many to many, aligned: the case of each piece of a text that was typed in lower case.

    lower-case text -> pieces -> GRU, both ways -> a tag for each piece -> proper case

Tags: lower; capital (the first letter); upper (all letters); mixed (as "McDonald": the piece's
most frequent such form in training). Trained and measured on lines whose case can be trusted
(`is_cased`). The metric is the F1 of words that are not all lower case, as they are written.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from pocketlm.model.corpus import SPLITS, open_corpus
from pocketlm.model.errors import UserError
from pocketlm.model.tasks.answers import Answer
from pocketlm.model.tasks.batches import Example, Inputs
from pocketlm.model.tasks.config import NetworkConfig, TaskConfig
from pocketlm.model.tasks.task import Encoding, Splits, Task, checked
from pocketlm.model.tokenizer import Tokenizer

TAGS = ("lower", "capital", "upper", "mixed")
LOWER, CAPITAL, UPPER, MIXED = range(4)
_VALID_LINES = 3000
_TOKENIZER_LINES = 300_000


class Case(Task):
    """See the module's docstring."""

    name = "case"
    encoding_shape: ClassVar[dict[str, Any]] = {
        "tags": list[str],
        "mixed": dict[str, str],
    }
    main_metric = "f1"
    long = TaskConfig(
        task="case",
        data="keyboard-en",
        network=NetworkConfig(alignment="each", classes=len(TAGS), hidden=256, dropout=0.2),
        vocabulary_size=8192,
        rows=300_000,
        batch=4096,
        learning_rate=3e-3,
        warmup_steps=300,
        average=0.998,
        epochs=1.0,
        valid_every=0.1,
    )
    quick = replace(long, rows=60_000, epochs=2.0, valid_every=0.5)

    def read(self, config: TaskConfig) -> Splits:
        """See Task: lines of a corpus whose case can be trusted."""
        corpus = open_corpus(config.data, config.seed)
        splits: Splits = {}
        for split in SPLITS:
            lines = (" ".join(line.split()) for line in corpus.lines(split))
            splits[split] = [line for line in lines if is_cased(line)]
        splits["valid"] = splits["valid"][:_VALID_LINES]
        return checked(splits, f"{config.data}, of lines with proper case,")

    def fit(self, config: TaskConfig, rows: Sequence[str]) -> Encoding:
        """See Task; the forms of mixed pieces are counted on the training rows."""
        low = [lowered(row) for row in rows]
        tokenizer = Tokenizer.train(low[:_TOKENIZER_LINES], config.vocabulary_size, config.seed)
        advance = advances(tokenizer)
        forms: dict[str, Counter[str]] = {}
        for line, low_line, tokens in zip(rows, low, tokenizer.encode_batch(low), strict=True):
            for start, end in spans(tokens, advance, low_line):
                if tag_of(line[start:end], low_line[start:end]) == MIXED:
                    counts = forms.setdefault(low_line[start:end], Counter())
                    counts[line[start:end]] += 1
        most = {piece: counts.most_common(1)[0][0] for piece, counts in sorted(forms.items())}
        return Encoding({"tags": list(TAGS), "mixed": most}, tokenizer)

    def sizes(self, config: TaskConfig, encoding: Encoding) -> NetworkConfig:
        """See Task."""
        vocabulary_size = encoding.tokenizer.vocabulary_size
        return replace(config.network, vocabulary_size=vocabulary_size, classes=len(TAGS))

    def examples(self, encoding: Encoding, rows: Sequence[str]) -> list[Example]:
        """See Task."""
        low = [lowered(row) for row in rows]
        advance = advances(encoding.tokenizer)
        examples = []
        for line, low_line, tokens in zip(
            rows, low, encoding.tokenizer.encode_batch(low), strict=True
        ):
            tags = [
                tag_of(line[start:end], low_line[start:end])
                for start, end in spans(tokens, advance, low_line)
            ]
            examples.append(
                Example(np.array(tokens, dtype=np.int32), np.array(tags, dtype=np.int32))
            )
        return examples

    def measure(
        self, encoding: Encoding, rows: Sequence[str], answers: Sequence[Answer]
    ) -> dict[str, float]:
        """F1, precision and recall of cased words; accuracy of all words and of whole lines."""
        restored = [
            restore(encoding, lowered(row), np.asarray(answer).argmax(-1).tolist())
            for row, answer in zip(rows, answers, strict=True)
        ]
        return word_scores(rows, restored)

    def baseline(self, train: Sequence[str], test: Sequence[str]) -> dict[str, float]:
        """Each word's most frequent form in training, and a capital at the start of the line."""
        forms: dict[str, Counter[str]] = {}
        for line in train:
            for word in line.split()[1:]:  # the first has its capital from the sentence
                forms.setdefault(lowered(word), Counter())[word] += 1
        most = {word: counts.most_common(1)[0][0] for word, counts in forms.items()}
        restored = []
        for line in test:
            words = [most.get(word, word) for word in lowered(line).split()]
            starts = [True, *[word[-1] in ".!?" for word in words[:-1]]]
            restored.append(
                " ".join(
                    _capital(word) if start and word == lowered(word) else word
                    for word, start in zip(words, starts, strict=True)
                )
            )
        return word_scores(test, restored)

    def question(self, encoding: Encoding, text: str) -> Inputs:
        """See Task."""
        low = lowered(" ".join(text.split()))
        if not low:
            raise UserError("there is no text whose case could be restored")
        return np.array(encoding.tokenizer.encode(low), dtype=np.int32)

    def reply(self, encoding: Encoding, text: str, answer: Answer) -> dict[str, Any]:
        """See Task."""
        tags = np.asarray(answer).argmax(-1).tolist()
        return {"text": restore(encoding, lowered(" ".join(text.split())), tags)}


def is_cased(line: str) -> bool:
    """Whether a line's writer kept to the rules: a capital at its start, no lone "i", no shouting.

    Much of a keyboard's text is typed without care for case (of keyboard-en, 16 % of the training
    lines and 31 % of the test lines); its case is no truth to learn from.
    """
    letters = [c for c in line if c.isalpha()]
    if len(letters) < 2 or not letters[0].isupper() or not line[0].isalnum():
        return False
    words = line.split()
    if len(words) > 1 and 2 * sum(c.isupper() for c in letters) > len(letters):
        return False
    return not any(word == "i" or word.startswith("i'") for word in words)


def lowered(text: str) -> str:
    """Lower case, character by character: as long as the text, unlike `str.lower` of "İ"."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def advances(tokenizer: Tokenizer) -> list[int]:
    """How many characters of a text each token stands for; a character's first byte for all."""
    steps = []
    for token, piece in enumerate(tokenizer.pieces):
        if tokenizer.is_text(token):
            steps.append(len(piece))
        else:
            is_byte = piece.startswith("<0x")
            steps.append(int(is_byte and int(piece[3:5], 16) & 0xC0 != 0x80))
    return steps


def spans(tokens: Iterable[int], advance: Sequence[int], text: str) -> list[tuple[int, int]]:
    """Where each token's characters are in the text; no span begins before it or ends after it."""
    found = []
    position = -1  # SentencePiece puts a space before the text
    for token in tokens:
        end = min(position + advance[token], len(text))
        found.append((max(position, 0), max(end, 0)))
        position = end
    return found


def tag_of(written: str, low: str) -> int:
    """The tag of a piece as it is written, `low` being its lower case."""
    if written == low:
        return LOWER
    letters = [c for c in written if c.lower() != c.upper()]
    if letters[0].isupper() and all(c.islower() for c in letters[1:]):
        return CAPITAL
    return UPPER if not any(c.islower() for c in letters) else MIXED


def restore(encoding: Encoding, low: str, tags: Sequence[int]) -> str:
    """Lower-case text with the tags of its pieces applied."""
    tokens = encoding.tokenizer.encode(low)
    mixed: dict[str, str] = encoding.values["mixed"]
    parts = []
    places = spans(tokens, advances(encoding.tokenizer), low)
    for (start, end), tag in zip(places, tags, strict=True):
        part = low[start:end]
        if tag == UPPER:
            part = "".join(c.upper() if len(c.upper()) == 1 else c for c in part)
        elif tag == MIXED and part in mixed:
            part = mixed[part]
        elif tag != LOWER:
            part = _capital(part)
        parts.append(part)
    return "".join(parts)


def word_scores(truth: Sequence[str], restored: Sequence[str]) -> dict[str, float]:
    """Micro-averaged F1 of the words that are not all lower case, and the rest of `measure`."""
    cased = claimed = right = same = total = whole = 0
    for line, found_line in zip(truth, restored, strict=True):
        whole += line == found_line
        for word, found in zip(line.split(), found_line.split(), strict=True):
            low = lowered(word)
            total += 1
            same += word == found
            cased += word != low
            claimed += found != low
            right += word != low and word == found
    precision, recall = right / max(1, claimed), right / max(1, cased)
    return {
        "f1": 2 * precision * recall / max(1e-9, precision + recall),
        "precision": precision,
        "recall": recall,
        "accuracy": same / max(1, total),
        "exact_match": whole / max(1, len(truth)),
        "words": float(total),
        "cased_words": float(cased),
    }


def _capital(text: str) -> str:
    """The first letter in upper case."""
    for i, c in enumerate(text):
        if c.isalpha():
            return text[:i] + (c.upper() if len(c.upper()) == 1 else c) + text[i + 1 :]
    return text
