"""ARPA files both ways against KenLM's own numbers, and what a file may not say."""

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import numpy.typing as npt
import pytest
from helpers import Invoke, only_json

from pocketlm.benchmarks.arpa import export_arpa, import_arpa
from pocketlm.benchmarks.kenlm import KenLM, build_kenlm, write_kenlm_arpa
from pocketlm.benchmarks.ngram import open_ngram
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.model.corpus import Corpus, open_corpus
from pocketlm.model.errors import UserError
from pocketlm.model.predictor import Predictor
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.models import open_tokenizer

ORDER = 4
AGREEMENT = 1e-4  # of logarithms to base 10
Tokens = npt.NDArray[np.int64]
# Token 5 is not listed, 300 is; "300 </s>" backs off to nothing that is there.
SMALL = """\\data\\
ngram 1=5
ngram 2=4
ngram 3=2

\\1-grams:
-1.5	<unk>	-0.25
-99	<s>	-0.5
-0.75	</s>
-1	300	-0.125
-2	301

\\2-grams:
-0.25	<s> 300	-0.0625
-0.5	300 301	-1
-0.125	301 </s>
-1.25	300 300	0

\\3-grams:
-0.03125	<s> 300 301
-0.375	300 301 </s>

\\end\\
"""


def flattened(tokenizer: Tokenizer, lines: Sequence[str]) -> Tokens:
    encoded = tokenizer.encode_batch(list(lines))
    return np.array([token for line in encoded for token in [*line, tokenizer.end_id]])


