"""Training on a GPU: cuDNN's GRU, bf16 and TF32, NCCL. Reported as skipped where there is none."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import Silent, tiny_config

from pocketlm.model.checkpoint import load_checkpoint
from pocketlm.model.corpus import Corpus
from pocketlm.model.hardware import allow_tf32
from pocketlm.model.language_model import ModelConfig
from pocketlm.model.loss import tied_softmax_loss
from pocketlm.model.network import open_run
from pocketlm.model.objective import NextToken
from pocketlm.model.run_folder import CHECKPOINT, TrainConfig, config_to_json
from pocketlm.model.segments import WindowStream
from pocketlm.model.shards import open_shards
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import resume, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


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
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        loss, final = objective.loss(segments, carried, torch.float32)
        loss.backward()
        found = {n: p.grad for n, p in objective.model.named_parameters() if p.grad is not None}
        gradients.append({name: g.cpu() for name, g in (found | {"final": final.detach()}).items()})
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], atol=1e-5, rtol=1e-3), name


def test_the_chunked_softmax_is_that_of_the_cpu() -> None:
    torch.manual_seed(1)
    projected, weight = torch.randn(500, 16), torch.randn(300, 16)
    targets = torch.randint(0, 300, (500,))
    losses = [
        tied_softmax_loss(projected.to(d), weight.to(d), targets.to(d), torch.float32).item()
        for d in ("cpu", "cuda")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


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


def test_nccl_averages_gradients(config: TrainConfig, run: Path, tmp_path: Path) -> None:
    """As many ranks as there are GPUs, one at least."""
    path = tmp_path / "config.json"
    ranks = min(torch.cuda.device_count(), 2)
    config = replace(config, tokenizer=str(run), max_steps=10)
    path.write_text(json.dumps(config_to_json(config)))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    module = ["--nproc-per-node", str(ranks), "-m", "pocketlm.model.train"]
    done = subprocess.run(
        [*launcher, *module, str(path), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert load_checkpoint(tmp_path / "run" / CHECKPOINT).state["step"] == 10
