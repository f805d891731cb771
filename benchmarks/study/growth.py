"""How n-gram structures grow with the text and the order, and a network beside them.

share of train -> tokens -> counts -> formulas of estimate.py
                         -> every structure at every order -> fresh native processes -> cells

A cell holds the formula's bytes, the file's, and the memory of each process: before the load,
after it, and after the replay. Models are deleted once they are measured.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pocketlm.benchmarks.estimate import (
    BACKOFF_ARRAYS,
    DICTIONARY,
    SORTED_ARRAYS,
    estimates,
)
from pocketlm.benchmarks.kenlm_sizes import UNQUANTISED_TRIE
from pocketlm.benchmarks.ngram_counts import NgramCounts, count_ngrams
from pocketlm.benchmarks.samples import open_measurable
from pocketlm.benchmarks.study.builds import build_kenlm_folders, shorter_table
from pocketlm.benchmarks.study.candidates import Candidate, networks
from pocketlm.benchmarks.study.context import Study, TokenArray
from pocketlm.benchmarks.study.processes import memory_samples

STAGE = "growth"
NETWORK_STAGE = "growth-network"
_KENLM = ("probing", "trie", UNQUANTISED_TRIE)
LOAD_MODES = {SORTED_ARRAYS: "mapped", DICTIONARY: "dictionary", BACKOFF_ARRAYS: "mapped"} | (
    dict.fromkeys(_KENLM, "lazy")
)


def measure_growth(study: Study) -> None:
    """Measure what is not measured yet."""
    for share in study.plan.shares:
        growth = _Growth(study, share)
        if any(growth.lacking(order) for order in study.plan.orders):
            growth.measure()
    for network in networks(study):
        _measure_network(study, network)


def _measure_network(study: Study, network: Candidate) -> None:
    def measure() -> dict[str, Any]:
        model = network.measurable()
        return {
            "file_bytes": model.file_bytes,
            "load_mode": model.load_mode,
            "samples": memory_samples(study, model),
        }

    settings = study.memory_settings() | network.identity
    study.cells.take(NETWORK_STAGE, network.name, settings, measure)


class _Growth:
    """One share of the text."""

    def __init__(self, study: Study, share: float) -> None:
        self.study, self.share = study, share

    def lacking(self, order: int) -> list[str]:
        """The structures of an order that have no cell."""
        structures = [name for name in LOAD_MODES if order > 1 or name not in _KENLM]
        return [name for name in structures if not self._has(name, order)]

    def measure(self) -> None:
        """Count once, build each order, measure."""
        study, orders = self.study, self.study.plan.orders
        tokens = study.tokens(self.share)
        end = study.tokenizer.end_id
        counts = count_ngrams(tokens, study.tokenizer.vocabulary_size, end, [0] * max(orders))
        text = {"words": study.count_words(tokens), "tokens": len(tokens)}
        with tempfile.TemporaryDirectory(prefix="growth.", dir=study.models) as work:
            self._tables(tokens, Path(work), counts, text)
            for order in orders:
                for folder, structure in self._backoff_models(tokens, Path(work), order):
                    self._take(folder, structure, order, counts, text)

    def _tables(
        self, tokens: TokenArray, work: Path, counts: NgramCounts, text: dict[str, int]
    ) -> None:
        """Sorted arrays and dictionaries of every order, from one table of the highest."""
        kinds = (SORTED_ARRAYS, DICTIONARY)
        lacking = {o: set(kinds) & set(self.lacking(o)) for o in self.study.plan.orders}
        if not any(lacking.values()):
            return
        whole = work / "table"
        self.study.train(tokens, whole, kind="table", order=max(lacking))
        for order, structures in lacking.items():
            folder = work / f"table-{order}"
            shorter_table(self.study, whole, order, folder)
            for structure in kinds:
                if structure in structures:
                    self._take(folder, structure, order, counts, text)

    def _backoff_models(
        self, tokens: TokenArray, work: Path, order: int
    ) -> Iterator[tuple[Path, str]]:
        """Kneser-Ney models of an order, each deleted after it was used."""
        lacking = self.lacking(order)
        if BACKOFF_ARRAYS in lacking:
            with tempfile.TemporaryDirectory(dir=work) as folder:
                out = Path(folder) / "model"
                self.study.train(tokens, out, kind="kneser-ney", order=order)
                yield out, BACKOFF_ARRAYS
        if wanted := [name for name in _KENLM if name in lacking]:
            with tempfile.TemporaryDirectory(dir=work) as folder:
                folders = {name: Path(folder) / name.replace(" ", "-") for name in wanted}
                build_kenlm_folders(self.study, tokens, [0] * order, folders)
                for name, out in folders.items():
                    yield out, name

    def _take(
        self, folder: Path, structure: str, order: int, counts: NgramCounts, text: dict[str, int]
    ) -> None:
        of_order = NgramCounts(counts.vocabulary, counts.sizes[:order], counts.word_bytes)
        (formula,) = (e.bytes for e in estimates(of_order) if e.structure == structure)
        load_mode = LOAD_MODES[structure]
        (model,) = (m for m in open_measurable(folder) if m.load_mode == load_mode)
        self.study.cells.take(
            STAGE,
            self._name(structure, order),
            self._settings(structure, order),
            lambda: {
                **text,
                "ngrams": list(of_order.sizes),
                "load_mode": load_mode,
                "estimate_bytes": formula,
                "file_bytes": model.file_bytes,
                "samples": memory_samples(self.study, model),
            },
        )

    def _has(self, structure: str, order: int) -> bool:
        return self.study.cells.has(
            STAGE, self._name(structure, order), self._settings(structure, order)
        )

    def _name(self, structure: str, order: int) -> str:
        return f"{structure} {order} {self.share:g}"

    def _settings(self, structure: str, order: int) -> dict[str, Any]:
        own = {"structure": structure, "order": order, "share": self.share}
        return self.study.memory_settings() | own
