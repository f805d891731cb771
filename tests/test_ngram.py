"""N-gram models: probabilities worked out by hand, one reference for all, and damaged folders."""

import json
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pocketlm.benchmarks.count_table import write_count_table
from pocketlm.benchmarks.ngram import open_ngram
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.benchmarks.samples import open_measurable
from pocketlm.benchmarks.smoothing import StupidBackoff
from pocketlm.model.errors import UserError
from pocketlm.model.predictor import Predictor
from pocketlm.model.tokenizer import Tokenizer

UNKNOWN, END, A, B, C = range(5)
LINES = [[A, B, END], [A, C, END], [A, B, END]]
RANDOM = random.Random(1)
WORDS = ["".join(RANDOM.choices("abcdefghijklmnop", k=2 + i % 4)) for i in range(200)]
TEXT = [" ".join(RANDOM.choices(WORDS, range(200, 0, -1), k=1 + i % 6)) for i in range(400)]


def stream(lines: list[list[int]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([token for line in lines for token in line], dtype=np.int64)


def table(
    folder: Path, lines: list[list[int]], prune: list[int], vocabulary: int = 5
) -> StupidBackoff:
    write_count_table(stream(lines), vocabulary, END, prune, folder)
    tokenizer = SimpleNamespace(vocabulary_size=vocabulary, end_id=END)
    return StupidBackoff("table", cast(Tokenizer, tokenizer), folder, len(prune))


def probability(model: Predictor, context: list[int], token: int) -> float:
    state = model.start()
    for before in context:
        state = model.advance(state, np.array([before]))
    return float(np.exp(model.log_probabilities(state)[0, token]))


# The nine tokens a b </s> a c </s> a b </s>, V = 5: S(w) = (count + 1) / 14:
#   <unk> 1/14, </s> 4/14, a 4/14, b 3/14, c 2/14
# At a line's start, only a follows, always: S(a) = 1, Z = 1 + 0.4 (1 - 4/14) = 18/14.
#   P(a) = 14/18 = 7/9        P(b) = 0.4 (3/14) / (18/14) = 1/15
# After "a" with bigrams: b 2/3, c 1/3; Z = 1 + 0.4 (1 - 3/14 - 2/14) = 17.6/14.
#   P(b) = (2/3) 14/17.6 = 35/66        P(</s>) = 0.4 (4/14) / (17.6/14) = 1/11
# After "</s> a" with trigrams the same followers; Z = 1 + 0.4 (17.6/14 - 1) = 15.44/14.
#   P(b) = (2/3) 14/15.44        P(</s>) = 0.16 (4/14) / (15.44/14) = 0.64/15.44
# After "a b": </s>, always. Z(b) = 1 + 0.4 (1 - 4/14) = 18/14; Z = 1 + 0.4 (18/14 - 1) = 15.6/14.
#   P(</s>) = 14/15.6 = 35/39        P(a) = 0.16 (4/14) / (15.6/14) = 8/195
# After "c c", never seen, only "c" counts: </s>, always. As after "b" with bigrams:
#   P(</s>) = 7/9        P(b) = 1/15
@pytest.mark.parametrize(
    ("order", "context", "token", "expected"),
    [
        (1, [], A, 4 / 14),
        (1, [A], UNKNOWN, 1 / 14),
        (2, [], A, 7 / 9),
        (2, [], B, 1 / 15),
        (2, [A], B, 35 / 66),
        (2, [A], END, 1 / 11),
        (3, [A], B, 2 / 3 * 14 / 15.44),
        (3, [A], END, 0.64 / 15.44),
        (3, [A, B], END, 35 / 39),
        (3, [A, B], A, 8 / 195),
        (3, [C, C], END, 7 / 9),
        (3, [C, C], B, 1 / 15),
        (3, [A, B, END], A, 7 / 9),
    ],
)
def test_probabilities_are_those_worked_out_by_hand(
    tmp_path: Path, order: int, context: list[int], token: int, expected: float
) -> None:
    model = table(tmp_path, LINES, [0] * order)
    assert probability(model, context, token) == pytest.approx(expected, rel=1e-6)


# Bigrams seen once are gone, "a c" and "c </s>": S(b|a) = 2/3 still, as "a" was seen three times.
#   Z(a) = 2/3 + 0.4 (1 - 3/14) = (28/3 + 4.4) / 14        P(b) = (28/3) / (28/3 + 4.4) = 28/41.2
def test_pruned_counts_leave_their_mass_to_the_backoff(tmp_path: Path) -> None:
    model = table(tmp_path, LINES, [0, 1])
    assert probability(model, [A], B) == pytest.approx(28 / 41.2, rel=1e-6)


def test_files_are_sorted_keys_of_context_and_token(tmp_path: Path) -> None:
    write_count_table(stream(LINES), 5, END, [0, 0], tmp_path)
    keys = np.fromfile(tmp_path / "order-2.keys", dtype="<u8")
    counts = np.fromfile(tmp_path / "order-2.counts", dtype="<u4")
    expected = [END * 5 + A, A * 5 + B, A * 5 + C, B * 5 + END, C * 5 + END]
    assert keys.tolist() == expected
    assert counts.tolist() == [3, 2, 1, 2, 1]
    assert np.fromfile(tmp_path / "order-1.counts", dtype="<u4").tolist() == [0, 3, 3, 2, 1]


def reference(lines: list[list[int]], prune: list[int], line: list[int]) -> list[float]:
    """Stupid backoff by the letter of its definition, over dictionaries."""
    counts: Counter[tuple[int, ...]] = Counter()
    for each in lines:
        padded = [END, *each]
        for start in range(len(padded)):
            for stop in range(start + 1, len(padded) + 1):
                if stop > 1:
                    counts[tuple(padded[start:stop])] += 1
    order, total = len(prune), sum(map(len, lines))
    kept = {k: n for k, n in counts.items() if len(k) <= order and n > prune[len(k) - 1]}

    def score(context: tuple[int, ...], token: int) -> float:
        if not context:
            return (counts[(token,)] + 1) / (total + 5)
        if (*context, token) in kept:
            return kept[(*context, token)] / counts[context]
        return 0.4 * score(context[1:], token)

    result, padded = [], [END, *line]
    for i, token in enumerate(line, start=1):
        context = tuple(padded[max(0, i - order + 1) : i])
        result.append(score(context, token) / sum(score(context, other) for other in range(5)))
    return result


words = st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=5).map(lambda line: [*line, END])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(words, min_size=1, max_size=6),
    line=st.lists(st.sampled_from([UNKNOWN, A, B, C]), max_size=6),
    prune=st.lists(st.integers(0, 2), max_size=4).map(lambda rest: [0, *sorted(rest)]),
)
def test_table_is_its_definition(
    tmp_path: Path, lines: list[list[int]], line: list[int], prune: list[int]
) -> None:
    model = table(tmp_path, lines, prune)
    scored = model.score([[*line, END]])[0]
    assert np.exp(scored) == pytest.approx(reference(lines, prune, [*line, END]), rel=1e-5)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXT, 320)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("ngram")
    tokens = stream([[*tokenizer.encode(line), END] for line in TEXT])
    chunks: list[np.ndarray[Any, Any]] = [tokens[:7].astype(np.uint16), tokens[7:]]
    for name, kind, order, structure in (
        ("table-1", "table", 1, "trie"),
        ("table-4", "table", 4, "trie"),
        ("kenlm-3", "kenlm", 3, "probing"),
        ("kenlm-6", "kenlm", 6, "trie"),
        ("kneser-ney-1", "kneser-ney", 1, ""),
        ("kneser-ney-4", "kneser-ney", 4, ""),
    ):
        train_ngram(
            chunks,
            tokenizer,
            kind=kind,
            order=order,
            structure=structure,
            out=root / name,
            corpus={"name": "test", "sha256": "0"},
        )
    for smoothing in ("mle", "add-k"):
        train_ngram(
            chunks,
            tokenizer,
            kind="table",
            order=3,
            smoothing=smoothing,
            out=root / f"{smoothing}-3",
            corpus={"name": "test", "sha256": "0"},
        )
    words = Tokenizer.train_words(TEXT, 102)  # of 200: half of them are unknown
    tokens = stream([[*words.encode(line), END] for line in TEXT])
    for kind in ("table", "kneser-ney", "kenlm"):
        train_ngram(
            [tokens],
            words,
            kind=kind,
            order=3,
            structure="probing",
            out=root / f"words-{kind}-3",
            corpus={"name": "test", "sha256": "0"},
        )
    return {path.name: path for path in root.iterdir()}


