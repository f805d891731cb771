"""Commands to be killed, or to run out of disk: what they write, and how it is seen to be whole.

A scenario runs in a folder of its own, a copy of a template with earlier outputs of every kind:

    text.txt, cache/                corpus, and the cache of tokens and corpora
    run/, bundle/, table/, report/  finished outputs
    new/                            the run that `train` makes
"""

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forks import Job, Zygote
from helpers import SENTENCES

from pocketlm.benchmarks.ngram import open_ngram
from pocketlm.benchmarks.toolchain import PARTS, build
from pocketlm.export.bundle import open_bundle, read_manifest
from pocketlm.model.checkpoint import load_checkpoint
from pocketlm.model.files import sha256_file
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.run_folder import load_run
from pocketlm.model.shards import TokenShards
from pocketlm.model.tokenizer import Tokenizer

TEXT, CACHE, TABLE, REPORT, BUNDLE = "text.txt", "cache", "table", "report", "bundle"
TEMPORARY = "tmp"  # the system's folder for temporary files, which the system cleans
_SIZES = ("--vocabulary-size", "320", "--embedding", "16", "--hidden", "24", "--layers", "1")
_STEPS = (
    "--rows", "4", "--window", "16", "--warmup-steps", "2", "--valid-every", "6",
    "--valid-lines", "10", "--checkpoint-minutes", "0", "--device", "cpu", "--precision", "fp32",
)  # fmt: skip
# Of a run: times, and how often it was resumed.
_VOLATILE = ("seconds", "sessions", "tokens_per_second")


def _train(run: str, steps: int) -> list[str]:
    start = ["train", "--corpus", TEXT, "--out", run, "--max-steps", str(steps)]
    return [*start, *_SIZES, *_STEPS]


def _train_or_resume(folder: Path) -> list[str]:
    if (folder / "new" / "checkpoint.safetensors").is_file():
        return ["train", "--out", "new", "--resume"]
    return _train("new", 18)


def _ngram(order: int, *options: str) -> list[str]:
    return ["ngram", "train", "--corpus", TEXT, "--order", str(order), "--out", TABLE, *options]


def _export(recipe: str) -> list[str]:
    verify = ["--verify-tokens", "100", "--text", TEXT]
    return ["export", "run", "--recipe", recipe, "--out", BUNDLE, "--with-weights", *verify]


def _bench(lines: int) -> list[str]:
    measured = ["bench", "memory", BUNDLE, "--text", TEXT, "--lines", str(lines)]
    return [*measured, "--steps", "20", "--out", REPORT]


@dataclass(frozen=True)
class Scenario:
    """A command and the folder that it writes, the cache aside."""

    name: str
    command: Callable[[Path], list[str]]
    output: str

    def job(self, folder: Path, log: Path, **options: Any) -> Job:
        """The next run of the command in a scenario's folder."""
        return command_job(folder, log, *self.command(folder), **options)


SCENARIOS = (
    Scenario("train", _train_or_resume, "new"),
    Scenario("ngram", lambda _: _ngram(3, "--vocabulary-size", "340"), TABLE),
    Scenario("kenlm", lambda _: _ngram(2, "--kind", "kenlm", "--tokenizer", "run"), TABLE),
    Scenario("export", lambda _: _export("zero-copy"), BUNDLE),
    Scenario("bench", lambda _: _bench(4), REPORT),
)


def command_job(folder: Path, log: Path, *arguments: str, **options: Any) -> Job:
    """The command in a scenario's folder, with its cache there."""
    environment = {"POCKETLM_CACHE": str(folder / CACHE), "TMPDIR": str(folder / TEMPORARY)}
    return Job("forks:command", list(arguments), str(folder), str(log), environment, **options)


def make_template(folder: Path, zygote: Zygote) -> None:
    """Earlier outputs of every kind, that differ from what the scenarios make."""
    make_outputs(folder, zygote)
    for name in ("tokens", "corpora"):  # for the scenarios to make
        shutil.rmtree(folder / CACHE / name)


