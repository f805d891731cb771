"""The commands around a bundle: export, inspect."""

from pathlib import Path
from typing import Any

import click

from pocketlm.model.commands import JSON_OPTION
from pocketlm.model.errors import UserError, printable


@click.command()
@click.argument("run", metavar="MODEL", type=click.Path(path_type=Path))
@click.option(
    "--recipe",
    type=click.Choice(["zero-copy", "xnnpack", "float"]),
    default="zero-copy",
    show_default=True,
    help="zero-copy: least memory; xnnpack: fastest; float: the reference.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The bundle folder.")
@click.option(
    "--android",
    is_flag=True,
    help="Put the bundle where the Android app takes it; its name there is MODEL's.",
)
@click.option(
    "--android-project",
    type=click.Path(path_type=Path),
    default=Path("android_demo"),
    show_default=True,
    help="The app's sources.",
)
@click.option(
    "--text",
    type=click.Path(path_type=Path),
    help="Text for the verification (default: the valid split of the run's corpus).",
)
@click.option(
    "--verify-tokens",
    type=click.IntRange(min=100),
    default=4000,
    show_default=True,
    help="How many tokens of it to compare.",
)
@click.option(
    "--with-weights",
    is_flag=True,
    help="Add the weights as float16, for `train --from`; no phone needs them.",
)
@JSON_OPTION
def export(
    run: Path,
    recipe: str,
    out: Path | None,
    android: bool,
    android_project: Path,
    text: Path | None,
    verify_tokens: int,
    with_weights: bool,
    as_json: bool,
) -> None:
    """Quantise and export a MODEL to a bundle, verified before it is put in place.

    MODEL is a run, or a bundle that carries its weights, such as en-base.

    \b
    Example:
      pocketlm export runs/base --recipe zero-copy --out bundles/base
      pocketlm export runs/base --android
    """  # fmt: skip
    from pocketlm.console import emit_json, note
    from pocketlm.export.android import assets_folder, bundle_folder, stage_texts
    from pocketlm.export.quiet import quiet_native
    from pocketlm.export.verify import verification_lines

    if (out is not None) == android:
        raise UserError("name the bundle's folder with --out, or say --android")
    target = out or bundle_folder(android_project, run.resolve().name)
    with quiet_native():
        from pocketlm.export.exporter import export_bundle

    lines = verification_lines(text or _valid_text(run))
    manifest = export_bundle(run, recipe, target, lines, note, verify_tokens, with_weights)
    if android:
        stage_texts(assets_folder(android_project))
        note(f"the app finds it in {target}")
    if as_json:
        emit_json(manifest)
    else:
        click.echo(_summary(manifest))


def _valid_text(model: Path) -> Path:
    """The valid split of the corpus that a run, or a bundle's weights, were trained on."""
    from pocketlm.export.bundle import read_manifest
    from pocketlm.model.corpus import open_corpus
    from pocketlm.model.files import read_json
    from pocketlm.model.run_folder import CONFIG, config_from_json
    from pocketlm.model.settings import matches
    from pocketlm.models import model_kind, resolve_model

    folder = resolve_model(model)
    if model_kind(folder) == "bundle":
        training = read_manifest(folder).get("training")
        corpus, seed = "", None
        if training and matches(training, {"corpus": {"name": str}, "seed": int}):
            corpus, seed = training["corpus"]["name"], training["seed"]
    else:
        path = folder / CONFIG
        config = config_from_json(read_json(path, "run's config"), str(path))
        corpus, seed = config.corpus, config.seed
    try:
        if not corpus or seed is None:
            raise UserError(f"{model} does not say what it was trained on")
        return open_corpus(corpus, seed).path("valid")
    except UserError as error:
        raise UserError(f"{error}; or name a text for the verification with --text") from None


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@JSON_OPTION
def inspect(bundle: Path, as_json: bool) -> int:
    """What is in a BUNDLE, its sizes and quality, and whether its files are intact.

    \b
    Example:
      pocketlm inspect bundles/base
    """
    from pocketlm.console import emit_json
    from pocketlm.export.bundle import damaged_file, read_manifest
    from pocketlm.models import resolve_model

    bundle = resolve_model(bundle)

    try:
        manifest = read_manifest(bundle)
    except UserError:
        if as_json:
            emit_json({"verified": False})
        raise
    damage = damaged_file(bundle, manifest)
    if as_json:
        emit_json({**manifest, "verified": damage is None})
    else:
        click.echo(_summary(manifest))
    if damage:
        click.echo(f"error: {damage}", err=True)
        return 2
    if not as_json:
        click.echo("verified: every file matches its SHA-256")
    return 0


def _summary(manifest: dict[str, Any]) -> str:
    """A manifest for people."""
    model, quality, memory = manifest["model"], manifest["quality"], manifest["predicted_memory"]
    operators = manifest["operators"]
    lines = [
        f"{manifest['name']}: {manifest['recipe']}, {model['parameters']:,} parameters "
        f"(vocabulary {model['vocabulary_size']}, embedding {model['embedding']}, "
        f"hidden {model['hidden']}, layers {model['layers']})",
        "files",
        *(f"  {n:<16} {f['bytes']:>10,} bytes" for n, f in manifest["files"].items()),
        "bytes of model.pte by part",
        *(f"  {part:<16} {size:>10,}" for part, size in manifest["bytes_by_part"].items()),
        f"weights: {manifest['quantisation']['weights']}, largest error "
        f"{manifest['quantisation']['largest_error']:.2g}; "
        f"activations: {manifest['quantisation']['activations']}",
        f"delegates: {', '.join(operators['delegates']) or 'none'}; "
        f"outside: {', '.join(operators['outside_delegates'])}",
        f"predicted memory: {memory['private_bytes']:,} bytes private, "
        f"at most {memory['file_backed_bytes_at_most']:,} evictable pages of the file",
        f"quality on {quality['tokens']:,} tokens of real text: word perplexity "
        f"{quality['word_perplexity']:.2f} (eager {quality['word_perplexity_eager']:.2f}, "
        f"{100 * quality['perplexity_loss']:+.2f} %), argmax agreement "
        f"{100 * quality['argmax_agreement']:.2f} %, mean KL {quality['mean_kl']:.2g} nats",
    ]
    return "\n".join(map(printable, lines))
