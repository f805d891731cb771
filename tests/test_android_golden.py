"""The files by which the Kotlin code is held to what the Python code says."""

import json
import random
import struct
from pathlib import Path

import pytest

from pocketlm.android.golden import (
    HARD_LINES,
    corpus_lines,
    made_lines,
    main,
    suggestion_cases,
    write_reading,
    write_tokens,
    write_weights,
    write_words,
)
from pocketlm.golden import golden_cases
from pocketlm.model.tokenizer import Tokenizer


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_texts_survive_with_lone_surrogates_and_line_breaks(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    assert write_tokens(tmp_path / "tokens.jsonl", tokenizer, HARD_LINES) == len(HARD_LINES)
    cases = read(tmp_path / "tokens.jsonl")
    # Two halves of a pair that stand together are the character, as they are in Java.
    joined = [line.encode("utf-16", "surrogatepass") for line in HARD_LINES]
    assert [str(case["text"]).encode("utf-16", "surrogatepass") for case in cases] == joined
    assert [case["tokens"] for case in cases] == [tokenizer.encode(line) for line in HARD_LINES]
    assert write_words(tmp_path / "words.jsonl", HARD_LINES) == len(HARD_LINES)
    assert read(tmp_path / "words.jsonl")[-1]["starts_sentence"] is False
    path = tmp_path / "reading.jsonl"
    assert write_reading(path, tokenizer, ["see 🦊 y", "a\ud83e\udd8ab"]) == 6
    assert [(case["context"], case["prefix"]) for case in read(path)] == [
        *(("see   ", "y"), ("SEE   ", "Y"), ("See   ", "Y")),
        *(("a ", "b"), ("A ", "B"), ("A ", "b")),
    ]


def test_lines_are_drawn_with_a_seed_and_without_corpora_from_our_own_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("POCKETLM_CORPORA", raising=False)
    monkeypatch.setenv("POCKETLM_DATA", str(tmp_path))
    lines = corpus_lines(10_000, random.Random(1))
    assert len(lines) == 10_000
    assert lines == corpus_lines(10_000, random.Random(1))
    assert lines != corpus_lines(10_000, random.Random(2))
    assert len(set(made_lines(100, random.Random(1)))) > 80


def test_corpora_that_are_there_are_drawn_from_half_of_it_english(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, word in (("keyboard-en", "see"), ("multilingual/x-de", "der"), ("other", "no")):
        (tmp_path / name).mkdir(parents=True)
        for split in ("train", "test"):
            text = "\n".join(f"{word} {split} {i}" for i in range(50))
            (tmp_path / name / f"{split}.txt").write_text(text + "\n\n")
    monkeypatch.setenv("POCKETLM_CORPORA", str(tmp_path))
    lines = corpus_lines(40, random.Random(1))
    assert sum(line.startswith("see test") for line in lines) == 20
    assert sum(line.startswith("der test") for line in lines) == 20


@pytest.mark.parametrize(
    ("model", "sizes"), [("en-small", (8192, 96, 384, 1, 0)), ("en-base", (8192, 128, 1152, 1, 1))]
)
def test_weights_have_the_bytes_that_their_sizes_say(
    tmp_path: Path, model: str, sizes: tuple[int, ...]
) -> None:
    write_weights(tmp_path / "weights.f32", Path(model))
    content = (tmp_path / "weights.f32").read_bytes()
    assert struct.unpack("<5I", content[:20]) == sizes
    v, e, h, layers, projected = sizes
    read = e if projected else h  # of the state by the recurrent matrix
    numbers = layers * h + 3 * h * (e + 1) + 3 * h * (read + 1) + e * (h + 1) + v * e
    assert len(content) == 20 + 4 * numbers


def test_suggestions_are_the_golden_cases_and_more(bundle: Path) -> None:
    golden = golden_cases(bundle)["cases"]
    cases = suggestion_cases(bundle, ["see you tomorrow", "café"], random.Random(1))
    assert cases[: len(golden)] == golden
    assert len(golden) <= len(cases) <= len(golden) + 2


def test_a_wrong_call_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
