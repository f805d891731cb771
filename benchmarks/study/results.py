"""results.json of the cells that a run has taken; docs/bench.md has its schema.

cells -> results_growth.py, results_quality.py, results_reach.py, results_process.py
      -> one JSON object

Nothing is measured here, and nothing but the cells is read.
"""

import datetime
from dataclasses import asdict
from typing import Any

from pocketlm.benchmarks.report import machine, versions
from pocketlm.benchmarks.study.context import Study
from pocketlm.benchmarks.study.results_growth import growth_results
from pocketlm.benchmarks.study.results_process import process_results, speed_results
from pocketlm.benchmarks.study.results_quality import quality_results
from pocketlm.benchmarks.study.results_reach import influence_results, reach_results
from pocketlm.model.files import finite

SCHEMA_VERSION = 2


def make_results(study: Study, command: str) -> dict[str, Any]:
    """Everything that the report says; a stage without cells is left out."""
    taken = study.cells.taken
    sections = {
        "growth": growth_results(taken),
        "quality": quality_results(taken),
        "reach": reach_results(taken),
        "influence": influence_results(taken),
        "speed": speed_results(taken),
        "process": process_results(taken),
    }
    index, text = study.shards.index, study.replayed
    results = {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "plan": asdict(study.plan),
        "machine": machine(),
        "versions": versions(),
        "corpus": {
            "name": study.corpus.name,
            "sha256": study.corpus.sha256,
            "words": index.words,
            "tokens": index.tokens,
            "vocabulary": study.tokenizer.vocabulary_size,
        },
        "text": {
            "name": text.path.name,
            "sha256": text.sha256,
            "lines": len(text.lines),
            "words": text.words,
        },
    }
    found: dict[str, Any] = finite(results | {k: v for k, v in sections.items() if v})
    return found
