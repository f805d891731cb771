"""Bytes before building: counts and formulas against built models, files and a native process."""

import json
import os
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers import SENTENCES, Invoke, only_json, write_corpus
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketlm.benchmarks.built_sizes import check_built, measure_built
from pocketlm.benchmarks.count_table import write_count_table
from pocketlm.benchmarks.estimate import (
    DICTIONARY,
    backoff_table_bytes,
    estimates,
)
from pocketlm.benchmarks.kenlm import STRUCTURES, train_kenlm
from pocketlm.benchmarks.kenlm_sizes import kenlm_sizes
from pocketlm.benchmarks.kneser_ney import write_kneser_ney
from pocketlm.benchmarks.ngram_counts import NgramCounts, count_ngrams
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.model.errors import UserError
from pocketlm.model.tokenizer import Tokenizer

Tokens = npt.NDArray[np.int64]
END, VOCABULARY = 1, 320
TOLERANCE = 0.02
PRUNES = [(0, 0), (0, 0, 0), (0, 0, 0, 0, 0, 0), (0, 1, 2, 3, 3)]
CORPORA = os.environ.get("POCKETLM_CORPORA")
needs_corpora = pytest.mark.skipif(not CORPORA, reason="POCKETLM_CORPORA is not set")


def flat(lines: Iterable[list[int]]) -> Tokens:
    return np.array([token for line in lines for token in [*line, END]], dtype=np.int64)


def zipf_lines(seed: int, lines: int, vocabulary: int) -> Tokens:
    """Lines of up to twelve tokens, frequent ones often, the end token not among them."""
    generator = np.random.default_rng(seed)
    tokens = 2 + np.minimum(generator.zipf(1.3, 12 * lines), vocabulary - 2) % (vocabulary - 2)
    lengths = generator.integers(0, 13, lines)
    return flat(tokens[12 * i : 12 * i + n].tolist() for i, n in enumerate(lengths))


def by_definition(lines: list[list[int]], prune: list[int]) -> list[int]:
    """Distinct n-grams above their thresholds, counted in a dictionary."""
    counts: dict[tuple[int, ...], int] = {}
    for line in lines:
        padded = [END, *line, END]
        for start in range(len(padded)):
            for stop in range(start + 1, min(len(padded), start + len(prune)) + 1):
                if stop > 1:
                    ngram = tuple(padded[start:stop])
                    counts[ngram] = counts.get(ngram, 0) + 1
    return [
        sum(len(ngram) == order and n > prune[order - 1] for ngram, n in counts.items())
        for order in range(1, len(prune) + 1)
    ]


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(st.lists(st.integers(2, 5), max_size=7), min_size=1, max_size=9),
    prune=st.lists(st.integers(0, 2), max_size=5).map(lambda rest: [0, *sorted(rest)]),
)
def test_counts_are_those_of_the_definition(lines: list[list[int]], prune: list[int]) -> None:
    counts = count_ngrams(flat(lines), 6, END, prune)
    assert list(counts.sizes) == by_definition(lines, prune)


def test_no_tokens_are_an_error() -> None:
    with pytest.raises(UserError, match="no tokens"):
        count_ngrams(np.array([], dtype=np.uint16), 6, END, [0, 0])


