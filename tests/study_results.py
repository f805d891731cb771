"""A FIXTURE: made-up results of `bench all` in the schema of docs/bench.md. No figure is measured.

The magnitudes are like real ones, so that the page can be judged by eye; `python
tests/study_results.py FOLDER` writes it.
"""

import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]
SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)
WORDS = 12_300_000
KIB, MIB = 1024, 1 << 20
STRUCTURES = (
    ("sorted arrays", 12, "mapped"),
    ("dictionary", 40, "dictionary"),
    ("backoff arrays", 15, "mapped"),
    ("probing", 23, "lazy"),
    ("trie", 3.8, "lazy"),
    ("unquantised trie", 9.6, "lazy"),
)
CONTEXTS = (1, 2, 3, 5, 8, 13, 21, None)
LAGS = (1, 2, 3, 5, 8, 13, 21, 34)


def made_up_results(plan: str = "full") -> Json:
    """All sections, filled."""
    return {
        "schema_version": 2,
        "created": "2026-01-01T00:00:00+00:00",
        "command": "pocketlm bench all --out <report>",
        "plan": {"name": plan, "samples": 5, "steps": 1000, "rounds": 7, "seed": 1}
        | {"shares": list(SHARES), "recall_lines": 800, "text_lines": None},
        "machine": {
            "processor": "FIXTURE, made-up figures",
            "architecture": "x86_64",
            "cores": 2,
            "memory_bytes": 24 << 30,
            "system": "Linux 0.0",
        },
        "versions": {"python": "3.11.7", "kenlm": "0.3.0", "pocketlm": "0.1.0"},
        "corpus": {"name": "made-up", "sha256": "cd" * 32, "words": WORDS, "tokens": 16_000_000}
        | {"vocabulary": 8192},
        "text": {"name": "valid.txt", "sha256": "ab" * 32, "lines": 40_000, "words": 369_377},
        "growth": _growth(),
        "quality": _quality(),
        "reach": _reach(),
        "influence": _influence(),
        "speed": _speed(),
        "process": _process(),
    }


def figure(median: float, spread: float = 0.01) -> Json:
    """Five made-up processes."""
    return {"median": median, "least": median * (1 - spread), "most": median * (1 + spread)}


def estimate(value: float, half: float) -> Json:
    """A made-up interval."""
    return {"value": value, "low": value - half, "high": value + half}


def _ngrams(words: float, order: int) -> list[int]:
    tops = (8_022, 1_075_495, 4_308_034, 7_268_765, 8_857_689, 9_700_000)
    powers = (0.03, 0.55, 0.72, 0.84, 0.9, 0.94)
    return [
        round(top * (words / WORDS) ** power)
        for top, power in zip(tops[:order], powers, strict=False)
    ]


def _growth() -> Json:
    points, laws = [], []
    for structure, each, load_mode in STRUCTURES:
        for order in range(1, 7):
            if order == 1 and load_mode == "lazy":
                continue
            for share in SHARES:
                ngrams = _ngrams(WORDS * share, order)
                size = round(32_768 + each * sum(ngrams))
                error = (0.004 if share > 0.2 else -0.007) if structure == "dictionary" else 0.0
                points.append(
                    {"structure": structure, "order": order, "share": share}
                    | {"words": round(WORDS * share), "tokens": round(16e6 * share)}
                    | {"ngrams": ngrams, "load_mode": load_mode}
                    | {"estimate_bytes": round(size * (1 + error)), "measured_bytes": size}
                    | {"formula_error": error, "file_bytes": size}
                    | _memory(size, private=load_mode == "dictionary")
                )
            sizes = [p["measured_bytes"] for p in points[-2:]]
            exponent = 0.0 if order == 1 else 0.55 + 0.07 * (order - 2)
            coefficient = sizes[-1] / WORDS**exponent
            further = [{"words": w, "bytes": coefficient * w**exponent} for w in (10**8, 10**9)]
            laws.append(
                {"structure": structure, "order": order, "coefficient": coefficient}
                | {"exponent": exponent, "points": 3, "largest_error": 0.031}
                | {"held_out_error": 0.052}
                | {"extrapolated": further}
            )
    networks = [
        {"name": name, "file_bytes": size, **_memory(size, private=False)}
        for name, size in (("en-base", 2_164_352), ("en-small", 1_436_544))
    ]
    return {"points": points, "network": networks, "laws": laws}


def _memory(size: float, private: bool) -> Json:
    found = {}
    for moment, touched in (("after_load", 0.2), ("after_replay", 0.9)):
        found[f"private_{moment}"] = figure(size if private else 32 * KIB)
        found[f"pss_{moment}"] = figure(size if private else touched * size + 150 * KIB)
    return found


