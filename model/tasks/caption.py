"""One to many: a sentence that describes an image of a digit.

    8 x 8 pixels -> one step of a GRU -> the first state of a decoder -> words

    "a bold seven that leans right"

The images are scikit-learn's digits (Alpaydin and Kaynak 1998). What a sentence says of the stroke
and the slant is computed from the pixels, with the training images' terciles as bounds:

    stroke   all ink
    slant    -cov(x, y) / var(y) of the ink, y downwards: columns to the right for a row upwards

Training images are moved, sheared, and made fainter or stronger a little; their truths are computed
from the pixels that result.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pocketlm.model.errors import UserError
from pocketlm.model.tasks.answers import Answer
from pocketlm.model.tasks.batches import Example, Inputs
from pocketlm.model.tasks.config import NetworkConfig, TaskConfig
from pocketlm.model.tasks.needed import needed
from pocketlm.model.tasks.regression import numbers
from pocketlm.model.tasks.task import Encoding, Splits, Task, split_rows
from pocketlm.model.tokenizer import Tokenizer

SIDE = 8  # pixels
FULL = 16.0  # the ink of a pixel at most
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
STROKES = ("light", "medium", "bold")
SLANTS = ("leans left", "stands upright", "leans right")
Pixels = npt.NDArray[np.float32]  # [64], row by row
ImageRow = tuple[Pixels, int]  # and the digit


class Caption(Task):
    """See the module's docstring."""

    name = "caption"
    encoding_shape: ClassVar[dict[str, Any]] = {
        "stroke_bounds": [float, float],
        "slant_bounds": [float, float],
    }
    main_metric = "exact_match"
    long = TaskConfig(
        task="caption",
        data="digits",
        network=NetworkConfig(
            reads="features",
            alignment="decoder",
            head="tokens",
            embedding=64,
            hidden=512,
            layers=2,
            bidirectional=False,
            decoder_hidden=128,
            dropout=0.05,
        ),
        vocabulary_size=64,
        batch=256,
        learning_rate=2e-3,
        warmup_steps=100,
        average=0.998,
        epochs=30,
        patience=8,
        precision="fp32",
    )
    quick = replace(long, epochs=10)
    copies = 24  # of each training image

    def read(self, config: TaskConfig) -> Splits:
        """See Task; the training images come with changed copies."""
        if config.data != "digits":
            raise UserError(f"the caption's images are scikit-learn's digits, not {config.data!r}")
        digits = needed("sklearn.datasets", "tasks").load_digits()
        rows = [
            (pixels.astype(np.float32), int(digit))
            for pixels, digit in zip(digits.data, digits.target, strict=True)
        ]
        splits = split_rows(rows, config.seed)
        generator = np.random.default_rng(config.seed)
        splits["train"] += [
            (changed(pixels, generator), digit)
            for pixels, digit in splits["train"]
            for _ in range(self.copies)
        ]
        return splits

    def fit(self, config: TaskConfig, rows: Sequence[ImageRow]) -> Encoding:
        """See Task: the bounds of strokes and slants, and the words."""
        images = [pixels for pixels, _ in rows]
        terciles = (100 / 3, 200 / 3)
        values = {
            "stroke_bounds": np.percentile([p.sum() for p in images], terciles).tolist(),
            "slant_bounds": np.percentile([slant(p) for p in images], terciles).tolist(),
        }
        encoding = Encoding(values)
        sentences = [_sentence(*truth(encoding, row)) for row in rows]
        return Encoding(values, Tokenizer.train_words(sentences, config.vocabulary_size))

    def sizes(self, config: TaskConfig, encoding: Encoding) -> NetworkConfig:
        """See Task."""
        size = encoding.tokenizer.vocabulary_size
        return replace(config.network, features=SIDE * SIDE, vocabulary_size=size)

    def examples(self, encoding: Encoding, rows: Sequence[ImageRow]) -> list[Example]:
        """See Task."""
        sentences = [_sentence(*truth(encoding, row)) for row in rows]
        return [
            Example(_inputs(pixels), np.array(tokens, dtype=np.int32))
            for (pixels, _), tokens in zip(
                rows, encoding.tokenizer.encode_batch(sentences), strict=True
            )
        ]

    def measure(
        self, encoding: Encoding, rows: Sequence[ImageRow], answers: Sequence[Answer]
    ) -> dict[str, float]:
        """The share of images whose digit, stroke, slant, and all of them are said right."""
        truths = [truth(encoding, row) for row in rows]
        said = [_attributes(_text(encoding, answer)) for answer in answers]
        return _matches(truths, said)

    def baseline(self, train: Sequence[ImageRow], test: Sequence[ImageRow]) -> dict[str, float]:
        """The sentence of the training image whose pixels are nearest."""
        encoding = self.fit(self.long, train)
        nearest = needed("sklearn.neighbors", "tasks").NearestNeighbors(n_neighbors=1)
        nearest.fit([pixels for pixels, _ in train])
        found = nearest.kneighbors([pixels for pixels, _ in test], return_distance=False)
        said = [truth(encoding, train[i]) for i in found[:, 0]]
        return _matches([truth(encoding, row) for row in test], said)

    def question(self, encoding: Encoding, text: str) -> Inputs:  # noqa: ARG002
        """See Task: the number of an image of scikit-learn's, or 64 numbers from 0 to 16."""
        return _inputs(_pixels(text))

    def reply(self, encoding: Encoding, text: str, answer: Answer) -> dict[str, Any]:
        """See Task: the sentence, and what the pixels say of stroke and slant."""
        _, stroke, slant_ = truth(encoding, (_pixels(text), 0))
        return {"text": _text(encoding, answer), "stroke": stroke, "slant": slant_}


