"""What the tests of the tasks share: tiny data, and settings of tiny trainings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pocketlm.model.tasks.config import TaskConfig
from pocketlm.model.tasks.tasks import open_task

WORDS = ("good", "fine", "lovely"), ("bad", "poor", "dull")


def write_pairs(folder: Path, rows: list[tuple[str, str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for split, part in (("train", rows), ("valid", rows[:12]), ("test", rows[:12])):
        text = "".join(f"{a}\t{b}\n" for a, b in part)
        (folder / f"{split}.tsv").write_text(text, encoding="utf-8")
    return folder


def write_task_data(folder: Path) -> dict[str, Path]:
    """Tiny data of each task that reads a file."""
    sentiment = [
        (("pos", "neg")[bad], f"a {word} film about {place} .")
        for bad in (0, 1)
        for word in WORDS[bad]
        for place in ("rome", "war", "love", "bees")
    ]
    numerals = ("one eins", "two zwei", "three drei", "four vier", "five fünf")
    pairs = [tuple(numeral.split()) for numeral in numerals]
    translation = [(f"{a[0]} {b[0]}", f"{a[1]} {b[1]}") for a in pairs for b in pairs]
    corpus = folder / "case"
    corpus.mkdir()
    lines = [f"{who} saw {whom} in Rome." for who in ("Tom", "We") for whom in ("Ann", "Mary")]
    for split in ("train", "valid", "test"):
        (corpus / f"{split}.txt").write_text("\n".join(lines * 8) + "\n", encoding="utf-8")
    draw = np.random.default_rng(1)
    rows = draw.normal(size=(60, 3))
    table = "a,b,value\n" + "".join(f"{a},{b},{2 * a - b}\n" for a, b, _ in rows)
    (folder / "table.csv").write_text(table, encoding="utf-8")
    return {
        "sentiment": write_pairs(folder / "sentiment", sentiment),
        "translation": write_pairs(folder / "translation", translation),
        "case": corpus,
        "regression": folder / "table.csv",
    }


def tiny(name: str, data: dict[str, Path], **changes: Any) -> TaskConfig:
    """A training of a second or two."""
    config = open_task(name).quick
    network = replace(
        config.network, embedding=16, hidden=24, decoder_hidden=24, layers=1, dropout=0.1
    )
    return replace(
        config,
        **{
            "data": str(data[name]) if name in data else config.data,
            "network": network,
            "initial": None,
            "vocabulary_size": 300,
            "learning_rate": 0.01,
            "warmup_steps": 5,
            "batch": 64,
            "epochs": None,
            "max_minutes": None,
            "max_steps": 60,
            "valid_every": 5.0,
            "patience": 100,
            "average": 0.9,
            "device": "cpu",
            "precision": "fp32",
            **changes,
        },
    )
