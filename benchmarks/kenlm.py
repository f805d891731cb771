"""KenLM: interpolated modified Kneser-Ney tables, made and read by KenLM's own programs.

    token stream -> decimal words -> lmplz -> ARPA -> build_binary -> model.binary -> shim -> KenLM

Token 17 is the word "17"; the end token is KenLM's </s>. `--vocab_pad V` gives <unk> the share of
one unseen token, so that the probabilities of all V tokens sum to one when tokens that were never
seen take p(<unk>). The quantised trie rounds its probabilities, so that a distribution's sum is
0.999 to 1.0 there; perplexities are of KenLM's own numbers, those that its `query` prints, and are
not normalised again. Sources: Heafield et al. 2013 (lmplz), Heafield 2011 (the trie and probing
structures).

Shapes: B batch, S bytes of a state, V vocabulary.
"""

import ctypes
import errno
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.benchmarks.kenlm_sizes import TRIES
from pocketlm.benchmarks.sorted_ngrams import flatten
from pocketlm.benchmarks.toolchain import native_program
from pocketlm.model.errors import UserError
from pocketlm.model.predictor import FloatArray, IntArray, Predictor
from pocketlm.model.tokenizer import Tokenizer

# What build_binary is called with.
STRUCTURES = {**{name: bits.options for name, bits in TRIES.items()}, "probing": ["probing"]}
_FALLBACK = "--discount_fallback"  # lmplz names it where discounts cannot be estimated
_SORT_MEMORY = "1G"
_CHUNK_TOKENS = 1 << 20
# What ends KenLM's programs on a full disk, written through a memory map, or at a file's limit.
_DISK_SIGNALS: dict[int, int] = {signal.SIGBUS: errno.ENOSPC, signal.SIGXFSZ: errno.EFBIG}
States = npt.NDArray[np.uint8]


def train_kenlm(
    chunks: Iterable[npt.NDArray[np.integer]],
    vocabulary: int,
    end: int,
    *,
    order: int,
    prune: Sequence[int],
    structure: str,
    target: Path,
    notify: Callable[[str], None],
) -> tuple[list[int], bool]:
    """Estimate a model from a token stream and write KenLM's binary file.

    Args:
        chunks: the stream in parts, lines of which each ends with `end`.
        vocabulary: V.
        end: the end token's id.
        order: 2..6.
        prune: for each order, n-grams seen at most so often are left out.
        structure: a key of `STRUCTURES`.
        target: the binary file.
        notify: told in one line when the text is too small or artificial for its own discounts.

    Returns:
        The number of n-grams of each order, and whether KenLM's fallback discounts were used.

    Raises:
        UserError: KenLM refuses; the message is KenLM's.
    """
    with tempfile.TemporaryDirectory(prefix=".kenlm.", dir=target.parent) as work:
        arpa = Path(work) / "model.arpa"
        fallback = write_kenlm_arpa(
            chunks, vocabulary, end, order=order, prune=prune, target=arpa, notify=notify
        )
        counts = arpa_counts(arpa)
        build_kenlm(arpa, structure, target)
    return counts, fallback


def write_kenlm_arpa(
    chunks: Iterable[npt.NDArray[np.integer]],
    vocabulary: int,
    end: int,
    *,
    order: int,
    prune: Sequence[int],
    target: Path,
    notify: Callable[[str], None],
) -> bool:
    """Estimate a model by lmplz and write its ARPA file; arguments as of `train_kenlm`.

    Returns:
        Whether the fallback discounts were used.
    """
    with tempfile.TemporaryDirectory(prefix=".lmplz.", dir=target.parent) as work:
        words = Path(work) / "words.txt"
        with words.open("wb") as file:
            file.writelines(_as_words(chunks, vocabulary, end))
        command = [str(native_program("lmplz")), "-o", str(order), "-S", _SORT_MEMORY, "-T", work]
        command += ["--vocab_pad", str(vocabulary), "--arpa", str(target)]
        command += ["--prune", *map(str, prune)]
        try:
            _run(command, words, target)
        except UserError as error:
            if _FALLBACK not in str(error):
                raise
            notify(f"too little or too regular text for KenLM's own discounts: using {_FALLBACK}")
            _run([*command, _FALLBACK], words, target)
            return True
    return False


def build_kenlm(arpa: Path, structure: str, target: Path) -> None:
    """Write KenLM's binary file of an ARPA file, in a structure of `STRUCTURES`."""
    with tempfile.TemporaryDirectory(prefix=".kenlm.", dir=target.parent) as work:
        command = [str(native_program("build_binary")), "-T", work, "-S", _SORT_MEMORY]
        command += [*STRUCTURES[structure], str(arpa), str(target)]
        _run(command, Path(os.devnull), target)


def _as_words(
    chunks: Iterable[npt.NDArray[np.integer]], vocabulary: int, end: int
) -> Iterator[bytes]:
    words = [b"%d " % token for token in range(vocabulary)]
    words[end] = b"\n"
    for chunk in chunks:
        for start in range(0, len(chunk), _CHUNK_TOKENS):
            part = chunk[start : start + _CHUNK_TOKENS]
            yield b"".join(map(words.__getitem__, part.tolist()))


