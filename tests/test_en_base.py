"""The bundle in the repository: intact, and still giving the suggestions that it gave."""

import pytest
from helpers import ROOT

from pocketlm.export.bundle import open_bundle
from pocketlm.model.suggest import Suggester

# Text so far -> the likeliest word and its probability, as `pocketlm suggest` printed them.
GOLDEN = {
    "see you ": ("in", 0.035044),
    "Thank you for your ": ("help", 0.418872),
    "happy birth": ("birthday", 0.000220238),
    "I don't kn": ("know", 0.284309),
    "Good m": ("morning", 0.0845155),
    "what are you d": ("doing", 0.137680),
}


def test_the_bundle_gives_its_golden_suggestions() -> None:
    suggester = Suggester(open_bundle(ROOT / "bundles" / "en-base"))
    for text, (word, probability) in GOLDEN.items():
        best = suggester.suggest(text)[0]
        assert best.word == word
        # Other processors sum in another order.
        assert best.probability == pytest.approx(probability, rel=1e-3)
