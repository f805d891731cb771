"""The network's runner against eager PyTorch, and the whole measurement of small models."""

import json
import math
import random
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pocketlm.benchmarks import toolchain
from pocketlm.benchmarks.memory import as_json, measure, read_text
from pocketlm.benchmarks.ngram import open_ngram
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.benchmarks.samples import open_measurable, run_sample
from pocketlm.benchmarks.toolchain import native_program
from pocketlm.model.errors import UserError
from pocketlm.model.tokenizer import Tokenizer

END, VOCABULARY, HIDDEN, LAYERS = 1, 320, 16, 2
RANDOM = random.Random(2)
WORDS = ["".join(RANDOM.choices("abcdefghijklmnop", k=2 + i % 4)) for i in range(200)]
TEXT = [" ".join(RANDOM.choices(WORDS, k=1 + i % 6)) for i in range(400)]


class Step(nn.Module):
    """The smallest network with the runner's signature."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(VOCABULARY, HIDDEN)
        self.output = nn.Linear(HIDDEN, VOCABULARY)
        self.initial = torch.randn(LAYERS, 1, HIDDEN)

    def forward(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = torch.tanh(state + self.embedding(token))
        return self.output(state[LAYERS - 1 :].reshape(1, -1)), state


@torch.no_grad()
def eager_logits(tokens: list[int]) -> Tensor:
    """Logits [T, V] after each token from the initial state."""
    step = Step()
    state, rows = step.initial, []
    for token in tokens:
        logits, state = step(torch.tensor([[token]]), state)
        rows.append(logits[0])
    return torch.stack(rows)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXT, VOCABULARY)


def filled(template: dict[str, Any]) -> dict[str, Any]:
    """JSON of a template's shape: an empty value of each type."""
    return {
        key: filled(item) if isinstance(item, dict) else item() for key, item in template.items()
    }


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from executorch.exir import EdgeCompileConfig, to_edge

        from pocketlm.export.bundle import _SHAPE, describe_files, write_manifest

        step = Step()
        example = (torch.zeros(1, 1, dtype=torch.long), step.initial)
        exported = {"forward": torch.export.export(step.eval(), example)}
        preserved = EdgeCompileConfig(preserve_ops=[torch.ops.aten.linear.default])
        constants = {"initial_state": step.initial}
        edge = to_edge(exported, compile_config=preserved, constant_methods=constants)
        program = edge.to_executorch().buffer
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    folder.mkdir()
    (folder / "model.pte").write_bytes(program)
    tokenizer.save(folder / "tokenizer.model")
    manifest = {"format_version": 1, "recipe": "float", "files": describe_files(folder)}
    write_manifest(folder, filled(_SHAPE) | manifest)
    return folder


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "held-out.txt"
    path.write_text("\n".join([*TEXT[:4], "", *TEXT[4:8]]) + "\n")
    return path


