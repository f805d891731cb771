"""The models that are compared: networks in their recipes, pruned and whole KenLM, count tables.

plan, networks -> Candidates: a name, what decides it, a folder that is built when it is needed

A candidate says what it is without being there, so that finished measurements need no model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pocketlm.benchmarks.built_sizes import check_built
from pocketlm.benchmarks.ngram import MANIFEST as NGRAM_MANIFEST
from pocketlm.benchmarks.samples import Measurable, open_measurable
from pocketlm.benchmarks.study.builds import build_kenlm_folders
from pocketlm.benchmarks.study.context import Study
from pocketlm.benchmarks.study.processes import in_own_process
from pocketlm.export.bundle import MANIFEST, PROGRAM, read_manifest
from pocketlm.model.files import sha256_file
from pocketlm.model.weights import WEIGHTS
from pocketlm.models import resolve_model

QUICK_RECIPE = "xnnpack"  # a network's other recipe: more memory, less time
_TABLE_LAYOUTS = ("dictionary", "mapped")


@dataclass(frozen=True)
class Candidate:
    """A model to be measured.

    Attributes:
        name: of its folder.
        kind: network, kenlm or table.
        identity: what makes it this model, for the settings of cells.
        order: of an n-gram model.
        prune: its thresholds by order.
        twin: the candidate of the same weights whose perplexity is taken for this one's too; a
            zero-copy step takes a millisecond, and whole texts many minutes.
        open: its folder, which is built if it is not there.
    """

    name: str
    kind: str
    identity: dict[str, Any]
    order: int | None
    prune: tuple[int, ...] | None
    twin: str | None
    open: Callable[[], Path]

    @property
    def layouts(self) -> tuple[str, ...]:
        """Names of what is measured of it, of which the last is the quickest."""
        if self.kind == "table":
            return tuple(f"{self.name} ({layout})" for layout in _TABLE_LAYOUTS)
        return (self.name,)

    def measurable(self, layout: str | None = None) -> Measurable:
        """One of its layouts, the quickest if None."""
        found = {model.name: model for model in open_measurable(self.open())}
        return found[layout or self.layouts[-1]]


def candidates(study: Study) -> list[Candidate]:
    """All of the plan, networks first."""
    return [*networks(study), *ngrams(study)]


def networks(study: Study) -> list[Candidate]:
    """Each network as it is, and by the quick recipe where its weights are there."""
    found = []
    for model in study.networks:
        folder = resolve_model(model)
        recipe = read_manifest(folder)["recipe"]
        program = sha256_file(folder / PROGRAM)
        name = f"{folder.name}-{QUICK_RECIPE}"
        exportable = recipe != QUICK_RECIPE and (folder / WEIGHTS).is_file()
        twin = name if exportable else None
        found.append(_network(folder.name, program, recipe, partial(Path, folder), twin))
        if exportable:
            weights = sha256_file(folder / WEIGHTS)
            exporting = partial(_exported, study, folder, study.models / weights[:12] / name)
            found.append(_network(name, weights, QUICK_RECIPE, exporting))
    return found


def _network(
    name: str, sha256: str, recipe: str, folder: Callable[[], Path], twin: str | None = None
) -> Candidate:
    identity = {"network": sha256, "recipe": recipe}
    return Candidate(name, "network", identity, None, None, twin, folder)


def _exported(study: Study, bundle: Path, out: Path) -> Path:
    if not (out / MANIFEST).is_file():
        study.notify(f"exporting {bundle.name} by the recipe {QUICK_RECIPE}")
        in_own_process(_export, bundle, out, study.corpus.path("valid"))
    return out


def _export(bundle: Path, out: Path, text: Path) -> None:
    from pocketlm.export.quiet import quiet_native

    with quiet_native():
        from pocketlm.export.exporter import export_bundle
        from pocketlm.export.verify import verification_lines

    export_bundle(bundle, QUICK_RECIPE, out, verification_lines(text))


def ngrams(study: Study) -> list[Candidate]:
    """Pruned KenLM models, those with every n-gram, and count tables."""
    plan = study.plan
    pruned = [tuple(map(int, text.split())) for text in plan.prunings]
    return [
        *(_ngram(study, f"kenlm-{len(p)}-{'-'.join(map(str, p))}", "kenlm", p) for p in pruned),
        *(_ngram(study, f"kenlm-{n}", "kenlm", (0,) * n) for n in plan.whole_orders),
        *(_ngram(study, f"table-{n}", "table", (0,) * n) for n in plan.table_orders),
    ]


def _ngram(study: Study, name: str, kind: str, prune: tuple[int, ...]) -> Candidate:
    folder = study.models / name

    def build() -> Path:
        if (folder / NGRAM_MANIFEST).is_file():
            check_built(folder, study.tokenizer.sha256, prune, study.corpus.record())
        else:
            study.notify(f"building {name}")
            tokens = study.tokens()
            if kind == "table":
                study.train(tokens, folder, with_lexicon=True, kind=kind, order=len(prune))
            else:
                build_kenlm_folders(study, tokens, prune, {"trie": folder}, with_lexicon=True)
        return folder

    return Candidate(name, kind, {"ngram": kind, "prune": prune}, len(prune), prune, None, build)
