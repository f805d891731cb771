"""Training on a GPU: cuDNN's GRU, bf16 and TF32, NCCL. Reported as skipped where there is none."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import Silent, tiny_config

from pocketlm.benchmarks.training.scaling import torchrun
from pocketlm.model.checkpoint import load_checkpoint
from pocketlm.model.corpus import Corpus
from pocketlm.model.hardware import allow_tf32
from pocketlm.model.language_model import ModelConfig
from pocketlm.model.loss import CHUNK_TOKENS, tied_softmax_loss
from pocketlm.model.network import open_run
from pocketlm.model.objective import NextToken
from pocketlm.model.run_folder import CHECKPOINT, TrainConfig, config_to_json
from pocketlm.model.segments import WindowStream
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import resume, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@pytest.fixture(autouse=True)
def whole_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """No TF32 but where a training allows it."""
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def config(corpus: Corpus) -> TrainConfig:
    return tiny_config(corpus, device="cuda")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_it_learns(
    config: TrainConfig, tokenizer: Tokenizer, tmp_path: Path, precision: str, cell: str
) -> None:
    config = replace(config, precision=precision, model=replace(config.model, cell=cell))
    record = train(config, tmp_path / "run", Silent(), tokenizer)
    curve = [point["valid_word_perplexity_line"] for point in record["curve"]]
    assert curve[-1] < curve[0] / 2
    assert record["device"].startswith("cuda")
    open_run(tmp_path / "run")  # on the CPU


@pytest.mark.parametrize("layers", [1, 2])
def test_cudnn_and_the_equations_give_the_same_gradients(
    corpus: Corpus, tokenizer: Tokenizer, layers: int
) -> None:
    sizes = ModelConfig(tokenizer.vocabulary_size, 24, 48, layers)
    shards = open_shards(corpus, "train", tokenizer)
    gradients = []
    for name in ("cpu", "cuda"):
        torch.manual_seed(1)
        objective = NextToken(sizes, tokenizer, torch.device(name))
        segments = WindowStream(shards, 8, 20, 0.5, 1).next_window()
        carried = objective.model.start_state(8).detach()
        loss, final = objective.loss(segments, carried, torch.float32)
        loss.backward()
        found = {n: p.grad for n, p in objective.model.named_parameters() if p.grad is not None}
        gradients.append({name: g.cpu() for name, g in (found | {"final": final.detach()}).items()})
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], atol=1e-5, rtol=1e-3), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_chunked_softmax_is_that_of_the_cpu(dtype: torch.dtype) -> None:
    count = CHUNK_TOKENS["cuda"] + 500
    torch.manual_seed(1)
    projected, weight = torch.randn(count, 16, requires_grad=True), torch.randn(300, 16)
    targets = torch.randint(0, 300, (count,))
    found = []
    for d in ("cpu", "cuda"):
        loss = tied_softmax_loss(projected.to(d), weight.to(d), targets.to(d), dtype)
        found.append((loss.item(), torch.autograd.grad(loss, projected)[0]))
    tolerance = 1e-3 if dtype == torch.float32 else 3e-2
    assert found[0][0] == pytest.approx(found[1][0], rel=tolerance)
    assert (found[0][1] - found[1][1]).norm() < tolerance * found[0][1].norm()


def test_bf16_gradients_are_near_those_of_fp32(corpus: Corpus, tokenizer: Tokenizer) -> None:
    """At the size of a real step, where fp16 would lose the small ones."""
    sizes = ModelConfig(tokenizer.vocabulary_size, 64, 128)
    shards = open_shards(corpus, "train", tokenizer)
    gradients = []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(1)
        objective = NextToken(sizes, tokenizer, torch.device("cuda"))
        segments = WindowStream(shards, 64, 48, 0.5, 1).next_window()
        carried = objective.model.start_state(64).detach()
        objective.loss(segments, carried, dtype)[0].backward()
        found = [p.grad for p in objective.model.parameters() if p.grad is not None]
        gradients.append(torch.cat([gradient.flatten() for gradient in found]))
    assert (gradients[0] - gradients[1]).norm() < 0.05 * gradients[0].norm()


def test_tf32_is_allowed() -> None:
    allow_tf32(torch.device("cuda"))
    assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32


def test_a_run_moves_between_devices(
    config: TrainConfig, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    train(replace(config, max_steps=10), folder, Silent(), tokenizer)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "device": "cpu"}))
    assert resume(folder, Silent(), max_steps=14)["steps"] == 14
    (folder / "config.json").write_text(json.dumps({**settings, "device": "cuda"}))
    assert resume(folder, Silent(), max_steps=18)["steps"] == 18


@pytest.mark.parametrize("changes", [{"softmax_samples": 100}, {"direction": "both"},
                                     {"accumulate": 2}], ids=str)  # fmt: skip
def test_every_kind_of_training_runs(
    config: TrainConfig, tokenizer: Tokenizer, tmp_path: Path, changes: dict[str, Any]
) -> None:
    record = train(replace(config, max_steps=5, **changes), tmp_path / "run", Silent(), tokenizer)
    assert record["steps"] == 5


def test_a_teacher_reads_along(
    config: TrainConfig, run: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    taught = replace(config, max_steps=5, teachers=[str(run)])
    train(taught, tmp_path / "run", Silent(), tokenizer)
    assert resume(tmp_path / "run", Silent(), max_steps=8)["steps"] == 8


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two CUDA devices here")
def test_nccl_averages_gradients(
    config: TrainConfig, run: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    config = replace(config, tokenizer=str(run), max_steps=10, precision="fp32")
    train(replace(config, tokenizer=None), tmp_path / "alone", Silent(), tokenizer)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config_to_json(config)))
    done = subprocess.run(
        torchrun(2, "pocketlm.model.train", str(path), str(tmp_path / "run")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    alone, together = (load_checkpoint(tmp_path / name / CHECKPOINT) for name in ("alone", "run"))
    for name, tensor in alone.tensors.items():
        if not name.startswith("random"):
            assert torch.allclose(tensor, together.tensors[name], rtol=1e-2, atol=1e-3), name