def slant(pixels: Pixels) -> float:
    """Columns to the right for a row upwards, by the second moments of the ink."""
    ink = pixels.reshape(SIDE, SIDE).astype(np.float64)
    mass = ink.sum() + 1e-9
    y, x = np.mgrid[:SIDE, :SIDE]
    x = x - (ink * x).sum() / mass
    y = y - (ink * y).sum() / mass
    return float(-(ink * x * y).sum() / ((ink * y * y).sum() + 1e-9))


def truth(encoding: Encoding, row: ImageRow) -> tuple[str, str, str]:
    """Digit, stroke and slant of an image."""
    pixels, digit = row
    stroke = STROKES[int(np.searchsorted(encoding.values["stroke_bounds"], pixels.sum()))]
    leaning = SLANTS[int(np.searchsorted(encoding.values["slant_bounds"], slant(pixels)))]
    return DIGITS[digit], stroke, leaning


def changed(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """A copy of an image, moved, sheared, stretched and made fainter or stronger by a little."""
    shear, stretch = generator.uniform(-0.25, 0.25), generator.uniform(0.92, 1.08)
    middle = np.full(2, (SIDE - 1) / 2)
    matrix = np.array([[stretch, 0.0], [shear, 1 / stretch]])  # of (y, x)
    offset = middle - matrix @ middle + generator.uniform(-0.6, 0.6, 2)
    image: Pixels = pixels.reshape(SIDE, SIDE)
    moved = needed("scipy.ndimage", "tasks").affine_transform(image, matrix, offset, order=1)
    strength = generator.uniform(0.85, 1.15)
    image = np.clip(moved * strength, 0, FULL).round(2).astype(np.float32)
    return image.ravel()


def _sentence(digit: str, stroke: str, leaning: str) -> str:
    return f"a {stroke} {digit} that {leaning}"


def _attributes(sentence: str) -> tuple[str, str, str]:
    """What `_sentence` was given; empty words where a sentence has another form."""
    words = [*sentence.split(), "", "", "", "", "", ""][:6]
    return words[2], words[1], f"{words[4]} {words[5]}"


def _matches(
    truths: Sequence[tuple[str, str, str]], said: Sequence[tuple[str, str, str]]
) -> dict[str, float]:
    scores = {"exact_match": float(np.mean([t == s for t, s in zip(truths, said, strict=True)]))}
    for i, name in enumerate(("digit", "stroke", "slant")):
        right = [t[i] == s[i] for t, s in zip(truths, said, strict=True)]
        scores[name] = float(np.mean(right))
    return scores


def _text(encoding: Encoding, answer: Answer) -> str:
    return encoding.tokenizer.decode(list(map(int, answer)))


def _inputs(pixels: Pixels) -> Inputs:
    """Between -1 and 1, as a GRU step likes them."""
    return (pixels / (FULL / 2) - 1).astype(np.float32)


def _pixels(text: str) -> Pixels:
    if text.strip().isdecimal():
        images = needed("sklearn.datasets", "tasks").load_digits().data
        if int(text) >= len(images):
            raise UserError(f"there are {len(images)} images, from 0")
        return np.array(images[int(text)], dtype=np.float32)
    pixels = np.array(numbers(text, SIDE * SIDE), dtype=np.float32)
    if pixels.min() < 0 or pixels.max() > FULL:
        raise UserError(f"a pixel is outside 0..{FULL:.0f}")
    return pixels
