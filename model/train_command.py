"""The command train, and what its options stand for."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pocketlm.model.commands import JSON_OPTION
from pocketlm.model.errors import UserError
from pocketlm.model.training_recipes import AFTER, TRAINING_RECIPES

DEFAULT_EPOCHS = 3.0
FINE_TUNING_RATE = 1e-3
# A gap has whole lines on both of its sides: long windows, that cut few of them.
GAP_WINDOWS = {"rows": 16, "window": 192, "fresh_lines": 1.0}


@click.command()
@click.option("--corpus", metavar="NAME|FOLDER|FILE", help="The text; `first-look` is built in.")
@click.option(
    "--preset",
    type=click.Choice(["tiny", "small", "base", "wide"]),
    help="Sizes of the network.  [default: base]",
)
@click.option("--cell", type=click.Choice(["gru", "rnn"]), help="Recurrence.  [default: gru]")
@click.option(
    "--direction",
    type=click.Choice(["forward", "both"]),
    help="Forward predicts the next token, both fills gaps.  [default: forward]",
)
@click.option(
    "--recipe",
    type=click.Choice(list(TRAINING_RECIPES)),
    help="How a model in the package was trained, and what came before; other options change it.",
)
@click.option(
    "--from",
    "initial",
    metavar="MODEL",
    help="Go on from the weights of a run or a bundle, with its sizes and tokens.",
)
@click.option("--keep-initial", type=float, help="Share of those weights in the final ones.")
@click.option("--out", type=click.Path(path_type=Path), help="The run folder.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in the run folder.")
@click.option("--epochs", type=float, help="Passes over the text (3 where no bound is given).")
@click.option("--max-steps", type=int, help="Stop after so many steps.")
@click.option("--max-minutes", type=float, help="Stop after so many minutes.")
@click.option("--vocabulary-size", type=int, help="Pieces of the tokenizer.")
@click.option("--embedding", type=int, help="Width of the embedding.")
@click.option("--hidden", type=int, help="Width of the state.")
@click.option("--layers", type=int, help="Layers of the recurrence.")
@click.option(
    "--recurrent-projection",
    is_flag=True,
    default=None,
    help="Let the cell read its state through the softmax's projection: a wider state at one size.",
)
@click.option("--dropout", type=float, help="Share of activations dropped in training.")
@click.option(
    "--tokenizer",
    metavar="FILE|MODEL",
    help="Use these tokens instead of learning new ones.",
)
@click.option("--rows", type=int, help="Parallel streams of text.")
@click.option("--window", type=int, help="Tokens of truncated back-propagation.")
@click.option("--accumulate", type=int, help="Groups of rows taken one after another.")
@click.option(
    "--fresh-lines",
    type=float,
    help="Share of lines inside a document that start from a fresh state.",
)
@click.option("--lower-case", type=float, help="Share of the documents taken in lower case.")
@click.option(
    "--optimizer",
    type=click.Choice(["adamw", "muon"]),
    help="AdamW for all, or Muon for the matrices between the layers.  [default: adamw]",
)
@click.option("--learning-rate", type=float, help="Its peak.")
@click.option("--warmup-steps", type=int, help="Steps to the peak.")
@click.option(
    "--restart",
    type=float,
    help="Share of the run after which the schedule begins once more, from two thirds of the peak.",
)
@click.option("--weight-decay", type=float, help="Of the matrices.")
@click.option(
    "--teacher",
    "teachers",
    metavar="MODEL",
    multiple=True,
    help="Learn its predictions beside the text: a better network of the same tokens. Or several.",
)
@click.option("--teacher-share", type=float, help="Of what is to be predicted.  [default: 0.5]")
@click.option(
    "--score-exponent",
    type=float,
    help="Above 1: a score that weighs likely tokens more than cross-entropy does, as 1.5.",
)
@click.option(
    "--softmax-samples",
    type=int,
    help="Train with so many drawn tokens beside the target.  [default: all]",
)
@click.option("--clip", type=float, help="Largest norm of the gradient.")
@click.option("--valid-every", type=int, help="Steps between validations.")
@click.option("--valid-lines", type=int, help="Lines of the valid split for the curve.")
@click.option("--patience", type=int, help="Validations without improvement before stopping.")
@click.option("--checkpoint-minutes", type=float, help="Minutes between checkpoints.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), help="Of the products.")
@click.option(
    "--compile",
    is_flag=True,
    default=None,
    help="torch.compile the cell, on a CPU; needs a C++ compiler.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of everything random.")
@click.option(
    "--print-config",
    is_flag=True,
    help="Print the settings as JSON and stop; see docs/training.md.",
)
@JSON_OPTION
def train(
    corpus: str | None,
    preset: str | None,
    recipe: str | None,
    out: Path | None,
    resume: bool,
    print_config: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train a language model on a corpus.

    A file has one utterance a line; a blank line ends a document. Settings that are not given are
    the defaults of `TrainConfig`. Ctrl-C writes a checkpoint.

    \b
    Example:
      pocketlm train --corpus keyboard-en --preset base --max-minutes 90 --out runs/base
      pocketlm train --out runs/base --resume
      pocketlm train --recipe en-small --out runs/small
      pocketlm train --from en-base --corpus messages.txt --epochs 3 --out runs/mine
    """  # fmt: skip
    from pocketlm.console import TrainingBar, emit_json
    from pocketlm.model.run_folder import BOUNDS, config_from_json, config_to_json
    from pocketlm.model.train import resume as resume_training
    from pocketlm.model.train import train as train_new

    given = {key: value for key, value in settings.items() if value not in (None, ())}
    if teachers := given.get("teachers"):
        given["teachers"] = list(teachers)
    if resume:
        fixed = [
            *(given.keys() - set(BOUNDS)),
            *[name for name in (corpus, preset, recipe, print_config) if name],
        ]
        if out is None or fixed:
            raise UserError("--resume takes --out and the bounds: the other settings are kept")
    elif (corpus is None and recipe is None) or (out is None and not print_config):
        raise UserError("train needs --corpus (or --recipe) and --out")
    else:
        before = []
        if recipe and out and not print_config:
            before = _trained_before(recipe, out, corpus, preset, given)
        settings = training_settings(corpus, preset, recipe, given, before)
        config = config_from_json(settings, "the options")
        if print_config:
            click.echo(json.dumps(config_to_json(config), indent=2))
            return 0
    assert out is not None
    with TrainingBar() as bar:
        record = resume_training(out, bar, **given) if resume else train_new(config, out, bar)
    if not record:  # of a process that does not write
        return 0
    if as_json:
        emit_json(record)
        return 0
    metrics = record["metrics"]
    click.echo(
        f"{out}: {record['parameters']:,} parameters, {record['tokens']:,} tokens "
        f"({record['epochs']:.2f} epochs) in {record['seconds'] / 60:.1f} min\n"
        f"word perplexity on valid: {metrics['valid_word_perplexity_line']:.1f} from a fresh "
        f"state a line{_carried(metrics.get('valid_word_perplexity_document'))}",
    )
    return 0


