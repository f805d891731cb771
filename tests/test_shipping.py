"""Models by name, weights to train on from, recipes, figures by source."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import Silent, tiny_config

from pocketlm.export.bundle import damaged_file, open_bundle, read_manifest
from pocketlm.export.exporter import export_bundle
from pocketlm.model.corpus import Corpus, text_lines
from pocketlm.model.errors import UserError
from pocketlm.model.evaluate import evaluate
from pocketlm.model.lexicon import LEXICON, Lexicon
from pocketlm.model.network import open_run
from pocketlm.model.run_folder import TrainConfig, config_from_json, load_run
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import resume, train
from pocketlm.model.training_recipes import AFTER, TRAINING_RECIPES
from pocketlm.model.weights import WEIGHTS, open_weights
from pocketlm.models import open_network, open_tokenizer, resolve_model, shipped_models
from pocketlm.text_entries import open_suggester

LIMITS = {"en-base": 2_200_000, "en-small": 1_450_000}


@pytest.fixture(scope="module")
def with_weights(
    run: Path, valid_lines: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "with-weights"
    export_bundle(run, "zero-copy", folder, valid_lines, verify_tokens=200, with_weights=True)
    return folder


@pytest.mark.parametrize("name", LIMITS)
def test_a_shipped_model_is_whole_and_small(name: str) -> None:
    folder = resolve_model(Path(name))
    manifest = read_manifest(folder)
    assert damaged_file(folder, manifest) is None
    assert manifest["name"] == name
    assert manifest["recipe"] == "zero-copy"
    assert manifest["files"].keys() == {"model.pte", "tokenizer.model", LEXICON, WEIGHTS}
    assert manifest["files"]["model.pte"]["bytes"] <= LIMITS[name]
    assert manifest["files"][WEIGHTS]["bytes"] <= 4_500_000


def test_all_shipped_models_are_tested_and_have_a_recipe() -> None:
    assert shipped_models() == sorted(LIMITS)
    before = {name for recipe in TRAINING_RECIPES.values() for name in recipe.get(AFTER, [])}
    assert TRAINING_RECIPES.keys() == LIMITS.keys() | before


@pytest.mark.parametrize("name", LIMITS)
def test_a_shipped_models_weights_are_those_of_its_program(name: str) -> None:
    """Eager float16 weights and the int8 program say nearly the same of a line."""
    from pocketlm.model.network import NetworkPredictor

    network, tokenizer = open_network(Path(name))
    eager = NetworkPredictor(network, tokenizer, name)
    exported = open_bundle(resolve_model(Path(name)))
    line = [[*tokenizer.encode("I would like to book a table for two."), tokenizer.end_id]]
    assert exported.score(line)[0] == pytest.approx(eager.score(line)[0], abs=0.15)


def test_a_folder_comes_before_a_shipped_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_model(Path("en-base")).is_absolute()
    Path("en-base").mkdir()
    assert resolve_model(Path("en-base")).is_absolute()  # it is no model (yet)
    Path("en-base/manifest.json").touch()
    assert resolve_model(Path("en-base")) == Path("en-base")


def test_a_recipe_may_be_trained_into_a_folder_of_its_own_name(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tiny_config(corpus, max_steps=1, tokenizer="en-base")
    train(config, Path("en-base"), Silent())
    assert open_tokenizer(Path("en-base/tokenizer.model")).vocabulary_size == 8192


def test_the_name_of_no_model_names_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"nowhere: no such model folder.*en-base"):
        open_network(Path("nowhere"))


def recipe_config(name: str) -> TrainConfig:
    """A recipe's settings, with en-base in the place of what it begins from."""
    from pocketlm.model.train_command import training_settings

    before = [Path("en-base") for _ in TRAINING_RECIPES[name].get(AFTER, [])]
    return config_from_json(training_settings(None, None, name, {}, before), name)


@pytest.mark.parametrize("name", LIMITS)
def test_a_recipe_is_a_training_with_the_sizes_of_its_model(name: str) -> None:
    config = recipe_config(name)
    manifest = read_manifest(resolve_model(Path(name)))
    for size in ("vocabulary_size", "embedding", "hidden", "layers"):
        assert getattr(config.model, size) == manifest["model"][size]
    projected = manifest["model"].get("recurrent_projection", False)
    assert config.model.recurrent_projection == projected
    assert config.corpus == manifest["training"]["corpus"]["name"]
    assert config.max_steps is not None
    assert config.max_steps * config.rows * config.window == manifest["training"]["tokens"]
    tokens = open_tokenizer(Path(str(config.initial or config.tokenizer)))
    assert tokens.sha256 == manifest["tokenizer"]["sha256"]


