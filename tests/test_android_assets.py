"""What `export --android` puts into the app's sources, and the copies of shipped bundles there."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from pocketlm.cli import cli
from pocketlm.export.android import bundle_folder, main, stage_bundle
from pocketlm.export.bundle import checked_manifest, read_manifest
from pocketlm.model.errors import UserError
from pocketlm.models import resolve_model


@pytest.fixture
def project(tmp_path: Path) -> Path:
    manifest = tmp_path / "project" / "app" / "src" / "main" / "AndroidManifest.xml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("<manifest/>")
    return tmp_path / "project"


def test_a_shipped_bundle_goes_into_the_app_without_its_weights(tmp_path: Path) -> None:
    assert main([str(tmp_path), "en-small"]) == 0
    folder = tmp_path / "bundles" / "en-small"
    manifest = checked_manifest(folder)
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json",
        "model.pte",
        "tokenizer.model",
        "lexicon.bin",
    }
    shipped = read_manifest(resolve_model(Path("en-small")))
    assert manifest["files"]["model.pte"] == shipped["files"]["model.pte"]
    assert "weights.safetensors" not in manifest["files"]
    assert (tmp_path / "offensive.txt").stat().st_size > 100
    assert "CC BY-SA" in (tmp_path / "card.txt").read_text("utf-8")
    licences = (tmp_path / "licences.txt").read_text("utf-8")
    assert "Meta Platforms" in licences
    assert "Apache License" in licences


def test_one_command_brings_a_run_to_the_keyboard(
    run: Path, valid_lines: list[str], project: Path, tmp_path: Path
) -> None:
    text = tmp_path / "valid.txt"
    text.write_text("\n".join(valid_lines), "utf-8")
    command = ["export", str(run), "--android", "--android-project", str(project)]
    result = CliRunner().invoke(cli, [*command, "--text", str(text), "--verify-tokens", "200"])
    assert result.exit_code == 0, result.output
    folder = project / "app" / "src" / "main" / "assets" / "bundles" / run.name
    assert checked_manifest(folder)["name"] == run.name
    assert (folder.parent.parent / "offensive.txt").is_file()


def test_a_mistake_is_one_line(project: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no Android project"):
        bundle_folder(tmp_path / "elsewhere", "mine")
    for name in ("", "..", "a/b", "a b", "-x", "ä"):
        with pytest.raises(UserError, match="cannot name a bundle"):
            bundle_folder(project, name)
    with pytest.raises(UserError):
        stage_bundle(tmp_path, tmp_path / "assets")
    assert main([]) == 2
    assert main([str(tmp_path / "assets"), "nothing"]) == 2
    assert not (tmp_path / "assets" / "bundles").exists()
    for arguments in (["en-base"], ["en-base", "--android", "--out", "x"]):
        result = CliRunner().invoke(cli, ["export", *arguments])
        assert result.exit_code != 0
