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
from pocketlm.benchmarks.study.influence import LAGS, Place, draw_places, influence
from pocketlm.benchmarks.study.pair import EMBEDDING, PAIR, open_pair
from pocketlm.benchmarks.study.reach import WORDS_BEFORE, Position, draw_positions, reach
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
    """Measure what is not measured yet; nothing where the text has no line that is long enough."""
    if not (_positions(study) and _places(study)):
        study.notify(
            f"reach is left out: no line of {study.corpus.name} valid has {WORDS_BEFORE} words "
            f"and {max(LAGS)} tokens before another"
        )
        return
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


def _positions(study: Study) -> list[Position]:
    return draw_positions(_documents(study), study.plan.reach_positions, study.plan.seed)


def _places(study: Study) -> list[Place]:
    plan = study.plan
    return draw_places(_documents(study), study.tokenizer, plan.influence_places, seed=plan.seed)


def _reach(study: Study, asked: _Asked) -> dict[str, Any]:
    carried, seed = asked.kind == "network", study.plan.seed
    found = reach(asked.open(), _documents(study), _positions(study), carried=carried, seed=seed)
    return found | {key: _rounded(found[key]) for key in ("nats", "carried_nats")}


def _influence(study: Study, asked: _Asked) -> dict[str, Any]:
    return influence(asked.open(), _places(study))


def _rounded(nats: Any) -> Any:
    """Nats of many words to five decimals; means are taken before."""
    if isinstance(nats, list):
        return [_rounded(each) for each in nats]
    return None if nats is None else round(nats, 5)
