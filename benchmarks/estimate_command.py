"""The command `ngram estimate`: corpus -> tokens -> ngram_counts.py -> estimate.py -> a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pocketlm.model.commands import JSON_OPTION

if TYPE_CHECKING:
    from pocketlm.benchmarks.built_sizes import Measurement
    from pocketlm.benchmarks.estimate import Estimate

FORMAT_VERSION = 1
_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--corpus", "corpus_name", required=True, help="Name, folder or file of a corpus.")
@click.option("--tokenizer", type=_PATH, help="A .model file or MODEL folder.  [default: en-base]")
@click.option("--order", type=int, default=5, show_default=True, help="1 to 6 tokens.")
@click.option("--prune", default="0", show_default=True, help='Thresholds by order, as in "0 1 2".')
@click.option(
    "--lower-case",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the documents taken in lower case.",
)
@click.option(
    "--built",
    type=_PATH,
    multiple=True,
    metavar="FOLDER",
    help="Hold the formula against this model, built with the same options; may be repeated.",
)
@JSON_OPTION
def estimate(
    corpus_name: str,
    tokenizer: Path | None,
    order: int,
    prune: str,
    lower_case: float,
    built: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Bytes of every n-gram structure, from counts alone: no model is built.

    Counts the train split's distinct n-grams, as `ngram train` would keep them. docs/ngram-sizes.md
    has the formulas.

    \b
    Example:
      pocketlm ngram estimate --corpus keyboard-en --order 5 --prune "0 1 2 3 3"
    """
    import numpy as np

    from pocketlm.benchmarks.built_sizes import check_built, measure_built
    from pocketlm.benchmarks.commands import parse_prune
    from pocketlm.benchmarks.estimate import estimates
    from pocketlm.benchmarks.ngram import check_settings
    from pocketlm.benchmarks.ngram_counts import count_ngrams
    from pocketlm.console import emit_json, note, output, progress_bar
    from pocketlm.model.corpus import open_corpus
    from pocketlm.model.shards import open_shards
    from pocketlm.models import DEFAULT_MODEL, open_tokenizer

    thresholds = check_settings("table", order, parse_prune(prune), "")
    corpus = open_corpus(corpus_name)
    pieces = open_tokenizer(tokenizer or DEFAULT_MODEL)
    for folder in built:  # before counting, not after
        check_built(folder, pieces.sha256, thresholds, corpus.record())
    shards = open_shards(corpus, "train", pieces, note, lower_case)
    tokens = np.concatenate(list(shards.chunks()))
    with progress_bar(f"counting n-grams of {len(tokens):,} tokens") as progress:
        counts = count_ngrams(tokens, pieces.vocabulary_size, pieces.end_id, thresholds, progress)
    found = estimates(counts)
    measured = [each for folder in built for each in measure_built(folder)]
    results: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "corpus": corpus.record(),
        "tokenizer_sha256": pieces.sha256,
        "tokens": len(tokens),
        "vocabulary_size": counts.vocabulary,
        "order": order,
        "prune": thresholds,
        "counts": list(counts.sizes),
        "structures": [_record(each, measured) for each in found],
    }
    if as_json:
        emit_json(results)
        return
    for number, size in enumerate(counts.sizes, start=1):
        click.echo(f"order {number}: {size:,} n-grams")
    output.print(_table(results["structures"]))


def _record(estimated: "Estimate", measured: "Sequence[Measurement]") -> dict[str, Any]:
    """What is said of a structure; `error_percent` is the formula's, against what was measured."""
    return {
        "structure": estimated.structure,
        "where": "file" if estimated.file else "private memory",
        "bytes": estimated.bytes,
        "built": [
            {
                "folder": each.folder,
                "bytes": each.bytes,
                "error_percent": 100 * (estimated.bytes / each.bytes - 1),
            }
            for each in measured
            if each.structure == estimated.structure
        ],
    }


def _table(structures: Sequence[dict[str, Any]]) -> Any:
    from rich.table import Table

    from pocketlm.benchmarks.units import format_bytes

    table = Table(box=None, pad_edge=False)
    table.add_column("structure", no_wrap=True)
    table.add_column("where")
    for title in ("bytes", ""):
        table.add_column(title, justify="right")
    held = any(each["built"] for each in structures)
    for title in ("built", "formula") if held else ():
        table.add_column(title, justify="right")
    for each in structures:
        where = each["where"].removeprefix("private ")
        row = [each["structure"], where, f"{each['bytes']:,}", format_bytes(each["bytes"])]
        if not each["built"]:
            table.add_row(*row)
        for one in each["built"]:
            table.add_row(*row, f"{one['bytes']:,}", f"{one['error_percent']:+.2f} %")
    return table
