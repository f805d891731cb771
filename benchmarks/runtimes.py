"""Times zero-copy bundles on both runtimes in turn, which a busy machine hits alike (speed.py).

    MODEL -> open_measurable on each runtime -> interleaved -> a line: medians, and their ratio

    python -m pocketlm.benchmarks.runtimes MODEL TEXT

The text's first 300 lines are replayed, in 20 rounds of a fresh process each.
"""

import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from pocketlm.benchmarks.memory import DEFAULT_STEPS, read_text
from pocketlm.benchmarks.samples import DISTRIBUTION, LEAN, STOCK, open_measurable, write_tokens
from pocketlm.benchmarks.speed import Raw, interleaved, ratios
from pocketlm.benchmarks.units import format_us
from pocketlm.module_command import run_module

ROUNDS = 20
LINES = 300


def compared(folder: Path, text: Path, rounds: int = ROUNDS) -> Raw:
    """What `interleaved` gives of a bundle's two runtimes, its models' names being theirs.

    Raises:
        UserError: the bundle is not a zero-copy one, or damaged.
    """
    models = [
        replace(model, name=runtime)
        for runtime in (STOCK, LEAN)
        for model in open_measurable(folder, runtime)
    ]
    with tempfile.NamedTemporaryFile(suffix=".int32") as file:
        tokens = Path(file.name)
        write_tokens(read_text(text, LINES).lines, models[0].tokenizer, tokens)
        return interleaved(models, tokens, work=DISTRIBUTION, steps=DEFAULT_STEPS, rounds=rounds)


def _print(model: str, text: str) -> None:
    raw = compared(Path(model), Path(text))
    steps = {
        each["name"]: statistics.median(taken["median"] for taken in each["rounds"])
        for each in raw["models"]
    }
    ratio = ratios(raw, LEAN)[STOCK]
    print(  # noqa: T201
        f"{model}: {format_us(steps[STOCK])} a step stock, {format_us(steps[LEAN])} lean; in the "
        f"same round {ratio['median']:.1f} times ({ratio['least']:.1f} to {ratio['most']:.1f})"
    )


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    return run_module("pocketlm.benchmarks.runtimes MODEL TEXT", arguments, _print)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
