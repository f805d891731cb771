"""Training n-gram models: tokens -> count tables | Kneser-Ney | KenLM -> an n-gram folder.

The folder is that of ngram.py: written whole or not at all.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketlm.benchmarks.count_table import write_count_table
from pocketlm.benchmarks.kenlm import train_kenlm
from pocketlm.benchmarks.kneser_ney import write_kneser_ney
from pocketlm.benchmarks.ngram import KENLM_FILE, MANIFEST, check_settings, finish_folder
from pocketlm.benchmarks.smoothing import STUPID_BACKOFF, check_smoothing
from pocketlm.model.errors import UserError
from pocketlm.model.files import atomic_folder
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.tokenizer import Tokenizer

Chunks = Iterable[npt.NDArray[np.integer]]
Notify = Callable[[str], None]


def train_ngram(
    tokens: Chunks,
    tokenizer: Tokenizer,
    *,
    kind: str,
    order: int,
    prune: Sequence[int] = (),
    structure: str = "trie",
    smoothing: str = STUPID_BACKOFF,
    add_k: float | None = None,
    out: Path,
    corpus: dict[str, Any],
    lexicon: Lexicon | None = None,
    notify: Notify = lambda _: None,
) -> dict[str, Any]:
    """Train an n-gram model and write its folder, whole or not at all.

    Args:
        tokens: the token stream in parts, lines of which each ends with the end token.
        tokenizer: the one that made them.
        kind: "table" (counts), "kneser-ney" or "kenlm" (modified Kneser-Ney, ours or KenLM's).
        order: 1..6 (KenLM: 2..6).
        prune: for each order, n-grams seen at most so often are left out; the last holds for the
            orders above it. Empty prunes nothing. Not for Kneser-Ney of ours.
        structure: KenLM's "trie" (quantised) or "probing"; nothing for the others.
        smoothing: a table's: "mle", "add-k" or "stupid-backoff".
        add_k: the k of "add-k"; without it `DEFAULT_K`.
        out: the folder.
        corpus: what the manifest says of the corpus (its name and hash).
        lexicon: written beside the model, for the suggester.
        notify: told in one line when discounts cannot be estimated from the text.

    Returns:
        The manifest.

    Raises:
        UserError: a bad setting, no tokens, or KenLM's refusal.
    """
    thresholds = check_settings(kind, order, prune, structure, smoothing, add_k)
    chunks = _checked(tokens)
    with atomic_folder(out, MANIFEST) as folder:
        if kind == "kenlm":
            details = _train_kenlm(chunks, tokenizer, thresholds, structure, folder, notify)
        elif kind == "kneser-ney":
            details = _train_kneser_ney(chunks, tokenizer, order, folder, notify)
        else:
            details = _train_table(chunks, tokenizer, thresholds, folder)
            details["smoothing"] = smoothing
            details["add_k"] = check_smoothing(smoothing, add_k, thresholds)
        details |= {"prune": thresholds, "corpus": corpus}
        return finish_folder(
            folder,
            tokenizer,
            lexicon,
            kind=kind,
            order=order,
            structure=structure,
            details=details,
        )


def _train_table(
    chunks: Chunks, tokenizer: Tokenizer, thresholds: Sequence[int], folder: Path
) -> dict[str, Any]:
    stream = np.concatenate(list(chunks))
    vocabulary, end = tokenizer.vocabulary_size, tokenizer.end_id
    counts = write_count_table(stream, vocabulary, end, thresholds, folder)
    return {"counts": counts, "discount_fallback": False}


def _train_kneser_ney(
    chunks: Chunks, tokenizer: Tokenizer, order: int, folder: Path, notify: Notify
) -> dict[str, Any]:
    stream = np.concatenate(list(chunks))
    vocabulary, end = tokenizer.vocabulary_size, tokenizer.end_id
    estimate = write_kneser_ney(stream, vocabulary, end, order, folder, notify)
    return {
        "counts": estimate.sizes,
        "discount_fallback": any(each.fallback for each in estimate.discounts),
        "discounts": [asdict(each) for each in estimate.discounts],
    }


def _train_kenlm(
    chunks: Chunks,
    tokenizer: Tokenizer,
    thresholds: Sequence[int],
    structure: str,
    folder: Path,
    notify: Notify,
) -> dict[str, Any]:
    counts, fallback = train_kenlm(
        chunks,
        tokenizer.vocabulary_size,
        tokenizer.end_id,
        order=len(thresholds),
        prune=thresholds,
        structure=structure,
        target=folder / KENLM_FILE,
        notify=notify,
    )
    return {"counts": counts, "discount_fallback": fallback}


def _checked(tokens: Chunks) -> Chunks:
    empty = True
    for chunk in tokens:
        empty = empty and not len(chunk)
        yield chunk
    if empty:
        raise UserError("the corpus holds no tokens")
