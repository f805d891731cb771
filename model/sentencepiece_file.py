"""What is held against a `tokenizer.model` before SentencePiece's native code sees it.

The file is a protobuf (sentencepiece_model.proto). Of its settings two decide which code runs over
text: the kind of model, and the normalisation, whose character map is a table of offsets that the
library follows unchecked. PocketLM's own models are unigram or word models and have no such map, so
that any other file is refused; the phone's reader holds files to the same (SentencePieceModel.kt).
What else may be wrong with pieces is seen once they are read (tokenizer.py).
"""

from collections.abc import Iterator

# Fields of ModelProto, TrainerSpec and NormalizerSpec.
_TRAINER, _NORMALIZER, _DENORMALIZER = 2, 3, 5
_MODEL_TYPE, _CHARACTER_MAP = 3, 2
_UNIGRAM, _WORD = 1, 3
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class NotOursError(ValueError):
    """The file is no protobuf, or a SentencePiece model that PocketLM does not make."""


def check_model(file: bytes) -> None:
    """Raise NotOursError unless the file's settings are those of a model that PocketLM makes."""
    settings = 0
    for field, value in _fields(file):
        if field == _TRAINER:
            settings |= 1
            kinds = [item for name, item in _fields(_message(value)) if name == _MODEL_TYPE]
            if any(kind not in (_UNIGRAM, _WORD) for kind in kinds):
                raise NotOursError("it is neither a unigram nor a word model")
        elif field in (_NORMALIZER, _DENORMALIZER):
            settings |= 2 if field == _NORMALIZER else 0
            if any(name == _CHARACTER_MAP and item for name, item in _fields(_message(value))):
                raise NotOursError("it changes characters")
    if settings != 3:
        raise NotOursError("it has no settings")


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise NotOursError("a setting has another type")
    return value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: numbers, or the bytes of strings and messages."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            size, at = _varint(message, at)
        if size is None or size > len(message) - at:
            raise NotOursError("it is cut short")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at == len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise NotOursError("it is cut short")
