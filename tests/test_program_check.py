"""Programs that our exporter writes are taken; what it cannot have written is refused unmapped."""

import io
import json
import math
import shutil
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from flatbuffers import Builder
from helpers import VOCABULARY, Invoke

from pocketlm.export.bundle import MANIFEST, PROGRAM, checked_manifest, open_bundle, seal
from pocketlm.export.flatbuffer import FlatReader
from pocketlm.export.layout import STOCK_OPERATORS
from pocketlm.export.operator_rules import RULES
from pocketlm.export.program_check import check_program
from pocketlm.export.program_schema import read_program
from pocketlm.model.errors import UserError
from pocketlm.model.files import describe_file
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel
from pocketlm.model.tasks.config import NetworkConfig
from pocketlm.model.tasks.network import TaskNetwork
from pocketlm.models import resolve_model

Edit = Callable[["Program"], bytes]


def check(data: bytes, vocabulary: int | None = None) -> None:
    check_program(io.BytesIO(data), Path(PROGRAM), vocabulary)


class Program:
    """A valid program, of which copies with one vector changed are made."""

    def __init__(self, data: bytes) -> None:
        self.data, self.tables = data, read_program(io.BytesIO(data))
        self.forward = next(p for p in self.tables["execution_plan"] if p["name"] == "forward")

    def calls(self) -> list[list[int]]:
        """The arguments of each call, in order."""
        instructions = self.forward["chains"][0]["instructions"]
        return [instruction["instr_args"][1]["args"] for instruction in instructions]

    def kind(self, kind: str, number: int = 0) -> int:
        """The index of a value of a kind."""
        of_kind = [i for i, v in enumerate(self.forward["values"]) if v["val"][0] == kind]
        return of_kind[number]

    def with_vector(self, old: Sequence[int], new: Sequence[int], item: str = "i") -> bytes:
        """Wherever a vector of these numbers lies there are others, as many."""
        a, b = (struct.pack(f"<I{len(v)}{item}", len(v), *v) for v in (old, new))
        assert a in self.data
        assert len(a) == len(b)
        return self.data.replace(a, b)

    def with_argument(self, call: int, position: int, value: int) -> bytes:
        """One argument of a call is another value; an output stays both of its arguments."""
        old = self.calls()[call]
        new = list(old)
        new[position] = value
        if position == -1:
            new[-2] = value
        return self.with_vector(old, new)


@pytest.fixture(scope="module")
def program(bundle: Path) -> Program:
    return Program((bundle / PROGRAM).read_bytes())


def _lowered(recipe: str, cell: str, layers: int) -> bytes:
    from pocketlm.export.recipes import RECIPES

    config = ModelConfig(
        vocabulary_size=VOCABULARY, embedding=6, hidden=10, layers=layers, cell=cell
    )
    program, _ = RECIPES[recipe](RecurrentLanguageModel(config))
    return bytes(program.buffer)


@pytest.mark.parametrize(
    ("recipe", "cell", "layers"),
    [("zero-copy", "gru", 2), ("zero-copy", "rnn", 1), ("xnnpack", "gru", 2), ("float", "rnn", 3)],
)
def test_every_recipe_is_taken(recipe: str, cell: str, layers: int) -> None:
    data = _lowered(recipe, cell, layers)
    check(data, VOCABULARY)
    with pytest.raises(UserError, match="another vocabulary"):
        check(data, VOCABULARY + 1)


@pytest.mark.parametrize("recipe", ["zero-copy", "float"])
@pytest.mark.parametrize(("alignment", "both"), [("each", True), ("whole", False)])
def test_every_task_is_taken(recipe: str, alignment: str, both: bool) -> None:
    from pocketlm.export.task_graphs import lower_task

    config = NetworkConfig(
        alignment=alignment, vocabulary_size=VOCABULARY, hidden=10, classes=3, bidirectional=both
    )
    data = bytes(lower_task(TaskNetwork(config), recipe)[0].buffer)
    check(data, VOCABULARY)
    with pytest.raises(UserError, match="another vocabulary"):
        check(data, VOCABULARY - 1)


