"""The command line of a module that is run by itself, such as `python -m pocketlm.golden`."""

import sys
from collections.abc import Callable, Sequence

from pocketlm.model.errors import UserError


def run_module(
    usage: str, arguments: Sequence[str], body: Callable[..., None], most: int | None = None
) -> int:
    """Call `body` with the arguments; 0, or 2 after one line on standard error.

    Args:
        usage: the module and the names of its arguments; those in brackets may be left out.
        arguments: of the command line.
        body: prints its results.
        most: arguments, where more than are named may follow.
    """
    names = usage.split()[1:]
    least = sum(not name.startswith("[") for name in names)
    if not least <= len(arguments) <= (len(names) if most is None else most):
        print(f"usage: python -m {usage}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        body(*arguments)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0
