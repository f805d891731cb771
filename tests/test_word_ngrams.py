"""Words of a closed vocabulary: what is a word, unknown ones counted and reported both ways."""

import math
import random
from collections import Counter
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from helpers import SENTENCES, Invoke, only_json
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pocketlm.benchmarks.arpa import export_arpa, import_arpa
from pocketlm.benchmarks.kenlm import KenLM, build_kenlm, write_kenlm_arpa
from pocketlm.benchmarks.ngram import open_ngram
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.evaluate import evaluate, evaluate_groups
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.suggest import Suggester
from pocketlm.model.tokenizer import UNKNOWN_ID, WORD_START, Tokenizer
from pocketlm.models import open_tokenizer

SIZE = 102
KINDS = ("table", "kneser-ney", "kenlm")
COUNTS = Counter(word for line in SENTENCES for word in line.split())
WORDS = Tokenizer.train_words(SENTENCES, SIZE)
TOKENS = np.array([t for line in SENTENCES for t in [*WORDS.encode(line), WORDS.end_id]])
DOCUMENTS = [["see you zyzzyva", "zyzzyva Zyzzyva you"], ["you"]]  # 3 of 7 words are unknown


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("words")
    for kind in KINDS:
        lexicon = Lexicon.build(SENTENCES, [TOKENS], WORDS)
        train_ngram(
            [TOKENS], WORDS, kind=kind, order=3, out=root / kind, corpus={}, lexicon=lexicon
        )
    return {kind: root / kind for kind in KINDS}


def test_the_vocabulary_is_the_most_frequent_words() -> None:
    assert (WORDS.pieces[:2], WORDS.vocabulary_size, WORDS.of_words) == (
        ["<unk>", "</s>"], SIZE, True,
    )  # fmt: skip
    expected = sorted(COUNTS, key=lambda word: (-COUNTS[word], word))[: SIZE - 2]
    assert WORDS.pieces[2:] == [WORD_START + word for word in expected]
    assert not open_tokenizer(Path("en-base")).of_words


def test_neither_the_order_of_lines_nor_a_second_run_matters(tmp_path: Path) -> None:
    lines = random.Random(1).sample(SENTENCES, len(SENTENCES))
    assert Tokenizer.train_words(lines, SIZE).sha256 == WORDS.sha256
    WORDS.save(tmp_path / "words.model")
    assert Tokenizer.load(tmp_path / "words.model").of_words


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(list(COUNTS)), st.text(max_size=5)), max_size=8))
@example(["zyzzyva", "Zyzzyva", "see", "▁", "see▁you", "</s>", "<unk>", "\x00"])
@example(["see\u00a0you", "\tsee", "\ud800", "see\u3000", "See", "SEE"])
def test_a_token_is_a_word_as_split_sees_it(parts: list[str]) -> None:
    text = " ".join(parts)
    known = {piece.removeprefix(WORD_START): i for i, piece in enumerate(WORDS.pieces) if i > 1}
    assert WORDS.encode(text) == [known.get(word, UNKNOWN_ID) for word in text.split()]
    assert WORDS.encode_batch([text]) == [WORDS.encode(text)]
    shown = [word if word in known else "<unk>" for word in text.split()]
    assert WORDS.decode([*WORDS.encode(text), WORDS.end_id]) == " ".join(shown)


def test_odd_words_are_pieces_or_unknown() -> None:
    odd = ["See", "see", "see,", "<0x41>", "😀", "e\u0301", "é", "\u2047", "x" * 999]
    never = "a▁b ▁ ▅ a\x00b </s> <unk> see</s>you"
    tokenizer = Tokenizer.train_words([" ".join(odd), never, "y" * 1001], 500)
    assert sorted(tokenizer.pieces[2:]) == sorted(WORD_START + word for word in odd)
    assert tokenizer.encode(never) == [UNKNOWN_ID] * 7


