"""The licences of all that PocketLM needs are listed, and are those that are allowed."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from helpers import ROOT

from pocketlm.benchmarks.toolchain import KENLM_VERSION

PAGE = ROOT / "docs" / "licences.md"
ANDROID = ROOT / "android_demo"
BARE = "<!-- packages:begin -->\n<!-- packages:end -->\n"


def licences(*options: object, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "licences"), *map(str, options)]
    environment = {"PYTHONPATH": str(path)} if path else None
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_page_lists_what_is_locked() -> None:
    result = licences("--check")
    assert result.returncode == 0, result.stderr


def test_a_package_that_is_not_listed_is_seen(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(BARE)
    (tmp_path / "lock").write_text("click==1.0 \\\n    --hash=sha256:0\n")
    options = ("--lock", tmp_path / "lock", "--page", tmp_path / "page.md")
    assert licences("--check", *options).returncode == 1
    assert (tmp_path / "page.md").read_text() == BARE
    assert licences(*options).returncode == 0
    assert "| click | 1.0 | BSD-3-Clause |" in (tmp_path / "page.md").read_text()
    assert licences("--check", *options).returncode == 0


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("License-Expression: GPL-3.0-only", "licence 'GPL-3.0-only' is not one of those allowed"),
        ("License-Expression: MIT AND AGPL-3.0-only", "licence 'AGPL-3.0-only'"),
        ("License: Ask me", "licence 'Ask me'"),
        ("Summary: says nothing", "licence '' is not one"),
        (None, "is not installed"),
    ],
)
def test_a_licence_that_is_not_allowed_is_refused(
    said: str | None, told: str, tmp_path: Path
) -> None:
    (tmp_path / "page.md").write_text(BARE)
    (tmp_path / "lock").write_text("stranger==1.0\n")
    if said:
        (tmp_path / "stranger-1.0.dist-info").mkdir()
        metadata = f"Metadata-Version: 2.4\nName: stranger\nVersion: 1.0\n{said}\n"
        (tmp_path / "stranger-1.0.dist-info" / "METADATA").write_text(metadata)
    options = ("--lock", tmp_path / "lock", "--page", tmp_path / "page.md")
    result = licences(*options, path=tmp_path)
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert f"stranger{':' if said else ''} {told}" in result.stderr
    assert (tmp_path / "page.md").read_text() == BARE


def _maven(pom: Path) -> set[str]:
    """The artifacts that a pom names: dependencies and plugins."""
    space = "{http://maven.apache.org/POM/4.0.0}"
    root = ElementTree.parse(pom).getroot()
    parts = [e for kind in ("dependency", "plugin") for e in root.iter(space + kind)]
    return {str(part.findtext(f"{space}artifactId")) for part in parts}


def test_the_page_lists_what_the_native_programs_and_the_app_are_made_of() -> None:
    page = PAGE.read_text(encoding="utf-8")
    gradle = "".join(path.read_text() for path in ANDROID.rglob("*.gradle.kts"))
    npm = re.findall(r'PACKAGE = "([^"@]+)@', (ROOT / "scripts/android-dependencies").read_text())
    names = {
        f"KenLM {KENLM_VERSION}",
        *npm,
        *re.findall(r'implementation\("([^"]+):[^:"]+"\)', gradle),
        *(name for pom in ANDROID.glob("**/pom.xml") for name in _maven(pom)),
    }
    assert len(names) > 12
    assert [name for name in sorted(names) if name not in page] == []
