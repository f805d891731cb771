"""The harness of the tasks: networks, trainings, and each task on tiny data made here."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import InterruptAt, Invoke, Silent, assert_same_tensors, only_json
from helpers_tasks import tiny, write_pairs, write_task_data
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketlm.model.checkpoint import load_checkpoint
from pocketlm.model.errors import InterruptedRunError, UserError
from pocketlm.model.loss import tied_softmax_loss
from pocketlm.model.tasks.answers import network_answers
from pocketlm.model.tasks.batches import Example, collate, epoch_batches
from pocketlm.model.tasks.commands import TOKENS, WRITES
from pocketlm.model.tasks.config import NetworkConfig
from pocketlm.model.tasks.dropout import SequenceDropout
from pocketlm.model.tasks.gru import Gru
from pocketlm.model.tasks.network import TaskNetwork
from pocketlm.model.tasks.runs import resume_task, train_task
from pocketlm.model.tasks.search import beam_search
from pocketlm.model.tasks.tasks import NAMES, open_task
from pocketlm.model.tokenizer import END_ID
from pocketlm.models import open_network

KINDS = {
    "one to one": NetworkConfig(reads="features", features=3, head="value", hidden=8),
    "one to many": NetworkConfig(
        reads="features", features=3, alignment="decoder", head="tokens", vocabulary_size=20
    ),
    "many to one": NetworkConfig(vocabulary_size=20, classes=2, hidden=8, layers=2),
    "many to many": NetworkConfig(
        alignment="decoder", head="tokens", vocabulary_size=20, attention=True, hidden=8
    ),
    "aligned": NetworkConfig(alignment="each", vocabulary_size=20, classes=4, hidden=8),
}


def ids(*tokens: int) -> Any:
    return np.array(tokens, dtype=np.int32)


def example(config: NetworkConfig, length: int, seed: int = 0) -> Example:
    """One that a network of the kind could be asked."""
    draw = np.random.default_rng(seed)
    inputs = (
        ids(*draw.integers(2, 20, length))
        if config.reads == "tokens"
        else draw.normal(size=3).astype(np.float32)
    )
    target: Any = 0.5 if config.head == "value" else 1
    if config.alignment != "whole":
        count = length if config.alignment == "each" else 4
        target = ids(*draw.integers(2, config.classes or 20, count) % (config.classes or 20))
    return Example(inputs, target)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_no_answer_and_no_loss(kind: str) -> None:
    torch.manual_seed(1)
    network = TaskNetwork(KINDS[kind]).eval()
    examples = [example(network.config, length, length) for length in (5, 1, 3)]
    answers = network_answers(network, beam=2)
    together = answers([e.inputs for e in examples])
    alone = [answers([e.inputs])[0] for e in examples]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    losses = [network.loss(collate([e]), torch.float32).item() for e in examples]
    counts = [len(np.atleast_1d(e.target)) for e in examples]
    if network.config.alignment == "decoder":
        counts = [count + 1 for count in counts]
    whole = network.loss(collate(examples), torch.float32).item()
    assert whole == pytest.approx(np.average(losses, weights=counts), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns_a_handful_of_examples_by_heart(kind: str) -> None:
    torch.manual_seed(1)
    config = replace(KINDS[kind], dropout=0.0, embedding=16, hidden=24)
    network = TaskNetwork(config)
    batch = collate([example(config, 2 + i, i) for i in range(4)])
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        loss = network.loss(batch, torch.float32)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 5), st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_the_scan_is_torch_s_own_gru(batch: int, time: int, read: int, hidden: int) -> None:
    torch.manual_seed(batch + 10 * time)
    gru, x = Gru(read, hidden), torch.randn(batch, time, read)
    state = torch.randn(batch, hidden)
    for ours, torchs in zip(gru.scan(x, state), gru(x, state[None]), strict=True):
        torch.testing.assert_close(ours, torchs.reshape(ours.shape), atol=1e-5, rtol=1e-5)


def test_a_dropped_feature_is_dropped_at_all_times() -> None:
    torch.manual_seed(1)
    dropped = SequenceDropout(0.5).train()(torch.ones(4, 6, 32))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert (dropped == dropped[:, :1]).all()


def test_smoothing_is_torch_s() -> None:
    torch.manual_seed(1)
    x, weight = torch.randn(9, 4, requires_grad=True), torch.randn(11, 4, requires_grad=True)
    targets = torch.randint(0, 11, (9,))
    ours = tied_softmax_loss(x, weight, targets, torch.float32, 0.2)
    theirs = torch.nn.functional.cross_entropy(x @ weight.T, targets, label_smoothing=0.2)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    for a, b in zip(
        torch.autograd.grad(ours, [x, weight]),
        torch.autograd.grad(theirs, [x, weight]),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_a_wide_beam_finds_the_likeliest_text_of_all() -> None:
    torch.manual_seed(4)
    config = replace(KINDS["many to many"], vocabulary_size=4, embedding=8, decoder_hidden=8)
    network = TaskNetwork(config).eval()
    torch.nn.init.normal_(network.embedding.weight, std=3.0)
    read, lengths = torch.tensor([[2, 3, 2]]), torch.tensor([3])
    found = beam_search(network, read, lengths, 64)[0]

    def worth(tokens: list[int]) -> float:
        target = torch.tensor([tokens], dtype=torch.long).reshape(1, -1)
        with torch.no_grad():
            encoded = network.encode(read, lengths)
            projected, expected = network.decoder.teach(
                encoded, target, torch.tensor([len(tokens)]), network.embedding
            )
            scores = (projected @ network.embedding.weight.T).log_softmax(-1)
        total = float(scores.gather(1, expected[:, None]).sum())
        return total / float((len(tokens) + 1) ** 0.8)

    others = [list(t) for n in range(4) for t in product((0, 2, 3), repeat=n)]
    assert worth(found) >= max(map(worth, others)) - 1e-5
    assert END_ID not in found


def test_an_epoch_has_every_example_once_in_an_order_of_its_own() -> None:
    examples = [example(KINDS["many to one"], 1 + i % 7, i) for i in range(100)]
    first, again = (epoch_batches(examples, 30, 1, 0) for _ in range(2))
    assert first == again != epoch_batches(examples, 30, 1, 1)
    assert sorted(i for batch in first for i in batch) == list(range(100))
    assert all(len(b) * max(len(examples[i].inputs) for i in b) <= 30 for b in first)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_task_data(tmp_path_factory.mktemp("task-data"))


@pytest.mark.parametrize(
    ("name", "metric", "least"),
    [
        ("regression", "r2", 0.8),
        ("sentiment", "accuracy", 0.95),
        ("translation", "exact_match", 0.5),
        ("case", "f1", 0.95),
    ],
)
def test_each_task_learns_tiny_data(
    name: str, metric: str, least: float, data: dict[str, Path], tmp_path: Path, invoke: Invoke
) -> None:
    if name == "translation":
        pytest.importorskip("sacrebleu", reason="sacrebleu is not installed")
    run = tmp_path / "run"
    record = train_task(open_task(name), tiny(name, data, max_steps=150), run, Silent())
    assert record["metrics"]["test"][metric] >= least
    files = {path.name for path in run.iterdir()} - {".lock", "tokenizer.model"}
    assert files == {
        "config.json",
        "encoding.json",
        "model.safetensors",
        "checkpoint.safetensors",
        "log.csv",
        "record.json",
    }
    result = only_json(invoke("task", name, "evaluate", run, "--json"))
    assert result[metric] == pytest.approx(record["metrics"]["test"][metric])
    asked = {
        "regression": ("1, -1", "value"),
        "sentiment": ("A lovely film about bees.", "label"),
        "translation": ("two five", "text"),
        "case": ("tom saw ann in rome.", "text"),
    }[name]
    reply = only_json(invoke("task", name, "predict", asked[0], "--model", run, "--json"))
    expected = {"sentiment": "pos", "translation": "zwei fünf", "case": "Tom saw Ann in Rome."}
    if name in expected and least > 0.9:
        assert reply[asked[1]] == expected[name]
    if name == "regression":
        assert reply["value"] == pytest.approx(3, abs=1.0)


def test_a_caption_says_what_the_pixels_say() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from pocketlm.model.tasks.caption import Caption, slant, truth

    image = np.zeros((8, 8), dtype=np.float32)
    for y in range(8):
        image[y, 7 - y] = 16  # from the top right to the bottom left
    assert slant(image.ravel()) == pytest.approx(1)
    assert slant(image[:, ::-1].ravel()) == pytest.approx(-1)
    task = Caption()
    task.copies = 0
    rows = task.read(task.quick)["train"]
    encoding = task.fit(task.quick, rows)
    said = [truth(encoding, row) for row in rows]
    for place, count in ((1, 3), (2, 3)):  # terciles
        shares = np.unique([words[place] for words in said], return_counts=True)[1] / len(said)
        assert len(shares) == count
        assert shares.min() > 0.3
    examples = task.examples(encoding, rows)
    right = [list(map(int, e.target)) for e in examples]  # type: ignore[arg-type]
    assert task.measure(encoding, rows, right)["exact_match"] == 1
    assert task.measure(encoding, rows, [[0]] * len(rows))["digit"] == 0


@pytest.mark.parametrize("name", ["sentiment", "translation"])
def test_a_resumed_training_is_the_uninterrupted_one(
    name: str, data: dict[str, Path], tmp_path: Path
) -> None:
    task = open_task(name)
    bounds = {"valid_every": 1.0, "max_steps": 24}
    train_task(task, tiny(name, data, **bounds), tmp_path / "whole", Silent())

    with pytest.raises(InterruptedRunError, match="step 11"):
        train_task(task, tiny(name, data, **bounds), tmp_path / "cut", InterruptAt(11))
    record = resume_task(task, tmp_path / "cut", Silent())
    assert record["sessions"] == 2
    for file in ("model.safetensors", "checkpoint.safetensors"):
        assert_same_tensors(tmp_path / "whole" / file, tmp_path / "cut" / file)


def test_sentiment_begins_from_a_language_model(
    data: dict[str, Path], run: Path, tmp_path: Path
) -> None:
    task = open_task("sentiment")
    config = tiny("sentiment", data, initial=str(run), max_steps=1, learning_rate=1e-9)
    train_task(task, config, tmp_path / "run", Silent())
    tensors = load_checkpoint(tmp_path / "run" / "model.safetensors").tensors
    model, _ = open_network(run)
    torch.testing.assert_close(tensors["embedding.weight"], model.embedding.weight.detach())
    w_h = tensors["encoder.forwards.0.weight_hh_l0"]
    torch.testing.assert_close(w_h, model.layer_weights(0)[1].detach())


def test_an_encoder_does_not_begin_from_a_recurrent_projection(
    data: dict[str, Path], tmp_path: Path
) -> None:
    config = tiny("sentiment", data, initial="en-base", max_steps=1)
    with pytest.raises(UserError, match="has a recurrent projection"):
        train_task(open_task("sentiment"), config, tmp_path / "run", Silent())


def test_mistakes_are_one_line(
    data: dict[str, Path], run: Path, tmp_path: Path, invoke: Invoke
) -> None:
    bad = tmp_path / "bad"
    write_pairs(bad, [("pos", "fine"), ("neg", "dull")])
    (bad / "valid.tsv").write_text("pos\tfine\nneg dull\n", encoding="utf-8")
    empty = tmp_path / "empty"
    write_pairs(empty, [])
    nan = tmp_path / "nan.csv"
    nan.write_text("a,b\n" + "1,2\n" * 20 + "1,nan\n", encoding="utf-8")
    out = tmp_path / "out"
    train = ("train", "--out", out)
    cases: dict[str, tuple[Any, ...]] = {
        "no data 'nowhere'": ("sentiment", *train, "--data", "nowhere"),
        "valid.tsv, line 2: two columns": ("translation", *train, "--data", bad),
        "train.tsv is empty": ("sentiment", *train, "--data", empty),
        "line 22: 2 finite numbers": ("regression", *train, "--data", nan),
        "no corpus 'nowhere'": ("case", *train, "--data", "nowhere"),
        "has no rows in train": ("case", *train, "--data", "first-look-lower"),
        "above 0": ("case", *train, "--epochs", "0"),
        "no checkpoint.safetensors": ("case", *train, "--resume"),
        "other settings are kept": ("case", *train, "--resume", "--hidden", 3),
        "is no run of a task": ("case", "predict", "x", "--model", run),
        "no such run's config": ("case", "predict", "x", "--model", tmp_path),
        "--from is for sentiment": ("case", *train, "--from", "en-base"),
        "has its own sizes": ("sentiment", *train, "--hidden", 8),
        "No such option '--beam'": ("case", *train, "--beam", 2),
        "No such option '--embedding'": ("regression", *train, "--embedding", 8),
    }
    low = tmp_path / "first-look-lower"
    low.mkdir()
    for split in ("train", "valid", "test"):
        (low / f"{split}.txt").write_text("all in lower case\n", encoding="utf-8")
    for message, arguments in cases.items():
        shown = [low if a == "first-look-lower" else a for a in arguments]
        code, _, error = invoke("task", *shown)
        assert code == 2, message
        assert message in error
        assert error.startswith("error: ")
        assert len([line for line in error.splitlines() if line.startswith("error")]) == 1
        assert not (out / "model.safetensors").exists()


def test_a_task_has_the_options_of_what_it_reads_and_writes() -> None:
    networks = {name: open_task(name).quick.network for name in NAMES}
    writes = {name for name, network in networks.items() if network.alignment == "decoder"}
    reads = {name for name, network in networks.items() if network.reads == "tokens"}
    assert (set(WRITES), set(TOKENS)) == (writes, reads | writes)


def test_a_run_of_another_task_or_in_use_is_refused(
    data: dict[str, Path], tmp_path: Path, invoke: Invoke
) -> None:
    run = tmp_path / "run"
    train_task(open_task("case"), tiny("case", data, max_steps=2), run, Silent())
    code, _, error = invoke("task", "sentiment", "predict", "x", "--model", run)
    assert (code, "a run of the task case, not sentiment" in error) == (2, True)
    with pytest.raises(UserError, match="already holds a training"):
        train_task(open_task("case"), tiny("case", data), run, Silent())
    value = json.loads((run / "config.json").read_text(encoding="utf-8"))
    (run / "config.json").write_text(json.dumps({**value, "colour": 1}), encoding="utf-8")
    code, _, error = invoke("task", "case", "predict", "x", "--model", run)
    assert (code, "unknown key 'colour'" in error) == (2, True)


def test_all_tasks_have_their_settings() -> None:
    for name in NAMES:
        task = open_task(name)
        assert task.name == name == task.quick.task == task.long.task