def test_what_a_recipe_begins_from_has_its_sizes_and_tokens() -> None:
    manifest = read_manifest(resolve_model(Path("en-base")))
    for recipe in TRAINING_RECIPES.values():  # all that begin from runs lead to en-base
        for i, before in enumerate(recipe.get(AFTER, [])):
            config = recipe_config(before)
            tokens = open_tokenizer(Path(str(config.initial or config.tokenizer)))
            assert tokens.sha256 == manifest["tokenizer"]["sha256"]
            if i == 0:  # its weights are gone on from
                assert config.model.hidden == manifest["model"]["hidden"]


@pytest.mark.parametrize(
    ("recipe", "preset", "given", "message"),
    [
        ("en-small", None, {"initial": "en-base"}, "takes no --from"),
        ("en-small", None, {"vocabulary_size": 4000}, "no --vocabulary-size"),
        (None, "small", {"initial": "en-base"}, "no --preset"),
        (None, None, {"initial": "en-base", "hidden": 4}, "no --preset"),
    ],
)
def test_settings_that_exclude_each_other(
    recipe: str | None, preset: str | None, given: dict[str, Any], message: str
) -> None:
    from pocketlm.model.train_command import training_settings

    with pytest.raises(UserError, match=message):
        training_settings("first-look", preset, recipe, given)


def test_going_on_from_a_model_has_its_sizes() -> None:
    from pocketlm.model.train_command import training_settings

    settings = training_settings("first-look", None, None, {"initial": "en-small", "dropout": 0.1})
    assert (settings["model"]["hidden"], settings["model"]["dropout"]) == (384, 0.1)


def test_options_change_a_recipe() -> None:
    from pocketlm.model.train_command import training_settings

    settings = training_settings("mine.txt", None, "en-small", {"epochs": 1.0, "hidden": 64})
    assert (settings["corpus"], settings["epochs"]) == ("mine.txt", 1.0)
    assert "max_steps" not in settings
    assert settings["model"]["hidden"] == 64


def test_training_leaves_a_lexicon_that_the_bundle_takes_along(
    run: Path, bundle: Path, corpus: Corpus, tokenizer: Tokenizer
) -> None:
    assert (run / LEXICON).read_bytes() == (bundle / LEXICON).read_bytes()
    lexicon = Lexicon.load(run / LEXICON, tokenizer)
    assert "station" in lexicon
    assert "stationx" not in lexicon
    assert read_manifest(bundle)["files"].keys() == {"model.pte", "tokenizer.model", LEXICON}


def test_a_bundle_with_another_lexicon_is_refused(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    content = bytearray((copy / LEXICON).read_bytes())
    content[100] ^= 1
    (copy / LEXICON).write_bytes(content)
    with pytest.raises(UserError, match=LEXICON):
        open_suggester(copy)


def test_weights_go_along_and_come_back(run: Path, with_weights: Path) -> None:
    model = load_run(run)[0]
    network, tokenizer = open_network(with_weights)
    assert network.config == model.config
    assert tokenizer.sha256 == open_tokenizer(run).sha256
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], tensor, rtol=1e-3, atol=1e-6)


def test_training_goes_on_from_a_bundle(corpus: Corpus, with_weights: Path, tmp_path: Path) -> None:
    config = tiny_config(corpus, max_steps=1, learning_rate=1e-6, initial=str(with_weights))
    record = train(config, tmp_path / "run", Silent())
    manifest = read_manifest(with_weights)
    assert record["metrics"]["valid_word_perplexity_line"] == pytest.approx(
        manifest["training"]["metrics"]["valid_word_perplexity_line"], rel=1e-2
    )
    assert record["config"]["initial"] == str(with_weights)
    assert open_tokenizer(tmp_path / "run").sha256 == manifest["tokenizer"]["sha256"]


