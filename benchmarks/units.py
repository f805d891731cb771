"""How figures are written for people: bytes, times, perplexities."""


def format_bytes(count: float) -> str:
    """KiB, MiB or GiB, three digits."""
    value, unit = count / 1024, "KiB"
    for larger in ("MiB", "GiB"):
        if abs(value) >= 1000:
            value, unit = value / 1024, larger
    digits = 0 if unit == "KiB" or abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:,.{digits}f} {unit}"


def format_us(microseconds: float) -> str:
    """Microseconds, milliseconds or seconds, as is easier to read."""
    for factor, unit in ((1e6, "s"), (1e3, "ms")):
        if microseconds >= factor:
            return f"{microseconds / factor:,.2f} {unit}"
    return f"{microseconds:,.0f} µs" if microseconds >= 10 else f"{microseconds:.2f} µs"


def format_perplexity(perplexity: float | None) -> str:
    """One decimal; None stands for what no float can hold."""
    if perplexity is None:
        return "too large"
    return f"{perplexity:,.1f}" if perplexity < 1e6 else f"{perplexity:.2g}"


def format_times(ratio: float) -> str:
    """How many times something is, in two significant digits."""
    if ratio < 0.95:
        return f"{ratio:.2g}"
    if ratio < 9.95:
        return f"{ratio:.1f}"
    step = 10 ** max(len(str(round(ratio))) - 2, 0)
    return f"{round(ratio / step) * step:,}"


def rounded(figure: str) -> str:
    """A figure at a chart's tick, which is round: without the zeros after its point."""
    number, _, unit = figure.partition(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"