def test_progress_rises_to_one() -> None:
    shares: list[float] = []
    count_ngrams(flat([[2, 3]]), 6, END, [0, 0, 0], shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def build_kenlm(
    tokens: Tokens, vocabulary: int, prune: tuple[int, ...], structure: str, target: Path
) -> list[int]:
    return train_kenlm(
        [tokens],
        vocabulary,
        END,
        order=len(prune),
        prune=prune,
        structure=structure,
        target=target,
        notify=lambda _: None,
    )[0]


def hold_files(tokens: Tokens, vocabulary: int, prune: tuple[int, ...], folder: Path) -> None:
    """Build every structure; each file has just the bytes that its formula gives."""
    counts = count_ngrams(tokens, vocabulary, END, prune)
    expected = {each.structure: each.bytes for each in estimates(counts)}
    table = folder / "table"
    table.mkdir()
    sizes = write_count_table(tokens, vocabulary, END, prune, table)
    assert sizes == list(counts.sizes)
    assert expected["sorted arrays"] == sum(path.stat().st_size for path in table.iterdir())
    for structure in STRUCTURES:
        target = folder / structure
        sizes = build_kenlm(tokens, vocabulary, prune, structure, target)
        assert sizes == kenlm_sizes(counts)
        assert (structure, expected[structure]) == (structure, target.stat().st_size)


@pytest.mark.parametrize("prune", PRUNES, ids=str)
def test_formulas_are_the_files_bytes(tmp_path: Path, prune: tuple[int, ...]) -> None:
    hold_files(zipf_lines(1, 3000, VOCABULARY), VOCABULARY, prune, tmp_path)


def test_orders_that_were_pruned_to_nothing_have_bytes_too(tmp_path: Path) -> None:
    tokens = flat([[2, 3, 4], [2, 3], [5, 2], [2]] * 2)
    hold_files(tokens, 6, (0, 1, 3, 9), tmp_path)


@needs_corpora
@pytest.mark.parametrize("prune", [(0, 0, 0, 0, 0), (0, 1, 2, 3, 3)], ids=str)
def test_formulas_are_the_files_bytes_on_real_text(tmp_path: Path, prune: tuple[int, ...]) -> None:
    from pocketlm.models import DEFAULT_MODEL, open_tokenizer

    tokenizer = open_tokenizer(DEFAULT_MODEL)
    assert tokenizer.end_id == END
    with (Path(str(CORPORA)) / "keyboard-en" / "valid.txt").open(encoding="utf-8") as file:
        lines = [line.strip() for line, _ in zip(file, range(20_000), strict=False)]
    tokens = flat(tokenizer.encode(line) for line in lines if line)
    hold_files(tokens, tokenizer.vocabulary_size, prune, tmp_path)


def random_text(words: int, lines: int) -> list[str]:
    generator = random.Random(1)
    vocabulary = ["".join(generator.choices("abcdefghijklmnop", k=2 + i % 4)) for i in range(words)]
    weights = range(words, 0, -1)
    return [" ".join(generator.choices(vocabulary, weights, k=10)) for _ in range(lines)]


def test_dictionary_takes_what_its_formula_says(tmp_path: Path) -> None:
    tokenizer = Tokenizer.train(random_text(200, 500), VOCABULARY)
    tokens = zipf_lines(2, 80_000, VOCABULARY)
    for order in (4, 6):
        folder = tmp_path / f"table-{order}"
        train_ngram([tokens], tokenizer, kind="table", order=order, out=folder, corpus={})
        counts = count_ngrams(tokens, VOCABULARY, END, [0] * order)
        expected = {each.structure: each.bytes for each in estimates(counts)}
        measured = {each.structure: each.bytes for each in measure_built(folder)}
        assert measured[DICTIONARY] > 10_000_000
        assert expected[DICTIONARY] == pytest.approx(measured[DICTIONARY], rel=TOLERANCE)
        assert expected["sorted arrays"] == measured["sorted arrays"]


def test_kenlm_begins_at_bigrams() -> None:
    names = [each.structure for each in estimates(NgramCounts(320, (300,), 800))]
    assert names == ["sorted arrays", "backoff arrays", DICTIONARY]


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("estimate") / "text", SENTENCES)


