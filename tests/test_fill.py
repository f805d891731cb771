"""Filling gaps: the model of both directions, its training, and what is offered for a gap."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import Invoke, Silent, StopAt, only_json, tiny_config
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketlm.benchmarks.filling import accuracies, draw_gaps, gains
from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.fill import BothSides, Rescored, right_tokens, split_gap
from pocketlm.model.gap_model import GapModel
from pocketlm.model.gap_objective import (
    GapFilling,
    PieceKinds,
    find_gaps,
    reversal,
)
from pocketlm.model.gap_predictor import GapPredictor
from pocketlm.model.language_model import ModelConfig
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.network import open_run
from pocketlm.model.predictor import FloatArray, IntArray
from pocketlm.model.reading import readable
from pocketlm.model.run_folder import load_gap_run
from pocketlm.model.segments import Segments, pack_segments
from pocketlm.model.tokenizer import END_ID, Tokenizer
from pocketlm.model.train import resume, train
from pocketlm.model.words import words_of


def make_gap_model(tokenizer: Tokenizer, layers: int = 1, cell: str = "gru") -> GapModel:
    torch.manual_seed(1)
    model = GapModel(ModelConfig(tokenizer.vocabulary_size, 12, 16, layers, cell=cell)).eval()
    torch.nn.init.normal_(model.initial_state)
    return model


def of_lines(lines: list[list[int]]) -> Segments:
    """Each line a segment."""
    targets = np.array([[token for line in lines for token in [*line, END_ID]]])
    inputs = np.concatenate([[[END_ID]], targets[:, :-1]], axis=1)
    return pack_segments(inputs, targets, inputs == END_ID)


def expected_gaps(segment: list[int], kinds: PieceKinds) -> tuple[list[tuple[int, int, int]], int]:
    """(place before, place after or -1, target) of each prediction in one segment; words."""
    found: list[tuple[int, int, int]] = []
    words = 0
    for start, token in enumerate(segment):
        if not kinds.opens[token]:
            continue
        end = start + 1
        while end < len(segment) and not kinds.boundary[segment[end]]:
            end += 1
        if kinds.bare[token] and end == start + 1:
            continue
        words += 1
        after = end if end < len(segment) else -1
        found += [(i, after, segment[i]) for i in range(start, end)]
        if after >= 0:
            found.append((end, end, END_ID))
    return found, words


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_gaps_are_the_words_of_each_segment(tokenizer: Tokenizer, data: st.DataObject) -> None:
    rows, time = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 24))
    generator = np.random.default_rng(data.draw(st.integers(0, 1000)))
    targets = generator.integers(0, tokenizer.vocabulary_size, (rows, time))
    inputs = np.roll(targets, 1, axis=1)
    starts = generator.random((rows, time)) < 0.3
    segments, kinds = pack_segments(inputs, targets, starts), PieceKinds(tokenizer)
    gaps = find_gaps(segments, kinds)

    places = packed_places(segments)
    actual = sorted(zip(gaps.before.tolist(), gaps.after.tolist(), gaps.targets.tolist(),
                        strict=True))  # fmt: skip
    expected, words = [], 0
    for of_segment in places:
        found, count = expected_gaps(segments.targets[of_segment].tolist(), kinds)
        words += count
        nowhere = len(segments.targets)
        expected += [
            (int(of_segment[b]), int(of_segment[a]) if a >= 0 else nowhere, t) for b, a, t in found
        ]
    assert actual == sorted(expected)
    assert gaps.words == words
    for of_segment in places:
        assert reversal(segments)[of_segment].tolist() == of_segment[::-1].tolist()


def packed_places(segments: Segments) -> list[IntArray]:
    """The packed places of each segment, in time's order."""
    offsets = np.cumsum(segments.batch_sizes) - segments.batch_sizes
    return [offsets[:length] + s for s, length in enumerate(segments.lengths())]


