"""Coverage-guided fuzzing of one target with atheris: `scripts/fuzz TARGET --minutes N`.

What it finds lies as `crash-*` in the folder that it names; the corpus is kept in the cache.
"""

import argparse
import sys
from pathlib import Path

import atheris

from fuzz.mutate import mutate

LARGEST_INPUT = 1 << 16
_LIMITS = ("-rss_limit_mb=2560", "-timeout=20", "-print_final_stats=1", "-verbosity=1")


def main() -> None:
    """Instrument the product, make the seeds, run libFuzzer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--out", type=Path, default=Path.home() / ".cache/pocketlm/fuzz")
    arguments = parser.parse_args()
    with atheris.instrument_imports(include=["pocketlm", "sentencepiece", "json"]):
        from fuzz.harness import try_input
        from fuzz.specimens import specimens_from_nothing
        from fuzz.targets import all_targets

        targets = all_targets(specimens_from_nothing(arguments.out / "specimens"))
    target = targets[arguments.target]
    corpus, findings = (arguments.out / kind / target.name for kind in ("corpus", "findings"))
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [*_LIMITS, f"-max_len={LARGEST_INPUT}", f"-artifact_prefix={findings}/"]
    options += [f"-max_total_time={round(60 * arguments.minutes)}", str(corpus)]

    def run(data: bytes) -> None:
        try_input(target, data)

    def mutated(data: bytes, largest: int, seed: int) -> bytes:
        """Ours and libFuzzer's in turn."""
        changed = mutate(data, seed, largest) if seed % 2 else atheris.Mutate(data, len(data))
        return bytes(changed)

    atheris.Setup([sys.argv[0], *options], run, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
