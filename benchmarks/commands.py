"""The commands `bench` and `ngram`; what they need is imported when they run.

bench memory MODEL... -> memory.py -> report.py -> results.json, report.html, a table
bench typing, all     -> typing_command.py, study_command.py
bench family          -> family/family_command.py
bench training        -> training/training_command.py
bench fill, generation -> filling_command.py, generation_command.py
ngram train           -> corpus -> tokens -> ngram_training.py -> a folder
                      -> corpus -> presage.py -> a folder
ngram import, export  -> arpa_commands.py -> a folder of an ARPA file, and back
ngram estimate        -> estimate_command.py -> bytes of each structure
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pocketlm.benchmarks.arpa_commands import export_command, import_command
from pocketlm.benchmarks.estimate_command import estimate
from pocketlm.benchmarks.family.family_command import family
from pocketlm.benchmarks.filling_command import fill_command
from pocketlm.benchmarks.generation_command import generation
from pocketlm.benchmarks.study_command import all_command
from pocketlm.benchmarks.training.training_command import training
from pocketlm.benchmarks.typing_command import typing
from pocketlm.model.commands import JSON_OPTION

if TYPE_CHECKING:
    from pocketlm.model.corpus import Corpus
    from pocketlm.model.tokenizer import Tokenizer

PATH = click.Path(path_type=Path)
DEFAULT_PIECES = 8192


@click.group()
def bench() -> None:
    """Measure models beside each other."""


@bench.command()
@click.argument("models", metavar="[MODEL]...", nargs=-1, type=PATH)
@click.option("--text", required=True, type=PATH, help="Text file to replay, one utterance a line.")
@click.option("--out", required=True, type=PATH, help="Folder for results.json and report.html.")
@click.option("--lines", type=click.IntRange(1), help="Only the first N lines of the text.")
@click.option(
    "--steps",
    type=click.IntRange(1, 1_000_000),
    default=1000,
    show_default=True,
    help="Tokens of words after which memory is read.",
)
@click.option(
    "--samples",
    type=click.IntRange(5),
    default=5,
    show_default=True,
    help="Fresh processes for each figure, which is their median.",
)
@click.option(
    "--runtime",
    type=click.Choice(["stock", "lean"]),
    default="stock",
    show_default=True,
    help="ExecuTorch's kernels for networks, or our own for zero-copy bundles.",
)
@JSON_OPTION
def memory(
    models: tuple[Path, ...],
    text: Path,
    out: Path,
    lines: int | None,
    steps: int,
    samples: int,
    runtime: str,
    as_json: bool,
) -> None:
    """Memory, step times and perplexity of bundles and n-gram folders (default: en-base).

    Memory is the growth of a fresh native process over what it held before the load, after --steps
    steps; the perplexity is that of the whole text (or of --lines).

    \b
    Example:
      pocketlm bench memory bundle kenlm-5 table-3 --text valid.txt --lines 2000 --out report
    """
    from pocketlm.benchmarks.report import REPORT_FILE
    from pocketlm.console import note
    from pocketlm.models import DEFAULT_MODEL

    models = models or (DEFAULT_MODEL,)
    measure_and_report(
        models,
        text,
        out,
        runtime=runtime,
        lines=lines,
        steps=steps,
        samples=samples,
        as_json=as_json,
    )
    note(f"report: {out / REPORT_FILE}")


bench.add_command(typing)
for _command in (all_command, family, fill_command, generation, training):
    bench.add_command(_command)


def measure_and_report(
    models: Sequence[Path],
    text: Path,
    out: Path,
    *,
    runtime: str = "stock",
    lines: int | None = None,
    steps: int = 1000,
    samples: int = 5,
    as_json: bool = False,
) -> None:
    """Measure models, write the report's folder, and print its table or its JSON object."""
    from pocketlm.benchmarks.memory import measure, read_text
    from pocketlm.benchmarks.report import (
        RESULTS_FILE,
        make_results,
        print_table,
        write_report,
    )
    from pocketlm.console import console, emit_json, note, output, progress_bar
    from pocketlm.model.files import check_target

    check_target(out, RESULTS_FILE)  # before measuring, not after
    replayed = read_text(text, lines)
    with progress_bar("measuring") as progress:
        measured = measure(
            models,
            replayed,
            runtime=runtime,
            steps=steps,
            samples=samples,
            notify=(lambda _: None) if console.is_terminal else note,
            progress=progress,
        )
    results = make_results(measured, replayed, shlex.join(["pocketlm", *sys.argv[1:]]))
    write_report(results, out)
    if as_json:
        emit_json(results)
    else:
        print_table(results, output)


@click.group()
def ngram() -> None:
    """Train n-gram models, to measure networks against."""


