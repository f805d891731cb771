"""The command `pocketlm task`: train, evaluate and predict for each; export where there is one."""

import json
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pocketlm.model.commands import JSON_OPTION
from pocketlm.model.errors import UserError
from pocketlm.model.tasks.tasks import NAMES, open_task

if TYPE_CHECKING:
    from pocketlm.model.tasks.answers import Answers
    from pocketlm.model.tasks.config import TaskConfig
    from pocketlm.model.tasks.task import Encoding, Task

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

SUMMARIES = {
    "regression": "One to one: a number from a row of a table.",
    "caption": "One to many: a sentence from an image of a digit.",
    "sentiment": "Many to one: the mood of a sentence, and an emoji for it.",
    "translation": "Many to many: English to German.",
    "case": "Many to many, aligned: proper case for lower-case text.",
}
EXPORTED = ("sentiment", "case")
_EXAMPLES = {
    "regression": "59 2 32.1 101 157 93.2 38 4 4.86 87",
    "caption": "17",
    "sentiment": "what a lovely evening",
    "translation": "See you tomorrow.",
    "case": "i met tom in new york. he works for the bbc.",
}


# Which tasks have pieces to learn, and which write text: others lack the options for that.
TOKENS = ("caption", "sentiment", "translation", "case")
WRITES = ("caption", "translation")
_BEAM_HELP = "Hypotheses of the search."
_OF_THE_LANGUAGE_MODEL = ("vocabulary_size", "embedding", "hidden", "layers")


def _option_of(tasks: Sequence[str], name: str, *names: str, **settings: Any) -> Decorator:
    """An option of some tasks; it changes nothing of another's command."""
    return click.option(*names, **settings) if name in tasks else lambda command: command


@click.group()
def task() -> None:
    """The four kinds of prediction, each on real data.

    \b
    Example:
      pocketlm task sentiment train --out runs/sentiment
      pocketlm task sentiment predict "what a lovely evening" --model runs/sentiment
    """


def _train(name: str) -> Callable[..., int]:
    @click.option("--data", metavar="NAME|FOLDER", help="Other data than the task's own.")
    @click.option("--out", type=click.Path(path_type=Path), required=True, help="The run folder.")
    @click.option("--resume", is_flag=True, help="Go on from the checkpoint in the run folder.")
    @click.option(
        "--recipe",
        type=click.Choice(["quick", "long"]),
        default="quick",
        show_default=True,
        help="Minutes on one core, or the settings of the figures in docs/tasks.md.",
    )
    @click.option("--from", "initial", metavar="MODEL", help="The language model to begin from.")
    @click.option("--from-scratch", is_flag=True, help="Begin from no language model.")
    @click.option("--epochs", type=float, help="Passes over the training rows.")
    @click.option("--max-steps", type=int, help="Stop after so many steps.")
    @click.option("--max-minutes", type=float, help="Stop after so many minutes.")
    @click.option("--rows", type=int, help="Training rows at most.")
    @_option_of(TOKENS, name, "--vocabulary-size", type=int, help="Pieces of the tokenizer.")
    @_option_of(TOKENS, name, "--embedding", type=int, help="Width of the embedding.")
    @click.option("--hidden", type=int, help="Width of the encoder's state.")
    @click.option("--layers", type=int, help="Layers of the encoder.")
    @click.option("--bidirectional/--forward-only", default=None, help="How the encoder reads.")
    @_option_of(WRITES, name, "--decoder-hidden", type=int, help="Width of the decoder's state.")
    @click.option("--dropout", type=float, help="Share of features dropped in training.")
    @click.option("--batch", type=int, help="Tokens of a step (rows of a table).")
    @click.option("--learning-rate", type=float, help="Its peak.")
    @click.option("--patience", type=int, help="Validations without improvement before stopping.")
    @_option_of(WRITES, name, "--beam", type=int, help=_BEAM_HELP)
    @click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.")
    @click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), help="Of products.")
    @click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of everything random.")
    @JSON_OPTION
    def train(
        out: Path, resume: bool, recipe: str, from_scratch: bool, as_json: bool, **given: Any
    ) -> int:
        from pocketlm.console import TrainingBar, emit_json
        from pocketlm.model.tasks.config import BOUNDS
        from pocketlm.model.tasks.runs import resume_task, train_task

        opened = open_task(name)
        given = {key: value for key, value in given.items() if value is not None}
        if resume and (from_scratch or given.keys() - set(BOUNDS)):
            raise UserError("--resume takes --out and the bounds: the other settings are kept")
        with TrainingBar() as bar:
            if resume:
                record = resume_task(opened, out, bar, **given)
            else:
                config = settings(opened, recipe, given, from_scratch)
                record = train_task(opened, config, out, bar)
        if as_json:
            emit_json(record)
        else:
            click.echo(
                f"{out}: {record['parameters']:,} parameters, {record['epochs']:.1f} epochs "
                f"in {record['seconds'] / 60:.1f} min"
            )
            for split, metrics in record["metrics"].items():
                click.echo(f"{split:6} {_metrics_line(metrics)}")
        return 0

    return train


