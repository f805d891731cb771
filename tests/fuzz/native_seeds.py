"""Seeds of the libFuzzer targets (benchmarks/native/fuzz): `python -m fuzz.native_seeds FOLDER`."""

import struct
import sys
from pathlib import Path

from fuzz import parts
from fuzz.ngrams import BACKOFF, TABLE, parts_of
from fuzz.specimens import Specimens, specimens_from_nothing


def native_seeds(specimens: Specimens) -> dict[str, list[bytes]]:
    """The inputs that each target takes, by its name."""
    table, backoff = parts_of(specimens.table, TABLE), parts_of(specimens.backoff, BACKOFF)
    words = b"model\0--tokens\0x\0--end\x001\0--steps\x003\0--load\0mapped\0--add-k\x000.5"
    tokens = struct.pack("<6i", 17, 2, 1, 300, 5, 1)
    program = (specimens.bundle / "model.pte").read_bytes()
    return {
        # Even and odd: score and distribution; then the kind of table.
        "table": [bytes([k]) + (backoff if k < 2 else table) for k in range(8)],
        "replay": [parts.join([words, tokens])],
        "program": [program],
        "lean": [program],
        "tokenizer": [(specimens.run / "tokenizer.model").read_bytes()],
    }


def main() -> None:
    """Write them as FOLDER/seeds/TARGET/seed-N."""
    folder = Path(sys.argv[1])
    for name, seeds in native_seeds(specimens_from_nothing(folder / "specimens")).items():
        (folder / "seeds" / name).mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (folder / "seeds" / name / f"seed-{number}").write_bytes(seed)


if __name__ == "__main__":
    main()
