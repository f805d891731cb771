"""What Python's runtime says of some tokens, for the app's engine to say the same, bit for bit.

    BUNDLES/NAME/model.pte -> ExecuTorch's runtime, one thread -> OUT/NAME/{tokens,logits}.bin

    python -m pocketlm.android.programs BUNDLES OUT

tokens.bin is int32 [T], logits.bin float32 [T, V] after each token, both little endian. The state
begins as the program's initial one and is never reset.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.export.bundle import PROGRAM, checked_manifest
from pocketlm.export.quiet import quiet_native
from pocketlm.model.files import atomic_path
from pocketlm.model.tokenizer import END_ID
from pocketlm.module_command import run_module

TOKENS = 40


def fixed_tokens(vocabulary_size: int) -> npt.NDArray[np.int32]:
    """The end token, then tokens from all over the vocabulary, always the same ones: [T]."""
    others = np.random.default_rng(7).integers(0, vocabulary_size, TOKENS - 3)
    return np.array([END_ID, *others, 0, vocabulary_size - 1], dtype=np.int32)


def program_logits(program: Path, tokens: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """The logits after each token, [T, V]."""
    with quiet_native():
        import executorch.kernels.quantized  # noqa: F401 - registers the quantised kernels
        import torch
        from executorch.runtime import Runtime

        from pocketlm.export.runtime import use_one_thread
    use_one_thread()
    with quiet_native():
        loaded: Any = Runtime.get().load_program(program)
        forward = loaded.load_method("forward")
        (state,) = loaded.load_method("initial_state").execute([])
    state, rows = state.clone(), []
    for token in tokens.tolist():
        logits, state = forward.execute([torch.tensor([[token]]), state])
        rows.append(logits.numpy().copy())
        state = state.clone()  # the program's own memory, which the next step overwrites
    return np.concatenate(rows)


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """An array's numbers, little endian, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(array.astype(array.dtype.newbyteorder("<")).tobytes())


def _write(bundles: str, out: str) -> None:
    for bundle in sorted(path for path in Path(bundles).iterdir() if path.is_dir()):
        tokens = fixed_tokens(checked_manifest(bundle)["model"]["vocabulary_size"])
        write_array(Path(out) / bundle.name / "tokens.bin", tokens)
        logits = program_logits(bundle / PROGRAM, tokens)
        write_array(Path(out) / bundle.name / "logits.bin", logits)


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    return run_module("pocketlm.android.programs BUNDLES OUT", arguments, _write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
