"""Token shards: every line's tokens, in shards of fixed size, made by any number of processes."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pocketlm.model import encoding
from pocketlm.model.corpus import Corpus, text_lines
from pocketlm.model.encoding import encode_lines
from pocketlm.model.errors import UserError
from pocketlm.model.shards import SHARD_TOKENS, TokenShards, build_shards, open_shards
from pocketlm.model.tokenizer import END_ID, Tokenizer


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETLM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny text makes many groups, so that processes start."""
    monkeypatch.setattr(encoding, "GROUP_CHARACTERS", 200)
    monkeypatch.setattr(encoding, "GROUPS_HERE", 1)


def build(lines: Sequence[str], tokenizer: Tokenizer, folder: Path, **sizes: int) -> TokenShards:
    shutil.rmtree(folder, ignore_errors=True)
    build_shards(lines, tokenizer, folder, "x", **sizes)
    return TokenShards(folder)


def documents_of(shards: TokenShards) -> list[list[list[int]]]:
    """Shard by shard, the tokens of each document."""
    return [
        [shard.document(i).tolist() for i in range(len(shard.starts))] for shard in shards.shards()
    ]


def test_shards_hold_the_tokens_of_every_line(corpus: Corpus, tokenizer: Tokenizer) -> None:
    shards = open_shards(corpus, "train", tokenizer)
    documents = text_lines(corpus.path("train"))
    assert len(shards) == len(documents) == shards.index.documents
    for i in (0, 7, len(documents) - 1):
        expected = [t for line in documents[i] for t in [*tokenizer.encode(line), END_ID]]
        assert shards.document(i).tolist() == expected
    assert shards.index.words == sum(len(line.split()) for d in documents for line in d)
    assert shards.index.lines == sum(len(d) for d in documents)


def plain_shards(lines: Sequence[str], tokenizer: Tokenizer, most: int) -> list[list[list[int]]]:
    """What a plain loop makes of lines: shards of documents of tokens."""
    shards: list[list[list[int]]] = [[]]
    begins = True
    for line in lines:
        tokens = [*tokenizer.encode(line), END_ID] if line.strip() else []
        begins = begins or not tokens
        while tokens:
            size = sum(map(len, shards[-1]))
            if size and size + len(tokens) > most:
                shards.append([])
                begins = True
                continue
            if begins:
                shards[-1].append([])
            shards[-1][-1] += tokens[:most]
            tokens, begins = tokens[most:], False
    return shards