@pytest.mark.parametrize(("layers", "cell"), [(1, "gru"), (2, "gru"), (1, "rnn")])
def test_the_training_form_is_the_predictor_of_each_gap(
    tokenizer: Tokenizer, layers: int, cell: str
) -> None:
    """Nats of all gaps of a line at once, and word by word: forward state, backward state, end."""
    config = ModelConfig(tokenizer.vocabulary_size, 12, 16, layers, cell=cell)
    objective = GapFilling(config, tokenizer, torch.device("cpu"))
    model = make_gap_model(tokenizer, layers, cell)
    objective.model.load_state_dict(model.state_dict())
    line = "see you tomorrow at the station"
    evaluation = objective.evaluate([[line]])["line"]
    tokens, kinds = [*tokenizer.encode(line), END_ID], PieceKinds(tokenizer)
    starts = [i for i, t in enumerate(tokens) if kinds.boundary[t]]
    nats = 0.0
    for start, end in itertools.pairwise(starts):
        predictor = GapPredictor(model, tokenizer, "gap", tokens[end:])
        state = predictor.start()
        for token in tokens[:start]:
            state = predictor.advance(state, np.array([token]))
        for token in [*tokens[start:end], END_ID]:
            nats -= predictor.log_probabilities(state)[0, token]
            state = predictor.advance(state, np.array([token]))
    assert evaluation.words == len(line.split())
    assert evaluation.nats == pytest.approx(nats, rel=1e-4)


def test_each_piece_has_a_probability_and_they_sum_to_one(tokenizer: Tokenizer) -> None:
    predictor = GapPredictor(make_gap_model(tokenizer), tokenizer, "gap", [5, 6, END_ID])
    state = predictor.advance(predictor.start(2), np.array([3, 4]))
    assert np.exp(predictor.log_probabilities(state)).sum(axis=1) == pytest.approx(1, abs=1e-5)
    swapped = predictor.select(state, np.array([1, 0]))
    np.testing.assert_allclose(
        predictor.log_probabilities(swapped), predictor.log_probabilities(state)[::-1]
    )


def test_the_right_side_is_read_from_its_end(tokenizer: Tokenizer) -> None:
    model = make_gap_model(tokenizer)
    with torch.no_grad():
        state = model.start_state(1, 1)
        for token in (END_ID, 7, 5):
            state = model.advance(torch.tensor([token]), state, 1)
        torch.testing.assert_close(model.read_right(torch.tensor([5, 7, END_ID])), state[-1])