@pytest.mark.parametrize("name", ["en-base", "en-small"])
def test_what_is_shipped_is_taken(name: str) -> None:
    assert open_bundle(resolve_model(Path(name)))


def test_the_rules_are_of_the_operators_of_the_stock_library() -> None:
    assert RULES.keys() == STOCK_OPERATORS


# Calls of the bundle: 0 embedding_byte(table, scales, -, least, most, token, out),
# 1 mixed_linear(x, matrix, scales, -, -, out), 2 add(x, bias, 1, out), 3 the
# product of the state, 4 the sum of both.
_HOSTILE: dict[str, tuple[Edit, str]] = {
    "an argument out of range": (lambda p: p.with_argument(1, 0, 10_000), "an index leads out"),
    "a negative argument": (lambda p: p.with_argument(1, 0, -1), "an index leads out"),
    "a number for a tensor": (lambda p: p.with_argument(1, 0, p.kind("Int")), "is called with"),
    "a tensor for a number": (lambda p: p.with_argument(0, 3, p.kind("Tensor")), "is called with"),
    "a sum with many times the other": (
        lambda p: p.with_argument(2, 2, p.calls()[0][3]),
        "is called with",
    ),
    "another type": (lambda p: p.with_argument(1, 1, p.calls()[1][2]), "is called with"),
    "a constant as output": (lambda p: p.with_argument(2, -1, p.calls()[2][1]), "is written to"),
    "an output of another size": (
        lambda p: p.with_argument(0, -1, p.calls()[1][-1]),
        "of another size or type",
    ),
    "memory not yet written": (
        lambda p: p.with_argument(2, 0, p.calls()[4][-1]),
        "memory is read",
    ),
    "a call over what it reads": (
        lambda p: p.with_argument(2, -1, p.calls()[2][0]),
        "an operator writes over what it reads",
    ),
    "an operator of another library": (
        lambda p: p.data.replace(b"aten::div", b"aten::dix"),
        "aten::dix.out is called",
    ),
    "an arena of terabytes": (
        lambda p: p.with_vector(_arenas(p), [0, 1 << 42], "q"),
        "asks for memory",
    ),
    "a negative arena": (lambda p: p.with_vector(_arenas(p), [0, -16], "q"), "asks for memory"),
    "an arena too small": (lambda p: p.with_vector(_arenas(p), [0, 64], "q"), "outside of the"),
    "a constant outside": (lambda p: _offsets(p, 1 << 62), "a constant leads out"),
    "a constant between words": (lambda p: _offsets(p, 1), "not aligned"),
    "a table of few rows": (
        lambda p: p.with_vector(_embedding(p), [4, _embedding(p)[1]]),
        "is called with|another size",
    ),
    "a size below zero": (lambda p: p.with_vector(_sizes(p, 0), [-1, 8]), "a tensor of a form"),
    "sizes that overflow": (
        lambda p: p.with_vector(_sizes(p, 0), [1 << 30, 1 << 30]),
        "a tensor of a form",
    ),
    "dimensions in no order": (lambda p: _dimensions(p, b"\x00\x00"), "a tensor of a form"),
    "methods of other names": (
        lambda p: p.data.replace(b"initial_state", b"another_state"),
        "other methods",
    ),
    "other inputs": (
        lambda p: p.with_vector(p.forward["inputs"], p.forward["inputs"][::-1]),
        "other inputs or outputs",
    ),
    "a flag for a file's format": (lambda p: p.data.replace(b"ET12", b"ET13"), "no program of"),
    "a cut": (lambda p: p.data[:-1], "as long as its header says"),
    "nothing": (lambda _: b"", "is cut"),
    "an offset out of the buffer": (
        lambda p: struct.pack("<I", 1 << 31) + p.data[4:],
        "an offset leads out",
    ),
}  # fmt: skip


def _arenas(p: Program) -> list[int]:
    return list(p.forward["non_const_buffer_sizes"])


