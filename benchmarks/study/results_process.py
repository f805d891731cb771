"""The results of `speed` and `process`."""

from collections.abc import Sequence
from typing import Any

from pocketlm.benchmarks.speed import ratios
from pocketlm.benchmarks.study.cells import Cell
from pocketlm.benchmarks.study.figures import figure
from pocketlm.benchmarks.study.process import STAGE as PROCESS
from pocketlm.benchmarks.study.timing import STAGE as SPEED

# Groups of mappings in the order of the page; what is in none of them is the system's libraries.
_PARTS = {
    "the model's file": ("model_file",),
    "the runtime": ("runner", "libexecutorch", "libkenlm"),
    "heap and stack": ("heap", "stack", "anonymous"),
    "the harness": ("harness",),
}
_SYSTEM = "system libraries"
_MEMORY = ("private_dirty", "file_backed", "pss")


def speed_results(taken: dict[str, dict[str, Cell]]) -> dict[str, Any] | None:
    """The section, or None if there are no cells of it."""
    works = {work: cell["value"] for work, cell in taken.get(SPEED, {}).items()}
    if not works:
        return None
    any_work = next(iter(works.values()))
    reference = any_work["models"][0]["name"]
    models = {
        model["name"]: {key: model[key] for key in ("name", "kind", "load_mode", "state_bytes")}
        for model in any_work["models"]
    }
    for work, value in works.items():
        beside = ratios(value, reference)
        for model in value["models"]:
            ratio = beside[model["name"]]
            models[model["name"]] |= {
                work: figure([each["median"] for each in model["rounds"]]),
                f"{work}_cpu_share": figure([each["cpu_share"] for each in model["rounds"]]),
                f"{work}_ratio": {key: ratio[key] for key in ("median", "least", "most")},
            }
    return {"reference": reference, "steps": any_work["steps"], "models": list(models.values())}


def process_results(taken: dict[str, dict[str, Cell]]) -> dict[str, Any] | None:
    """The section, or None if there are no cells of it."""
    models = [_process(name, cell) for name, cell in taken.get(PROCESS, {}).items()]
    return {"models": models} if models else None


def _process(name: str, cell: Cell) -> dict[str, Any]:
    samples, load_mode = cell["value"]["samples"], cell["settings"]["load_mode"]
    after = [sample["after_replay"] for sample in samples]
    return {
        "name": name.removesuffix(f" {load_mode}"),
        "kind": cell["value"]["kind"],
        "load_mode": load_mode,
        "page_cache": samples[0]["page_cache"],
        "load_us": figure([sample["load_us"] for sample in samples]),
        "private_dirty": figure([memory["private_dirty"] for memory in after]),
        "evictable": figure([memory["file_backed"] for memory in after]),
        "pss": figure([memory["pss"] for memory in after]),
        "parts": _parts(after),
        "pressure": _pressure([sample["pressure"] for sample in samples]),
    }


def _parts(snapshots: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    parts = [*_PARTS, _SYSTEM]
    sums = {part: [dict.fromkeys(_MEMORY, 0) for _ in snapshots] for part in parts}
    for i, snapshot in enumerate(snapshots):
        for group, memory in snapshot["groups"].items():
            for field in _MEMORY:
                sums[_part(group)][i][field] += memory[field]
    return [
        {"part": part, **{f: figure([each[f] for each in sums[part]]) for f in _MEMORY}}
        for part in parts
    ]


def _part(group: str) -> str:
    """The part that a group of mappings belongs to."""
    return next((part for part, own in _PARTS.items() if group.startswith(own)), _SYSTEM)


def _pressure(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "evictable": figure([sample["evictable_bytes"] for sample in samples]),
        "steady_us": figure([sample["steady_us"] for sample in samples]),
        **{
            drop: _drop([sample.get(drop) for sample in samples])
            for drop in ("dropped", "cold", "code")
        },
    }


def _recovered(sample: dict[str, Any]) -> int:
    """Steps until it was as quick as before; all that were watched if it never was."""
    steps = sample["steps_until_steady"]
    return int(sample["steps"] if steps is None else steps)


def _drop(samples: Sequence[dict[str, Any] | None]) -> dict[str, Any] | None:
    """What a drop did; None where there was nothing that the kernel may drop."""
    there = [sample for sample in samples if sample is not None]
    if not there:
        return None
    return {
        "file_backed_before": figure([s["file_backed_before"] for s in there]),
        "file_backed_after": figure([s["file_backed_after"] for s in there]),
        "page_cache_resident": figure([s["page_cache_resident"] for s in there]),
        "first_step_us": figure([s["first_us"] for s in there]),
        "steps_to_recover": figure([_recovered(s) for s in there]),
        "major_faults": figure([s["first_faults"]["major"] for s in there]),
        "minor_faults": figure([s["first_faults"]["minor"] for s in there]),
    }
