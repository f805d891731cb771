"""Bundles: every recipe does what eager does, the gates close, damage is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import Silent, tiny_config
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pocketlm.benchmarks.memory import measure, read_text
from pocketlm.export import exporter
from pocketlm.export.bundle import (
    MANIFEST,
    PROGRAM,
    TOKENIZER,
    open_bundle,
    read_manifest,
    write_manifest,
)
from pocketlm.export.exporter import export_bundle
from pocketlm.export.layout import check_operators, check_weights_once
from pocketlm.export.quantise import quantise_rows
from pocketlm.export.recipes import RECIPES
from pocketlm.export.verify import check_quality, compare
from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.lexicon import LEXICON
from pocketlm.model.network import NetworkPredictor, open_run
from pocketlm.model.predictor import Predictor
from pocketlm.model.run_folder import load_run
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import train

NETWORKS: dict[str, dict[str, Any]] = {
    "gru": {},
    "two layers": {"layers": 2},
    "plain cell": {"cell": "rnn"},
    "projected": {"hidden": 96, "recurrent_projection": True},
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(
    request: pytest.FixtureRequest,
    run: Path,
    corpus: Corpus,
    tokenizer: Tokenizer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    changes = NETWORKS[request.param]
    if not changes:
        return run
    folder = tmp_path_factory.mktemp("network") / "run"
    config = tiny_config(corpus)
    model = replace(config.model, **changes)
    train(replace(config, model=model), folder, Silent(), tokenizer)
    return folder


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_bundle_does_what_eager_does(
    network: Path, valid_lines: list[str], tmp_path: Path, recipe: str
) -> None:
    manifest = export_bundle(network, recipe, tmp_path / "b", valid_lines, verify_tokens=200)
    quality = manifest["quality"]
    assert quality["tokens"] >= 200
    assert quality["argmax_agreement"] > 0.95
    assert quality["mean_kl"] < 0.01
    assert abs(quality["perplexity_loss"]) < (1e-5 if recipe == "float" else 0.01)

    eager, exported = open_run(network), open_bundle(tmp_path / "b")
    lines = [[*eager.tokenizer.encode(line), 1] for line in valid_lines[:3]]
    tolerance = 1e-4 if recipe == "float" else 0.3
    for a, b in zip(eager.score(lines), exported.score(lines), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)


def test_the_manifest_says_what_is_in_the_bundle(bundle: Path, run: Path) -> None:
    manifest = read_manifest(bundle)
    size = (bundle / PROGRAM).stat().st_size
    assert manifest["files"][PROGRAM]["bytes"] == size == sum(manifest["bytes_by_part"].values())
    # The graph and its padding; everything else is weights, each once.
    assert 0 < manifest["bytes_by_part"]["program"] < 16_384
    assert manifest["operators"]["delegates"] == []
    assert manifest["quantisation"]["largest_error"] > 0
    assert manifest["model"]["parameters"] == load_run(run)[0].parameter_count()
    assert manifest["methods"]["forward"]["outputs"][0]["shape"] == [1, 384]
    assert manifest["predicted_memory"]["private_bytes"] < 65_536
    assert manifest["training"]["tokens"] > 0
    assert sorted(path.name for path in bundle.iterdir()) == sorted(
        [LEXICON, MANIFEST, PROGRAM, TOKENIZER]
    )


def test_zero_copy_is_eager_with_rounded_weights(run: Path, bundle: Path) -> None:
    """The program computes with q * s: rounding the eager weights gives the same numbers."""
    model, tokenizer, _ = load_run(run)
    with torch.no_grad():
        for parameter in (
            model.embedding.weight,
            model.projection.weight,
            *(w for w in model.recurrent.parameters() if w.ndim == 2),
        ):
            parameter.copy_(quantise_rows(parameter).dequantised())
    rounded, exported = NetworkPredictor(model, tokenizer, "rounded"), open_bundle(bundle)
    lines = [[*tokenizer.encode("see you tomorrow at the station"), 1]]
    np.testing.assert_allclose(rounded.score(lines)[0], exported.score(lines)[0], atol=5e-4)


def test_a_batch_of_states_is_each_by_itself(bundle: Path) -> None:
    model = open_bundle(bundle)
    state = model.advance(model.start(3), np.array([7, 300, 7]))
    rows = model.log_probabilities(state)
    assert np.array_equal(rows[0], rows[2])
    assert not np.array_equal(rows[0], rows[1])
    picked = model.select(state, np.array([1, 0]))
    assert np.array_equal(model.log_probabilities(picked), rows[[1, 0]])
    later = model.advance(picked, np.array([9, 9]))
    alone = model.advance(model.advance(model.start(), np.array([300])), np.array([9]))
    assert np.array_equal(model.log_probabilities(later)[:1], model.log_probabilities(alone))


@settings(max_examples=100, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 8)),
        elements=st.floats(-100, 100, width=32),
    )
)
def test_rounding_is_off_by_at_most_half_a_step(
    weight: np.ndarray[Any, np.dtype[np.float32]],
) -> None:
    quantised = quantise_rows(torch.from_numpy(weight))
    error = (quantised.dequantised() - torch.from_numpy(weight)).abs()
    # fp32 itself cannot tell finer than its own rounding of the quotient.
    assert (error <= 0.5 * quantised.scales[:, None] * (1 + 1e-4)).all()
    assert quantised.largest_error == pytest.approx(error.max().item())


def test_weights_that_are_not_finite_are_not_quantised() -> None:
    with pytest.raises(UserError, match="not finite"):
        quantise_rows(torch.tensor([[1.0, float("nan")]]))


def test_a_foreign_operator_or_a_second_delegate_fails_the_gate() -> None:
    check_operators({"delegates": [], "outside_delegates": ["aten::tanh.out"]}, "zero-copy")
    with pytest.raises(UserError, match="not in the stock Android library"):
        check_operators({"delegates": [], "outside_delegates": ["pocket::gru.out"]}, "zero-copy")
    with pytest.raises(UserError, match="delegates"):
        check_operators({"delegates": ["XnnpackBackend"] * 2, "outside_delegates": []}, "xnnpack")


def test_duplicated_weights_fail_the_gate(run: Path, bundle: Path, tmp_path: Path) -> None:
    model = load_run(run)[0]
    check_weights_once(bundle / PROGRAM, model)
    table = quantise_rows(model.embedding.weight).values.numpy().tobytes()
    (tmp_path / "twice.pte").write_bytes((bundle / PROGRAM).read_bytes() + table)
    with pytest.raises(UserError, match="2 times"):
        check_weights_once(tmp_path / "twice.pte", model)
    (tmp_path / "more.pte").write_bytes((bundle / PROGRAM).read_bytes() + bytes(20_000))
    with pytest.raises(UserError, match="beside its weights"):
        check_weights_once(tmp_path / "more.pte", model)


def test_lost_perplexity_fails_the_gate_and_leaves_the_old_bundle(
    run: Path, valid_lines: list[str], bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bundle, tmp_path / "b")
    before = (tmp_path / "b" / MANIFEST).read_bytes()

    def worse(*arguments: Any) -> Any:
        return replace(compare(*arguments), perplexity_loss=0.02)

    monkeypatch.setattr(exporter, "compare", worse)
    with pytest.raises(UserError, match=r"loses 2\.00 %"):
        export_bundle(run, "zero-copy", tmp_path / "b", valid_lines, verify_tokens=200)
    assert (tmp_path / "b" / MANIFEST).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_quality_that_is_no_number_fails_the_gate(run: Path, valid_lines: list[str]) -> None:
    network = open_run(run)
    quality = compare(network, network, valid_lines, 50)
    check_quality(quality)
    with pytest.raises(UserError, match="gate"):
        check_quality(replace(quality, perplexity_loss=float("nan")))


def test_other_files_are_not_replaced(run: Path, valid_lines: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="holds other files"):
        export_bundle(run, "zero-copy", tmp_path / "mine", valid_lines, verify_tokens=100)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def damaged(bundle: Path, target: Path, name: str, change: Any) -> Path:
    shutil.copytree(bundle, target)
    path = target / name
    content = change(path.read_bytes())
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    return target


@pytest.mark.parametrize("name", [PROGRAM, TOKENIZER, MANIFEST])
@pytest.mark.parametrize("change", ["missing", "truncated", "flipped", "empty"])
def test_damage_is_named_in_one_line(bundle: Path, tmp_path: Path, name: str, change: str) -> None:
    def flipped(data: bytes) -> bytes:
        return data[:100] + bytes([data[100] ^ 1]) + data[101:]

    changes: dict[str, Any] = {
        "missing": lambda _: None,
        "truncated": lambda data: data[: len(data) // 2],
        "flipped": flipped,
        "empty": lambda _: b"",
    }
    folder = damaged(bundle, tmp_path / "b", name, changes[change])
    with pytest.raises(UserError, match=name) as caught:
        open_bundle(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [
    {"files": None}, {"files": {PROGRAM: [], TOKENIZER: {}}}, {"model": None}, {"tokenizer": {}},
    {"recipe": 3}, {"quality": {"tokens": "many"}},
])  # fmt: skip
def test_a_manifest_of_another_shape_is_an_error(
    bundle: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    shutil.copytree(bundle, tmp_path / "b")
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest.pop("manifest_sha256")
    write_manifest(tmp_path / "b", {**manifest, **change})
    with pytest.raises(UserError, match="lacks what"):
        open_bundle(tmp_path / "b")


def test_predicted_memory_is_measured_memory(
    run: Path, valid_lines: list[str], tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n".join(valid_lines), encoding="utf-8")
    for recipe in ("zero-copy", "xnnpack"):
        folder = tmp_path / recipe
        predicted = export_bundle(run, recipe, folder, valid_lines)["predicted_memory"]
        (measured,) = measure([folder], read_text(text))
        assert abs(predicted["private_bytes"] - measured.private_dirty_bytes) <= 32_768
        assert measured.model_file_backed_bytes <= predicted["file_backed_bytes_at_most"]


def test_a_long_line_is_cut_at_the_budget(run: Path) -> None:
    network = open_run(run)
    quality = compare(network, network, ["see you " * 1000], 50)
    assert (quality.tokens, quality.lines) == (50, 1)


def test_another_format_is_an_error(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "b")
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest.pop("manifest_sha256")
    write_manifest(tmp_path / "b", {**manifest, "format_version": 99})
    with pytest.raises(UserError, match="format 99"):
        open_bundle(tmp_path / "b")


def test_stepping_is_scoring(bundle: Path) -> None:
    model = open_bundle(bundle)
    tokens = [*model.tokenizer.encode("see you"), 1]
    np.testing.assert_allclose(model.score([tokens])[0], Predictor.score(model, [tokens])[0])