def settings(
    opened: "Task", recipe: str, given: dict[str, Any], from_scratch: bool = False
) -> "TaskConfig":
    """A recipe's settings, and what was given over them."""
    from pocketlm.model.tasks.config import BOUNDS, NetworkConfig

    config: TaskConfig = opened.quick if recipe == "quick" else opened.long
    network_names = {field.name for field in fields(NetworkConfig)} - {"vocabulary_size"}
    network = {key: value for key, value in given.items() if key in network_names}
    other = {key: value for key, value in given.items() if key not in network_names}
    if other.keys() & set(BOUNDS):
        other = {**dict.fromkeys(BOUNDS), **other}
    if "initial" in other and (from_scratch or config.initial is None):
        raise UserError("--from is for sentiment, and not with --from-scratch")
    if from_scratch:
        other["initial"] = None
    if other.get("initial", config.initial) and given.keys() & set(_OF_THE_LANGUAGE_MODEL):
        raise UserError("the language model has its own sizes: no --hidden ... but --from-scratch")
    return replace(config, network=replace(config.network, **network), **other)


def _evaluate(name: str) -> Callable[..., None]:
    @click.argument("model", type=click.Path(path_type=Path))
    @click.option("--data", metavar="NAME|FOLDER", help="Other data than the run's.")
    @click.option(
        "--split",
        type=click.Choice(["valid", "test"]),
        default="test",
        show_default=True,
        help="Which rows.",
    )
    @_option_of(WRITES, name, "--beam", type=click.IntRange(min=1), help=_BEAM_HELP)
    @click.option("--baseline", is_flag=True, help="The simpler method's metrics beside it.")
    @JSON_OPTION
    def evaluate(
        model: Path,
        data: str | None,
        split: str,
        baseline: bool,
        as_json: bool,
        beam: int | None = None,
    ) -> None:
        from pocketlm.console import emit_json, note
        from pocketlm.model.tasks.runs import measure

        opened = open_task(name)
        answers, encoding, config = open_answers(opened, model, beam)
        config = replace(config, data=data or config.data)
        splits = opened.read(config)
        metrics = measure(opened, encoding, splits[split], answers)
        result: dict[str, Any] = {"split": split, "rows": len(splits[split]), **metrics}
        if baseline:
            note("the simpler method")
            simpler = opened.baseline(opened.training_rows(config, splits["train"]), splits[split])
            result["baseline"] = simpler
        if as_json:
            emit_json(result)
            return
        click.echo(f"{split}, {len(splits[split]):,} rows: {_metrics_line(metrics)}")
        if baseline:
            click.echo(f"simpler method: {_metrics_line(simpler)}")

    return evaluate


