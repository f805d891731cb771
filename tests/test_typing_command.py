"""`bench typing` from the command line, and the corpus without one of its sources."""

from pathlib import Path

import pytest
from helpers import Invoke, only_json

from pocketlm.benchmarks.hold_out import hold_out, main
from pocketlm.benchmarks.typed_as import EMOJI, typed_as
from pocketlm.benchmarks.typing_command import draw_lines
from pocketlm.model.corpus import Corpus, open_corpus
from pocketlm.model.errors import UserError

KEYS = [
    "name",
    "keystroke_savings",
    "top1",
    "top3",
    "keystroke_savings_upper_bound",
    "words",
    "keystrokes",
    "keystrokes_plain",
    "latency_ms",
    "latency_ms_each_time",
    "confidence_95",
]


@pytest.fixture
def typed_text(tmp_path: Path) -> Path:
    path = tmp_path / "typed.txt"
    lines = ["see you tomorrow at the station", "See you", "café or pizza? 😀"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_typing_prints_the_agreed_keys(
    invoke: Invoke, bundle: Path, run: Path, typed_text: Path
) -> None:
    value = only_json(invoke("bench", "typing", bundle, run, "--text", typed_text, "--json"))
    assert [model["name"] for model in value["models"]] == [bundle.name, run.name]
    for model in value["models"]:
        assert list(model) == KEYS
        assert (model["words"], model["keystrokes_plain"]) == (12, 57)
        assert 0 < model["keystroke_savings"] <= model["keystroke_savings_upper_bound"] < 100
        assert model["latency_ms"].keys() == {"median", "p95", "p99"}
        assert model["latency_ms_each_time"] == [model["latency_ms"]]
        low, high = model["confidence_95"]["keystroke_savings"]
        assert low <= model["keystroke_savings"] <= high
    assert [each["against"] for each in value["differences"]] == [run.name]


def test_typing_prints_a_table_and_differences(
    invoke: Invoke, bundle: Path, run: Path, typed_text: Path
) -> None:
    code, out, _ = invoke("bench", "typing", bundle, run, "--text", typed_text, "--lines", 2)
    assert code == 0
    assert "saved %" in out
    assert f"{bundle.name} against {run.name}: " in out


def test_a_text_is_typed_several_times_for_the_times_of_its_lists(
    invoke: Invoke, bundle: Path, typed_text: Path
) -> None:
    command = ("bench", "typing", bundle, "--text", typed_text)
    once = only_json(invoke(*command, "--json"))["models"][0]
    value = only_json(invoke(*command, "--times", 3, "--json"))
    (model,) = value["models"]
    assert (value["times"], len(model["latency_ms_each_time"])) == (3, 3)
    assert model["keystrokes"] == once["keystrokes"]
    code, out, _ = invoke(*command, "--times", 2)
    assert code == 0
    assert "a list's time is the median of 2; the p99 of each typing was " in out


def test_ignoring_case_finds_no_fewer_words(invoke: Invoke, bundle: Path, typed_text: Path) -> None:
    command = ("bench", "typing", bundle, "--text", typed_text, "--json")
    exact = only_json(invoke(*command))["models"][0]
    ignored = only_json(invoke(*command, "--ignore-case"))["models"][0]
    assert ignored["keystrokes"] <= exact["keystrokes"]
    assert ignored["top3"] >= exact["top3"]


@pytest.mark.parametrize(("way", "ignored"), [("lower-case", True), ("emoji", False)])
def test_a_text_can_be_typed_otherwise(
    invoke: Invoke, bundle: Path, typed_text: Path, way: str, ignored: bool
) -> None:
    command = ("bench", "typing", bundle, "--text", typed_text, "--json", "--typed", way)
    value = only_json(invoke(*command))
    assert (value["typed"], value["ignore_case"]) == (way, ignored)
    # An emoji is a word more in each line, and two keys.
    more = 3 if way == "emoji" else 0
    model = value["models"][0]
    assert (model["words"], model["keystrokes_plain"]) == (12 + more, 57 + 2 * more)


def test_the_ways_to_type_a_line() -> None:
    line = 'He said "I\'m off" - and...'
    assert typed_as([line], "written", 1) == [line]
    assert typed_as([line], "typographic", 1) == ["He said “I’m off” – and…"]
    assert typed_as([line], "capitals", 1) == ['HE SAID "I\'M OFF" - AND...']
    assert typed_as([line], "capital-words", 1) == ['He Said "I\'m Off" - And...']
    assert typed_as([line], "lower-case", 1) == ['he said "i\'m off" - and...']
    with_emoji = typed_as([line, ""], "emoji", 1)
    assert with_emoji == typed_as([line, ""], "emoji", 1)
    assert [sum(sign in each for sign in EMOJI) for each in with_emoji] == [1, 1]
    assert len(set(typed_as([line] * 20, "emoji", 1))) > 5


def test_a_missing_text_is_one_line(invoke: Invoke, bundle: Path) -> None:
    code, out, error = invoke("bench", "typing", bundle, "--text", "no.txt", "--json")
    assert (code, out) == (2, "")
    assert error.strip() == "error: no.txt: no such text file"


def test_lines_are_drawn_without_replacement_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "many.txt"
    path.write_text("".join(f"{i}\n" for i in range(100)), encoding="utf-8")
    drawn = [int(line) for line in draw_lines(path, 20, seed=1)]
    assert len(set(drawn)) == 20
    assert drawn == sorted(drawn)
    assert drawn != [int(line) for line in draw_lines(path, 20, seed=2)]
    assert len(draw_lines(path, None, seed=1)) == len(draw_lines(path, 500, seed=1)) == 100


@pytest.fixture
def two_sources(tmp_path: Path) -> Corpus:
    folder = tmp_path / "two"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        text = f"{split} chat\nmore\n\n\n{split} book\n\n{split} chat too\n"
        (folder / f"{split}.txt").write_text(text, encoding="utf-8")
        (folder / f"{split}.src").write_text("chat\nbook\nchat\n", encoding="utf-8")
    return open_corpus(str(folder))


def documents(corpus: Corpus, split: str) -> list[str]:
    blocks = "\n".join(corpus.lines(split)).split("\n\n")
    return [block.strip() for block in blocks if block.strip()]


def test_a_source_is_held_out_of_training_and_is_all_of_the_test(
    two_sources: Corpus, tmp_path: Path
) -> None:
    kept = hold_out(two_sources, "chat", tmp_path / "out")
    assert kept == {"train": 1, "valid": 1, "test": 2}
    assert hold_out(two_sources, "chat", tmp_path / "out") == kept  # its own may be replaced
    with pytest.raises(UserError, match="other files"):
        hold_out(two_sources, "chat", two_sources.folder)
    held_out = open_corpus(str(tmp_path / "out"))
    assert documents(held_out, "train") == ["train book"]
    assert documents(held_out, "test") == ["test chat\nmore", "test chat too"]


def test_what_cannot_be_held_out_is_said_and_nothing_is_written(
    two_sources: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match="'film'"):
        hold_out(two_sources, "film", out)
    for sources in ("chat\n", "chat\nbook\nchat\nchat\n"):
        (two_sources.folder / "valid.src").write_text(sources, encoding="utf-8")
        with pytest.raises(UserError, match=r"\.src names"):
            hold_out(two_sources, "chat", out)
    (two_sources.folder / "train.src").unlink()
    assert main([str(two_sources.folder), "chat", str(out)]) == 2
    assert "train.src is missing" in capsys.readouterr().err
    assert main(["too few"]) == 2
    assert not out.exists()