def _quality() -> Json:
    models = [
        _model("en-base", "network", 2.16e6, 181.9, 24.2, 38.4, private=56 * KIB, pss=3.2 * MIB),
        _model(
            "en-base-xnnpack", "network", 3.25e6, 182.0, 24.2, 38.4,
            private=2336 * KIB, pss=4.4 * MIB,
        ),
        _model("en-small", "network", 1.44e6, 211.4, 23.5, 36.7, private=44 * KIB, pss=2.5 * MIB),
    ]  # fmt: skip
    pruned = (
        ("0 10 20 40 40", 1.1e6, 497.0),
        ("0 5 10 20 20", 2.1e6, 390.2),
        ("0 3 6 10 10", 3.25e6, 338.0),
        ("0 2 4 6 6", 4.6e6, 301.0),
        ("0 1 2 4 4", 7.2e6, 256.0),
        ("0 1 2 3 3", 8.12e6, 248.2),
        ("0 0 1 2 2", 16.9e6, 218.1),
        ("0 0 0 1 1", 33.0e6, 203.3),
    )
    for prune, size, perplexity in pruned:
        thresholds = [int(word) for word in prune.split()]
        name = f"kenlm-5-{prune.replace(' ', '-')}"
        models.append(_ngram_model(name, "kenlm", size, perplexity, thresholds))
    whole = ((2, 4.4e6, 341.0), (3, 16.7e6, 249.9), (4, 44e6, 210.0), (5, 81e6, 197.1))
    for order, size, perplexity in (*whole, (6, 123e6, 194.7)):
        models.append(_ngram_model(f"kenlm-{order}", "kenlm", size, perplexity, [0] * order))
    for order, size, too_large in ((3, 65e6, 310.8), (5, 258e6, None)):
        for layout in ("dictionary", "mapped"):
            name = f"table-{order} ({layout})"
            models.append(
                _ngram_model(name, "table", size, too_large, [0] * order)
                | {"load_mode": layout}
                | _held(3.4 * size if layout == "dictionary" else 0, 0.9 * size)
            )
    ratios = {
        "network": "en-base",
        "same_memory": {"ngram": "kenlm-5-0-5-10-20-20", "memory": 0.7, "word_perplexity": 2.145}
        | {"top1": 1.2, "top3": 1.25, "top1_interval": [1.1, 1.3], "top3_interval": [1.2, 1.3]},
        "same_quality": None,
        "best": {"ngram": "kenlm-6", "memory": 35.1, "word_perplexity": 1.07}
        | {"top1": 1.01, "top3": 1.02, "top1_interval": [0.9, 1.1], "top3_interval": [0.98, 1.06]},
        "smaller_than_network": ["kenlm-5-0-10-20-40-40", "kenlm-5-0-5-10-20-20"],
    }
    return {"models": models, "ratios": ratios}


def _model(
    name: str, kind: str, size: float, perplexity: float | None, top1: float, top3: float,
    *, private: float, pss: float,
) -> Json:  # fmt: skip
    return {
        "name": name, "kind": kind, "structure": "GRU", "order": None, "prune": None,
        "load_mode": "mmap", "file_bytes": size, "private_dirty": figure(private),
        "model_file_backed": figure(0.95 * size), "pss": figure(pss),
        "word_perplexity": perplexity,
        "word_perplexity_test": perplexity and perplexity * 1.12,
        "top1": estimate(top1, 1.2), "top3": estimate(top3, 1.4), "words": 7969,
    }  # fmt: skip


def _ngram_model(
    name: str, kind: str, size: float, perplexity: float | None, prune: list[int]
) -> Json:
    recall = 12 + 12 * (200 / (perplexity or 315))
    made = _model(
        name, kind, size, perplexity, recall, 1.55 * recall,
        private=32 * KIB, pss=0.95 * size + 150 * KIB,
    )  # fmt: skip
    structure = "trie" if kind == "kenlm" else "count table"
    return made | {"structure": structure, "order": len(prune), "prune": prune, "load_mode": "lazy"}


def _held(private: float, mapped: float) -> Json:
    paged = 0 if private else mapped
    return {
        "private_dirty": figure(private),
        "model_file_backed": figure(paged),
        "pss": figure(private + paged),
    }


def _reach() -> Json:
    models = []
    for order in range(2, 7):
        nats = [5.9 - 0.28 * min(seen, order - 1) ** 0.6 for seen in (*CONTEXTS[:-1], 40) if seen]
        models.append(_line(f"kenlm-{order}", "kenlm", order, nats))
    models.append(_line("table-3", "table", 3, [5.95, 5.75, *[5.74] * 6]))
    for name, gain in (("vanilla RNN", 0.30), ("GRU", 0.36)):
        nats = [6.0 - gain * seen**0.33 for seen in (1, 2, 3, 5, 8, 13, 21, 26)]
        models.append(
            _line(name, "network", None, nats) | {"carried": estimate(nats[-1] - 0.1, 0.08)}
        )
    models.append(_line("en-base", "network", None, [5.95, 5.6, 5.44, 5.3, 5.24, 5.2, 5.19, 5.19]))
    return {"positions": 2000, "contexts": list(CONTEXTS), "models": models}