NAMES = (
    "table-1", "table-4", "mle-3", "add-k-3", "kneser-ney-1", "kneser-ney-4", "kenlm-3", "kenlm-6",
    "words-table-3", "words-kneser-ney-3", "words-kenlm-3",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_fast_scores_are_those_of_the_definition(folders: dict[str, Path], name: str) -> None:
    model = open_ngram(folders[name])
    first, second = (model.tokenizer.encode(line) for line in (TEXT[4], "ünseen cat"))
    sequences = [[*first, END], [*second, END, *first, END], first[:2], [END]]
    for fast, slow in zip(model.score(sequences), Predictor.score(model, sequences), strict=True):
        np.testing.assert_allclose(fast, slow, atol=1e-5)
    assert model.score([]) == []


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_sum_to_one(folders: dict[str, Path], name: str) -> None:
    model = open_ngram(folders[name])
    state = model.select(model.start(2), np.array([0, 1, 1]))
    rng = np.random.default_rng(0)
    # KenLM's quantised trie rounds its probabilities; lmplz keeps the share of one unseen word
    # where every token was seen.
    tolerance = {"kenlm-6": 0.05, "words-kenlm-3": 0.005}.get(name, 1e-4)
    for _ in range(10):
        sums = np.exp(model.log_probabilities(state).astype(np.float64)).sum(axis=1)
        np.testing.assert_allclose(sums, 1, atol=tolerance)
        state = model.advance(state, rng.integers(0, model.tokenizer.vocabulary_size, 3))


@pytest.mark.parametrize("name", NAMES)
def test_the_end_token_starts_afresh(folders: dict[str, Path], name: str) -> None:
    model = open_ngram(folders[name])
    last = model.tokenizer.vocabulary_size - 1
    state = model.advance(model.advance(model.start(), np.array([last])), np.array([END]))
    np.testing.assert_array_equal(
        model.log_probabilities(state), model.log_probabilities(model.start())
    )


def test_manifest_says_what_is_in_the_folder(folders: dict[str, Path]) -> None:
    manifest = json.loads((folders["table-4"] / "ngram.json").read_text())
    assert manifest["format_version"] == 1
    assert (manifest["kind"], manifest["order"], manifest["prune"]) == ("table", 4, [0, 0, 0, 0])
    keys = [f"order-{order}.keys" for order in (2, 3, 4)]
    assert set(manifest["files"]) == {*keys, *(f"order-{order}.counts" for order in (1, 2, 3, 4))}
    for order in (2, 3, 4):
        size = manifest["files"][f"order-{order}.keys"]["bytes"]
        assert size == 8 * manifest["counts"][order - 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": 0}, "outside 1..6"),
        ({"order": 7}, "outside 1..6"),
        ({"order": 1, "kind": "kenlm"}, "outside 2..6"),
        ({"kind": "tree"}, "unknown kind"),
        ({"kind": "kenlm", "structure": "list"}, "unknown structure"),
        ({"prune": (1, 2)}, "start at 0"),
        ({"prune": (0, 2, 1)}, "never fall"),
        ({"prune": (0, 0, 0, 0)}, "4 pruning thresholds"),
        ({"tokens": []}, "no tokens"),
        ({"tokens": [], "kind": "kenlm"}, "no tokens"),
    ],
)
def test_bad_settings_are_one_line_and_leave_nothing(
    tmp_path: Path, tokenizer: Tokenizer, changes: dict[str, object], message: str
) -> None:
    arguments: dict[str, Any] = {
        "tokens": [stream([[300, END]])],
        "kind": "table",
        "order": 3,
        **changes,
    }
    with pytest.raises(UserError, match=message):
        train_ngram(tokenizer=tokenizer, out=tmp_path / "out", corpus={}, **arguments)
    assert list(tmp_path.iterdir()) == []


