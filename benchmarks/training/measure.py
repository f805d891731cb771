"""All measurements of `bench training`, each kept as soon as it is done.

settings -> parts.py, race.py, scaling.py -> results.json -> tables in Markdown
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from pocketlm.benchmarks.training.parts import profiles
from pocketlm.benchmarks.training.plain_loop import PlainLoop
from pocketlm.benchmarks.training.race import Course, race
from pocketlm.benchmarks.training.scaling import scaling
from pocketlm.model.corpus import open_corpus, text_lines
from pocketlm.model.files import read_json, write_json
from pocketlm.model.hardware import machine_record, resolve_precision
from pocketlm.model.language_model import PRESETS
from pocketlm.model.run_folder import TrainConfig
from pocketlm.model.shards import open_shards
from pocketlm.models import open_tokenizer

RESULTS = "results.json"
SAMPLES = (256, 1024, 4096)
VALID_LINES = 2000
Json = dict[str, Any]
Bar = Callable[[str], AbstractContextManager[Callable[[float], None]]]


def measure_training(
    out: Path,
    corpus_name: str,
    tokens: str,
    preset: str,
    steps: int,
    wanted: Sequence[str],
    command: str,
    notify: Callable[[str], None],
    bar: Bar,
) -> Json:
    """Measure what is wanted and return all results of the folder, earlier ones included."""
    corpus, tokenizer = open_corpus(corpus_name), open_tokenizer(Path(tokens))
    shards = open_shards(corpus, "train", tokenizer, notify)
    sizes = replace(PRESETS[preset], vocabulary_size=tokenizer.vocabulary_size)
    config = TrainConfig(
        corpus=corpus_name,
        model=sizes,
        tokenizer=tokens,
        # As in the plain loop, a state goes on but for documents.
        fresh_lines=0.0,
        max_steps=steps,
        device="cpu",
    )
    valid = text_lines(corpus.path("valid"), VALID_LINES)
    course = Course(corpus, tokenizer, shards, valid, steps)
    path = out / RESULTS
    results: Json = read_json(path, "results") if path.is_file() else {}
    dtype = resolve_precision("auto", torch.device("cpu"))
    for name in wanted:
        with bar(name) as progress:
            if name == "parts":
                found: Any = profiles(config, shards, tokenizer)
            elif name == "loops":
                found = _loops(config, course, progress)
            elif name == "softmax":
                found = _softmaxes(config, course, progress)
            elif name == "compile":
                cells = {"as it is": config, "compiled": replace(config, compile=True)}
                found = race(course, cells, {}, progress)
            else:
                found = scaling(config, max(steps // 10, 5), progress=progress)
        machine = machine_record(torch.device("cpu"), dtype)
        results[name] = {"command": command, "steps": steps, **machine, "rows": found}
        write_json(path, results)
    return results


def _loops(config: TrainConfig, course: Course, progress: Callable[[float], None]) -> list[Json]:
    """The plain loop and this trainer, each in fp32 and in bf16."""
    precisions = {"fp32": torch.float32, "bf16": torch.bfloat16}
    plain = {
        f"plain loop, {name}": PlainLoop(config, course.shards, dtype)
        for name, dtype in precisions.items()
    }
    trainers = {f"this trainer, {name}": replace(config, precision=name) for name in precisions}
    return race(course, trainers, plain, progress)


def _softmaxes(
    config: TrainConfig, course: Course, progress: Callable[[float], None]
) -> list[Json]:
    trainers = {"all tokens": config}
    for samples in SAMPLES:
        trainers[f"{samples} samples"] = replace(config, softmax_samples=samples)
    return race(course, trainers, {}, progress)


def tables(results: Json) -> Iterator[str]:
    """What was measured, as tables in Markdown."""
    if "parts" in results:
        yield _parts_table(results["parts"]["rows"])
    for name in ("loops", "softmax", "compile"):
        if name in results:
            yield _race_table(results[name]["rows"])
    if "ranks" in results:
        yield _ranks_table(results["ranks"]["rows"])


def _parts_table(rows: list[Json]) -> str:
    names = [f"{row['softmax']} softmax, {row['precision']}" for row in rows]
    lines = ["| ms of a step | " + " | ".join(names) + " |", "|---" * (len(rows) + 1) + "|"]
    for part in rows[0]["milliseconds"]:
        figures = [f"{row['milliseconds'][part]:.1f}" for row in rows]
        lines.append(f"| {part} | " + " | ".join(figures) + " |")
    sums = [f"{sum(row['milliseconds'].values()):.0f}" for row in rows]
    return "\n".join([*lines, "| all | " + " | ".join(sums) + " |", ""])


def _race_table(rows: list[Json]) -> str:
    first = rows[0]["tokens_per_second"]["median"]
    lines = [
        "| training | tokens/s (least, most) | x | train, nats a token "
        "| valid, by document | by line |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        speed = row["tokens_per_second"]
        lines.append(
            f"| {row['name']} | {_speeds(speed)} | {speed['median'] / first:.2f} "
            f"| {row['train_nats_per_token']:.3f} "
            f"| {row['valid_word_perplexity_document']:.1f} "
            f"| {row['valid_word_perplexity_line']:.1f} |"
        )
    return "\n".join([*lines, ""])


def _ranks_table(rows: list[Json]) -> str:
    first = rows[0]["tokens_per_second"]["median"]
    lines = ["| ranks | threads of each | tokens/s (least, most) | x |", "|---|---|---|---|"]
    for row in rows:
        speed = row["tokens_per_second"]
        lines.append(
            f"| {row['ranks']} | {row['threads']} | {_speeds(speed)} "
            f"| {speed['median'] / first:.2f} |"
        )
    return "\n".join([*lines, ""])


def _speeds(speed: dict[str, float]) -> str:
    return f"{speed['median']:,.0f} ({speed['least']:,.0f}, {speed['most']:,.0f})"
