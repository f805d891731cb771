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
from pocketlm.model.errors import UserError
from pocketlm.model.files import cache_directory, combined_hash, sha256_file
from pocketlm.models import DEFAULT_MODEL, resolve_model


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


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    if len(arguments) != 1:
        print("usage: python -m pocketlm.android.bundles ASSETS", file=sys.stderr)  # noqa: T201
        return 2
    assets = Path(arguments[0])
    try:
        stage_texts(assets)
        for bundle in (DEFAULT_MODEL, xnnpack_bundle()):
            stage_bundle(bundle, assets)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