def test_a_bundle_without_weights_cannot_be_trained_on_from(
    corpus: Corpus, bundle: Path, tmp_path: Path
) -> None:
    config = tiny_config(corpus, max_steps=1, initial=str(bundle))
    with pytest.raises(UserError, match="no weights to go on from"):
        train(config, tmp_path / "run", Silent())
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_part_of_the_first_weights_may_be_kept(corpus: Corpus, run: Path, tmp_path: Path) -> None:
    config = tiny_config(corpus, max_steps=4, learning_rate=0.01, initial=str(run))
    train(config, tmp_path / "all", Silent())
    record = train(replace(config, keep_initial=0.25), tmp_path / "part", Silent())

    first, trained, mixed = (
        open_network(folder)[0].state_dict()
        for folder in (run, tmp_path / "all", tmp_path / "part")
    )
    for name, weights in mixed.items():
        torch.testing.assert_close(weights, 0.25 * first[name] + 0.75 * trained[name])
    text = text_lines(corpus.path("valid"))
    measured = evaluate(open_run(tmp_path / "part"), text, "line").word_perplexity
    assert measured == pytest.approx(record["metrics"]["valid_word_perplexity_line"])

    (tmp_path / "part" / "record.json").unlink()  # killed just before it was written
    resume(tmp_path / "part", Silent())
    again = open_network(tmp_path / "part")[0].state_dict()
    assert all(torch.equal(again[name], weights) for name, weights in mixed.items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keep_initial": 0.5}, "goes on from: --from"),
        ({"keep_initial": 1.0, "initial": "en-base"}, "below 1"),
        ({"keep_initial": -0.5, "initial": "en-base"}, "keep_initial is outside"),
    ],
)
def test_what_cannot_be_kept(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TrainConfig(corpus="first-look", max_steps=1, **settings)


def test_damaged_weights_in_a_bundle_are_refused(with_weights: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(with_weights, copy)
    content = bytearray((copy / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (copy / WEIGHTS).write_bytes(content)
    for open_part in (open_network, open_tokenizer):
        with pytest.raises(UserError, match=f"{WEIGHTS} does not match"):
            open_part(copy)


def test_weights_of_another_tokenizer_are_refused(with_weights: Path) -> None:
    with pytest.raises(UserError, match="another tokenizer"):
        open_weights(with_weights / WEIGHTS, open_tokenizer(Path("en-base")))


def test_weights_that_are_not_finite_are_refused(with_weights: Path, tmp_path: Path) -> None:
    from pocketlm.model.checkpoint import load_checkpoint, save_checkpoint

    checkpoint = load_checkpoint(with_weights / WEIGHTS)
    checkpoint.tensors["initial_state"][0, 0] = float("nan")
    save_checkpoint(tmp_path / WEIGHTS, checkpoint)
    with pytest.raises(UserError, match="not finite"):
        open_weights(tmp_path / WEIGHTS, open_tokenizer(with_weights))


def test_initial_weights_bring_their_tokens() -> None:
    with pytest.raises(UserError, match="tokens of the model"):
        TrainConfig(corpus="first-look", max_steps=1, initial="en-base", tokenizer="en-base")


def test_figures_by_source_add_up(bundle: Path, tmp_path: Path) -> None:
    from pocketlm.model.corpus import documents_by_source, text_lines
    from pocketlm.model.evaluate import evaluate, evaluate_groups

    text = tmp_path / "text.txt"
    text.write_text("see you\nok\n\nwhat is it?\n\n\nthank you\n", encoding="utf-8")
    (tmp_path / "text.src").write_text("chat\nquestions\nchat\n", encoding="utf-8")
    documents = text_lines(text)
    groups = documents_by_source(text, documents)
    assert groups == {"chat": [["see you", "ok"], ["thank you"]], "questions": [["what is it?"]]}
    shares: list[float] = []
    whole, parts = evaluate_groups(open_bundle(bundle), groups, "line", shares.append)
    alone = evaluate(open_bundle(bundle), documents, "line")
    assert json.loads(json.dumps(whole.__dict__)) == pytest.approx(alone.__dict__)
    assert [part.words for part in parts.values()] == [5, 3]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)

    (tmp_path / "text.src").write_text("chat\n", encoding="utf-8")
    with pytest.raises(UserError, match="fewer documents"):
        documents_by_source(text, documents)
    (tmp_path / "text.src").unlink()
    with pytest.raises(UserError, match=r"text\.src is missing"):
        documents_by_source(text, documents)


def test_a_bundle_with_weights_is_exported_by_another_recipe(
    with_weights: Path, bundle: Path, valid_lines: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "quick"
    manifest = export_bundle(with_weights, "xnnpack", out, valid_lines, verify_tokens=200)
    assert manifest["recipe"] == "xnnpack"
    assert manifest["training"] == read_manifest(with_weights)["training"]
    assert (out / LEXICON).read_bytes() == (with_weights / LEXICON).read_bytes()
    assert open_bundle(out).tokenizer.sha256 == open_bundle(with_weights).tokenizer.sha256
    with pytest.raises(UserError, match="has no weights"):
        export_bundle(bundle, "xnnpack", tmp_path / "none", valid_lines, verify_tokens=200)
    assert not (tmp_path / "none").exists()