def copied(folder: Path, target: Path) -> Path:
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize(
    "name", ["order-3.keys", "order-1.counts", "tokenizer.model", "ngram.json"]
)
@pytest.mark.parametrize("damage", ["missing", "cut", "changed"])
def test_damage_is_named(folders: dict[str, Path], tmp_path: Path, name: str, damage: str) -> None:
    path = copied(folders["table-4"], tmp_path / "model") / name
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-5])
    else:
        content[len(content) // 2] ^= 1
        if name == "ngram.json":
            content = bytearray(content.replace(b'"order": 4', b'"order": 3'))
        path.write_bytes(content)
    with pytest.raises(UserError, match=name) as error:
        open_ngram(path.parent)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"order": "3"},
        {"order": True},
        {"order": 10**12},
        {"structure": None},
        {"structure": "list"},
        {"end_id": 1.0},
        {"tokenizer_sha256": 3},
        {"files": []},
        {"files": {"model.binary": {"bytes": "7", "sha256": ""}}},
    ],
)
def test_fields_of_other_types_are_one_line(
    folders: dict[str, Path], tmp_path: Path, change: dict[str, object]
) -> None:
    folder = copied(folders["kenlm-3"], tmp_path / "model")
    manifest = json.loads((folder / "ngram.json").read_text())
    (folder / "ngram.json").write_text(json.dumps(manifest | change))
    for opener in (open_ngram, open_measurable):
        with pytest.raises(UserError, match="is damaged"):
            opener(folder)


def test_kenlm_says_when_its_discounts_are_fallbacks(tmp_path: Path, tokenizer: Tokenizer) -> None:
    said: list[str] = []
    manifest = train_ngram(
        [stream([[300, END]] * 3)],
        tokenizer,
        kind="kenlm",
        order=2,
        out=tmp_path / "kenlm",
        corpus={},
        notify=said.append,
    )
    assert manifest["discount_fallback"] is True
    assert len(said) == 1
    assert "--discount_fallback" in said[0]


def test_other_formats_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(folders["kenlm-3"], tmp_path / "model")
    manifest = json.loads((folder / "ngram.json").read_text())
    (folder / "ngram.json").write_text(json.dumps(manifest | {"format_version": 2}))
    with pytest.raises(UserError, match="format"):
        open_ngram(folder)
