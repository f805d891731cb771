"""Full disks, files that may not grow, read-only folders; disk_rounds.py has the rounds.

Below them: each writer by itself, stopped at every part of its file.
"""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from crash_scenarios import SCENARIOS, Scenario, leftovers
from disk_rounds import FULL, LIMIT, READ_ONLY, DiskRounds
from forks import Zygote

from pocketlm.benchmarks.backoff_table import write_keys
from pocketlm.benchmarks.count_table import write_count_table
from pocketlm.model.checkpoint import Checkpoint, save_checkpoint
from pocketlm.model.corpus import Corpus
from pocketlm.model.files import atomic_folder, write_json
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.shards import build_shards
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train_log import open_log

SEED = 1
WAYS = (FULL, LIMIT, READ_ONLY)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_full_disk_is_one_line_and_nothing_half_written(
    scenario: Scenario, template: Path, zygote: Zygote, tmp_path: Path
) -> None:
    rounds = DiskRounds(scenario, template, tmp_path, zygote)
    ways = WAYS if scenario.output == "new" else (FULL, READ_ONLY)
    for way in ways:
        rounds.round(0, SEED, way)
    assert any(rounds.counts[way] for way in (*ways, "no namespaces here"))  # not: all fitted in
    if rounds.counts["no namespaces here"]:
        pytest.skip("no mount namespace of one's own here: unshare(2) is refused")


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _write_weights(target: Path, corpus: Corpus, tokenizer: Tokenizer) -> None:
    save_checkpoint(target, Checkpoint({"w": torch.zeros(5000)}, {"step": 1}))


def _write_tokenizer(target: Path, corpus: Corpus, tokenizer: Tokenizer) -> None:
    tokenizer.save(target)


def _write_lexicon(target: Path, corpus: Corpus, tokenizer: Tokenizer) -> None:
    tokens = [np.arange(tokenizer.vocabulary_size, dtype=np.uint16)]
    Lexicon.build(corpus.lines("train"), tokens, tokenizer).save(target)


def _write_shards(target: Path, corpus: Corpus, tokenizer: Tokenizer) -> None:
    build_shards(corpus.lines("train"), tokenizer, target, "0" * 64, processes=1)


def _write_counts(target: Path, corpus: Corpus, tokenizer: Tokenizer) -> None:
    with atomic_folder(target, "marker") as folder:
        write_count_table(np.arange(2, 200), 200, 1, [0, 0], folder)


def _write_backoffs(target: Path, corpus: Corpus, tokenizer: Tokenizer) -> None:
    with atomic_folder(target, "marker") as folder:
        write_keys(folder, 2, np.arange(1000))


def _write_json(target: Path, corpus: Corpus, tokenizer: Tokenizer) -> None:
    write_json(target, {"long": "x" * 1000})


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
@pytest.mark.parametrize(
    "write",
    [
        _write_weights, _write_tokenizer, _write_lexicon, _write_shards, _write_counts,
        _write_backoffs, _write_json,
    ],
)  # fmt: skip
def test_a_writer_that_is_stopped_names_its_file_and_leaves_nothing(
    write: Callable[[Path, Corpus, Tokenizer], None],
    share: float,
    corpus: Corpus,
    tokenizer: Tokenizer,
    tmp_path: Path,
) -> None:
    write(tmp_path / "whole", corpus, tokenizer)
    whole = tmp_path / "whole"
    files = [whole] if whole.is_file() else list(whole.iterdir())
    size = int(share * max(path.stat().st_size for path in files))
    with pytest.raises(OSError, match="File too large") as caught, _largest_file(size):
        write(tmp_path / "cut", corpus, tokenizer)
    assert str(caught.value.filename).startswith(str(tmp_path / "cut"))
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
    assert not leftovers(tmp_path)


def test_a_row_of_the_log_that_was_cut_is_not_taken_for_another(tmp_path: Path) -> None:
    path, columns = tmp_path / "log.csv", ("step", "loss")
    room = len("step,loss\r\n5,2.5\r\n1")
    with open_log(path, 0, columns) as log:
        log({"step": 5, "loss": 2.5})
        with pytest.raises(OSError, match=r"File too large.*log\.csv"), _largest_file(room):
            log({"step": 10, "loss": 1.5})
    assert path.read_text(encoding="utf-8").splitlines() == ["step,loss", "5,2.5", "1"]
    with open_log(path, 7, columns) as log:
        log({"step": 10, "loss": 1.5})
    assert path.read_text(encoding="utf-8").splitlines() == ["step,loss", "5,2.5", "10,1.5"]