@pytest.fixture(scope="module")
def both(corpus: Corpus, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of both directions; tests do not write into it."""
    folder = tmp_path_factory.mktemp("both") / "run"
    config = tiny_config(corpus, direction="both", fresh_lines=1.0, window=48)
    train(config, folder, Silent(), tokenizer)
    return folder


@pytest.mark.parametrize("setting", [{"initial": "en-small"}, {"accumulate": 2}, {"compile": True}])
def test_a_training_of_both_directions_refuses_what_it_has_not(
    corpus: Corpus, setting: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match="has no --from, --accumulate, --compile"):
        tiny_config(corpus, direction="both", **setting)


def test_a_training_of_both_directions_has_no_recurrent_projection(corpus: Corpus) -> None:
    config = tiny_config(corpus, direction="both")
    with pytest.raises(UserError, match="--recurrent-projection"):
        replace(config, model=replace(config.model, recurrent_projection=True))


def test_a_training_of_both_directions_learns(both: Path) -> None:
    record = json.loads((both / "record.json").read_text())
    curve = [point["valid_word_perplexity_line"] for point in record["curve"]]
    assert curve[-1] < 0.6 * curve[0]
    assert record["config"]["direction"] == "both"
    assert (both / "lexicon.bin").is_file()


def test_it_resumes_on_the_same_trajectory(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    config = tiny_config(corpus, max_steps=12, direction="both", fresh_lines=0.7, valid_every=10)
    whole = train(config, tmp_path / "a", Silent(), tokenizer)

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "b", StopAt(10), tokenizer)
    again = resume(tmp_path / "b", Silent())
    assert again["metrics"] == whole["metrics"]


def test_a_run_of_one_direction_is_no_run_of_both(run: Path, both: Path) -> None:
    with pytest.raises(UserError, match="fills gaps only"):
        open_run(both)
    with pytest.raises(UserError, match="one direction"):
        load_gap_run(run)


def test_a_text_has_one_gap() -> None:
    assert split_gap("see you ___ morning") == ("see you ", " morning")
    assert split_gap("Hi.\nsee you t___, ok? \nlater") == ("Hi.\nsee you t", ", ok?")
    assert split_gap("___") == ("", "")
    for text in ("no gap", "___ and ___", "____", "a _ ___", "un___ing"):
        with pytest.raises(UserError):
            split_gap(text)


@given(st.text("ab ,.'-…é😀1", max_size=12).filter(lambda t: not t or t[0] in " ,.-…😀"))
def test_the_right_side_has_the_tokens_of_its_line(tokenizer: Tokenizer, right: str) -> None:
    line = tokenizer.encode("you" + readable(right, tokenizer))
    assert [*line[len(tokenizer.encode("you")) :], END_ID] == right_tokens(tokenizer, right)


def test_an_invisible_sign_ends_the_word_that_candidates_replace(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = open_run(run)
    filler, scored, score = Rescored(predictor, candidates=4), [], predictor.score

    def keep_and_score(texts: list[list[int]]) -> list[FloatArray]:
        scored.extend(texts)
        return score(texts)

    monkeypatch.setattr(predictor, "score", keep_and_score)
    words = {each.word for each in filler.fill("see you\u00adt", " now", 4)}
    decode = predictor.tokenizer.decode
    assert {decode(tokens[:-1]) for tokens in scored} == {f"see you{word} now" for word in words}


def test_a_forward_model_ranks_its_candidates_by_the_whole_line(run: Path) -> None:
    predictor = open_run(run)
    filler = Rescored(predictor, candidates=8)
    found = filler.fill("see you ", " at the station", 8)
    lines = [f"see you {each.word} at the station" for each in found]
    tokenizer = predictor.tokenizer
    scores = [predictor.score([[*tokenizer.encode(line), END_ID]])[0].sum() for line in lines]
    assert scores == sorted(scores, reverse=True)
    shares = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose([each.probability for each in found], shares, rtol=1e-4)
    begun = filler.fill("Hi there\nsee you to", " at the station", 3)
    assert {each.word[:2] for each in begun} == {"to"}


def test_a_model_of_both_directions_uses_the_right_side(both: Path) -> None:
    model, tokenizer = load_gap_run(both)
    filler = BothSides(model, tokenizer, "both", Lexicon.load(both / "lexicon.bin", tokenizer))
    inside = {each.word: each.probability for each in filler.fill("Are you ", " tomorrow?", 3)}
    at_end = {each.word: each.probability for each in filler.fill("Are you ", "", 3)}
    assert len(inside) == 3
    assert inside != pytest.approx(at_end, rel=0.05)


@pytest.mark.parametrize("kind", ["both", "run", "bundle"])
def test_the_command_fills(kind: str, request: pytest.FixtureRequest, invoke: Invoke) -> None:
    model = request.getfixturevalue(kind)
    answer = only_json(invoke("fill", "see you ___ at the station", "--model", model, "--json"))
    assert (answer["left"], answer["right"]) == ("see you ", " at the station")
    assert len(answer["words"]) == 3
    assert sum(each["probability"] for each in answer["words"]) <= 1 + 1e-6
    assert invoke("fill", "see you", "--model", model)[0] == 2


def test_the_shipped_model_knows_what_stands_between(invoke: Invoke) -> None:
    answer = only_json(invoke("fill", "see you ___ morning", "--json"))
    assert answer["words"][0]["word"] == "tomorrow"


@given(st.lists(st.text("ab '-,.1 ", max_size=20), max_size=6), st.integers(0, 5))
def test_a_gap_and_its_word_are_the_line(lines: list[str], seed: int) -> None:
    gaps = draw_gaps(lines, 4, seed)
    texts = [gap.left + gap.word + gap.right for gap in gaps]
    assert len(gaps) <= 4
    for gap, text in zip(gaps, texts, strict=True):
        assert text in [line.rstrip() for line in lines]
        assert gap.word in list(words_of(text))
        assert gap.left == "" or gap.left[-1] == " "
        assert split_gap(f"{gap.left}___{gap.right}") == (gap.left, gap.right)


def test_accuracies_count_the_gaps_where_the_word_was_among_the_first() -> None:
    found = np.array([[True, True], [False, True], [False, False], [False, True]])
    accuracy = accuracies(found)
    assert (accuracy["at_1"]["value"], accuracy["at_3"]["value"]) == (25, 75)
    assert accuracy["at_3"]["low"] < 75 < accuracy["at_3"]["high"]
    gain = gains(found, np.zeros_like(found))
    assert gain == accuracy
    assert gains(found, found)["at_1"] == {"value": 0, "low": 0, "high": 0}


def test_filling_is_measured_on_the_same_gaps(
    run: Path, both: Path, corpus: Corpus, invoke: Invoke
) -> None:
    text = corpus.path("test")
    arguments = ("bench", "fill", run, both, "--text", text, "--gaps", 12, "--json")
    results = only_json(invoke(*arguments))
    ways = [(way["model"], way["sides"]) for way in results["ways"]]
    assert ways == [("tiny", "left"), ("tiny", "left, ranked by the line"), ("run", "both")]
    assert results["gaps"] == 12
    for way in results["ways"]:
        for at in ("at_1", "at_3"):
            assert way["accuracy"][at]["low"] <= way["accuracy"][at]["value"] <= 100
    assert only_json(invoke(*arguments)) == results
