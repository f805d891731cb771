"""Examples as padded batches, of like lengths so that little is padding.

    Example(inputs, target) ... -> epoch_batches (a seeded order) -> collate -> Batch

Shapes: B batch, T time read, U time written, F features.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pocketlm.model.tokenizer import END_ID

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
# What is read: token ids [T], or a vector [F] as a sequence of length 1.
Inputs = IntArray | FloatArray
# Batches of this many are sorted by length together: enough for little padding, and few enough
# that an epoch's batches are not the same every time.
_SORTED_BATCHES = 64


@dataclass(frozen=True)
class Example:
    """What is read, and the right answer: a number, a class, or ids [T] or [U]."""

    inputs: Inputs
    target: float | int | IntArray


@dataclass(frozen=True)
class Batch:
    """Sequences padded at their ends."""

    inputs: Tensor  # [B, T] int64, or [B, 1, F]
    lengths: Tensor  # [B]
    targets: Tensor  # [B] float or int64, or [B, T] or [B, U] int64
    target_lengths: Tensor  # [B]

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        parts = (self.inputs, self.lengths, self.targets, self.target_lengths)
        return Batch(*(part.to(device) for part in parts))


def epoch_batches(examples: Sequence[Example], size: int, seed: int, epoch: int) -> list[list[int]]:
    """The batches of an epoch: indices, in an order that seed and epoch decide.

    Args:
        examples: all of them.
        size: what a batch reads at most, padding included: tokens, or rows of vectors.
        seed: of the order, together with `epoch`.
        epoch: from 0.
    """
    generator = random.Random(f"{seed} {epoch}")
    order = list(range(len(examples)))
    generator.shuffle(order)
    lengths = [_length(example.inputs) for example in examples]
    chunk = max(1, _SORTED_BATCHES * size * len(examples) // max(1, sum(lengths)))
    batches: list[list[int]] = []
    for start in range(0, len(order), chunk):
        part = sorted(
            order[start : start + chunk], key=lambda i: (lengths[i], _target_length(examples[i]))
        )
        batches += cut_batches(part, lengths, size)
    generator.shuffle(batches)
    return batches


def cut_batches(order: Sequence[int], lengths: Sequence[int], size: int) -> list[list[int]]:
    """Indices in runs whose number times the longest is at most `size`, or of one."""
    batches: list[list[int]] = []
    longest = 0
    for i in order:
        longest = max(longest, lengths[i])
        if not batches or (len(batches[-1]) + 1) * longest > size:
            batches.append([])
            longest = lengths[i]
        batches[-1].append(i)
    return batches


def read_batches(inputs: Sequence[Inputs], size: int) -> list[list[int]]:
    """Batches of what is read, by length, without a target: for evaluation."""
    lengths = [_length(each) for each in inputs]
    return cut_batches(sorted(range(len(inputs)), key=lambda i: lengths[i]), lengths, size)


def collate(examples: Sequence[Example]) -> Batch:
    """A batch of examples of one kind."""
    inputs, lengths = stack_inputs([example.inputs for example in examples])
    first = examples[0].target
    if isinstance(first, np.ndarray):
        targets, target_lengths = _pad([np.asarray(e.target, dtype=np.int32) for e in examples])
    else:
        kind = torch.float32 if isinstance(first, float) else torch.int64
        targets = torch.tensor([e.target for e in examples], dtype=kind)
        target_lengths = torch.ones(len(examples), dtype=torch.int64)
    return Batch(inputs, lengths, targets, target_lengths)


def stack_inputs(inputs: Sequence[Inputs]) -> tuple[Tensor, Tensor]:
    """What is read, [B, T] or [B, 1, F], and its lengths [B]."""
    if inputs[0].dtype == np.float32:
        return torch.from_numpy(np.stack(inputs))[:, None, :], torch.ones(len(inputs)).long()
    return _pad(inputs)


def _pad(sequences: Sequence[npt.NDArray[np.generic]]) -> tuple[Tensor, Tensor]:
    lengths = [len(sequence) for sequence in sequences]
    padded = np.full((len(sequences), max(lengths)), END_ID, dtype=np.int64)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    return torch.from_numpy(padded), torch.tensor(lengths)


def _length(inputs: Inputs) -> int:
    return 1 if inputs.dtype == np.float32 else len(inputs)


def _target_length(example: Example) -> int:
    return len(example.target) if isinstance(example.target, np.ndarray) else 1
