"""The command: what it prints is a contract, its mistakes are one line and exit code 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from helpers import SENTENCES, Invoke, only_json, write_corpus

from pocketlm.cli import cli


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("see you tonight\nok!\n\nthank you so much 😀\n", encoding="utf-8")
    return path


def all_commands(group: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    assert isinstance(group, click.Group)
    found = []
    for name, command in group.commands.items():
        nested = isinstance(command, click.Group)
        found += all_commands(command, (*path, name)) if nested else [(*path, name)]
    return found


def test_every_command_has_a_help_text_with_an_example(invoke: Invoke) -> None:
    commands = all_commands(cli)
    assert {"train", "evaluate", "score", "generate", "suggest", "export", "inspect", "demo"} <= {
        path[0] for path in commands
    }
    for path in [(), *commands]:
        code, out, _ = invoke(*path, "--help")
        assert code == 0
        assert f"pocketlm {' '.join(path)}".strip() in out.split("Example:")[1], path


def test_evaluate_prints_the_agreed_keys(invoke: Invoke, run: Path, text: Path) -> None:
    counts, perplexities = ["lines", "words", "tokens"], ["token_perplexity", "word_perplexity"]
    unknown = ["unknown_words", "unknown_nats", "word_perplexity_known"]
    keys = [*counts, "nats", *perplexities, "bits_per_character", *unknown]
    for context in ("line", "document"):
        value = only_json(
            invoke("evaluate", "--model", run, "--text", text, "--context", context, "--json")
        )
        assert list(value) == keys
        assert (value["lines"], value["words"]) == (3, 9)


@pytest.mark.parametrize(("text_so_far", "context", "prefix"), [
    ("see you ", "see you ", ""), ("see yo", "see ", "yo"), ("", "", ""), ("ok\nse", "ok\n", "se"),
])  # fmt: skip
def test_suggest_prints_the_agreed_keys(
    invoke: Invoke, run: Path, text_so_far: str, context: str, prefix: str
) -> None:
    value = only_json(invoke("suggest", text_so_far, "--model", run, "-k", 2, "--json"))
    assert list(value) == ["context", "prefix", "suggestions"]
    assert (value["context"], value["prefix"]) == (context, prefix)
    assert 1 <= len(value["suggestions"]) <= 2
    for suggestion in value["suggestions"]:
        assert list(suggestion) == ["word", "probability"]
        assert suggestion["word"].startswith(prefix)


def test_score_and_generate_print_json(invoke: Invoke, run: Path) -> None:
    value = only_json(invoke("score", "see you 😀", "--model", run, "--json"))
    assert value["nats"] == pytest.approx(-sum(t["log_probability"] for t in value["tokens"]))
    texts = [only_json(invoke("generate", "see", "--model", run, "--json"))["texts"] for _ in "ab"]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 3


def test_the_whole_path_from_a_file_to_suggestions(invoke: Invoke, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", SENTENCES)
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    record = only_json(
        invoke("train", "--corpus", corpus, "--preset", "tiny", "--vocabulary-size", 400,
               "--max-steps", 30, "--rows", 4, "--window", 16, "--out", run, "--json")
    )  # fmt: skip
    assert record["steps"] == 30
    assert record == json.loads((run / "record.json").read_text())
    again = only_json(invoke("train", "--out", run, "--resume", "--max-steps", 40, "--json"))
    assert (again["steps"], again["sessions"]) == (40, 2)

    manifest = only_json(invoke("export", run, "--out", bundle, "--verify-tokens", 100, "--json"))
    inspected = only_json(invoke("inspect", bundle, "--json"))
    assert inspected == {**manifest, "verified": True}
    code, out, _ = invoke("inspect", bundle)
    assert code == 0
    assert "verified" in out

    # A fresh process has imported nothing that export needed.
    arguments = ["suggest", "see y", "--model", str(bundle), "--json"]
    command = [sys.executable, "-m", "pocketlm", *arguments]
    fresh = subprocess.run(command, capture_output=True, text=True, check=False)
    assert fresh.stderr == ""
    assert json.loads(fresh.stdout)["suggestions"]


def test_inspect_names_a_damaged_file(invoke: Invoke, bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in bundle.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    data = (copy / "model.pte").read_bytes()
    (copy / "model.pte").write_bytes(data[:-1] + bytes([data[-1] ^ 255]))
    code, out, err = invoke("inspect", copy, "--json")
    assert code == 2
    assert json.loads(out)["verified"] is False
    assert err.count("\n") == 1
    assert "model.pte" in err
    for command in (("suggest", "see "), ("generate", "see")):
        code, out, err = invoke(*command, "--model", copy)
        assert (code, out) == (2, "")
        assert "model.pte" in err


def test_settings_are_printed_as_the_training_reads_them(invoke: Invoke) -> None:
    code, out, _ = invoke("train", "--corpus", "c", "--preset", "small", "--print-config")
    assert code == 0
    config = json.loads(out)
    assert (config["model"]["hidden"], config["epochs"]) == (384, 3.0)


MISTAKES: list[tuple[str, ...]] = [
    ("nonsense",),
    ("train",),
    ("train", "--corpus", "no-such-corpus", "--out", "{tmp}/r"),
    ("train", "--corpus", "first-look", "--out", "{tmp}/r", "--max-steps", "0"),
    ("train", "--corpus", "first-look", "--out", "{tmp}/r", "--hidden", "0"),
    ("train", "--corpus", "first-look", "--out", "{tmp}/r", "--tokenizer", "{tmp}/none.model"),
    ("train", "--corpus", "{tmp}/empty.txt", "--out", "{tmp}/r"),
    ("train", "--out", "{tmp}/r", "--resume"),
    ("train", "--out", "{run}", "--resume", "--hidden", "3"),
    ("train", "--out", "{run}", "--resume", "--preset", "base"),
    ("train", "--corpus", "first-look", "--out", "{tmp}/r", "--max-minutes", "nan"),
    ("train", "--corpus", "first-look", "--out", "{tmp}/r", "--rows", "1000000000"),
    ("train", "--corpus", "first-look", "--out", "{tmp}/r", "--seed", "-1"),
    ("generate", "see", "--model", "{run}", "--seed", "-1"),
    ("evaluate", "--model", "{run}", "--text", "{tmp}/none.txt"),
    ("evaluate", "--model", "{run}", "--text", "{tmp}/empty.txt"),
    ("evaluate", "--model", "{run}", "--text", "{tmp}"),
    ("evaluate", "--model", "{run}", "--text", "{tmp}/latin.txt"),
    ("evaluate", "--model", "{tmp}", "--text", "{tmp}/empty.txt"),
    ("score", "", "--model", "{run}"),
    ("score", "two\nlines", "--model", "{run}"),
    ("suggest", "see", "--model", "{tmp}/none"),
    ("generate", "see", "--model", "{run}", "--temperature", "-1"),
    ("export", "{tmp}", "--out", "{tmp}/b"),
    ("export", "{run}", "--out", "{tmp}/empty.txt"),
    ("export", "{run}", "--out", "{tmp}/b", "--text", "{tmp}/empty.txt"),
    ("inspect", "{run}"),
    ("bench", "memory", "{run}", "--text", "{tmp}/latin.txt", "--out", "{tmp}/report"),
    ("ngram", "train", "--corpus", "first-look", "--order", "0", "--out", "{tmp}/n"),
    ("ngram", "train", "--corpus", "first-look", "--order", "12", "--out", "{tmp}/n"),
]


@pytest.mark.parametrize("arguments", MISTAKES, ids=lambda a: " ".join(a)[:50])
def test_a_mistake_is_one_line_and_exit_code_2(
    invoke: Invoke, run: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    code, out, err = invoke(*(a.format(tmp=tmp_path, run=run) for a in arguments))
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] == ".") == []


def test_an_unwritable_folder_is_one_line(invoke: Invoke, run: Path, text: Path) -> None:
    code, out, err = invoke("export", run, "--out", "/proc/nowhere/bundle", "--text", text)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_line_of_megabytes_is_read(invoke: Invoke, run: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("see you " * 30_000 + "😀" * 10_000, encoding="utf-8")
    value = only_json(invoke("evaluate", "--model", run, "--text", path, "--json"))
    assert value["lines"] == 1
    assert value["words"] == 60_001


def test_the_demo_runs_end_to_end(invoke: Invoke, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", SENTENCES)
    out = tmp_path / "demo"
    arguments = ("--corpus", corpus, "--minutes", 0.05, "--lines", 10, "--out", out)
    code, printed, _ = invoke("demo", *arguments)
    assert code == 0
    assert "see you" in printed
    assert str(out / "report" / "report.html") in printed
    assert (out / "report" / "report.html").is_file()
    models = json.loads((out / "report" / "results.json").read_text())["models"]
    assert [model["name"] for model in models] == [
        "zero-copy", "xnnpack", "table-3 (dictionary)", "table-3 (mapped)", "kenlm-3",
    ]  # fmt: skip
    sizes = ("file_bytes", "private_dirty_bytes", "file_backed_bytes", "pss_bytes")
    keys = ("kind", *sizes, "step_us", "word_perplexity")
    assert all(key in model for model in models for key in keys)


def test_the_named_corpora_are_found(invoke: Invoke) -> None:
    root = os.environ.get("POCKETLM_CORPORA")
    if not root or not (Path(root) / "keyboard-en" / "valid.txt").is_file():
        pytest.skip("POCKETLM_CORPORA with keyboard-en is not here")
    code, out, _ = invoke("train", "--corpus", "keyboard-en", "--print-config")
    assert code == 0
    assert json.loads(out)["corpus"] == "keyboard-en"
