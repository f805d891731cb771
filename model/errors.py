"""The exceptions that the command turns into one line."""


class InterruptedRunError(Exception):
    """A signal ended a training after a checkpoint was written."""


class UserError(ValueError):
    """Input that cannot be used: a missing file, a wrong format, a bad setting."""