def make_outputs(folder: Path, zygote: Zygote) -> None:
    """Train, count, export and measure into a new folder."""
    programs = [build(part) for part in PARTS if not part.optional]
    (folder / CACHE).mkdir(parents=True)
    (folder / CACHE / "native").symlink_to(programs[0].parent)
    (folder / TEMPORARY).mkdir()
    documents = ["\n".join(SENTENCES[i : i + 3]) for i in range(0, len(SENTENCES), 3)]
    (folder / TEXT).write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    tokens = ("--tokenizer", "run")
    for command in (_train("run", 6), _ngram(2, *tokens), _export("float"), _bench(3)):
        log = folder.with_suffix(".log")
        code = zygote.run(command_job(folder, log, *command))
        assert code == 0, log.read_text(encoding="utf-8")


def check_whole(folder: Path) -> None:
    """Read everything that lies under a final name, by the product's own readers."""
    for run in (folder / "run", folder / "new"):
        if run.is_dir():
            _check_run(run)
    bundle = open_bundle(folder / BUNDLE)
    Lexicon.load(folder / BUNDLE / "lexicon.bin", bundle.tokenizer)
    assert read_manifest(folder / BUNDLE)["recipe"] in ("float", "zero-copy")
    open_ngram(folder / TABLE)
    json.loads((folder / REPORT / "results.json").read_text(encoding="utf-8"))
    assert (
        (folder / REPORT / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    )
    for tokens in _visible(folder / CACHE / "tokens"):
        assert sum(map(len, TokenShards(tokens).chunks())) > 0
    for corpus in _visible(folder / CACHE / "corpora"):
        names = {path.name for path in corpus.iterdir()}
        assert names == {"pocketlm-corpus", "train.txt", "valid.txt", "test.txt"}


def _check_run(run: Path) -> None:
    present = {path.name for path in run.iterdir()}
    if "tokenizer.model" in present:
        tokenizer = Tokenizer.load(run / "tokenizer.model")
        if "lexicon.bin" in present:
            Lexicon.load(run / "lexicon.bin", tokenizer)
    if "model.safetensors" in present:
        load_run(run)
    if "checkpoint.safetensors" in present:
        load_checkpoint(run / "checkpoint.safetensors")
    for name in {"config.json", "record.json"} & present:
        json.loads((run / name).read_text(encoding="utf-8"))
    if "log.csv" in present:
        assert (run / "log.csv").read_text(encoding="utf-8").endswith("\n")


def _visible(folder: Path) -> list[Path]:
    paths = folder.iterdir() if folder.is_dir() else ()
    return [path for path in paths if not path.name.startswith(".")]


def fingerprint(folder: Path) -> dict[str, str]:
    """What every file holds, but for times: equal where two runs made the same."""
    return {str(path.relative_to(folder)): _content(path) for path in _files(folder)}


def check_same(folder: Path, expected: dict[str, str]) -> None:
    """Hold a folder against the fingerprint of a run that nothing stopped; no leftovers."""
    found = fingerprint(folder)
    wrong = [name for name in found | expected if found.get(name) != expected.get(name)]
    assert not wrong, f"other than in a run that nothing stopped: {wrong}"
    assert not leftovers(folder), f"left behind: {leftovers(folder)}"


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        unlike = {"native", TEMPORARY, ".lock"} & set(path.relative_to(folder).parts)
        if path.is_file() and not unlike:
            yield path


def _content(path: Path) -> str:
    if path.name == "checkpoint.safetensors":
        checkpoint = load_checkpoint(path)
        tensors = {name: tensor.tolist() for name, tensor in checkpoint.tensors.items()}
        return json.dumps([tensors, _without_times(checkpoint.state)], sort_keys=True)
    if path.name == "record.json":
        record = json.loads(path.read_text(encoding="utf-8"))
        return json.dumps(_without_times(record), sort_keys=True)
    if path.name == "log.csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                (row["step"], row["valid_word_perplexity_line"]) for row in csv.DictReader(file)
            ]
        return json.dumps(rows)
    if path.parent.name == REPORT:
        return "measured"  # figures of memory and time
    return sha256_file(path)


def _without_times(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if not key.endswith(_VOLATILE)}


def leftovers(folder: Path) -> list[str]:
    """Temporaries that are still there."""
    paths = (
        Path(root) / name for root, folders, files in os.walk(folder) for name in folders + files
    )
    return [
        str(p.relative_to(folder)) for p in paths if p.name.startswith(".") and p.name != ".lock"
    ]