def _sizes(p: Program, value: int) -> list[int]:
    return list(p.forward["values"][value]["val"][1]["sizes"])


def _embedding(p: Program) -> list[int]:
    """The sizes [V, E] of the embedding, the largest constant."""
    tensors = [value["val"][1] for value in p.forward["values"] if "sizes" in value["val"][1]]
    return list(max((tensor["sizes"] for tensor in tensors), key=math.prod))


def _offsets(p: Program, added: int) -> bytes:
    old = p.tables["constant_segment"]["offsets"]
    return p.with_vector(old, [*old[:1], old[1] + added, *old[2:]], "Q")


def _dimensions(p: Program, order: bytes) -> bytes:
    return p.data.replace(b"\x02\x00\x00\x00\x00\x01", b"\x02\x00\x00\x00" + order)


@pytest.mark.parametrize("name", _HOSTILE)
def test_what_no_export_has_is_refused(name: str, program: Program) -> None:
    edit, reason = _HOSTILE[name]
    check(program.data)
    data = edit(program)
    assert data != program.data
    with pytest.raises(UserError, match=reason) as refused:
        check(data)
    assert "\n" not in str(refused.value)


def test_a_small_file_cannot_stand_for_a_large_tree() -> None:
    """Tables may share what they hold: here 1,000 lists are one of 1,000 tables, which are one."""
    builder = Builder(0)
    table = _table(builder, None)
    for _ in range(3):
        builder.StartVector(4, 1000, 4)
        for _ in range(1000):
            builder.PrependUOffsetTRelative(table)
        table = _table(builder, builder.EndVector())
    builder.Finish(table)
    assert len(builder.Output()) < 20_000
    with pytest.raises(UserError, match="more than a program has"):
        FlatReader(bytes(builder.Output()), {"Tree": [("branches?", ["Tree"])]}, {}).root("Tree")


def _table(builder: Builder, vector: int | None) -> int:
    builder.StartObject(1)
    if vector is not None:
        builder.PrependUOffsetTRelativeSlot(0, vector, 0)
    return int(builder.EndObject())


def _hostile_bundle(bundle: Path, folder: Path, data: bytes) -> Path:
    """Right checksums over a program: whoever can write a file can write its hash."""
    shutil.copytree(bundle, folder)
    (folder / PROGRAM).write_bytes(data)
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    del manifest["manifest_sha256"]
    manifest["files"][PROGRAM] = describe_file(folder / PROGRAM)
    (folder / MANIFEST).write_text(json.dumps(seal(manifest)), encoding="utf-8")
    return folder


def test_a_hostile_bundle_is_refused_wherever_it_is_opened(
    bundle: Path, program: Program, tmp_path: Path, invoke: Invoke
) -> None:
    folder = _hostile_bundle(bundle, tmp_path / "b", program.with_argument(1, 0, 10_000))
    for read in (open_bundle, checked_manifest):
        with pytest.raises(UserError, match="is no program that PocketLM exports"):
            read(folder)
    text = tmp_path / "text.txt"
    text.write_text("see you\n", encoding="utf-8")
    options = ["--text", text, "--out", tmp_path / "out"]
    for command in (["inspect", folder], ["bench", "memory", folder, *options]):
        code, _, err = invoke(*command)
        assert code == 2
        assert "is no program that PocketLM exports: an index leads out" in err
        assert err.count("\n") == 1


def test_what_is_mapped_is_checked_itself(
    bundle: Path, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file was replaced after the bundle's check."""
    from pocketlm.export import runtime

    opened: list[Path] = []
    monkeypatch.setattr("executorch.runtime.Runtime.get", lambda: opened.append)
    path = tmp_path / PROGRAM
    path.write_bytes(program.with_argument(1, 0, 10_000))
    vocabulary = json.loads((bundle / MANIFEST).read_text())["model"]["vocabulary_size"]
    with pytest.raises(UserError, match="is no program that PocketLM exports"):
        runtime.load_program(path, vocabulary)
    assert not opened