def _carried(perplexity: float | None) -> str:
    return "" if perplexity is None else f", {perplexity:.1f} carried over documents"


def _trained_before(
    recipe: str, out: Path, corpus: str | None, preset: str | None, given: dict[str, Any]
) -> list[Path]:
    """The runs that a recipe begins from, beside its own: trained now, where they are not yet."""
    from pocketlm.model.run_folder import check_new

    names = TRAINING_RECIPES[recipe].get(AFTER, [])
    if names and _sizes_are_given(preset, given):
        raise UserError(f"--recipe {recipe} has its own sizes: no --preset, no --hidden ...")
    if names:
        check_new(out)  # not only when all that comes before it is trained
    return _run_before(recipe, out, corpus, given)


def _run_before(recipe: str, out: Path, corpus: str | None, given: dict[str, Any]) -> list[Path]:
    """These, and before them what they begin from themselves.

    Each is a training of its own recipe, with the same options. One that was stopped goes on.
    """
    from pocketlm.console import TrainingBar
    from pocketlm.model.ranks import leads_here
    from pocketlm.model.run_folder import CHECKPOINT, RECORD, config_from_json
    from pocketlm.model.train import resume, train

    names = TRAINING_RECIPES[recipe].get(AFTER, [])
    folders = [out.with_name(f"{out.name}-{name}") for name in names]
    for name, folder in zip(names, folders, strict=True):
        if (folder / RECORD).is_file():
            continue
        before = _run_before(name, out, corpus, given)
        settings = training_settings(corpus, None, name, given, before)
        config = config_from_json(settings, "the options")
        with TrainingBar() as bar:
            if leads_here():
                bar.note(f"{recipe} begins from {name}: {folder}")
            if (folder / CHECKPOINT).is_file():
                resume(folder, bar)
            else:
                train(config, folder, bar)
    return folders


