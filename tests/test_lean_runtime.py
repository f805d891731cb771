"""The lean runtime: its kernels against the stock ones on the same files, and what it refuses."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from executorch.exir import EdgeCompileConfig, to_edge
from torch import Tensor, nn

from pocketlm.benchmarks.memory import measure, read_text
from pocketlm.benchmarks.ngram_training import train_ngram
from pocketlm.benchmarks.runtimes import compared
from pocketlm.benchmarks.samples import LEAN, open_measurable
from pocketlm.benchmarks.toolchain import native_program
from pocketlm.export.bundle import PROGRAM, read_manifest, write_manifest
from pocketlm.export.matrices import Int8Matrices
from pocketlm.export.recipes import RECIPES, lower_zero_copy
from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel
from pocketlm.model.tokenizer import END_ID, Tokenizer
from pocketlm.models import resolve_model

STOCK_RUNNER, LEAN_RUNNER = "executorch_runner", "lean_runner"
# Sizes that no vector's width divides.
VOCABULARY, EMBEDDING, HIDDEN = 387, 23, 37
NETWORKS = {
    "gru": {},
    "two layers": {"layers": 2},
    "rnn": {"cell": "rnn"},
    "recurrent projection": {"recurrent_projection": True},
}
# What a program of `Step` does to its state [4, 1, 6].
Change = Callable[["Step", Tensor], Tensor]


def network(**settings: Any) -> RecurrentLanguageModel:
    """A network of random weights, with the inputs and logits of a trained one's size."""
    torch.manual_seed(5)
    config = ModelConfig(VOCABULARY, EMBEDDING, HIDDEN, **settings)
    model = RecurrentLanguageModel(config).eval()
    with torch.no_grad():
        model.embedding.weight.normal_(0, 3)
    return model


def run(runner: str, program: Path, tokens: Path, *options: object) -> tuple[int, str]:
    """A native runner's exit code and standard error."""
    command = [native_program(runner), program, "--tokens", tokens, "--end", END_ID, *options]
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, timeout=60
    )
    return result.returncode, result.stderr


def write_tokens(folder: Path, vocabulary: int, count: int = 100) -> Path:
    """Tokens from all over the vocabulary, first and last included, and the end token."""
    others = np.random.default_rng(4).integers(0, vocabulary, count)
    tokens = np.array([0, vocabulary - 1, *others, END_ID], dtype="<i4")
    path = folder / "tokens"
    path.write_bytes(tokens.tobytes())
    return path


def logits(runner: str, program: Path, tokens: Path, vocabulary: int) -> npt.NDArray[np.float32]:
    target = tokens.with_name(f"{runner}.logits")
    assert run(runner, program, tokens, "--dump-logits", target) == (0, "")
    return np.fromfile(target, dtype="<f4").reshape(-1, vocabulary)


def assert_same_logits(program: Path, folder: Path, vocabulary: int) -> None:
    tokens = write_tokens(folder, vocabulary)
    lean = logits(LEAN_RUNNER, program, tokens, vocabulary)
    stock = logits(STOCK_RUNNER, program, tokens, vocabulary)
    assert np.ptp(stock) > 1
    np.testing.assert_allclose(lean, stock, atol=1e-4)
    assert np.array_equal(lean.argmax(axis=1), stock.argmax(axis=1))


@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_program_gives_the_logits_of_the_stock_kernels(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    program = tmp_path / "model.pte"
    program.write_bytes(lower_zero_copy(network(**settings))[0].buffer)
    assert_same_logits(program, tmp_path, VOCABULARY)


def test_the_shipped_model_gives_the_logits_of_the_stock_kernels(tmp_path: Path) -> None:
    assert_same_logits(resolve_model(Path("en-small")) / PROGRAM, tmp_path, 8192)


@pytest.mark.parametrize("recipe", sorted(set(RECIPES) - {"zero-copy"}))
def test_programs_of_other_recipes_are_refused_in_one_line(recipe: str, tmp_path: Path) -> None:
    program = tmp_path / "model.pte"
    program.write_bytes(RECIPES[recipe](network())[0].buffer)
    code, said = run(LEAN_RUNNER, program, write_tokens(tmp_path, VOCABULARY))
    assert (code, said.count("\n")) == (2, 1)
    assert "needs an operator or a backend that this runtime does not have" in said


@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.6, 0.999])
def test_cut_programs_are_refused_in_one_line(bundle: Path, tmp_path: Path, share: float) -> None:
    content = (bundle / PROGRAM).read_bytes()
    cut = tmp_path / "cut.pte"
    cut.write_bytes(content[: int(len(content) * share)])
    code, said = run(LEAN_RUNNER, cut, write_tokens(tmp_path, 384))
    assert (code, said.count("\n")) == (2, 1)
    assert "cut.pte" in said


