"""A model from an untrusted hand cannot run code: nothing of ours unpickles, marshals or evaluates.

Held in the sources, and in the processes of the commands that read what others may have made.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from guarded import GuardedRun, guarded_environment
from helpers import ROOT

MODULES = ("pickle", "_pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "copyreg")
CALLS = (
    "torch.load", "torch.save", "torch.hub.load", "torch.jit.load", "torch.export.load",
    "torch.package.PackageImporter", "yaml.load", "yaml.unsafe_load", "pandas.read_pickle",
    "numpy.load", "numpy.lib.format.read_array", "torch.serialization.load",
    "builtins.eval", "builtins.exec", "builtins.__import__",
    *(f"torch.distributed.{name}" for name in (  # they pickle what they send
        "all_gather_object", "broadcast_object_list", "gather_object", "scatter_object_list",
        "send_object_list", "recv_object_list",
    )),
)  # fmt: skip
FOLDERS = ("src/pocketlm", "model", "export", "benchmarks", "tests", "scripts")


def sources() -> list[Path]:
    """All Python that is ours, the scripts without a suffix too."""
    files = {path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    return sorted(path for path in files if path.suffix == ".py" or _is_script(path))


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return not path.suffix and file.readline().startswith(b"#!/usr/bin/env python")


def breaches(source: str) -> Iterator[str]:
    """What a source imports or calls that it may not, by its full name."""
    tree = ast.parse(source)
    names = {"eval": "builtins.eval", "exec": "builtins.exec"}
    names["__import__"] = "builtins.__import__"
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                full = f"{module}.{alias.name}".lstrip(".")
                names[alias.asname or alias.name.split(".")[0]] = (
                    full if module or alias.asname else full.split(".")[0]
                )
                if full.split(".")[0] in MODULES:
                    yield full
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            first, *rest = ast.unparse(node).split(".")
            full = ".".join([names.get(first, first), *rest])
            if full in CALLS:
                yield full
        elif isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "weights_only"):
            yield str(node.arg)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, pickle as p",
        "from joblib import load",
        "def f():\n    from marshal import loads",
        "import torch\ntorch.load('x', weights_only=True)",
        "from torch import load\nload('x')",
        "import numpy as np\nnp.load('x')",
        "from numpy import load as open_array\nopen_array('x')",
        "import torch.hub\ntorch.hub.load('x')",
        "import torch\nread = torch.load",
        "import torch.distributed as dist\ndist.all_gather_object([], 1)",
        "eval('1')",
        "read(allow_pickle=True)",
    ],
)
def test_the_rule_sees_what_it_is_for(source: str) -> None:
    assert list(breaches(source))


def test_it_lets_pass_what_only_looks_like_it() -> None:
    source = (
        "model.eval()\nimport json\njson.load(file)\nfrom a import load\nload(1)\n'import pickle'"
    )
    assert not list(breaches(source))


def test_no_source_of_ours_can_run_code_out_of_a_file() -> None:
    found = sources()
    assert len(found) > 200
    assert ROOT / "scripts" / "check-apk" in found
    wrong = {
        str(path.relative_to(ROOT)): told
        for path in found
        if (told := list(breaches(path.read_text(encoding="utf-8"))))
    }
    assert not wrong


def test_the_commands_unpickle_nothing_and_neither_does_a_library(guarded_run: GuardedRun) -> None:
    """demo (train, export, verify, n-grams, memory, report, suggest), resume, inspect, evaluate."""
    assert guarded_run.exit_code == 0, guarded_run.errors
    assert set(guarded_run.guard) == {"guarded"}


def test_the_guard_stops_a_pickle_that_would_run_code(tmp_path: Path) -> None:
    hostile = "import pickle\npickle.loads(b'cposix\\nsystem\\n(S\"touch ran\"\\ntR.')"
    result = subprocess.run(
        [sys.executable, "-c", hostile],
        env=guarded_environment(tmp_path / "guard"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "pickle.find_class is forbidden" in result.stderr
    assert "breach: pickle.find_class ('posix', 'system')" in (tmp_path / "guard").read_text()
    assert not (tmp_path / "ran").exists()
