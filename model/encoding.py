"""Lines of text to tokens, in several processes, in order, with bounded memory.

    lines -> groups of at most GROUP_CHARACTERS -> encoded, each in one of N processes -> in order

A group is UTF-8 text in which every line has its line end. A line longer than a group goes on in
the next one: a group without a line end at its end holds the beginning of such a line. What the
processes give back does not depend on how many there are, nor on which of them was first.

The processes speak bytes through pipes, nothing is pickled:

    to it    u64 bytes, the tokenizer's .model file; then for each group u64 bytes, its text
    from it  u64 bytes, then u64 lines (parts of lines too), u64 words, u32 tokens in each line,
             u16 tokens; in the byte order of this machine

A process ends with its pipe, so that none is left behind when this one is killed.
"""

import os
import queue
import struct
import subprocess
import sys
from array import array
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice
from typing import IO

from pocketlm.model.errors import UserError
from pocketlm.model.tokenizer import Tokenizer

GROUP_CHARACTERS = 1 << 18
# A text of so few groups is encoded here: to start processes would take longer.
GROUPS_HERE = 16
# Of a process that encodes while others wait to be written; all that memory holds of the text.
IN_FLIGHT = 4
_SIZE = struct.Struct("=Q")
COUNTS = struct.Struct("=2Q")  # lines, words


def default_processes() -> int:
    """As many as this process may use cores."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def encode_lines(
    lines: Iterable[str], tokenizer: Tokenizer, processes: int | None = None
) -> Generator[bytes]:
    """The groups of lines as tokens; see the module's docstring for their form.

    Args:
        lines: without line ends; a blank one has no tokens, any other ends with the end token.
        tokenizer: its tokens.
        processes: beside this one; as many as there are cores if None. A small text, and any
            text where it is 1, is encoded in this process.

    Raises:
        UserError: one of the processes was killed.
    """
    count = default_processes() if processes is None else processes
    groups = _groups(lines)
    first = list(islice(groups, GROUPS_HERE))
    if count == 1 or len(first) < GROUPS_HERE:
        for group in chain(first, groups):
            yield encode_group(tokenizer, group)
    else:
        yield from _encode_in_processes(chain(first, groups), tokenizer, count)


def encode_group(tokenizer: Tokenizer, group: bytes) -> bytes:
    """Encode one group."""
    lines = group.decode("utf-8", "surrogatepass").split("\n")
    lengths, tokens, words = array("I"), array("H"), 0
    begun = lines.pop()
    for line, encoded in zip(lines, tokenizer.encode_batch(lines, threads=1), strict=True):
        count = len(line.split())
        if count:
            encoded.append(tokenizer.end_id)
            tokens.extend(encoded)
        lengths.append(len(encoded) if count else 0)
        words += count
    if begun:
        tokens.extend(encoded := tokenizer.encode(begun))
        lengths.append(len(encoded))
        words += len(begun.split())
    return COUNTS.pack(len(lengths), words) + lengths.tobytes() + tokens.tobytes()


def _groups(lines: Iterable[str]) -> Iterator[bytes]:
    group: list[str] = []
    room = GROUP_CHARACTERS
    for line in lines:
        if group and len(line) >= room:
            yield _joined(group)
            group, room = [], GROUP_CHARACTERS
        *begun, rest = _parts(line)
        yield from (part.encode("utf-8", "surrogatepass") for part in begun)
        group.append(rest)
        room -= len(rest) + 1
    if group:
        yield _joined(group)


def _parts(line: str) -> list[str]:
    """The line; an overlong one in parts, none of them blank, cut at a space if there is one.

    Pieces do not cross spaces, so that the parts' tokens are those of the line.
    """
    if len(line) < GROUP_CHARACTERS:
        return [line]
    parts = []
    rest = line.strip()
    while len(rest) >= GROUP_CHARACTERS:
        cut = rest.rfind(" ", 1, GROUP_CHARACTERS)
        parts.append(rest[: cut if cut > 0 else GROUP_CHARACTERS - 1])
        rest = rest[len(parts[-1]) :].lstrip()
    return [*parts, rest]


def _joined(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


def _encode_in_processes(
    groups: Iterable[bytes], tokenizer: Tokenizer, count: int
) -> Iterator[bytes]:
    processes: list[_Process] = []
    idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()

    def encode(group: bytes) -> bytes:
        process = idle.get()
        try:
            return process.encode(group)
        finally:
            idle.put(process)

    threads = ThreadPoolExecutor(count)  # each waits for a process
    try:
        for _ in range(count):
            processes.append(_Process(tokenizer))
            idle.put(processes[-1])
        pending: deque[Future[bytes]] = deque()
        for group in groups:
            pending.append(threads.submit(encode, group))
            if len(pending) == IN_FLIGHT * count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.end()  # its thread goes on, with an error that nobody asks for
        threads.shutdown()


class _Process:
    """A process that encodes groups with a tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        path = os.pathsep.join(os.path.abspath(folder) for folder in sys.path)  # noqa: PTH100
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            process_group=0,  # Ctrl-C is for this process alone, which then ends the others
        )
        self._begun = False
        self._tokenizer = tokenizer

    def encode(self, group: bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            if not self._begun:
                _send(self._process.stdin, self._tokenizer.serialized)
                self._begun = True
            _send(self._process.stdin, group)
        except BrokenPipeError:
            encoded = None
        else:
            encoded = _receive(self._process.stdout)
        if encoded is None:
            code = self._process.wait()
            how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
            raise UserError(f"a process that makes tokens {how}: is there memory left?")
        return encoded

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):
            self._process.communicate()  # closes the pipes


def _send(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(_SIZE.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes | None:
    """The next message; None where the other side has ended, be it in the middle of one."""
    size = pipe.read(_SIZE.size)
    if len(size) < _SIZE.size:
        return None
    message = pipe.read(_SIZE.unpack(size)[0])
    return message if len(message) == _SIZE.unpack(size)[0] else None


def _serve() -> None:
    """What a process does: answer each group until the pipe ends."""
    model = _receive(sys.stdin.buffer)
    tokenizer = Tokenizer(model) if model is not None else None
    while tokenizer and (group := _receive(sys.stdin.buffer)) is not None:
        try:
            _send(sys.stdout.buffer, encode_group(tokenizer, group))
        except BrokenPipeError:  # who asked has been killed
            os._exit(1)


if __name__ == "__main__":
    _serve()
