"""Several files as one input, so that a fuzzer can move bytes between them.

    4 bytes little endian: length, then as many bytes, for each part

A length beyond the end takes what there is; a missing part is empty. The C++ targets split their
inputs the same way (benchmarks/native/fuzz_parts.h), and share the seeds.
"""

import struct
from collections.abc import Sequence


def join(parts: Sequence[bytes]) -> bytes:
    """Parts as one input."""
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


def split(data: bytes, count: int) -> list[bytes]:
    """`count` parts of an input."""
    parts, at = [], 0
    for _ in range(count):
        length = int.from_bytes(data[at : at + 4], "little")
        parts.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return parts