@pytest.mark.parametrize(
    ("lines", "size", "message"),
    [
        (SENTENCES, 2, "vocabulary size 2 is outside 3..65536 for words"),
        (SENTENCES, 65_537, "outside"),
        ([], 100, "no text"),
        (["  ", ""], 100, "no text"),
    ],
)
def test_bad_settings_are_one_line(lines: list[str], size: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Tokenizer.train_words(lines, size)


@pytest.mark.parametrize("kind", KINDS)
def test_the_unknown_word_has_the_probability_of_its_share(
    folders: dict[str, Path], kind: str
) -> None:
    model = open_ngram(folders[kind])
    unknown = np.count_nonzero(TOKENS == UNKNOWN_ID)
    assert unknown > len(TOKENS) / 20
    # Over all contexts of the text the model's <unk> comes about as often as the text's.
    lines = [[*WORDS.encode(line), WORDS.end_id] for line in SENTENCES[:40]]
    expected = found = 0.0
    for line in lines:
        state = model.start()
        for token in line:
            found += float(np.exp(model.log_probabilities(state)[0, UNKNOWN_ID]))
            expected += token == UNKNOWN_ID
            state = model.advance(state, np.array([token]))
    assert found == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("context", ["line", "document"])
def test_both_perplexities_are_their_definitions(
    folders: dict[str, Path], kind: str, context: str
) -> None:
    model = open_ngram(folders[kind])
    all_nats = known_nats = 0.0
    for line in (line for document in DOCUMENTS for line in document):
        state = model.start()
        for token in [*WORDS.encode(line), WORDS.end_id]:
            nats = -float(model.log_probabilities(state)[0, token])
            all_nats += nats
            known_nats += nats if token != UNKNOWN_ID else 0
            state = model.advance(state, np.array([token]))
    result, parts = evaluate_groups(model, {"a": DOCUMENTS[:1], "b": DOCUMENTS[1:]}, context)
    assert (result.words, result.tokens, result.unknown_words) == (7, 10, 3)
    assert result.word_perplexity == pytest.approx(math.exp(all_nats / 7), rel=1e-4)
    assert result.word_perplexity_known == pytest.approx(math.exp(known_nats / 4), rel=1e-4)
    assert result.unknown_nats == pytest.approx(all_nats - known_nats, rel=1e-4)
    assert evaluate(model, DOCUMENTS, context).unknown_words == 3
    assert [part.unknown_words for part in parts.values()] == [3, 0]
    assert parts["b"].word_perplexity == parts["b"].word_perplexity_known


def test_only_unknown_words_have_a_perplexity_too(folders: dict[str, Path]) -> None:
    result = evaluate(open_ngram(folders["table"]), [["zyzzyva"]])
    assert result.unknown_words == result.words == 1
    assert math.isfinite(result.word_perplexity_known)


def test_arpa_files_of_words_are_kenlms_too(folders: dict[str, Path], tmp_path: Path) -> None:
    sequences = [[*WORDS.encode(f"{line} zyzzyva {line}"), WORDS.end_id] for line in SENTENCES[:50]]

    def scores(model: object) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        return np.concatenate(model.score(sequences))  # type: ignore[attr-defined]

    def built(arpa: Path) -> KenLM:
        build_kenlm(arpa, "probing", arpa.with_suffix(".binary"))
        return KenLM("kenlm", WORDS, arpa.with_suffix(".binary"))

    ours, theirs = tmp_path / "ours.arpa", tmp_path / "theirs.arpa"
    estimated = open_ngram(folders["kneser-ney"])
    export_arpa(folders["kneser-ney"], ours)
    np.testing.assert_allclose(scores(estimated), scores(built(ours)), atol=1e-4)
    import_arpa(ours, WORDS, tmp_path / "again")
    np.testing.assert_array_equal(scores(estimated), scores(open_ngram(tmp_path / "again")))
    write_kenlm_arpa(
        [TOKENS], SIZE, WORDS.end_id, order=3, prune=[0, 0, 1], target=theirs, notify=Mock()
    )
    import_arpa(theirs, WORDS, tmp_path / "imported")
    imported = open_ngram(tmp_path / "imported")
    np.testing.assert_allclose(scores(imported), scores(built(theirs)), atol=1e-4)


def test_words_are_suggested(folders: dict[str, Path]) -> None:
    model = open_ngram(folders["kneser-ney"])
    suggester = Suggester(model, Lexicon.load(folders["kneser-ney"] / "lexicon.bin", WORDS))
    for text, prefix in (("see ", ""), ("see y", "y"), ("zyzzyva s", "s"), ("", ""), ("t", "t")):
        found = suggester.suggest(text, 3)
        assert found
        for each in found:
            assert each.word.lower().startswith(prefix)
            assert 0 < each.probability <= 1
    assert suggester.suggest("zyzzyv") == []
    assert suggester.suggest("(s") == []  # a word inside a token


def test_the_commands(invoke: Invoke, corpus: Corpus, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "words-2"
    arguments = ("ngram", "train", "--corpus", corpus.folder, "--order", 2, "--out", out)
    code, _, error = invoke(*arguments, "--words", "--tokenizer", run)
    assert (code, error.count("\n")) == (2, 1)
    assert "--tokenizer has its own tokens" in error
    assert not out.exists()
    manifest = only_json(invoke(*arguments, "--words", "--vocabulary-size", 50, "--json"))
    assert manifest["vocabulary_size"] == 50
    text = ("--text", corpus.folder / "valid.txt")
    result = only_json(invoke("evaluate", "--model", out, *text, "--json"))
    assert 0 < result["unknown_words"] < result["words"]
    assert result["word_perplexity_known"] != result["word_perplexity"]
    shown = invoke("evaluate", "--model", out, *text)[1]
    assert f"unknown words     {result['unknown_words']:,}, " in shown
    assert f"without them      {result['word_perplexity_known']:.2f} " in shown
    other = only_json(invoke("evaluate", "--model", run, *text, "--json"))
    assert (other["unknown_words"], other["unknown_nats"]) == (0, 0)
    assert other["word_perplexity_known"] == other["word_perplexity"]
    assert "unknown" not in invoke("evaluate", "--model", run, *text)[1]
    scored = only_json(invoke("score", "zyzzyva you", "--model", out, "--json"))
    assert [token["piece"] for token in scored["tokens"]][::2] == ["<unk>", "</s>"]
    assert invoke("generate", "--model", out, "--count", 1)[0] == 0
    assert invoke("suggest", "I ", "--model", out)[0] == 0
