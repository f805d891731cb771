"""The family, measured: train, then ask each member, then blow one up.

plan -> members.py -> runs/NAME-STEPS       trained, resumed or found
     -> record, study/reach.py, gradients.py -> cells/      one a member and a figure
     -> exploding.py, timing.py               -> cells/
     -> results.json, charts/*.svg, *.png

Whatever is finished is kept; the same command goes on where it stopped.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from pocketlm.benchmarks.family.charts import family_charts
from pocketlm.benchmarks.family.exploding import Explosion, explosion
from pocketlm.benchmarks.family.gradients import LAGS, draw_ends, gradient_norms
from pocketlm.benchmarks.family.members import (
    FAMILY,
    FamilyPlan,
    Member,
    member_config,
    member_run,
    multiply_adds,
    recurrent_multiply_adds,
    sized,
)
from pocketlm.benchmarks.family.timing import ROUNDS, training_speeds
from pocketlm.benchmarks.study.cells import Cells
from pocketlm.benchmarks.study.influence import quartiles
from pocketlm.benchmarks.study.page import CHARTS, write_chart
from pocketlm.benchmarks.study.reach import draw_positions, reach
from pocketlm.model.corpus import open_corpus, text_lines
from pocketlm.model.errors import UserError
from pocketlm.model.files import read_json, write_json
from pocketlm.model.language_model import ModelConfig
from pocketlm.model.network import open_run
from pocketlm.model.run_folder import RECORD, load_run
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.models import open_tokenizer

FORMAT_VERSION = 1
RESULTS, RUNS = "results.json", "runs"
REACH_POSITIONS, GRADIENT_PLACES = 2000, 200
# A unit of the widths that the GRU's extra computation is counted at: the preset small.
SAME_WIDTH = 384


def measure_family(
    plan: FamilyPlan,
    corpus_name: str,
    tokens: str,
    out: Path,
    command: str = "",
    notify: Callable[[str], None] = lambda _: None,
    progress: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure what is not measured yet, write the folder, and return the results.

    Args:
        plan: the settings.
        corpus_name: name, folder or file of a corpus.
        tokens: the MODEL whose tokens all members share.
        out: the folder.
        command: put into the results.
        notify: told in a line what is measured.
        progress: told the share of the explosion that is done.

    Raises:
        UserError: the corpus is unusable, or the folder holds something else.
    """
    if out.exists() and any(out.iterdir()) and not (out / RUNS).is_dir():
        raise UserError(f"{out} holds other files (no {RUNS}): choose another --out")
    corpus = open_corpus(corpus_name, plan.seed)
    tokenizer = open_tokenizer(Path(tokens))
    hashes = {"corpus_sha256": corpus.sha256, "tokenizer_sha256": tokenizer.sha256}
    cells = Cells(out / "cells", hashes, notify)
    documents = text_lines(corpus.path("valid"))
    positions = draw_positions(documents, REACH_POSITIONS, plan.seed)
    places = draw_ends(documents, tokenizer, GRADIENT_PLACES, seed=plan.seed)
    if not (positions and places):
        raise UserError(f"no line of {corpus.name} valid is long enough for reach and gradients")
    members = []
    for member in FAMILY:
        run = member_run(member, plan, out / RUNS, corpus, tokenizer, tokens, notify)
        settings = {**asdict(plan), **asdict(member), "positions": len(positions)}

        def reached(run: Path = run) -> dict[str, Any]:
            found = reach(open_run(run), documents, positions, carried=True, seed=plan.seed)
            return {key: found[key] for key in ("contexts", "nats_per_word", "carried")}

        def gradients(run: Path = run) -> list[list[float]]:
            return [list(lag) for lag in gradient_norms(load_run(run)[0], places)]

        cells.take("reach", member.name, settings, reached)
        cells.take("gradients", member.name, settings | {"places": len(places)}, gradients)
        members.append(_described(member, plan, run, cells, tokenizer))
    shards = open_shards(corpus, "train", tokenizer, notify, seed=plan.seed)
    cells.take(
        "exploding",
        "rnn",
        asdict(Explosion()),
        lambda: explosion(Explosion(), shards, tokenizer, progress),
    )
    configs = {
        member.name: member_config(member, plan, corpus, tokens, tokenizer.vocabulary_size)
        for member in FAMILY
    }
    # Speeds belong together: they are taken anew unless all are there.
    timed = {**asdict(plan), "rounds": ROUNDS, "threads": torch.get_num_threads()}
    cells.take("speed", "all", timed, lambda: training_speeds(configs, corpus, tokenizer, ROUNDS))
    speeds = cells.taken["speed"]["all"]["value"]
    for described in members:
        described["tokens_per_second"] = speeds[described["name"]]
    results = {
        "format_version": FORMAT_VERSION,
        "command": command,
        "corpus": corpus.record(),
        "plan": asdict(plan),
        "tokens": members[0]["tokens"],
        "threads": torch.get_num_threads(),
        "positions": len(positions),
        "places": len(places),
        "lags": list(LAGS),
        "members": members,
        "exploding": {**asdict(Explosion()), **cells.taken["exploding"]["rnn"]["value"]},
    }
    for chart in family_charts(results):
        write_chart(chart, out / CHARTS)
    write_json(out / RESULTS, results)
    return results


def _described(
    member: Member, plan: FamilyPlan, run: Path, cells: Cells, tokenizer: Tokenizer
) -> dict[str, Any]:
    record = read_json(run / RECORD, "run record")
    sizes = sized(member, tokenizer.vocabulary_size, plan.parameters)
    metrics, reached = record["metrics"], cells.taken["reach"][member.name]["value"]
    norms = cells.taken["gradients"][member.name]["value"]
    at_end = norms[0]
    shares = [[n / first for n, first in zip(lag, at_end, strict=True)] for lag in norms]
    same_width = ModelConfig(
        sizes.vocabulary_size, sizes.embedding, SAME_WIDTH, sizes.layers, cell=sizes.cell
    )
    return {
        **asdict(member),
        "hidden": sizes.hidden,
        "parameters": record["parameters"],
        "tokens": record["tokens"],
        "precision": record["precision"],
        "multiply_adds": multiply_adds(sizes),
        "recurrent_multiply_adds": recurrent_multiply_adds(sizes),
        "recurrent_multiply_adds_at_384": recurrent_multiply_adds(same_width),
        "word_perplexity_line": metrics["valid_word_perplexity_line"],
        "word_perplexity_document": metrics["valid_word_perplexity_document"],
        "curve": record["curve"],
        "contexts": reached["contexts"],
        "nats_per_word": reached["nats_per_word"],
        "carried": reached["carried"],
        "gradient_norm": [quartiles(lag) for lag in norms],
        "gradient_share": [quartiles(lag) for lag in shares],
    }