@ngram.command()
@click.option("--corpus", "corpus_name", required=True, help="Name, folder or file of a corpus.")
@click.option("--order", type=int, default=3, show_default=True, help="1 to 6 tokens.")
@click.option(
    "--kind",
    type=click.Choice(["table", "kneser-ney", "kenlm", "presage"]),
    default="table",
    show_default=True,
    help="Counts, modified Kneser-Ney by us or by KenLM, or Presage's words.",
)
@click.option(
    "--smoothing",
    type=click.Choice(["mle", "add-k", "stupid-backoff"]),
    default="stupid-backoff",
    show_default=True,
    help="A table's: maximum likelihood, add-k, or stupid backoff.",
)
@click.option("--add-k", type=float, help="The k of add-k.  [default: 0.1]")
@click.option(
    "--lower-case",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the documents taken in lower case; all or none for Presage.",
)
@click.option("--prune", default="0", show_default=True, help='Thresholds by order, as in "0 1 2".')
@click.option(
    "--structure",
    type=click.Choice(
        ["trie", *(f"trie of {bits} bits" for bits in (6, 5, 4)), "unquantised trie", "probing"]
    ),
    default="trie",
    show_default=True,
    help="KenLM's: a trie of 8-bit values, of shorter or of whole ones, or a hash table.",
)
@click.option("--tokenizer", type=PATH, help="A .model file or MODEL folder; else one is trained.")
@click.option(
    "--words",
    is_flag=True,
    help="A new tokenizer has whole words, the most frequent ones; others are unknown.",
)
@click.option(
    "--vocabulary-size",
    type=int,
    help="Pieces of a new tokenizer, or words.  [default: 8192; 65536]",
)
@click.option("--out", required=True, type=PATH, help="The model's folder.")
@JSON_OPTION
def train(
    corpus_name: str,
    order: int,
    kind: str,
    smoothing: str,
    add_k: float | None,
    lower_case: float,
    prune: str,
    structure: str,
    tokenizer: Path | None,
    words: bool,
    vocabulary_size: int | None,
    out: Path,
    as_json: bool,
) -> None:
    """Train an n-gram model on the train split of a corpus.

    Give it the network's tokenizer, so that both see the same tokens; perplexities over --words do
    not compare with others. Presage has words of its own, which neither tokenizer nor thresholds
    concern: it is for `bench typing` alone. docs/ngrams.md has the formulas.

    \b
    Example:
      pocketlm ngram train --corpus keyboard-en --order 5 --kind kenlm --prune "0 1 2 3 3"
          --tokenizer runs/base --out kenlm-5
    """
    from pocketlm.benchmarks.ngram import check_settings
    from pocketlm.benchmarks.ngram_training import train_ngram
    from pocketlm.console import note
    from pocketlm.model.corpus import open_corpus
    from pocketlm.model.errors import UserError
    from pocketlm.model.lexicon import Lexicon
    from pocketlm.model.shards import open_shards
    from pocketlm.models import open_tokenizer

    if kind == "presage":
        if lower_case not in (0, 1):
            raise UserError("Presage's text is in lower case as a whole or not: 0 or 1")
        _train_presage(corpus_name, order, bool(lower_case), out, as_json)
        return
    thresholds = parse_prune(prune)
    check_settings(kind, order, thresholds, structure, smoothing, add_k)
    corpus = open_corpus(corpus_name)
    if tokenizer is None:
        pieces = _new_tokenizer(corpus, words, vocabulary_size, lower_case)
    elif words or vocabulary_size is not None:
        raise UserError("--tokenizer has its own tokens: no --words, no --vocabulary-size")
    else:
        pieces = open_tokenizer(tokenizer)
    shards = open_shards(corpus, "train", pieces, note, lower_case)
    note(f"counting n-grams of {shards.index.tokens:,} tokens")
    manifest = train_ngram(
        shards.chunks(),
        pieces,
        kind=kind,
        order=order,
        prune=thresholds,
        structure=structure,
        smoothing=smoothing,
        add_k=add_k,
        out=out,
        corpus=corpus.record(),
        lexicon=Lexicon.build(corpus.lines("train"), shards.chunks(), pieces),
        notify=note,
    )
    print_manifest(manifest, out, as_json)


def _new_tokenizer(
    corpus: "Corpus", words: bool, vocabulary_size: int | None, lower_case: float
) -> "Tokenizer":
    """Pieces, or words as they are in the tokens to come."""
    from pocketlm.console import note
    from pocketlm.model.shards import some_lower_case
    from pocketlm.model.tokenizer import LARGEST_WORD_VOCABULARY, Tokenizer

    default = LARGEST_WORD_VOCABULARY if words else DEFAULT_PIECES
    size = default if vocabulary_size is None else vocabulary_size
    note(f"training a tokenizer of {size} {'words' if words else 'pieces'}")
    lines = corpus.lines("train")
    if not words:
        return Tokenizer.train(lines, size)
    return Tokenizer.train_words(some_lower_case(lines, lower_case), size)


def print_manifest(manifest: dict[str, Any], out: Path, as_json: bool) -> None:
    """Say what is in a new n-gram folder."""
    from pocketlm.console import emit_json

    if as_json:
        emit_json(manifest)
        return
    size = sum(file["bytes"] for file in manifest["files"].values())
    counts = " + ".join(f"{count:,}" for count in manifest["counts"])
    click.echo(f"{out}: {counts} n-grams, {size:,} bytes")


def _train_presage(name: str, order: int, lower_case: bool, out: Path, as_json: bool) -> None:
    from pocketlm.benchmarks.presage import train_presage
    from pocketlm.console import emit_json, note
    from pocketlm.model.corpus import open_corpus

    corpus = open_corpus(name)
    manifest = train_presage(
        corpus.lines("train"),
        out,
        order=order,
        lower_case=lower_case,
        corpus=corpus.record(),
        notify=note,
    )
    if as_json:
        emit_json(manifest)
        return
    size = sum(file["bytes"] for file in manifest["files"].values())
    click.echo(f"{out}: Presage's n-grams to order {order}, {size:,} bytes")


for command in (import_command, export_command, estimate):
    ngram.add_command(command)


def parse_prune(text: str) -> list[int]:
    """Thresholds from text such as "0 1 2"; commas do as well."""
    from pocketlm.model.errors import UserError

    try:
        thresholds = [int(part) for part in text.replace(",", " ").split()]
    except ValueError:
        thresholds = [-1]
    if min(thresholds, default=-1) < 0:
        raise UserError(f"--prune takes counts by order, as in '0 1 2', not {text!r}")
    return thresholds