def differences(
    one: Predictor, other: Predictor, tokenizer: Tokenizer, lines: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Of log10-probabilities, at each token."""
    sequences = [[*line, tokenizer.end_id] for line in tokenizer.encode_batch(list(lines))]
    scores = [np.concatenate(model.score(sequences)).astype(float) for model in (one, other)]
    return np.asarray(np.abs(scores[0] - scores[1]) / math.log(10))


def kenlm_of(arpa: Path, tokenizer: Tokenizer) -> KenLM:
    """KenLM's own reading of an ARPA file; probing rounds nothing."""
    binary = arpa.with_suffix(".binary")
    build_kenlm(arpa, "probing", binary)
    return KenLM("kenlm", tokenizer, binary)


def check_both_ways(
    tokenizer: Tokenizer, train: Sequence[str], valid: Sequence[str], folder: Path
) -> None:
    """Our estimate against lmplz's; its ARPA file read by us, ours by KenLM."""
    tokens = flattened(tokenizer, train)
    vocabulary, end = tokenizer.vocabulary_size, tokenizer.end_id
    for name, prune in (("pruned", [0, 0, 1, 2]), ("theirs", [0] * ORDER)):
        theirs = folder / f"{name}.arpa"
        write_kenlm_arpa(
            [tokens], vocabulary, end, order=ORDER, prune=prune, target=theirs, notify=Mock()
        )
        kenlm = kenlm_of(theirs, tokenizer)
        import_arpa(theirs, tokenizer, folder / name)
        imported = open_ngram(folder / name)
        assert differences(imported, kenlm, tokenizer, valid).max() < AGREEMENT

    estimated = folder / "estimated"
    train_ngram([tokens], tokenizer, kind="kneser-ney", order=ORDER, out=estimated, corpus={})
    ours = open_ngram(estimated)
    assert differences(ours, kenlm, tokenizer, valid).max() < AGREEMENT

    export_arpa(estimated, folder / "ours.arpa")
    rebuilt = kenlm_of(folder / "ours.arpa", tokenizer)
    assert differences(ours, rebuilt, tokenizer, valid).max() < AGREEMENT

    import_arpa(folder / "ours.arpa", tokenizer, folder / "again")
    assert differences(ours, open_ngram(folder / "again"), tokenizer, valid).max() == 0
    for name in ("order-2.keys", "order-4.probabilities", "order-3.backoffs"):
        assert (folder / "again" / name).read_bytes() == (estimated / name).read_bytes()


def test_generated_text_both_ways(tmp_path: Path) -> None:
    corpus = open_corpus("first-look")
    train, valid = ([line for line in corpus.lines(name) if line] for name in ("train", "valid"))
    check_both_ways(open_tokenizer(Path("en-base")), train[:20_000], valid[:500], tmp_path)


def test_real_text_both_ways(tmp_path: Path) -> None:
    root = os.environ.get("POCKETLM_CORPORA")
    if not root or not (Path(root) / "keyboard-en" / "train.txt").is_file():
        pytest.skip("POCKETLM_CORPORA with keyboard-en is not here")
    corpus = Corpus("keyboard-en", Path(root) / "keyboard-en")
    train, valid = ([line for line in corpus.lines(name) if line] for name in ("train", "valid"))
    check_both_ways(open_tokenizer(Path("en-base")), train[:25_000], valid[:2000], tmp_path)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.arpa"
    path.write_text(SMALL)
    return path


# log10 P after "300", which begins a line: of 301 -1/32; of 300 its bigram's and b(<s> 300); of 5
# <unk>'s, b(300) and b(<s> 300). After that 301: of </s> the trigram's.
def test_a_small_file_is_read_as_worked_out_by_hand(
    small: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    manifest = import_arpa(small, tokenizer, tmp_path / "model")
    assert (manifest["kind"], manifest["order"], manifest["counts"]) == ("arpa", 3, [5, 4, 2])
    model = open_ngram(tmp_path / "model")
    state = model.advance(model.start(), np.array([300]))
    found = model.log_probabilities(state)[0] / math.log(10)
    assert found[301] == pytest.approx(-0.03125)
    assert found[300] == pytest.approx(-1.25 - 0.0625)
    assert found[5] == pytest.approx(-1.5 - 0.125 - 0.0625)
    after = model.log_probabilities(model.advance(state, np.array([301])))[0] / math.log(10)
    assert after[tokenizer.end_id] == pytest.approx(-0.375)
    # Token 5 is a context as <unk> is: only <unk>'s backoff counts.
    unlisted = model.log_probabilities(model.advance(state, np.array([5])))[0] / math.log(10)
    assert unlisted[301] == pytest.approx(-2 - 0.25)


def test_a_small_file_scores_as_in_kenlm(small: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    import_arpa(small, tokenizer, tmp_path / "model")
    ours, kenlm = open_ngram(tmp_path / "model"), kenlm_of(small, tokenizer)
    rng = np.random.default_rng(1)
    sequences = [[*rng.choice([300, 301, 5], 6).tolist(), tokenizer.end_id] for _ in range(50)]
    for one, other in zip(ours.score(sequences), kenlm.score(sequences), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def replaced(old: str, new: str) -> Callable[[str], str]:
    assert old in SMALL
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "is cut short: it ends in line 0"),
        (lambda text: text[: len(text) // 2], "is cut short: it ends in line"),
        (lambda text: text[: text.index("\\end")], "is cut short"),
        (lambda text: text[: text.index("\\end") + 3], r"line 23: \\end\\ was expected"),
        (lambda text: "see you\n", "is not an ARPA file: .* not 'see you'"),
        (lambda text: "\\data\\\n\n" + text, "order 0 is outside 1..6"),
        (
            lambda text: "\\data\\\n" + "".join(f"ngram {n}=1\n" for n in range(1, 13)) + "\n",
            "order 12 is outside 1..6",
        ),
        (replaced("ngram 2=4", "ngram 2=3"), "more than 3 2-grams, but its head says 3"),
        (replaced("ngram 2=4", "ngram 2=5"), "4 2-grams, but its head says 5"),
        (replaced("ngram 2=4", "ngram 2=" + "9" * 25), "line 3: 9+ n-grams are more than a table"),
        (replaced("ngram 2=4", f"ngram 2={2**62}"), "line 3: .* more than a table can hold"),
        (replaced("ngram 2=4", "ngram 2=-4"), "line 3: ngram 2=COUNT was expected"),
        (replaced("ngram 2=4", "ngram 4=4"), "line 3: ngram 2=COUNT was expected"),
        (replaced("\\2-grams:", "\\3-grams:"), "line 13: .*2-grams: was expected"),
        (replaced("-0.25\t<s> 300", "nan\t<s> 300"), "line 14: .* not a number of at most 0"),
        (replaced("-0.25\t<s> 300", "0.25\t<s> 300"), "line 14: .* not a number of at most 0"),
        (replaced("-0.25\t<s> 300", "x\t<s> 300"), "line 14: .* not a number of at most 0"),
        (replaced("-0.25\t<s> 300", "-inf\t<s> 300"), "line 14: the log-probability is not finite"),
        (replaced("-0.0625", "inf"), "line 14: the backoff is not a finite number"),
        (replaced("-0.0625", "1e300"), "line 14: the backoff is not a finite number"),
        (replaced("<s> 300 301", "<s> 301 301"), "line 20: its context is not among the 2-grams"),
        (replaced("<s> 300 301", "<s> 300 301\t-1"), "line 20: the highest order has no backoffs"),
        (replaced("300 301\t-1", "300 7\t-1"), "line 15: a word of it is not among the 1-grams"),
        (replaced("300 301\t-1", "300 you\t-1"), "line 15: a word is no token id below"),
        (replaced("300 301\t-1", "300 999999\t-1"), "line 15: a word is no token id below"),
        (replaced("300 301\t-1", "300 0\t-1"), "line 15: a word of it is not among the 1-grams"),
        (replaced("300 301\t-1", "300\t-1"), "line 15: this is no 2-gram|line 15: a word is no"),
        (replaced("300 301\t-1", "300 301 301 301\t-1"), "line 15: this is no 2-gram"),
        (replaced("300 301\t-1", "300 <s>\t-1"), "line 15: <s> is not in its place"),
        (replaced("300 301\t-1", "</s> 301\t-1"), "line 15: </s> is not in its place"),
        (replaced("300 301\t-1", "300 <unk>\t-1"), "line 15: <unk> stands for tokens"),
        (replaced("300 300\t0", "300 301\t0"), 'the 2-gram "300 301" is there twice'),
        (replaced("<s> 300 301", "300 301 </s>"), 'the 3-gram "300 301 </s>" is there twice'),
        (replaced("-2\t301", "-2\t300"), "a word is twice among the 1-grams"),
        (replaced("-1.5\t<unk>\t-0.25", "-1.5\t7"), "<unk> is not among the 1-grams"),
        (replaced("-99\t<s>\t-0.5", "-1\t7"), "<s> is not among the 1-grams"),
        (replaced("-0.75\t</s>", "-1\t7"), "</s> is not among the 1-grams"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    small: Path,
    tokenizer: Tokenizer,
    tmp_path: Path,
    change: Callable[[str], str],
    message: str,
) -> None:
    small.write_text(change(SMALL))
    with pytest.raises(UserError, match=message) as error:
        import_arpa(small, tokenizer, tmp_path / "model")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == [small]


def test_the_command_says_so_too(invoke: Invoke, small: Path, run: Path, tmp_path: Path) -> None:
    small.write_text(SMALL.replace("300 301", "300 999999"))
    model = tmp_path / "model"
    code, out, error = invoke("ngram", "import", small, "--tokenizer", run, "--out", model)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "line 15: a word is no token id below 384" in error
    assert list(tmp_path.iterdir()) == [small]


# All are listed but token 0, which then is "<unk>"; in the first file it is a word as in lmplz's.
@pytest.mark.parametrize("word", ["0", "<unk>"])
def test_the_unknown_token_may_be_a_word(word: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    own = "-3\t0\t-0.5\n" if word == "0" else ""
    listed = [f"-2\t{token}\t-0.25\n" for token in range(2, tokenizer.vocabulary_size)]
    unigrams = f"{own}-4\t<unk>\t-0.125\n-99\t<s>\t-1\n-1.5\t</s>\n{''.join(listed)}"
    text = f"\\1-grams:\n{unigrams}\n\\2-grams:\n-0.5\t{word} 300\n-0.75\t300 {word}\n\n\\end\\\n"
    path = tmp_path / "model.arpa"
    path.write_text(f"\\data\\\nngram 1={unigrams.count(chr(10))}\nngram 2=2\n\n{text}")
    import_arpa(path, tokenizer, tmp_path / "model")
    ours, kenlm = open_ngram(tmp_path / "model"), kenlm_of(path, tokenizer)
    sequence = [0, 300, 0, 301, 0, tokenizer.end_id]
    found = ours.score([sequence])[0] / math.log(10)
    unigram, backoff = (-3, -0.5) if word == "0" else (-4, -0.125)
    expected = [unigram - 1, -0.5, -0.75, -2 + backoff, unigram - 0.25, -1.5 + backoff]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(ours.score([sequence])[0], kenlm.score([sequence])[0], atol=1e-5)


def test_a_file_of_ours_names_its_tokenizer(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokens = flattened(tokenizer, ["see you", "see"])
    train_ngram([tokens], tokenizer, kind="kneser-ney", order=2, out=tmp_path / "kn", corpus={})
    export_arpa(tmp_path / "kn", tmp_path / "kn.arpa")
    other = Tokenizer.train(["what a day", "see you"], 300)
    with pytest.raises(UserError, match="line 1: it was written with another tokenizer"):
        import_arpa(tmp_path / "kn.arpa", other, tmp_path / "model")


def test_a_binary_file_is_one_line(small: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    small.write_bytes(b"\x1f\x8b" + bytes(100))
    with pytest.raises(UserError, match="is not UTF-8 text"):
        import_arpa(small, tokenizer, tmp_path / "model")
    with pytest.raises(UserError, match="no such text file"):
        import_arpa(tmp_path / "none", tokenizer, tmp_path / "model")
    assert list(tmp_path.iterdir()) == [small]


def test_comments_blank_lines_and_windows_line_ends_are_read(
    small: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    small.write_text("# by hand\n\n" + SMALL.replace("\n", "\r\n"))
    assert import_arpa(small, tokenizer, tmp_path / "model")["counts"] == [5, 4, 2]


def test_the_commands_go_both_ways(
    invoke: Invoke, corpus: Corpus, run: Path, tmp_path: Path
) -> None:
    arguments = ("ngram", "train", "--corpus", corpus.folder, "--tokenizer", run, "--order", 3)
    trained = only_json(
        invoke(*arguments, "--kind", "kneser-ney", "--out", tmp_path / "kn", "--json")
    )
    assert (trained["kind"], trained["structure"]) == ("kneser-ney", "backoff arrays")
    assert len(trained["discounts"]) == 3
    arpa = tmp_path / "kn.arpa"
    assert invoke("ngram", "export", tmp_path / "kn", "--out", arpa)[0] == 0
    assert "\n\\data\\\nngram 1=" in arpa.read_text()
    code, out, _ = invoke("ngram", "import", arpa, "--tokenizer", run, "--out", tmp_path / "back")
    assert (code, out.count("\n")) == (0, 1)
    text = corpus.folder / "valid.txt"
    scores = [
        only_json(invoke("evaluate", "--model", tmp_path / name, "--text", text, "--json"))
        for name in ("kn", "back")
    ]
    assert scores[0] == scores[1]


def test_only_backoff_tables_are_exported(
    invoke: Invoke, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    tokens = flattened(tokenizer, ["see you", "see"])
    for kind in ("table", "kneser-ney"):
        train_ngram([tokens], tokenizer, kind=kind, order=1, out=tmp_path / kind, corpus={})
    out = tmp_path / "model.arpa"
    code, _, error = invoke("ngram", "export", tmp_path / "table", "--out", out)
    assert (code, error.count("\n")) == (2, 1)
    assert "is a table: ARPA files are of kneser-ney and arpa models" in error
    assert not out.exists()
    code, _, error = invoke("ngram", "export", tmp_path / "kneser-ney", "--out", tmp_path)
    assert code == 2
    assert "is a folder: --out is a file" in error
    assert invoke("ngram", "export", tmp_path / "kneser-ney", "--out", out)[0] == 0
    import_arpa(out, tokenizer, tmp_path / "back")
    one, other = (open_ngram(tmp_path / name) for name in ("kneser-ney", "back"))
    np.testing.assert_array_equal(
        one.log_probabilities(one.start()), other.log_probabilities(other.start())
    )
