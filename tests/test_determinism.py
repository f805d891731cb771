"""Same seed, same machine, same bytes: all that is made, by two processes.

They differ in the seed of Python's hashes, which orders sets of strings, and in the commands that
were run before. docs/robustness.md says where this cannot hold.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_scenarios import BUNDLE, SCENARIOS, TABLE, fingerprint, make_outputs
from forks import Zygote

MADE = (
    "run/tokenizer.model", "run/model.safetensors", "run/checkpoint.safetensors",
    "run/lexicon.bin", "run/config.json", "run/record.json", "run/log.csv",
    f"{BUNDLE}/model.pte", f"{BUNDLE}/tokenizer.model", f"{BUNDLE}/lexicon.bin",
    f"{BUNDLE}/weights.safetensors", f"{BUNDLE}/manifest.json",
    f"{TABLE}/order-1.counts", f"{TABLE}/order-2.counts", f"{TABLE}/order-2.keys",
    f"{TABLE}/ngram.json", f"{TABLE}/tokenizer.model", f"{TABLE}/lexicon.bin",
)  # fmt: skip


@pytest.fixture
def other() -> Iterator[Zygote]:
    zygote = Zygote(hash_seed="2")
    yield zygote
    zygote.close()


def test_two_processes_make_the_same_bytes(zygote: Zygote, other: Zygote, tmp_path: Path) -> None:
    folders = tmp_path / "one", tmp_path / "other"
    for maker, folder in zip((zygote, other), folders, strict=True):
        make_outputs(folder, maker)
    assert set(MADE) <= fingerprint(folders[0]).keys()
    _assert_equal(*folders)
    for maker, folder in zip((zygote, other), folders, strict=True):
        for scenario in SCENARIOS:
            if scenario.name in ("export", "kenlm"):  # the recipe zero-copy, and KenLM's tables
                log = tmp_path / "log"
                code = maker.run(scenario.job(folder, log))
                assert code == 0, log.read_text(encoding="utf-8")
    _assert_equal(*folders)


def _assert_equal(one: Path, other: Path) -> None:
    first, second = fingerprint(one), fingerprint(other)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
