"""What the figures say, in sentences that are computed from them, for and against the network.

results -> headline -> the page's first lines
        -> tables_win -> "Where the tables win"
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pocketlm.benchmarks.units import format_bytes, format_perplexity, format_times, format_us

Json = dict[str, Any]


def headline(results: Json) -> list[str]:
    """Which n-gram has the network's memory, and which its quality; empty without the figures."""
    quality = results.get("quality") or {}
    ratios, models = quality.get("ratios"), quality.get("models", [])
    if not ratios or (network := _named(models, ratios["network"])) is None:
        return []
    same_memory = ratios["same_memory"]
    sentences = []
    if (ngram := _named(models, same_memory["ngram"])) is not None:
        sentences.append(_same_memory(network, ngram, same_memory))
        sentences += _recall(network, ngram, same_memory)
    if (same_quality := ratios["same_quality"]) is not None:
        if (ngram := _named(models, same_quality["ngram"])) is not None:
            sentences.append(_same_quality(network, ngram, same_quality))
    elif (best := _named(models, ratios["best"]["ngram"])) is not None:
        sentences.append(_no_quality(network, best, ratios["best"]))
    return sentences


def _same_memory(network: Json, ngram: Json, ratio: Json) -> str:
    memory, own = ratio["memory"], format_bytes(network["pss"]["median"])
    held = format_bytes(ngram["pss"]["median"])
    if memory <= 1:
        start = (
            f"With no more memory than {network['name']} (PSS {own}), the best n-gram model is "
            f"{ngram['name']} (PSS {held})"
        )
    else:
        start = (
            f"No n-gram model is as small as {network['name']} (PSS {own}); the smallest is "
            f"{ngram['name']} (PSS {held}, {format_times(memory)} times as much)"
        )
    perplexity = (
        f"its word perplexity is {format_perplexity(ngram['word_perplexity'])} against "
        f"{format_perplexity(network['word_perplexity'])}, {_against(ratio['word_perplexity'])}"
    )
    return f"{start}: {perplexity}."


def _recall(network: Json, ngram: Json, ratio: Json) -> list[str]:
    """How often either guesses the next word, in one sentence; none where it is not known."""
    if not all(ratio[field] and network[field] and ngram[field] for field in ("top1", "top3")):
        return []
    first, three = (
        f"{network[field]['value']:.1f} % of the time against {ngram[field]['value']:.1f} % "
        f"({ratio[field]:.2f} times as often, {_between(ratio[f'{field}_interval'])})"
        for field in ("top1", "top3")
    )
    return [
        f"{network['name']} guesses the next word, before its first letter, {first} for "
        f"{ngram['name']}; the word is among its three guesses {three}."
    ]


def _between(interval: Sequence[float | None]) -> str:
    """A 95 % interval of a ratio."""
    low, high = (f"{end:.2f}" if end is not None else "?" for end in interval)
    return f"95 % interval {low} to {high}"


def _same_quality(network: Json, ngram: Json, ratio: Json) -> str:
    return (
        f"The smallest n-gram model of {network['name']}'s word perplexity "
        f"({format_perplexity(network['word_perplexity'])}) is {ngram['name']} "
        f"({format_perplexity(ngram['word_perplexity'])}): its PSS is "
        f"{format_bytes(ngram['pss']['median'])}, {_against(ratio['memory'])}."
    )


def _no_quality(network: Json, best: Json, ratio: Json) -> str:
    return (
        f"No n-gram model that was measured reaches {network['name']}'s word perplexity of "
        f"{format_perplexity(network['word_perplexity'])}: the best, {best['name']}, gets "
        f"{format_perplexity(best['word_perplexity'])}, {_against(ratio['word_perplexity'])}, "
        f"with a PSS of {format_bytes(best['pss']['median'])}, {_against(ratio['memory'])}."
    )


def _against(ratio: float) -> str:
    """How many times the network's."""
    return f"{_factor(ratio)} times the network's"


def _factor(ratio: float) -> str:
    return f"{ratio:.2f}" if 0.95 <= ratio < 1.995 else format_times(ratio)


def tables_win(results: Json) -> list[str]:
    """Where some n-gram model is better than the network beside it, in each kind of figure."""
    return [
        *_quality_wins(results.get("quality") or {}),
        *_reach_wins(results.get("reach") or {}),
        *_speed_wins(results.get("speed") or {}),
        *_process_wins(results.get("process") or {}),
    ]