def _predict(name: str) -> Callable[..., None]:
    @click.argument("text")
    @click.option(
        "--model",
        type=click.Path(path_type=Path),
        required=True,
        help="A run folder, or a bundle.",
    )
    @_option_of(WRITES, name, "--beam", type=click.IntRange(min=1), help=_BEAM_HELP)
    @JSON_OPTION
    def predict(text: str, model: Path, as_json: bool, beam: int | None = None) -> None:
        from pocketlm.console import emit_json

        opened = open_task(name)
        answers, encoding, _ = open_answers(opened, model, beam)
        (answer,) = answers([opened.question(encoding, text)])
        reply = opened.reply(encoding, text, answer)
        if as_json:
            emit_json(reply)
        else:
            shown = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in reply.values()]
            click.echo("  ".join(shown))

    return predict


def _export(name: str) -> Callable[..., None]:
    @click.argument("run", type=click.Path(path_type=Path))
    @click.option("--out", type=click.Path(path_type=Path), required=True, help="The bundle.")
    @click.option(
        "--recipe",
        type=click.Choice(["zero-copy", "float"]),
        default="zero-copy",
        show_default=True,
        help="int8 weights read where they lie, or float32.",
    )
    @click.option(
        "--verify-rows",
        type=click.IntRange(min=1),
        default=200,
        show_default=True,
        help="Rows of valid to compare on.",
    )
    @JSON_OPTION
    def export(run: Path, out: Path, recipe: str, verify_rows: int, as_json: bool) -> None:
        from pocketlm.console import emit_json, note
        from pocketlm.export.quiet import quiet_native

        with quiet_native():
            from pocketlm.export.task_exporter import export_task

        manifest = export_task(open_task(name), run, recipe, out, note, verify_rows)
        if as_json:
            emit_json(manifest)
        else:
            click.echo(json.dumps(manifest["files"], indent=2))
            click.echo(f"{out}: {_metrics_line(manifest['quality'])}")

    return export


def open_answers(
    opened: "Task", model: Path, beam: int | None = None
) -> tuple["Answers", "Encoding", "TaskConfig"]:
    """Whatever answers for a run folder or a bundle."""
    from pocketlm.model.tasks.answers import network_answers
    from pocketlm.model.tasks.runs import open_task_run

    if (model / "manifest.json").is_file():
        from pocketlm.export.task_bundle import open_task_bundle

        return open_task_bundle(opened, model)
    network, encoding, config = open_task_run(opened, model)
    return network_answers(network, beam or config.beam), encoding, config


def _metrics_line(metrics: dict[str, Any]) -> str:
    parts = [
        f"{name} {value:,.4g}" for name, value in metrics.items() if isinstance(value, int | float)
    ]
    return ", ".join(parts)


def _helped(name: str, verb: str, help_text: str) -> str:
    examples = {
        "train": f"pocketlm task {name} train --out runs/{name}",
        "evaluate": f"pocketlm task {name} evaluate runs/{name} --baseline",
        "predict": f'pocketlm task {name} predict "{_EXAMPLES[name]}" --model runs/{name}',
        "export": f"pocketlm task {name} export runs/{name} --out bundles/{name}",
    }
    return f"{help_text}\n\n\b\nExample:\n  {examples[verb]}"


def _add(name: str) -> None:
    group = click.Group(name, help=SUMMARIES[name])
    makers: dict[str, tuple[Callable[[str], Callable[..., Any]], str]] = {
        "train": (_train, "Train a network into a run folder. Ctrl-C writes a checkpoint."),
        "evaluate": (_evaluate, "Metrics of a MODEL, a run folder or a bundle, on held-out rows."),
        "predict": (_predict, "The answer to one TEXT."),
    }
    if name in EXPORTED:
        makers["export"] = (
            _export,
            "Export a RUN to a bundle, verified before it is put in place.",
        )
    for verb, (make, help_text) in makers.items():
        group.command(verb, help=_helped(name, verb, help_text))(make(name))
    task.add_command(group)


for _name in NAMES:
    _add(_name)
