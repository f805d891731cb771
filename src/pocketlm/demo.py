"""`pocketlm demo`: the main job end to end, each step by the function that its command calls.

train -> evaluate -> export -> verify -> memory beside n-gram tables -> suggest
"""

from pathlib import Path
from typing import Any

import click

PROMPTS = ("see you ", "I would like to ha", "thank you so ", "Where are ")
NGRAMS = (("table", 3), ("kenlm", 3))


@click.command()
@click.option(
    "--corpus",
    metavar="NAME|FOLDER|FILE",
    help="The text (default: keyboard-en where POCKETLM_CORPORA has it, else first-look).",
)
@click.option("--minutes", type=float, default=1.0, show_default=True, help="Of training.")
@click.option(
    "--lines",
    type=click.IntRange(min=10),
    default=300,
    show_default=True,
    help="Lines of the test text that the measurements replay.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs/demo"),
    show_default=True,
    help="Folder for everything it makes; an earlier demo is replaced.",
)
def demo(corpus: str | None, minutes: float, lines: int, out: Path) -> None:
    """Train a tiny model and take it all the way to suggestions.

    It takes a few minutes. Without a corpus of your own it trains on `first-look`, a text that
    PocketLM generates: that shows how everything works, not how good it can be. On real text a
    minute of training still loses to the n-gram tables.

    \b
    Example:
      pocketlm demo --corpus messages.txt --minutes 10
    """  # fmt: skip
    from pocketlm.console import note
    from pocketlm.export.quiet import quiet_native
    from pocketlm.export.verify import verification_lines
    from pocketlm.model.corpus import EMBEDDED, open_corpus
    from pocketlm.model.files import atomic_folder, write_json
    from pocketlm.models import DEFAULT_MODEL

    with quiet_native():
        from pocketlm.export.exporter import export_bundle

    name = corpus or _default_corpus()
    found = open_corpus(name)
    if name == EMBEDDED:
        note(
            "first-look is generated text, only for a first look: set POCKETLM_CORPORA or --corpus"
        )
    with atomic_folder(out, "demo.json") as folder:
        write_json(folder / "demo.json", {"corpus": found.record(), "minutes": minutes})
        record = _train(name, minutes, folder / "run")
        valid = verification_lines(found.path("valid"))
        bundles = []
        for recipe in ("zero-copy", "xnnpack"):
            export_bundle(folder / "run", recipe, folder / recipe, valid, note, verify_tokens=1000)
            bundles.append(folder / recipe)
        tables = _train_ngrams(name, folder)
        _measure([*bundles, *tables], found.path("test"), lines, folder / "report")
        _suggest(folder / "zero-copy", "the demo's model")
    _suggest(DEFAULT_MODEL, f"{DEFAULT_MODEL}, the package's own")
    metrics = record["metrics"]
    click.echo(
        f"\nword perplexity on valid after {minutes:g} min: "
        f"{metrics['valid_word_perplexity_line']:.1f}\n"
        f"run {out / 'run'}, bundle {out / 'zero-copy'}\nreport {out / 'report' / 'report.html'}",
    )


def _default_corpus() -> str:
    from pocketlm.model.corpus import EMBEDDED, corpus_roots

    present = any((root / "keyboard-en" / "train.txt").is_file() for root in corpus_roots())
    return "keyboard-en" if present else EMBEDDED


def _train(corpus: str, minutes: float, run: Path) -> dict[str, Any]:
    from pocketlm.console import TrainingBar
    from pocketlm.model.language_model import PRESETS
    from pocketlm.model.run_folder import TrainConfig
    from pocketlm.model.train import train

    config = TrainConfig(
        corpus=corpus,
        model=PRESETS["tiny"],
        max_minutes=minutes,
        rows=32,
        window=32,
        learning_rate=0.012,
        warmup_steps=50,
        valid_every=200,
        valid_lines=500,
        checkpoint_minutes=60,
    )
    with TrainingBar() as bar:
        return train(config, run, bar)


def _train_ngrams(corpus: str, folder: Path) -> list[Path]:
    """n-gram tables over the same tokens, in folders beside the run."""
    from pocketlm.benchmarks.ngram_training import train_ngram
    from pocketlm.console import note
    from pocketlm.model.corpus import open_corpus
    from pocketlm.model.shards import open_shards
    from pocketlm.models import open_tokenizer

    tokenizer = open_tokenizer(folder / "run")
    found = open_corpus(corpus)
    shards = open_shards(found, "train", tokenizer, note)
    paths = []
    for kind, order in NGRAMS:
        note(f"counting {order}-grams: {kind}")
        path = folder / f"{kind}-{order}"
        train_ngram(
            shards.chunks(),
            tokenizer,
            kind=kind,
            order=order,
            out=path,
            corpus=found.record(),
            notify=note,
        )
        paths.append(path)
    return paths


def _measure(models: list[Path], text: Path, lines: int, report: Path) -> None:
    from pocketlm.benchmarks.commands import measure_and_report

    measure_and_report(models, text, report, lines=lines)


def _suggest(model: Path, name: str) -> None:
    from pocketlm.text_entries import open_suggester

    suggester = open_suggester(model)
    click.echo(f"\nsuggestions of {name}:")
    for text in PROMPTS:
        words = ", ".join(f"{s.word} ({s.probability:.2f})" for s in suggester.suggest(text))
        click.echo(f"{text!r:24} -> {words}")
