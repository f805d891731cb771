"""The exceptions that the command turns into one line."""


class InterruptedRunError(Exception):
    """A signal ended a training after a checkpoint was written."""


class UserError(ValueError):
    """Input that cannot be used: a missing file, a wrong format, a bad setting."""


LONGEST_LINE = 1000  # characters


def one_line(message: str) -> str:
    """A message as one line that a terminal can show: what files say may hold anything."""
    line = " ".join(message.split())
    if len(line) > LONGEST_LINE:
        line = line[:LONGEST_LINE] + "…"
    return printable(line)


def printable(text: str) -> str:
    """Text with what moves a terminal's cursor, or cannot be written, spelt out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
