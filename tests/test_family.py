"""Deep networks of both cells through every command."""

from pathlib import Path

import pytest
from helpers import Invoke, only_json

from pocketlm.model.corpus import Corpus


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_a_deep_network_trains_evaluates_generates_and_exports(
    cell: str, corpus: Corpus, tmp_path: Path, invoke: Invoke
) -> None:
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    sizes = ("--vocabulary-size", 384, "--embedding", 24, "--hidden", 32, "--layers", 3)
    bounds = ("--max-steps", 40, "--rows", 4, "--window", 16, "--valid-every", 20)
    record = only_json(
        invoke("train", "--corpus", corpus.name, "--cell", cell, *sizes, *bounds,
               "--learning-rate", 0.01, "--out", run, "--json")
    )  # fmt: skip
    assert record["config"]["model"]["layers"] == 3
    first, last = (point["valid_word_perplexity_line"] for point in record["curve"])
    assert last < first

    text = corpus.path("valid")
    eager = only_json(invoke("evaluate", "--model", run, "--text", text, "--lines", 5, "--json"))
    texts = only_json(invoke("generate", "see you", "--model", run, "--count", 2, "--json"))
    assert all(line.startswith("see you") for line in texts["texts"])

    exported = invoke("export", run, "--recipe", "zero-copy", "--out", bundle, "--text", text)
    assert exported[0] == 0, exported[2]
    ours = only_json(invoke("evaluate", "--model", bundle, "--text", text, "--lines", 5, "--json"))
    assert ours["word_perplexity"] == pytest.approx(eager["word_perplexity"], rel=0.03)