def _line(name: str, kind: str, order: int | None, nats: list[float]) -> Json:
    estimates = [estimate(value, 0.09) for value in nats]
    return {"name": name, "kind": kind, "order": order, "nats_per_word": estimates, "carried": None}


def _influence() -> Json:
    def quartiles(values: list[float]) -> list[Json]:
        return [{"median": v, "lower": v * 0.6, "upper": v * 1.7} for v in values]

    models: list[Json] = []
    for name, fade in (("vanilla RNN", 0.62), ("GRU", 0.88)):
        models.append(
            {
                "name": name,
                "kind": "network",
                "jacobian_spectral": quartiles([1.1 * fade**lag for lag in LAGS]),
                "jacobian_frobenius": quartiles([4.1 * fade**lag for lag in LAGS]),
                "kl": quartiles([0.9 * fade ** (1.4 * lag) for lag in LAGS]),
            }
        )
    for order in (3, 5):
        kl = quartiles([1.2 * 0.3**lag if lag < order else 0.0 for lag in LAGS])
        models.append(
            {"name": f"kenlm-{order}", "kind": "kenlm", "kl": kl}
            | {"jacobian_spectral": None, "jacobian_frobenius": None}
        )
    return {"lags": list(LAGS), "models": models}


def _speed() -> Json:
    rows = (
        ("en-base", "network", "mmap", 1536, 1304, 1304),
        ("en-base-xnnpack", "network", "mmap", 1536, 29, 29),
        ("en-small", "network", "mmap", 1536, 840, 840),
        ("kenlm-5-0-5-10-20-20", "kenlm", "lazy", 20, 0.31, 303),
        ("kenlm-5", "kenlm", "lazy", 20, 1.12, 711),
        ("table-3 (dictionary)", "table", "dictionary", 4, 0.36, 3495),
        ("table-3 (mapped)", "table", "mapped", 4, 0.28, 16),
    )
    models = [
        {"name": name, "kind": kind, "load_mode": load_mode, "state_bytes": state}
        | {"score": figure(score, 0.06), "distribution": figure(whole, 0.06)}
        | {"score_ratio": figure(score / 1304, 0.06)}
        | {"distribution_ratio": figure(whole / 1304, 0.06)}
        for name, kind, load_mode, state, score, whole in rows
    ]
    return {"reference": "en-base", "models": models}


def _process() -> Json:
    rows = (
        ("en-base", "network", "mmap", 2.1 * MIB, 0.9 * MIB, 3.9 * MIB, True),
        ("en-base-xnnpack", "network", "mmap", 1.1 * MIB, 3.2 * MIB, 3.9 * MIB, True),
        ("kenlm-5-0-5-10-20-20", "kenlm", "lazy", 2.0 * MIB, 0.4 * MIB, 1.9 * MIB, True),
        ("kenlm-5", "kenlm", "lazy", 71 * MIB, 0.4 * MIB, 1.9 * MIB, True),
        ("kenlm-5", "kenlm", "read", 0, 81 * MIB, 1.9 * MIB, False),
        ("table-3 (dictionary)", "table", "dictionary", 0, 207 * MIB, 1.8 * MIB, False),
    )
    models = []
    for name, kind, load_mode, mapped, private, code, pressed in rows:
        parts = (
            ("the model's file", 0, mapped),
            ("the runtime", 60 * KIB, code),
            ("heap and stack", private, 0),
            ("the harness", 24 * KIB, 40 * KIB),
            ("system libraries", 90 * KIB, 1.6 * MIB),
        )
        after = {
            "file_backed_before": figure(mapped),
            "file_backed_after": figure(0),
            "page_cache_resident": figure(1.0, 0),
            "steps_to_recover": figure(3, 0),
            "major_faults": figure(0),
            "minor_faults": figure(140),
        }
        first = 1600 + mapped / 3000
        pressure: Json = {
            "evictable": figure(mapped),
            "steady_us": figure(1304 if kind == "network" else 310),
            "dropped": None,
            "cold": None,
        }
        if pressed:
            pressure["dropped"] = after | {"first_step_us": figure(first, 0.1)}
            pressure["cold"] = after | {
                "page_cache_resident": figure(0.02, 0.5),
                "first_step_us": figure(9 * first, 0.3),
                "major_faults": figure(71, 0.1),
            }
        models.append(
            {
                "name": name,
                "kind": kind,
                "load_mode": load_mode,
                "page_cache": "warm",
                "load_us": figure(2100),
                "private_dirty": figure(sum(p for _, p, _ in parts)),
                "evictable": figure(sum(f for _, _, f in parts)),
                "pss": figure(sum(p + 0.8 * f for _, p, f in parts)),
                "parts": [
                    {"part": part, "private_dirty": figure(p), "file_backed": figure(f)}
                    | {"pss": figure(p + 0.8 * f)}
                    for part, p, f in parts
                ],
                "pressure": pressure,
            }
        )
    return {"models": models}


if __name__ == "__main__":
    from pocketlm.benchmarks.study.page import write_page

    write_page(made_up_results(*sys.argv[2:]), Path(sys.argv[1]))