class Step(nn.Module):
    """A program with the runner's signature, of a vocabulary of 40 and a state [4, 1, 6]."""

    def __init__(self, change: Change, rows: int = 40) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.initial, self.change = torch.randn(4, 1, 6), change
        shapes = {"table": (rows, 6), "square": (6, 6), "output": (40, 24)}
        self.matrices = Int8Matrices({n: (torch.randn(s), None) for n, s in shapes.items()})

    def forward(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        row = self.matrices.embed("table", token).reshape(1, 1, 6)
        state = torch.tanh(self.change(self, torch.cat([row, state[1:]], dim=0)))
        return self.matrices.product("output", state.reshape(1, 24)), state

    def write(self, program: Path) -> None:
        """Export it as the zero-copy recipe does."""
        inputs = (torch.zeros(1, 1, dtype=torch.long), self.initial)
        edge = to_edge(
            torch.export.export(self.eval(), inputs),
            compile_config=EdgeCompileConfig(_check_ir_validity=False),
            constant_methods={"initial_state": self.initial},
        )
        program.write_bytes(edge.to_executorch().buffer)


def powers(s: Tensor) -> Tensor:
    """Numbers up to some hundreds, of both signs."""
    return s * s * s * s * s * s * s


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _, s: torch.cat([s[2:], s[:2]]), id="slices of rows"),
        pytest.param(
            lambda _, s: torch.cat([s[..., -2:], s[..., 1:-2], s[..., :1]], dim=-1),
            id="slices from the end, joined by columns",
        ),
        pytest.param(lambda _, s: torch.sub(s, torch.sigmoid(s), alpha=2), id="two times less"),
        pytest.param(lambda _, s: torch.add(s, s * s, alpha=0.5), id="half as much more"),
        pytest.param(lambda _, s: s / (torch.exp(s) + torch.exp(s - s * s)), id="quotients"),
        pytest.param(lambda _, s: s / (s * s + torch.exp(powers(s))), id="beyond an exponential"),
        pytest.param(lambda _, s: s / (s - s), id="a quotient of nothing"),
        pytest.param(lambda _, s: s + s / (s / (s - s)), id="a quotient of what is infinite"),
        pytest.param(
            lambda step, s: step.matrices.product("square", s.reshape(4, 6)).reshape(4, 1, 6),
            id="a product of several rows",
        ),
    ],
)
def test_an_operator_is_that_of_the_stock_kernels(change: Change, tmp_path: Path) -> None:
    Step(change).write(tmp_path / "model.pte")
    assert_same_logits(tmp_path / "model.pte", tmp_path, 40)


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        pytest.param(lambda _, s: s * s[:1], 40, id="broadcasting"),
        pytest.param(lambda _, s: torch.cat([s[::2], s[::2]]), 40, id="a slice of every other row"),
        pytest.param(lambda _, s: s, 39, id="a token outside the table"),
    ],
)
def test_what_a_kernel_does_not_do_ends_the_step_in_one_line(
    change: Change, rows: int, tmp_path: Path
) -> None:
    Step(change, rows).write(tmp_path / "model.pte")
    code, said = run(LEAN_RUNNER, tmp_path / "model.pte", write_tokens(tmp_path, 40))
    assert (code, said.count("\n")) == (2, 1)
    assert "a step failed (ExecuTorch error 0x12)" in said


def test_only_zero_copy_bundles_are_measured_on_it(
    bundle: Path, corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    stream = np.array([*tokenizer.encode("see you at the station"), END_ID])
    train_ngram([stream], tokenizer, kind="table", order=2, out=tmp_path / "table", corpus={})
    text = read_text(corpus.path("valid"), 3)
    network, *tables = measure([bundle, tmp_path / "table"], text, runtime=LEAN, steps=20)
    (stock,) = measure([bundle], text, steps=20)
    assert (network.runtime, stock.runtime) == ("lean", "stock")
    assert [table.runtime for table in tables] == [None, None]
    assert network.word_perplexity == pytest.approx(stock.word_perplexity, rel=1e-4)
    assert network.runtime_file_backed_bytes < stock.runtime_file_backed_bytes / 2
    other = tmp_path / "other"
    shutil.copytree(bundle, other)
    manifest = read_manifest(bundle)
    del manifest["manifest_sha256"]
    write_manifest(other, manifest | {"recipe": "xnnpack"})
    with pytest.raises(UserError, match="lean runtime is for zero-copy bundles, not xnnpack"):
        open_measurable(other, LEAN)


def test_runtimes_are_timed_in_turn(bundle: Path, corpus: Corpus) -> None:
    raw = compared(bundle, corpus.path("valid"), rounds=2)
    stock, lean = raw["models"]
    assert (stock["name"], lean["name"]) == ("stock", "lean")
    assert [taken["place"] for taken in stock["rounds"]] == [0, 1]
    assert "executorch_runner" in stock["command"][0]
    assert "lean_runner" in lean["command"][0]
