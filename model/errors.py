"""The one exception for the user's mistakes: its message is the whole error line."""


class UserError(ValueError):
    """Input that cannot be used: a missing file, a wrong format, a bad setting."""
