"""The bundles that the Android app is tested with: the shipped model, in both recipes.

    shipped/en-base                         -> ASSETS/bundles/en-base
    its weights -> export, xnnpack -> cache -> ASSETS/bundles/en-base-xnnpack

    python -m pocketlm.android.bundles ASSETS

The export is kept in the cache under a hash of what it is made of.
"""

import sys
from importlib.metadata import version
from pathlib import Path

from pocketlm.export.android import stage_bundle, stage_texts
from pocketlm.export.bundle import MANIFEST, read_manifest
from pocketlm.golden import TEXTS
from pocketlm.model.files import cache_directory, combined_hash, sha256_file
from pocketlm.models import DEFAULT_MODEL, resolve_model
from pocketlm.module_command import run_module


def xnnpack_bundle() -> Path:
    """The default model's export by the recipe `xnnpack`; made if the cache lacks it."""
    from pocketlm.export import bundle

    files = read_manifest(resolve_model(DEFAULT_MODEL))["files"]
    sources = sorted(Path(bundle.__file__).parent.glob("*.py"))
    ingredients = [version("executorch"), version("torch"), *map(sha256_file, sources)]
    ingredients += [f"{name} {file['sha256']}" for name, file in files.items()]
    root = cache_directory() / "android" / "bundles" / combined_hash(ingredients)[:16]
    target = root / f"{DEFAULT_MODEL}-xnnpack"
    if not (target / MANIFEST).is_file():
        from pocketlm.export.quiet import quiet_native

        with quiet_native():
            from pocketlm.export.exporter import export_bundle

        lines = [text.strip() for text in TEXTS if text.strip()]
        export_bundle(DEFAULT_MODEL, "xnnpack", target, lines)
    return target


def _stage(assets: str) -> None:
    stage_texts(Path(assets))
    for bundle in (DEFAULT_MODEL, xnnpack_bundle()):
        stage_bundle(bundle, Path(assets))


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    return run_module("pocketlm.android.bundles ASSETS", arguments, _stage)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
