"""How the repository is put together."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT


@pytest.mark.parametrize("name", ["model", "export", "benchmarks"])
def test_the_package_links_to_the_folders_of_the_root(name: str) -> None:
    assert (ROOT / "src" / "pocketlm" / name).resolve() == ROOT / name


def test_training_needs_only_torch_sentencepiece_numpy_and_safetensors() -> None:
    foreign = ("executorch", "torchao", "click", "rich", "matplotlib", "jinja2", "pocketlm.export")
    code = f"import sys, pocketlm.model.train\nprint([m for m in {foreign} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_no_committed_file_names_a_registry() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    here = Path(__file__).relative_to(ROOT)
    for name in listed.stdout.split():
        path = ROOT / name
        if (
            Path(name) == here
            or path.is_symlink()
            or path.suffix in {".png", ".model", ".pte", ".safetensors"}
        ):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for host in ("pypi.org", "pythonhosted", "npmjs.org", "repo.maven", "deb.debian"):
            assert host not in text, f"{name} names {host}"
