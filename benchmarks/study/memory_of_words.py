"""Reach: what the words before are worth, and how long they are remembered.

valid -> positions -> loss with 1, 2, 3, .. words in sight  -> cells: reach
      -> places    -> Jacobians, replaced words             -> cells: influence

Asked are the first network, the pair of pair.py, and KenLM models with every n-gram.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from pocketlm.benchmarks.study.candidates import Candidate, ngrams
from pocketlm.benchmarks.study.context import Study
from pocketlm.benchmarks.study.influence import draw_places, influence
from pocketlm.benchmarks.study.pair import EMBEDDING, PAIR, open_pair
from pocketlm.benchmarks.study.reach import draw_positions, reach
from pocketlm.model.corpus import text_lines
from pocketlm.model.files import sha256_file
from pocketlm.model.network import NetworkPredictor
from pocketlm.model.predictor import Predictor
from pocketlm.model.weights import WEIGHTS
from pocketlm.models import open_model, open_network, resolve_model

REACH, INFLUENCE = "reach", "influence"


@dataclass(frozen=True)
class _Asked:
    """A model of this stage, opened when it is asked."""

    name: str
    kind: str
    order: int | None
    identity: dict[str, Any]
    open: Callable[[], Predictor]


def measure_reach(study: Study) -> None:
    """Measure what is not measured yet."""
    for asked in _asked(study):
        settings = {
            "text_sha256": study.replayed.sha256,
            "text_lines": study.plan.text_lines,
            "seed": study.plan.seed,
            "kind": asked.kind,
            "order": asked.order,
            **asked.identity,
        }
        positions = {"positions": study.plan.reach_positions}
        study.cells.take(REACH, asked.name, settings | positions, partial(_reach, study, asked))
        places = {"places": study.plan.influence_places}
        study.cells.take(
            INFLUENCE, asked.name, settings | places, partial(_influence, study, asked)
        )


def _asked(study: Study) -> Iterator[_Asked]:
    first = resolve_model(study.networks[0])
    if (first / WEIGHTS).is_file():
        weights = {"weights": sha256_file(first / WEIGHTS)}
        yield _Asked(first.name, "network", None, weights, partial(_eager, study))
    for one in PAIR:
        identity = {**asdict(one), "embedding": EMBEDDING, "steps": study.plan.pair_steps}
        yield _Asked(one.name, "network", None, identity, partial(open_pair, study, one))
    for model in ngrams(study):
        if model.kind == "kenlm" and not any(model.prune or (1,)):
            opened = partial(_open_ngram, model)
            yield _Asked(model.name, model.kind, model.order, model.identity, opened)


def _open_ngram(model: Candidate) -> Predictor:
    return open_model(model.open())


def _eager(study: Study) -> Predictor:
    model, tokenizer = open_network(study.networks[0])
    return NetworkPredictor(model, tokenizer, resolve_model(study.networks[0]).name)


def _documents(study: Study) -> list[list[str]]:
    return text_lines(study.corpus.path("valid"), study.plan.text_lines)


def _reach(study: Study, asked: _Asked) -> dict[str, Any]:
    documents, plan = _documents(study), study.plan
    positions = draw_positions(documents, plan.reach_positions, plan.seed)
    carried = asked.kind == "network"
    found = reach(asked.open(), documents, positions, carried=carried, seed=plan.seed)
    return found | {key: _rounded(found[key]) for key in ("nats", "carried_nats")}


def _influence(study: Study, asked: _Asked) -> dict[str, Any]:
    documents, plan = _documents(study), study.plan
    places = draw_places(documents, study.tokenizer, plan.influence_places, seed=plan.seed)
    return influence(asked.open(), places)


def _rounded(nats: Any) -> Any:
    """Nats of many words to five decimals; means are taken before."""
    if isinstance(nats, list):
        return [_rounded(each) for each in nats]
    return None if nats is None else round(nats, 5)