def _run(command: list[str], text: Path, target: Path) -> None:
    """Run one of KenLM's programs on a file; its reason, when it fails, in one line."""
    with text.open("rb") as stdin:
        result = subprocess.run(
            command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
    if result.returncode == 0:
        return
    if number := _DISK_SIGNALS.get(-result.returncode):
        raise OSError(number, os.strerror(number), str(target))
    lines = [line.strip() for line in result.stderr.decode(errors="replace").splitlines()]
    reasons = [line for line in lines if line and line != "ERROR" and set(line) != {"*"}]
    raise UserError(f"KenLM's {Path(command[0]).name}: {(reasons or ['failed'])[-1]}")


def arpa_counts(arpa: Path) -> list[int]:
    """The numbers of n-grams in an ARPA file's header."""
    counts = []
    with arpa.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("ngram "):
                counts.append(int(line.partition("=")[2]))
            elif counts:
                break
    return counts


class KenLM(Predictor):
    """The predictor over a KenLM binary file. A state is an array [B, S] of KenLM's own states."""

    def __init__(self, name: str, tokenizer: Tokenizer, path: Path) -> None:
        super().__init__(name, "kenlm", tokenizer)
        self.vocabulary = tokenizer.vocabulary_size
        self._shim = _load_shim()
        self._state_bytes = int(self._shim.pocketlm_kenlm_state_size())
        message = ctypes.create_string_buffer(1000)
        self._model = self._shim.pocketlm_kenlm_open(
            str(path).encode(), b"lazy", self.vocabulary, tokenizer.end_id, message, len(message)
        )
        if not self._model:
            reason = " ".join(message.value.decode(errors="replace").split())
            raise UserError(f"{path} cannot be read: {reason}")
        self._start = np.zeros((1, self._state_bytes), dtype=np.uint8)
        self._inside = np.zeros_like(self._start)
        self._shim.pocketlm_kenlm_begin(self._model, _pointer(self._start))
        self._shim.pocketlm_kenlm_begin_inside(self._model, _pointer(self._inside))

    def __del__(self) -> None:
        """Unmap the file."""
        if getattr(self, "_model", None):
            self._shim.pocketlm_kenlm_close(self._model)

    def start(self, batch: int = 1) -> States:
        """KenLM's state at the beginning of a sentence."""
        return np.repeat(self._start, batch, axis=0)

    def start_inside(self, batch: int = 1) -> States:
        """KenLM's null context."""
        return np.repeat(self._inside, batch, axis=0)

    def advance(self, state: States, tokens: IntArray) -> States:
        """Each state past its token; the end token gives a line's start."""
        tokens = np.ascontiguousarray(tokens, dtype=np.int64)
        state = np.ascontiguousarray(state)
        following = np.zeros_like(state)
        self._shim.pocketlm_kenlm_advance(
            self._model, _pointer(state), _pointer(tokens), len(tokens), _pointer(following)
        )
        following[tokens == self.tokenizer.end_id] = self._start
        return following

    def log_probabilities(self, state: States) -> FloatArray:
        """Natural logarithms [B, V] of the next token's probabilities."""
        state = np.ascontiguousarray(state)
        result = np.empty((len(state), self.vocabulary), dtype=np.float32)
        self._shim.pocketlm_kenlm_distribution(
            self._model, _pointer(state), len(state), _pointer(result)
        )
        return result

    def select(self, state: States, rows: IntArray) -> States:
        """The states at `rows`."""
        return state[rows]

    def score(self, sequences: Sequence[Sequence[int]]) -> list[FloatArray]:
        """All sequences in one call."""
        if not sequences:
            return []
        tokens, first = flatten(sequences, self.tokenizer.end_id)
        result = np.empty(len(tokens), dtype=np.float32)
        self._shim.pocketlm_kenlm_score(
            self._model, _pointer(tokens), _pointer(first), len(tokens), _pointer(result)
        )
        return np.split(result, np.cumsum([len(sequence) for sequence in sequences])[:-1])


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _load_shim() -> ctypes.CDLL:
    shim = ctypes.CDLL(str(native_program("kenlm_shim")))
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    shim.pocketlm_kenlm_state_size.restype = size
    shim.pocketlm_kenlm_open.restype = pointer
    shim.pocketlm_kenlm_open.argtypes = [
        ctypes.c_char_p, ctypes.c_char_p, size, size, ctypes.c_char_p, size,
    ]  # fmt: skip
    for name, argtypes in {
        "close": [pointer],
        "begin": [pointer, pointer],
        "begin_inside": [pointer, pointer],
        "advance": [pointer, pointer, pointer, size, pointer],
        "distribution": [pointer, pointer, size, pointer],
        "score": [pointer, pointer, pointer, size, pointer],
    }.items():
        function = getattr(shim, f"pocketlm_kenlm_{name}")
        function.argtypes, function.restype = argtypes, None
    return shim
