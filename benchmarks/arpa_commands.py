"""The commands `ngram import` and `ngram export`: FILE.arpa -> arpa.py -> a folder, and back."""

from pathlib import Path

import click

from pocketlm.model.commands import JSON_OPTION

_PATH = click.Path(path_type=Path)


@click.command("import")
@click.argument("arpa", metavar="FILE.arpa", type=_PATH)
@click.option("--tokenizer", required=True, type=_PATH, help="A .model file or MODEL folder.")
@click.option("--out", required=True, type=_PATH, help="The model's folder.")
@JSON_OPTION
def import_command(arpa: Path, tokenizer: Path, out: Path, as_json: bool) -> None:
    """Make an n-gram model of an ARPA file.

    Its words are the ids of the tokenizer's tokens in decimals; the end token is <s> and </s>.

    \b
    Example:
      pocketlm ngram import model.arpa --tokenizer en-base --out model
    """
    from pocketlm.benchmarks.arpa import import_arpa
    from pocketlm.benchmarks.commands import print_manifest
    from pocketlm.models import open_tokenizer

    manifest = import_arpa(arpa, open_tokenizer(tokenizer), out)
    print_manifest(manifest, out, as_json)


@click.command("export")
@click.argument("folder", metavar="FOLDER", type=_PATH)
@click.option("--out", required=True, type=_PATH, help="The ARPA file.")
def export_command(folder: Path, out: Path) -> None:
    """Write the ARPA file of a Kneser-Ney model, or of one that was imported.

    \b
    Example:
      pocketlm ngram train --corpus keyboard-en --kind kneser-ney --tokenizer en-base --out kn-3
      pocketlm ngram export kn-3 --out kn-3.arpa
    """
    from pocketlm.benchmarks.arpa import export_arpa

    export_arpa(folder, out)
    click.echo(f"{out}: {out.stat().st_size:,} bytes")
