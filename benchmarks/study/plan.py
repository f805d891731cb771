"""What `bench all` measures: every number that decides it, for the full run and the quick one."""

from dataclasses import dataclass

from pocketlm.benchmarks.ngram import LARGEST_ORDER

ORDERS = tuple(range(1, LARGEST_ORDER + 1))


@dataclass(frozen=True)
class Plan:
    """The settings of a run; `quick` is smaller in every one of them, and not for quoting.

    Attributes:
        name: "full" or "quick".
        shares: of the corpus' training documents, for the growth.
        orders: of n-grams, for the growth.
        samples: fresh processes a figure.
        steps: words' tokens after which memory is read.
        prunings: of KenLM models, thresholds by order.
        whole_orders: of KenLM models with every n-gram.
        table_orders: of the count tables.
        text_lines: of valid and test that perplexities are taken on; all if None.
        recall_lines: of test, drawn with the seed, for next-word recall.
        reach_positions: words whose loss is taken with more and more context.
        influence_places: where states are followed back.
        pair_steps: training steps of the vanilla RNN and the GRU that reach compares.
        rounds: in which all models take turns to be timed.
        seed: of every draw.
    """

    name: str
    shares: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0)
    orders: tuple[int, ...] = ORDERS
    samples: int = 5
    steps: int = 1000
    prunings: tuple[str, ...] = (
        "0 10 20 40 40",
        "0 5 10 20 20",
        "0 3 6",
        "0 3 6 10",
        "0 3 6 10 10",
        "0 4 10 11",
        "0 4 6 6",
        "0 4 5 7",
        "0 4 5 5",
        "0 2 4 6 6",
        "0 1 2 3 3",
        "0 0 1 2 2",
    )
    whole_orders: tuple[int, ...] = (2, 3, 4, 5, 6)
    table_orders: tuple[int, ...] = (3, 5)
    text_lines: int | None = None
    recall_lines: int = 400
    reach_positions: int = 2000
    influence_places: int = 40
    pair_steps: int = 4000
    rounds: int = 5
    seed: int = 1


FULL = Plan("full")
QUICK = Plan(
    "quick",
    shares=(0.01, 0.03, 0.1),
    orders=(1, 2, 3),
    prunings=("0 5 10 20 20", "0 1 2 3 3"),
    whole_orders=(2, 3),
    table_orders=(3,),
    text_lines=300,
    recall_lines=40,
    reach_positions=100,
    influence_places=6,
    pair_steps=60,
    rounds=3,
)
