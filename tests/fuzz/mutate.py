"""Mutations of valid files: what breaks readers more often than random bytes do.

bytes -> cut, flip, splice, repeat, a number at an extreme | JSON: one value, key or level changed
      -> bytes

One seeded generator decides everything, so that Hypothesis and atheris draw from the same stock.
"""

import json
import random
import struct
from collections.abc import Callable
from typing import Any

_NUMBERS = (0, 1, 2, 255, 1 << 15, (1 << 16) - 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 63)
_TOKENS = (
    b"", b"\0", b"\r", b"\n\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"nan", b"-inf",
    b"1e999", b"-0", b"\xe2\x96\x81", b"\xe2\x80\xa8", b"<unk>", b"<s>", b"</s>", b"\\end\\",
    b"9" * 30, b"\xf4\x8f\xbf\xbf", b"\xf0\x9f\x98\x80",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 255, 1 << 31, 1 << 63, 1 << 64, -(1 << 63), 10**400, 0.5, -0.0,
    1e308, float("nan"), float("inf"), float("-inf"), "", "\0", "\ud800", "../x", "/etc/passwd",
    "\x1b[2J", "a\nb", "x" * 5000, [], {}, [[]], [0], {"": 0}, "model.pte", "task", "both", "rnn",
)  # fmt: skip


def mutate(data: bytes, seed: int, largest: int = 1 << 16) -> bytes:
    """Some bytes made of others, by one to four mutations; a JSON object may stay one."""
    draw = random.Random(seed)
    for _ in range(draw.randint(1, 4)):
        changed = None
        if draw.random() < 0.8:
            changed = _mutate_header(data, draw) if data[8:9] == b"{" else _mutate_json(data, draw)
        data = draw.choice(_MUTATIONS)(data, draw) if changed is None else changed
    return data[:largest]


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randint(0, len(data))]


def _flip(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(min(len(data), draw.choice((1, 1, 1, 2, 16)))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _splice(data: bytes, draw: random.Random) -> bytes:
    """A piece of it moved over another place."""
    begin, to = draw.randint(0, len(data)), draw.randint(0, len(data))
    piece = data[begin : begin + draw.randint(1, 64)]
    return data[:to] + piece + data[to + draw.choice((0, len(piece))) :]


def _remove(data: bytes, draw: random.Random) -> bytes:
    begin = draw.randint(0, len(data))
    return data[:begin] + data[begin + draw.choice((1, 4, 8, 100)) :]


def _repeat(data: bytes, draw: random.Random) -> bytes:
    begin = draw.randint(0, len(data))
    piece = data[begin : begin + draw.randint(1, 32)]
    return data[:begin] + piece * draw.choice((2, 10, 1000)) + data[begin:]


def _extreme(data: bytes, draw: random.Random) -> bytes:
    """A number of 1 to 8 bytes at an extreme, most often near the head, where sizes are."""
    size = draw.choice((1, 2, 4, 8))
    at = draw.randint(0, min(len(data), draw.choice((16, 128, len(data)))))
    number = draw.choice(_NUMBERS) & ((1 << 8 * size) - 1)
    return data[:at] + number.to_bytes(size, "little") + data[at + size :]


def _not_a_number(data: bytes, draw: random.Random) -> bytes:
    """A float that is none, in a place of a multiple of its size."""
    kind, size = draw.choice((("<e", 2), ("<f", 4)))
    at = draw.randrange(len(data) // size + 1) * size
    value = draw.choice((float("nan"), float("inf"), float("-inf")))
    return data[:at] + struct.pack(kind, value) + data[at + size :]


def _token(data: bytes, draw: random.Random) -> bytes:
    """A piece of text that readers are known to trip over, at a place or for a word."""
    words = data.split(b" ")
    if len(words) > 1 and draw.random() < 0.5:
        words[draw.randrange(len(words))] = draw.choice(_TOKENS)
        return b" ".join(words)
    at = draw.randint(0, len(data))
    return data[:at] + draw.choice(_TOKENS) + data[at:]


_MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _cut, _flip, _flip, _splice, _remove, _repeat, _extreme, _not_a_number, _token,
)  # fmt: skip


def _mutate_json(data: bytes, draw: random.Random) -> bytes | None:
    """The object with one value, key or level changed; None if it is no JSON object."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not value:
        return None
    _change(value, draw)
    return json.dumps(value).encode()


def _mutate_header(data: bytes, draw: random.Random) -> bytes | None:
    """The same of safetensors, whose JSON header has its length before it."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = _mutate_json(data[8:end], draw)
    return None if header is None else len(header).to_bytes(8, "little") + header + data[end:]


def _change(value: dict[str, Any] | list[Any], draw: random.Random) -> None:
    """Walk to a random place, and change what is there."""
    key = draw.choice(list(value)) if isinstance(value, dict) else draw.randrange(len(value))
    child = value[key]  # type: ignore[index]
    if isinstance(child, dict | list) and child and draw.random() < 0.7:
        _change(child, draw)
    elif isinstance(child, str) and child[:1] == "{" and draw.random() < 0.9:
        inner = _mutate_json(child.encode(errors="replace"), draw)
        value[key] = child if inner is None else inner.decode()  # type: ignore[index]
    elif isinstance(value, dict) and draw.random() < 0.3:
        kept = value.pop(key)  # type: ignore[arg-type]
        if draw.random() < 0.5:
            value[str(draw.choice(_VALUES))] = kept
    else:
        number = isinstance(child, int) and not isinstance(child, bool) and draw.random() < 0.4
        value[key] = child + draw.choice((-1, 1)) if number else draw.choice(_VALUES)  # type: ignore[index]
