"""The results of `quality`, and the two ratios that the argument stands or falls with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pocketlm.benchmarks.keystrokes import Counts, recall_ratios, recall_summary
from pocketlm.benchmarks.study.cells import Cell
from pocketlm.benchmarks.study.figures import figure, growth
from pocketlm.benchmarks.study.quality import MEMORY, NATS, RECALL
from pocketlm.model.evaluate import exp_or_infinity

Model = dict[str, Any]


def quality_results(taken: dict[str, dict[str, Cell]]) -> dict[str, Any] | None:
    """The section, or None if there are no cells of it."""
    models = [_model(name, cell, taken) for name, cell in taken.get(MEMORY, {}).items()]
    guessed = {
        name: np.array(cell["value"]["lines"], dtype=np.int64)
        for name, cell in taken.get(RECALL, {}).items()
    }
    return {"models": models, "ratios": _ratios(models, guessed)} if models else None


def _model(layout: str, cell: Cell, taken: dict[str, dict[str, Cell]]) -> Model:
    settings, value, name = cell["settings"], cell["value"], plain_name(layout)
    samples = value["samples"]
    own = [sample["after_replay"]["model_file"]["file_backed"] for sample in samples]
    recall = taken[RECALL][name]
    counts = np.array(recall["value"]["lines"], dtype=np.int64)
    return {
        "name": layout,
        **{key: value[key] for key in ("kind", "structure", "order", "load_mode", "file_bytes")},
        "prune": settings.get("prune"),
        "private_dirty": growth(samples, "private_dirty"),
        "model_file_backed": figure(own),
        "pss": growth(samples, "pss"),
        "perplexity_of": value["perplexity_of"],
        "word_perplexity": _perplexity(taken, f"{value['perplexity_of']} valid"),
        "word_perplexity_test": _perplexity(taken, f"{value['perplexity_of']} test"),
        **recall_summary(counts, recall["settings"]["seed"]),
    }


def plain_name(layout: str) -> str:
    """Of the model that is laid out so."""
    return layout.partition(" (")[0]


def _perplexity(taken: dict[str, dict[str, Cell]], name: str) -> float:
    value = taken[NATS][name]["value"]
    return exp_or_infinity(value["nats"] / value["words"])


def _ratios(models: Sequence[Model], guessed: dict[str, Counts]) -> dict[str, Any] | None:
    """The first network beside the n-gram model of its memory, and beside that of its quality."""
    networks = [model for model in models if model["kind"] == "network"]
    tables = [m for m in models if m["kind"] != "network" and np.isfinite(m["word_perplexity"])]
    if not networks or not tables:
        return None
    network = networks[0]
    fitting = [m for m in tables if _pss(m) <= _pss(network)]
    memory = (
        min(fitting, key=lambda m: float(m["word_perplexity"]))
        if fitting
        else min(tables, key=_pss)
    )
    as_good = [m for m in tables if m["word_perplexity"] <= network["word_perplexity"]]
    quality = min(as_good, key=_pss, default=None)
    best = min(tables, key=lambda m: (float(m["word_perplexity"]), _pss(m)))
    return {
        "network": network["name"],
        "same_memory": _beside(memory, network, guessed),
        "same_quality": quality and _beside(quality, network, guessed),
        "best": _beside(best, network, guessed),
        "smaller_than_network": [m["name"] for m in tables if _pss(m) <= _pss(network)],
    }


def _pss(model: Model) -> float:
    return float(model["pss"]["median"])


def _beside(ngram: Model, network: Model, guessed: dict[str, Counts]) -> dict[str, Any]:
    ours, theirs = (guessed[plain_name(model["name"])] for model in (network, ngram))
    return {
        "ngram": ngram["name"],
        "memory": _pss(ngram) / _pss(network),
        "word_perplexity": ngram["word_perplexity"] / network["word_perplexity"],
        **recall_ratios(ours, theirs),
    }
