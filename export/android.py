"""The assets of the Android app: bundles without what no phone needs, and what goes with them.

    run or bundle -> export --android -> assets/bundles/NAME/{model.pte, tokenizer.model, ...}
    the package   -> assets/offensive.txt, card.txt, licences.txt

The app lists `bundles/` and takes what it finds, so that another model needs no change of code.

    python -m pocketlm.export.android ASSETS [BUNDLE...]

puts the app's own texts and copies of bundles (en-base where none is named) into a folder.
"""

import re
import shutil
import sys
from importlib.metadata import distribution
from importlib.resources import files as package_files
from pathlib import Path

from pocketlm.export.bundle import MANIFEST, checked_manifest, write_manifest
from pocketlm.model.errors import UserError
from pocketlm.model.files import atomic_folder, write_text
from pocketlm.model.steady import read_steadily
from pocketlm.model.weights import WEIGHTS
from pocketlm.models import DEFAULT_MODEL, resolve_model
from pocketlm.module_command import run_module

# What the app may name a bundle: a plain folder name in its assets.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_COMPONENTS = """\
This app: PocketLM, under the Apache License 2.0 (below).
Models: see their card.
ExecuTorch, which runs them: a BSD licence (below). Its library holds XNNPACK, pthreadpool and
cpuinfo (BSD licences) and FlatBuffers (Apache License 2.0).
Kotlin's standard library (JetBrains), fbjni, SoLoader's native loader (Meta): Apache License 2.0.
"""


def assets_folder(project: Path) -> Path:
    """Where an Android project like ours keeps its assets; UserError if it is none."""
    main = project / "app" / "src" / "main"
    if not (main / "AndroidManifest.xml").is_file():
        raise UserError(f"{project} is no Android project: it has no {main}/AndroidManifest.xml")
    return main / "assets"


def bundle_folder(project: Path, name: str) -> Path:
    """Where the app takes the bundle NAME from; UserError if it cannot have that name."""
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} cannot name a bundle of the app: letters, digits and . _ - only")
    return assets_folder(project) / "bundles" / name


def stage_bundle(model: Path, assets: Path) -> Path:
    """Copy a bundle, without its weights, into an assets folder.

    Raises:
        UserError: it is no bundle, or is damaged.
    """
    source = resolve_model(model)
    return read_steadily(source / MANIFEST, lambda: _stage_checked(source, assets))


def _stage_checked(source: Path, assets: Path) -> Path:
    manifest = checked_manifest(source)
    files = {name: entry for name, entry in manifest["files"].items() if name != WEIGHTS}
    target = assets / "bundles" / source.name
    with atomic_folder(target, MANIFEST) as folder:
        for name in files:
            shutil.copyfile(source / name, folder / name)
        content = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
        write_manifest(folder, {**content, "files": files})
    return target


def stage_texts(assets: Path) -> None:
    """Write what the app shows or needs beside the bundles."""
    own = package_files("pocketlm")
    texts = {
        "offensive.txt": (own / "model" / "offensive.txt").read_text("utf-8"),
        "card.txt": (own / "shipped" / "README.md").read_text("utf-8"),
        "licences.txt": _licences(),
    }
    for name, text in texts.items():
        write_text(assets / name, text)


def _licences() -> str:
    """What the app is made of, with the licence texts that have to go along."""
    parts = [_COMPONENTS, _licence_of("executorch"), _licence_of("pocketlm")]
    return f"\n{'-' * 40}\n\n".join(parts)


def _licence_of(package: str) -> str:
    text = distribution(package).read_text("licenses/LICENSE")
    if text is None:
        raise UserError(f"{package} is installed without its licence: run make setup again")
    return text


def _stage(assets: str, *bundles: str) -> None:
    stage_texts(Path(assets))
    for bundle in bundles or [DEFAULT_MODEL]:
        print(stage_bundle(Path(bundle), Path(assets)))  # noqa: T201


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    usage = "pocketlm.export.android ASSETS [BUNDLE...]"
    return run_module(usage, arguments, _stage, most=sys.maxsize)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