def run(program: Path, tokens: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(native_program("executorch_runner")), str(program), "--tokens", str(tokens)]
    command += ["--end", str(END), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def write_tokens(path: Path, lines: list[list[int]]) -> Path:
    np.array([token for line in lines for token in [*line, END]], dtype="<i4").tofile(path)
    return path


LINES = [[5, 300, 7], [11], [319, 2, 2, 2, 40]]


@pytest.mark.parametrize("load", ["mmap", "file"])
def test_nats_are_those_of_eager(bundle: Path, tmp_path: Path, load: str) -> None:
    expected = 0.0
    for line in LINES:
        logits = eager_logits([END, *line])
        scores = torch.log_softmax(logits.double(), dim=-1)
        expected -= sum(float(scores[i, token]) for i, token in enumerate([*line, END]))
    result = run(bundle / "model.pte", write_tokens(tmp_path / "tokens", LINES), "--load", load)
    assert (result.returncode, result.stderr) == (0, "")
    sample = json.loads(result.stdout)
    assert sample["nats"] == pytest.approx(expected, rel=1e-6)
    assert (sample["steps"], sample["tokens"], sample["threads"]) == (9, 12, 1)
    assert (sample["after_replay"]["model_file"]["rss"] > 0) == (load == "mmap")


def test_dumped_logits_are_those_of_eager(bundle: Path, tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", LINES)
    target = tmp_path / "logits"
    result = run(bundle / "model.pte", tokens, "--dump-logits", str(target))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    dumped = np.fromfile(target, dtype=np.float32).reshape(-1, VOCABULARY)
    expected = eager_logits(np.fromfile(tokens, dtype="<i4").tolist())
    np.testing.assert_allclose(dumped, expected.numpy(), atol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.6, 0.999])
@pytest.mark.parametrize("load", ["mmap", "file"])
def test_cut_programs_are_one_line(bundle: Path, tmp_path: Path, share: float, load: str) -> None:
    content = (bundle / "model.pte").read_bytes()
    path = tmp_path / "cut.pte"
    path.write_bytes(content[: int(len(content) * share)])
    result = run(path, write_tokens(tmp_path / "tokens", LINES), "--load", load)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "cut.pte" in result.stderr


def test_tokens_outside_the_vocabulary_are_refused(bundle: Path, tmp_path: Path) -> None:
    result = run(bundle / "model.pte", write_tokens(tmp_path / "tokens", [[VOCABULARY]]))
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def test_all_kinds_are_measured_on_the_same_text(
    bundle: Path, text: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    stream = np.array([i for line in TEXT for i in [*tokenizer.encode(line), END]])
    for kind in ("table", "kenlm"):
        train_ngram([stream], tokenizer, kind=kind, order=3, out=tmp_path / kind, corpus={})
    said: list[str] = []
    shares: list[float] = []
    folders = [bundle, tmp_path / "table", tmp_path / "kenlm"]
    results = measure(
        folders, read_text(text), steps=20, notify=said.append, progress=shares.append
    )
    names = ["tiny", "table (dictionary)", "table (mapped)", "kenlm"]
    assert [result.name for result in results] == names
    assert len(said) == len(names)
    assert shares == sorted(shares)
    assert (len(shares), shares[-1]) == (6 + 12 + 11 + 11, 1.0)
    for result in results:
        values = as_json(result)
        assert (result.samples, result.steps) == (5, 20)
        parts = result.model_file_backed_bytes + result.runtime_file_backed_bytes
        assert parts == pytest.approx(result.file_backed_bytes, rel=0.2)
        for field in ("private_dirty_bytes", "file_backed_bytes", "resident_model_bytes"):
            least, most = result.spread[field]
            assert least <= values[field] <= most
    network, dictionary, mapped, kenlm = results
    assert (network.kind, network.structure, network.score_us) == ("network", "float", None)
    assert network.file_bytes == (bundle / "model.pte").stat().st_size
    assert network.planned_bytes > 0
    assert [result.runtime for result in results] == ["stock", None, None, None]
    assert dictionary.private_dirty_bytes > mapped.private_dirty_bytes
    assert mapped.model_file_backed_bytes > 0
    for result, folder in ((dictionary, "table"), (mapped, "table"), (kenlm, "kenlm")):
        expected = word_perplexity(tmp_path / folder, text)
        assert result.word_perplexity == pytest.approx(expected, rel=1e-5)


def word_perplexity(folder: Path, text: Path) -> float:
    model = open_ngram(folder)
    lines = read_text(text).lines
    scores = model.score([[*model.tokenizer.encode(line), END] for line in lines])
    nats = -sum(float(score.sum(dtype=np.float64)) for score in scores)
    return math.exp(nats / sum(len(line.split()) for line in lines))


def test_text_is_its_lines_that_are_not_blank(text: Path) -> None:
    assert len(read_text(text).lines) == 8
    assert read_text(text, 5).lines == TEXT[:5]
    assert read_text(text).words == sum(len(line.split()) for line in TEXT[:8])


def test_what_cannot_be_measured_is_said(bundle: Path, text: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match="is no model"):
        open_measurable(tmp_path / "run")
    (tmp_path / "run" / "config.json").write_text("{}")
    with pytest.raises(UserError, match="export it first"):
        open_measurable(tmp_path / "run")
    with pytest.raises(UserError, match="at least 5 samples"):
        measure([bundle], read_text(text), samples=4)
    with pytest.raises(UserError, match="1 to 1,000,000"):
        measure([bundle], read_text(text), steps=1_000_001)
    with pytest.raises(UserError, match="two models are called tiny"):
        measure([bundle, bundle], read_text(text))


def test_a_sample_says_how_it_was_run(bundle: Path, tmp_path: Path) -> None:
    (model,) = open_measurable(bundle)
    tokens = write_tokens(tmp_path / "tokens", LINES)
    mapped = run_sample(model, tokens, work="score", steps=20)
    assert (mapped["work"], mapped["load_mode"]) == ("distribution", "mmap")
    assert (mapped["steps"], mapped["page_cache"]) == (20, "warm")
    assert mapped["command"][-2:] == ["--steps", "20"]
    read = run_sample(model, tokens, load="file")
    assert (read["load_mode"], read["after_replay"]["model_file"]["rss"]) == ("file", 0)
    with pytest.raises(UserError, match="no load mode 'lazy': mmap or file"):
        run_sample(model, tokens, load="lazy")
    with pytest.raises(UserError, match="no work 'rest': score or distribution"):
        run_sample(model, tokens, work="rest")


def test_a_networks_state_and_pressure(bundle: Path, tmp_path: Path) -> None:
    (model,) = open_measurable(bundle)
    tokens = write_tokens(tmp_path / "tokens", LINES)
    sample = run_sample(model, tokens, pressure=True)
    assert sample["state_bytes"] == LAYERS * HIDDEN * 4
    assert "libexecutorch.so" in sample["before_load"]["groups"]
    pressure = sample["pressure"]
    for drop in (pressure["dropped"], pressure["cold"]):
        assert drop["file_backed_before"] > drop["file_backed_after"] == 0
        assert sum(drop["first_faults"].values()) > 0
    read = run_sample(model, tokens, load="file", pressure=True)["pressure"]
    assert (read["evictable_bytes"], read["dropped"], read["cold"]) == (0, None, None)


def test_a_word_of_thousands_of_characters_is_no_error(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("qzx" * 1000 + "\n")
    assert measure([bundle], read_text(path), steps=5)[0].word_perplexity == math.inf


def test_a_missing_compiler_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POCKETLM_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UserError, match=r"a C\+\+ compiler is needed"):
        native_program("table_runner")
    assert not [path for path in (tmp_path / "native").iterdir() if path.is_dir()]
    assert capsys.readouterr().err.count("\n") == 1


def test_a_failing_build_is_one_line(tmp_path: Path) -> None:
    command: list[Any] = [
        "sh",
        "-c",
        "echo one; echo 'x.cpp:3: error: no'; echo 'error: 2'; exit 1",
    ]
    with pytest.raises(UserError, match=r"building failed: x.cpp:3: error: no$"):
        toolchain._run(command, "building")
