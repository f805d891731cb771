"""Options that several `bench` commands have."""

import click

CORPUS_OPTION = click.option(
    "--corpus", default="keyboard-en", show_default=True, help="Name, folder or file of a corpus."
)
TOKENS_OPTION = click.option(
    "--tokens", default="en-base", show_default=True, metavar="MODEL", help="Whose tokens to use."
)