@pytest.fixture(scope="module")
def options(text_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A corpus and a small tokenizer."""
    tokenizer = Tokenizer.train((text_folder / "train.txt").read_text().splitlines(), VOCABULARY)
    path = tmp_path_factory.mktemp("tokens") / "tokenizer.model"
    tokenizer.save(path)
    return ["--corpus", str(text_folder), "--tokenizer", str(path)]


@pytest.mark.parametrize("order", [1, 2, 4])
def test_backoff_arrays_take_what_their_formula_says(tmp_path: Path, order: int) -> None:
    tokens = zipf_lines(1, 3000, VOCABULARY)
    write_kneser_ney(tokens, VOCABULARY, END, order, tmp_path, lambda _: None)
    counts = count_ngrams(tokens, VOCABULARY, END, [0] * order)
    assert backoff_table_bytes(counts) == sum(path.stat().st_size for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "structure"),
    [("table", "sorted arrays"), ("kneser-ney", "backoff arrays"), ("kenlm", "trie")],
)
def test_command_holds_its_formula_against_a_built_folder(
    invoke: Invoke, options: list[str], tmp_path: Path, kind: str, structure: str
) -> None:
    model = tmp_path / "model"
    prune = "0" if kind == "kneser-ney" else "0 0 1"  # which is not pruned
    settings = [*options, "--order", "3", "--prune", prune]
    code, _, error = invoke("ngram", "train", *settings, "--kind", kind, "--out", model)
    assert code == 0, error
    found = only_json(invoke("ngram", "estimate", *settings, "--built", model, "--json"))
    counts = json.loads((model / "ngram.json").read_text())["counts"]
    assert found["counts"][1:] == counts[1:]
    by_name: dict[str, Any] = {each["structure"]: each for each in found["structures"]}
    (built,) = by_name[structure]["built"]
    assert built["folder"] == str(model)
    assert built["error_percent"] == 0
    assert len(by_name[DICTIONARY]["built"]) == (kind == "table")


def test_command_prints_counts_and_bytes(invoke: Invoke, options: list[str]) -> None:
    found = only_json(invoke("ngram", "estimate", *options, "--order", "2", "--json"))
    assert set(found) == {
        "format_version", "corpus", "tokenizer_sha256", "tokens", "vocabulary_size", "order",
        "prune", "counts", "structures",
    }  # fmt: skip
    code, out, error = invoke("ngram", "estimate", *options, "--order", "2")
    assert (code, error) == (0, "")
    assert f"order 2: {found['counts'][1]:,} n-grams" in out
    for each in found["structures"]:
        assert f"{each['bytes']:,}" in out
        assert each["structure"] in out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--order", "0"], "order 0 is outside 1..6"),
        (["--order", "12"], "order 12 is outside 1..6"),
        (["--order", "2", "--prune", "0 0 1"], "3 pruning thresholds"),
        (["--prune", "0 2 1"], "never fall"),
        (["--prune", "1"], "start at 0"),
        (["--prune", "few"], "--prune takes counts"),
        (["--prune", "0 -1"], "--prune takes counts"),
        (["--corpus", "/nowhere/text"], "/nowhere/text"),
        (["--built", "/nowhere/model"], "/nowhere/model"),
        (["--tokenizer", "/nowhere/tokens"], "/nowhere/tokens"),
    ],
)
def test_mistakes_are_one_line(
    invoke: Invoke, options: list[str], changes: list[str], message: str
) -> None:
    code, out, error = invoke("ngram", "estimate", *options, *changes)
    assert (code, out) == (2, "")
    assert message in error
    assert error.count("\n") == 1


def test_empty_corpus_is_one_line(invoke: Invoke, options: list[str], tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.txt").write_text("")
    code, out, error = invoke("ngram", "estimate", *options, "--corpus", tmp_path)
    assert (code, out) == (2, "")
    assert error.count("\n") <= 2  # the note that it is tokenised may come first
    assert "error" in error.splitlines()[-1]


@pytest.mark.parametrize("different", ["tokenizer_sha256", "order", "prune", "corpus"])
def test_folders_of_other_settings_are_refused(
    tmp_path: Path, options: list[str], different: str
) -> None:
    tokenizer = Tokenizer.load(Path(options[-1]))
    record = {"name": "text", "sha256": "0"}
    tokens = flat(tokenizer.encode(line) for line in random_text(20, 50))
    folder = tmp_path / "model"
    train_ngram([tokens], tokenizer, kind="table", order=2, out=folder, corpus=record)
    arguments: dict[str, Any] = {
        "tokenizer_sha256": tokenizer.sha256,
        "prune": [0, 0],
        "corpus": record,
    }
    check_built(folder, **arguments)
    changes: dict[str, dict[str, Any]] = {
        "tokenizer_sha256": {"tokenizer_sha256": "0"},
        "order": {"prune": [0, 0, 0]},
        "prune": {"prune": [0, 1]},
        "corpus": {"corpus": {"sha256": "1"}},
    }
    with pytest.raises(UserError, match=f"built from another .*{different}"):
        check_built(folder, **(arguments | changes[different]))
