"""Generation side by side: the same prompts and seeds, a judge, distinct-n."""

import math
from pathlib import Path

import numpy as np
import pytest
from helpers import Invoke, only_json

from pocketlm.benchmarks.generation import cut, distinct, judged
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.model.corpus import Corpus
from pocketlm.model.network import open_run
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer


def test_distinct_is_the_share_of_different_ones() -> None:
    texts = [["a", "b", "a", "b"], ["a", "b"], ["c"]]
    assert distinct(texts, 1) == pytest.approx(3 / 7)
    assert distinct(texts, 2) == pytest.approx(2 / 4)  # none reaches over the end of a text
    assert distinct(texts, 3) == 1
    assert distinct([["a"]], 2) == 0


def test_as_many_words_are_counted_for_each_model() -> None:
    assert cut(["a b c", "d e", "f"], 4) == [["a", "b", "c"], ["d"], []]


def test_the_judge_is_asked_for_each_line_from_a_fresh_state(run: Path) -> None:
    judge = open_run(run)
    texts = ["see you tomorrow", "at the station"]
    found = judged(texts, judge, 4)
    lines = [[*judge.tokenizer.encode(text), judge.tokenizer.end_id] for text in texts]
    nats = -sum(float(scores.sum()) for scores in judge.score(lines))
    assert found["judge_word_perplexity"] == pytest.approx(math.exp(nats / 6), rel=1e-5)
    assert found["words"] == 6


def test_models_write_beside_each_other(
    run: Path, corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path, invoke: Invoke
) -> None:
    shards = open_shards(corpus, "train", tokenizer)
    table = tmp_path / "table-3"
    train_ngram(shards.chunks(), tokenizer, kind="table", order=3, out=table, corpus={})
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("see you\nI would\n", encoding="utf-8")
    arguments = ("bench", "generation", table, run, "--prompts", prompts, "--judge", run,
                 "--people", corpus.path("test"), "--count", 3, "--json")  # fmt: skip
    results = only_json(invoke(*arguments))
    assert [model["name"] for model in results["models"]] == ["table-3", "tiny", "people"]
    for model in results["models"]:
        assert model["texts"] == 6
        assert np.isfinite(model["judge_word_perplexity"])
        assert 0 < model["distinct_1"] <= 1
    assert all(text[:7] in ("see you", "I would") for text in results["models"][1]["shown"])
    assert results["models"][2]["shown"] == []
    assert only_json(invoke(*arguments)) == results
    prompts.write_text("\n", encoding="utf-8")
    assert invoke(*arguments)[0] == 2
