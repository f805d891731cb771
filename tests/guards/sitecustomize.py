"""No process of a test unpickles anything that could run code, however it came to it.

Python runs this file, where its folder is in PYTHONPATH, before anything else, in each process that
inherits that. $POCKETLM_GUARD is a file that gets a line for each guarded process, and one for
each breach; the breach itself is an error at the place.

A pickle runs code by the classes and functions that it names; Python tells its audit hooks (PEP
578), which cannot be taken off again, of each of them. So it does of marshalled code, which the
import system alone may read, from its own caches.
"""

import os
import sys

FORBIDDEN = ("pickle.find_class", "marshal.load", "marshal.loads")
_IMPORTS = ("<frozen importlib", "<frozen zipimport")


def _tell(line: str) -> None:
    with open(os.environ["POCKETLM_GUARD"], "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(line + "\n")


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event in FORBIDDEN:
        code = sys._getframe(1).f_code
        if not (event.startswith("marshal") and code.co_filename.startswith(_IMPORTS)):
            _tell(f"breach: {event} {arguments!r:.200} in {code.co_filename}, {code.co_qualname}")
            raise RuntimeError(f"{event} is forbidden")


sys.addaudithook(_refuse)
_tell("guarded")
