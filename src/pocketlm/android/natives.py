"""Builds what is behind ExecuTorch's Java classes on Linux, and prints its path.

    android_demo/native + ExecuTorch wheel + a JDK's headers -> cmake -> libexecutorch_jni.so

    python -m pocketlm.android.natives

On a phone `org.pytorch:executorch-android` brings that library. This one lets tests on a JVM run
the keyboard's own engine.
"""

import os
import shutil
import sys
from pathlib import Path

from pocketlm.benchmarks.toolchain import (
    Part,
    build,
    executorch_ingredients,
    executorch_options,
)
from pocketlm.model.errors import UserError

SOURCES = Path(__file__).resolve().parents[3] / "android_demo" / "native"
LIBRARY = "libexecutorch_jni.so"


def java_home() -> Path:
    """The JDK of $JAVA_HOME, or that of the javac on the path.

    Raises:
        UserError: there is none, or it has no header of the native interface.
    """
    javac = shutil.which("javac")
    named = os.environ.get("JAVA_HOME") or (javac and Path(javac).resolve().parents[1])
    if not named or not (Path(named) / "include" / "jni.h").is_file():
        raise UserError("a JDK with include/jni.h is needed: set JAVA_HOME (Debian: default-jdk)")
    return Path(named)


def jni_library() -> Path:
    """The library's path; built if the cache lacks it.

    Raises:
        UserError: it cannot be built; the message names what is missing.
    """
    home = java_home()
    part = Part(
        "android-jni",
        {"executorch_jni": LIBRARY},
        ("*.cpp", "*.h"),
        lambda: [*executorch_ingredients(), str(home)],
        lambda work: [*executorch_options(work), f"-DJAVA_HOME={home}"],
        folder=SOURCES,
    )
    return build(part) / LIBRARY


def main() -> int:
    """The command line of the module's docstring."""
    if not SOURCES.is_dir():
        print(f"error: {SOURCES} is missing: a checkout is needed", file=sys.stderr)  # noqa: T201
        return 2
    try:
        print(jni_library())  # noqa: T201
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
