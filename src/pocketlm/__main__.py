"""The command `pocketlm`."""

import sys

import click
from click.exceptions import Abort, ClickException, Exit

from pocketlm.model.errors import InterruptedRunError, UserError, one_line


def main() -> int:
    """Run the command; the user's mistakes become one line on standard error and exit code 2."""
    from pocketlm.cli import cli

    try:
        result = cli(standalone_mode=False)
    except ClickException as error:
        return _fail(error.format_message())
    except UserError as error:
        return _fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except InterruptedRunError as interruption:
        click.echo(interruption, err=True)
        return 130
    except (Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except Exit as exit_:
        return exit_.exit_code
    return result if isinstance(result, int) else 0


def _fail(message: str) -> int:
    click.echo(f"error: {one_line(message)}", err=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())
