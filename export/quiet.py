"""Silence for native libraries that log to standard error whatever they are told."""

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_native() -> Iterator[None]:
    """Keep what a block writes to standard error, and show it only if the block fails."""
    sys.stderr.flush()
    saved = os.dup(2)
    disabled = logging.root.manager.disable
    with tempfile.TemporaryFile() as kept, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except Exception as error:
            if not isinstance(error, RuntimeError):  # those carry the library's own message
                kept.seek(0)
                os.write(saved, kept.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            logging.disable(disabled)