def _quality_wins(quality: Json) -> Iterator[str]:
    ratios, models = quality.get("ratios"), quality.get("models", [])
    if not ratios or (network := _named(models, ratios["network"])) is None:
        return
    ngrams = _ngrams(models)
    own = network["name"]
    if smaller := [m["name"] for m in ngrams if m["pss"]["median"] < network["pss"]["median"]]:
        yield (
            f"Memory: {_list(smaller)} {_have(smaller)} a smaller PSS than {own} "
            f"({format_bytes(network['pss']['median'])})."
        )
    private = network["private_dirty"]["median"]
    if smaller := [m["name"] for m in ngrams if m["private_dirty"]["median"] < private]:
        yield (
            f"Private memory: {_list(smaller)} {_have(smaller)} less of it than {own} "
            f"({format_bytes(private)}): their files are mapped, and what they touch is evictable."
        )
    if (perplexity := network["word_perplexity"]) is not None:
        rated = [m for m in ngrams if m["word_perplexity"] is not None]
        if better := [m["name"] for m in rated if m["word_perplexity"] < perplexity]:
            yield (
                f"Word perplexity: {_list(better)} {_have(better)} a lower one than {own} "
                f"({format_perplexity(perplexity)})."
            )
    for field, name in (("top1", "Next word first"), ("top3", "Next word among three")):
        if (theirs := network[field]) is None:
            continue
        rated = [m for m in ngrams if m[field] is not None]
        if better := [m for m in rated if m[field]["value"] > theirs["value"]]:
            best = max(better, key=lambda m: float(m[field]["value"]))
            names = [m["name"] for m in better]
            yield (
                f"{name}: {_list(names)} {_have(names)} a higher recall than {own} "
                f"({theirs['value']:.1f} %), {best['name']} the highest "
                f"({best[field]['value']:.1f} %)."
            )


def _reach_wins(reach: Json) -> Iterator[str]:
    """Where an n-gram model loses less than every network that sees as much."""
    models = reach.get("models", [])
    networks = [m for m in models if m["kind"] == "network"]
    if not networks:
        return
    ahead = []
    for place, context in enumerate(reach["contexts"]):
        known = [_loss(m, place) for m in networks]
        least = min((loss for loss in known if loss is not None), default=None)
        losses = {m["name"]: _loss(m, place) for m in _ngrams(models)}
        rated = {name: loss for name, loss in losses.items() if loss is not None}
        if rated and least is not None and min(rated.values()) < least:
            best = min(rated, key=lambda name: rated[name])
            seen = "all" if context is None else str(context)
            ahead.append(f"{seen} ({best}, {rated[best]:.2f} against {least:.2f} nats)")
    if ahead:
        yield (
            "Loss when few words are seen: the best n-gram model loses less than every network "
            f"where the words seen are {_list(ahead, most=8)}."
        )


def _loss(model: Json, place: int) -> float | None:
    estimate = model["nats_per_word"][place]
    return None if estimate is None else estimate["value"]


def _speed_wins(speed: Json) -> Iterator[str]:
    models = speed.get("models", [])
    if (network := _named(models, speed.get("reference"))) is None:
        return
    own = network["name"]
    for field, name in (("score", "Scoring a token"), ("distribution", "A whole distribution")):
        timed = [m for m in _ngrams(models) if m.get(field) and m.get(f"{field}_ratio")]
        quicker = [m for m in timed if m[f"{field}_ratio"]["median"] < 1]
        if quicker and network.get(field):
            best = min(quicker, key=lambda m: float(m[f"{field}_ratio"]["median"]))
            times = format_times(1 / best[f"{field}_ratio"]["median"])
            names = [m["name"] for m in quicker]
            yield (
                f"{name}: {_list(names)} {'are' if len(names) > 1 else 'is'} quicker than {own} "
                f"({format_us(network[field]['median'])}); the quickest, {best['name']} "
                f"({format_us(best[field]['median'])}), {times} times."
            )
    smaller = [
        m
        for m in _ngrams(models)
        if m["state_bytes"] is not None
        and network["state_bytes"] is not None
        and m["state_bytes"] < network["state_bytes"]
    ]
    if smaller:
        largest = max(m["state_bytes"] for m in smaller)
        yield (
            f"State of a conversation: at most {largest:,} bytes for "
            f"{_list([m['name'] for m in smaller])}, {network['state_bytes']:,} for {own}."
        )


def _process_wins(process: Json) -> Iterator[str]:
    """The first network of the list stands for the networks."""
    models = process.get("models", [])
    network = next((m for m in models if m["kind"] == "network"), None)
    if network is None:
        return
    fields = (
        ("pss", "Whole process, PSS", format_bytes),
        ("private_dirty", "Whole process, private memory", format_bytes),
        ("load_us", "Loading", format_us),
    )
    for field, name, write in fields:
        if network[field] is None:
            continue
        better = [
            m for m in _ngrams(models)
            if m[field] is not None and m[field]["median"] < network[field]["median"]
        ]  # fmt: skip
        if better:
            names = [f"{m['name']} ({m['load_mode']}, {write(m[field]['median'])})" for m in better]
            yield (
                f"{name}: less than {network['name']}'s {write(network[field]['median'])} for "
                f"{_list(names)}."
            )


def _named(models: Sequence[Json], name: str | None) -> Json | None:
    return next((m for m in models if m["name"] == name), None)


def _ngrams(models: Sequence[Json]) -> list[Json]:
    return [m for m in models if m["kind"] != "network"]


def _have(names: Sequence[str]) -> str:
    return "have" if len(names) > 1 else "has"


def _list(names: Sequence[str], most: int = 4) -> str:
    """Names in a row; of a long list the first few, and how many more."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
