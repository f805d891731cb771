"""What the processes of test_concurrency.py do, in children of a zygote."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pocketlm.benchmarks.samples import open_measurable
from pocketlm.export.bundle import MANIFEST, checked_manifest, open_bundle
from pocketlm.model import temporaries
from pocketlm.model.files import atomic_folder, atomic_path
from pocketlm.model.steady import read_steadily
from pocketlm.models import open_tokenizer
from pocketlm.text_entries import open_suggester

MARKER, PARTS = "marker", ("one", "two", "three")


def replace_folder(target: str, name: str, times: int, at_once: bool) -> int:
    """Replace a folder again and again by one whose files all say the same."""
    if not at_once:
        temporaries.exchange = lambda *_: False
    for number in range(times):
        with atomic_folder(Path(target), MARKER) as folder:
            for part in (*PARTS, MARKER):
                (folder / part).write_text(f"{name} {number}", encoding="ascii")
    return 0


def read_folder(target: str, times: int, at_once: bool) -> int:
    """Read a folder that others replace: all its files are of one writing."""
    folder = Path(target)

    def read() -> set[str]:
        return {(folder / part).read_text(encoding="ascii") for part in (*PARTS, MARKER)}

    for _ in range(times):
        if at_once:
            assert (folder / MARKER).is_file(), "there is a folder at every moment"
        assert len(read_steadily(folder / MARKER, read)) == 1
    return 0


def replace_file(target: str, name: str, times: int) -> int:
    """Replace a file again and again."""
    for number in range(times):
        with atomic_path(Path(target)) as path:
            path.write_text(f"{name} {number}\n" * 2000, encoding="ascii")
    return 0


def read_file(target: str, times: int) -> int:
    """Read a file that others replace: all its lines are of one writing."""
    for _ in range(times):
        lines = Path(target).read_text(encoding="ascii").splitlines()
        assert len(lines) == 2000
        assert len(set(lines)) == 1
    return 0


def _until(seconds: float) -> Iterator[int]:
    stop, count = time.monotonic() + seconds, 0
    while time.monotonic() < stop:
        count += 1
        yield count


def replace_bundle(target: str, sources: list[str], seconds: float) -> int:
    """Put one bundle after another in a place."""
    for count in _until(seconds):
        with atomic_folder(Path(target), MANIFEST) as folder:
            shutil.copytree(sources[count % len(sources)], folder, dirs_exist_ok=True)
        time.sleep(0.1)
    return 0


def read_bundle(target: str, sources: list[str], seconds: float) -> int:
    """Open a bundle that others replace: it is one of the sources in all its parts."""
    answers = [_answers(Path(source)) for source in sources]
    for _ in _until(seconds):
        assert _answers(Path(target)) in answers
    return 0


def _answers(folder: Path) -> tuple[object, ...]:
    """What each way of opening a bundle makes of it."""
    predictor, suggester = open_bundle(folder), open_suggester(folder)
    state = predictor.advance(predictor.start(), np.array([3]))
    return (
        predictor.tokenizer.sha256,
        predictor.log_probabilities(state).tobytes(),
        [each.word for each in suggester.suggest("see y")],
    )


def read_parts(target: str, sources: list[str], seconds: float) -> int:
    """The same of what reads parts of a bundle."""
    hashes = [checked_manifest(Path(source))["manifest_sha256"] for source in sources]
    tokenizers = [open_tokenizer(Path(source)).sha256 for source in sources]
    for _ in _until(seconds):
        assert checked_manifest(Path(target))["manifest_sha256"] in hashes
        assert open_tokenizer(Path(target)).sha256 in tokenizers
        (measurable,) = open_measurable(Path(target))
        assert measurable.tokenizer.sha256 in tokenizers
    return 0
