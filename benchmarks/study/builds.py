"""Builds n-gram models for a while: one count of the text, one ARPA file, many structures.

tokens -> count table of order N -> tables of the orders below it, by links to its files
       -> lmplz -> ARPA file -> build_binary -> a folder a structure of KenLM's
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pocketlm.benchmarks.count_table import count_table_files
from pocketlm.benchmarks.kenlm import arpa_counts, build_kenlm, write_kenlm_arpa
from pocketlm.benchmarks.ngram import KENLM_FILE, MANIFEST, finish_folder
from pocketlm.benchmarks.study.context import Study, TokenArray
from pocketlm.model.files import atomic_folder, read_json

LEFT_BEHIND = ("arpa.*", "growth.*")  # temporary folders in models/, by the run that made them


def shorter_table(study: Study, folder: Path, order: int, out: Path) -> None:
    """The table of a lower order: its files are the first ones of an unpruned table's."""
    manifest = read_json(folder / MANIFEST, "n-gram model")
    with atomic_folder(out, MANIFEST) as target:
        for name in count_table_files(order):
            os.link(folder / name, target / name)
        finish_folder(
            target,
            study.tokenizer,
            kind="table",
            order=order,
            structure="",
            details={
                key: manifest[key][:order] if isinstance(manifest[key], list) else manifest[key]
                for key in ("counts", "prune", "smoothing", "add_k", "discount_fallback", "corpus")
            },
        )


def build_kenlm_folders(
    study: Study,
    tokens: TokenArray,
    prune: Sequence[int],
    folders: dict[str, Path],
    with_lexicon: bool = False,
) -> None:
    """One estimate of KenLM's, in several structures.

    Args:
        study: names the corpus and the tokenizer.
        tokens: of lines.
        prune: a threshold for each order.
        folders: a new folder for each structure.
        with_lexicon: whether the suggester's lexicon goes along.
    """
    tokenizer = study.tokenizer
    with tempfile.TemporaryDirectory(prefix="arpa.", dir=study.models) as work:
        arpa = Path(work) / "model.arpa"
        fallback = write_kenlm_arpa(
            [tokens],
            tokenizer.vocabulary_size,
            tokenizer.end_id,
            order=len(prune),
            prune=prune,
            target=arpa,
            notify=study.notify,
        )
        counts = arpa_counts(arpa)
        for structure, out in folders.items():
            with atomic_folder(out, MANIFEST) as folder:
                build_kenlm(arpa, structure, folder / KENLM_FILE)
                finish_folder(
                    folder,
                    tokenizer,
                    study.lexicon if with_lexicon else None,
                    kind="kenlm",
                    order=len(prune),
                    structure=structure,
                    details={
                        "counts": counts,
                        "prune": list(prune),
                        "discount_fallback": fallback,
                        "corpus": study.corpus.record(),
                    },
                )