def training_settings(
    corpus: str | None,
    preset: str | None,
    recipe: str | None,
    given: dict[str, Any],
    before: Sequence[Path] = (),
) -> dict[str, Any]:
    """What the strict loader reads: recipe and preset, and what was given over them.

    Args:
        corpus: its name, if one was given.
        preset: its name, if one was given.
        recipe: its name, if one was given.
        given: other settings.
        before: the runs that the recipe begins from, of which the first has its sizes.
    """
    from pocketlm.model.run_folder import BOUNDS
    from pocketlm.models import model_kind, resolve_model

    if recipe and "initial" in given:
        raise UserError("--recipe trains from the beginning: it takes no --from")
    if recipe:
        given = _over_recipe(recipe, given, before)
        corpus, preset = corpus or given["corpus"], preset or given.get("preset")
        given = {name: value for name, value in given.items() if name not in ("corpus", "preset")}
    if "teachers" in given and not given.keys() & {"tokenizer", "initial"}:
        teacher = Path(given["teachers"][0])
        model_kind(resolve_model(teacher))  # says so where it is no model
        given = {**given, "tokenizer": str(teacher)}
    if "initial" in given:
        given = {"learning_rate": FINE_TUNING_RATE, **given}
    sizes = _sizes(preset, given)
    settings = {name: value for name, value in given.items() if name not in sizes}
    if settings.get("direction") == "both":
        settings = {**GAP_WINDOWS, **settings}
    if not settings.keys() & set(BOUNDS):
        settings["epochs"] = DEFAULT_EPOCHS
    return {"corpus": corpus, "model": sizes, **settings}


def _over_recipe(recipe: str, given: dict[str, Any], before: Sequence[Path]) -> dict[str, Any]:
    """A recipe's settings with what was given over them; a bound takes the place of its bounds."""
    from pocketlm.model.run_folder import BOUNDS

    known = dict(TRAINING_RECIPES[recipe])
    names = known.pop(AFTER, [])
    if len(before) != len(names):
        runs = " and ".join(names)
        raise UserError(f"--recipe {recipe} begins from runs of {runs}: they are trained first")
    if before:
        known["initial"] = str(before[0])
        if "teacher_share" in known:
            known["teachers"] = [str(folder) for folder in before]
    if given.keys() & set(BOUNDS):
        known = {name: value for name, value in known.items() if name not in BOUNDS}
    return {**known, **given}


def _sizes_are_given(preset: str | None, given: dict[str, Any]) -> bool:
    """Whether there are any that a training from a model's weights cannot change."""
    from pocketlm.model.language_model import ModelConfig

    fixed = {field.name for field in dataclasses.fields(ModelConfig)} - {"dropout"}
    return bool(preset or given.keys() & fixed)


def _sizes(preset: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """A preset's sizes, or those of the model that is gone on from, and what was given."""
    from pocketlm.model.language_model import PRESETS

    sizes = dataclasses.asdict(PRESETS[preset or "base"])
    if "tokenizer" in given and "vocabulary_size" in given:
        raise UserError(
            "--tokenizer (or the recipe's, or the teacher's) has its own size: no --vocabulary-size"
        )
    if "initial" in given:
        if _sizes_are_given(preset, given):
            raise UserError("--from keeps the sizes of its model: no --preset, no --hidden ...")
        from pocketlm.models import open_network

        sizes = dataclasses.asdict(open_network(Path(given["initial"]))[0].config)
    if "tokenizer" in given:
        from pocketlm.models import open_tokenizer

        sizes["vocabulary_size"] = open_tokenizer(Path(given["tokenizer"])).vocabulary_size
    sizes.update({name: given[name] for name in sizes.keys() & given.keys()})
    return sizes