LINES = st.lists(st.sampled_from(["", " ", "ok", "see you", "thank you so much", "é" * 9]))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=LINES, most=st.integers(1, 40), group=st.integers(20, 60))
def test_no_shard_is_larger_than_it_may_be_and_no_token_is_lost(
    lines: list[str], most: int, group: int, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """A document that crosses a shard's end goes on in the next as another; so does a line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "GROUP_CHARACTERS", group)
        lines = [*lines, "the end"]
        shards = build(lines, tokenizer, tmp_path / "s", shard_tokens=most, processes=1)
    expected = plain_shards(lines, tokenizer, most)
    every = [document for shard in expected for document in shard]
    assert documents_of(shards) == expected
    assert all(entry.tokens <= most for entry in shards.index.shards)
    assert len(shards) == len(every)
    assert [shards.document(i).tolist() for i in range(len(shards))] == every
    assert shards.lengths().tolist() == [len(document) for document in every]
    assert shards.index.tokens == len(np.concatenate(list(shards.chunks())))
    assert shards.index.lines == sum(bool(line.strip()) for line in lines)


@pytest.mark.usefixtures("_small_groups")
def test_any_number_of_processes_makes_the_same_files(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    lines = [*corpus.lines("train"), "lone \ud800 surrogate", "word " * 100]
    contents = []
    for processes in (1, 2, 3):
        build(lines, tokenizer, tmp_path / "s", shard_tokens=1000, processes=processes)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / "s").iterdir()})
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) > 7


@pytest.mark.parametrize(
    "line", ["good morning " * 40, "é" * 700, " " * 300 + "a" + " " * 700 + "b"]
)
@pytest.mark.usefixtures("_small_groups")
def test_an_overlong_line_is_encoded_in_parts_and_stays_one_line(
    line: str, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    shards = build(["before", line, "after", "", "next"], tokenizer, tmp_path / "s", processes=1)
    before, after = ([*tokenizer.encode(word), END_ID] for word in ("before", "after"))
    tokens = shards.document(0).tolist()[len(before) : -len(after)]
    assert tokens[-1] == END_ID
    assert tokenizer.decode(tokens).replace(" ", "") == line.replace(" ", "")
    if "morning" in line:  # cut at spaces, where no piece crosses
        assert tokens == [*tokenizer.encode(line), END_ID]
    assert (len(shards), shards.index.lines) == (2, 4)


@pytest.mark.usefixtures("_small_groups")
def test_no_more_of_the_text_is_read_than_is_in_flight(tokenizer: Tokenizer) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "x" * 99  # two a group

    groups = encode_lines(endless(), tokenizer, processes=2)
    for taken in range(1, 30):
        next(groups)
        assert read <= 2 * (taken + 2 * encoding.IN_FLIGHT + 1)
    groups.close()
    assert children() == []


def children(process: int | str = "self") -> list[int]:
    """The processes that a process has started to encode; other tests have others."""
    files = Path(f"/proc/{process}/task").glob("*/children")
    started = [int(child) for file in files for child in file.read_text().split()]
    return [
        child for child in started if b"encoding" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


@pytest.mark.usefixtures("_small_groups")
def test_a_killed_process_is_one_line_and_leaves_nothing(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    def lines() -> Iterator[str]:
        for i in itertools.count():
            if i == 1000:
                os.kill(children()[0], signal.SIGKILL)
            yield "see you tomorrow"

    with pytest.raises(UserError, match=r"a process that makes tokens was killed by signal 9"):
        build_shards(lines(), tokenizer, tmp_path / "s", "x", processes=2)
    assert list(tmp_path.iterdir()) == []
    assert children() == []


ENDLESS = """
import itertools, signal, sys
from pathlib import Path
from pocketlm.model.shards import build_shards
from pocketlm.model.tokenizer import Tokenizer

def lines():
    for i in itertools.count():
        if i == 1_000_000:
            print("under way", flush=True)
        yield "see you tomorrow at the station"

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a shell's background job
tokenizer = Tokenizer.load(Path(sys.argv[1]))
build_shards(lines(), tokenizer, Path(sys.argv[2]), "x", processes=2)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_one_that_started_them(
    number: signal.Signals, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    tokenizer.save(tmp_path / "tokenizer.model")
    parent = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, tmp_path / "tokenizer.model", tmp_path / "out" / "s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "under way\n"
    workers = children(parent.pid)
    assert len(workers) == 2
    parent.send_signal(number)
    try:
        _, errors = parent.communicate(timeout=60)
    finally:
        parent.kill()
    if number == signal.SIGINT:  # cleans up; what is killed leaves its temporary folder
        assert list((tmp_path / "out").iterdir()) == []
        assert errors.count("Traceback") == 1
    deadline = time.monotonic() + 60
    while any(_runs(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(worker) for worker in workers)
    assert not (tmp_path / "out" / "s").exists()


def _runs(process: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_reading_keeps_no_more_mapped_than_is_held(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    shards = build(list(corpus.lines("train")), tokenizer, tmp_path / "s", shard_tokens=100)

    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count(str(shards.folder))

    for chunk in shards.chunks():
        assert len(chunk)
        assert mapped() <= 2  # the one at hand and, for a moment, the next
    del chunk
    for i in range(len(shards)):
        shards.document(i)
        assert mapped() == 1
    held = [shards.shard(0).tokens, shards.shard(1).tokens]
    assert mapped() == 1 + len(held)


@pytest.mark.parametrize("name", ["tokens-00002.u16", "documents-00002.u32"])
@pytest.mark.parametrize("damage", ["missing", "cut", "bit"])
def test_a_damaged_shard_is_named_when_it_is_read_first(
    name: str, damage: str, corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    shards = build(list(corpus.lines("train")), tokenizer, tmp_path / "s", shard_tokens=100)
    path = shards.folder / name
    content = path.read_bytes()
    changed = {"missing": b"", "cut": content[:-4], "bit": bytes([content[0] ^ 1]) + content[1:]}
    path.write_bytes(changed[damage])
    if damage == "missing":
        path.unlink()
    shards.shard(1)
    with pytest.raises(UserError, match=name):
        shards.shard(2)
    with pytest.raises(UserError, match=name):
        list(shards.chunks())


def _set(index: dict[str, Any], *path: str | int, value: object) -> None:
    *parents, last = path
    part: Any = index
    for key in parents:
        part = part[key]
    part[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format_version",), 2),
        (("tokens",), -1),
        (("documents",), 1.5),
        (("lines",), "many"),
        (("shards",), []),
        (("shards",), {}),
        (("shards", 0), 7),
        (("shards", 0, "tokens"), 0),
        (("shards", 0, "tokens"), SHARD_TOKENS + 1),
        (("shards", 0, "documents"), True),
        (("shards", 1, "sha256"), None),
        (("shards", 1, "path"), "../../secret"),
        (("more",), 1),
    ],
)
def test_a_hostile_index_is_one_line(
    path: tuple[str | int, ...], value: object, corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    shards = build(list(corpus.lines("train")), tokenizer, tmp_path / "s", shard_tokens=1000)
    index = json.loads((shards.folder / "index.json").read_text())
    _set(index, *path, value=value)
    (shards.folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(UserError) as caught:
        TokenShards(shards.folder)
    assert "\n" not in str(caught.value)
