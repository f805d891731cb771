"""The readers of files, each as a target: bytes -> a file or a folder of them -> the reader.

Hashes are made anew over what a fuzzer made: whoever can write a file can write its checksum. Each
target goes as far as a command would: it opens the file, and asks what came of it a question.
"""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np
from fuzz import parts
from fuzz.harness import Target
from fuzz.specimens import ORDER, Specimens

from pocketlm.benchmarks.arpa import import_arpa
from pocketlm.benchmarks.backoff_table import backoff_table_files
from pocketlm.benchmarks.count_table import count_table_files
from pocketlm.benchmarks.ngram import open_ngram
from pocketlm.export.bundle import checked_manifest, seal
from pocketlm.export.commands import inspect
from pocketlm.export.task_bundle import read_task_manifest, write_task_manifest
from pocketlm.model.blocklist import read_blocklist
from pocketlm.model.checkpoint import load_checkpoint
from pocketlm.model.corpus import Corpus, text_lines
from pocketlm.model.files import describe_file, read_json
from pocketlm.model.lexicon import Lexicon
from pocketlm.model.predictor import Predictor
from pocketlm.model.run_folder import run_config
from pocketlm.model.tasks.config import config_to_json
from pocketlm.model.tasks.pairs import read_pairs
from pocketlm.model.tasks.regression import read_table
from pocketlm.model.tasks.runs import read_config
from pocketlm.model.tasks.task import Encoding
from pocketlm.model.tasks.tasks import open_task
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.weights import open_weights
from pocketlm.model.words import words_of

TEXT = "see you  tomorrow\u2581at the café 😀\t\u2028 don’t"


def all_targets(specimens: Specimens) -> dict[str, Target]:
    """Every target by its name."""
    s = specimens
    table, backoff = (parts_of(f, n) for f, n in ((s.table, TABLE), (s.backoff, BACKOFF)))
    each = [
        Target("manifest", _manifest(s), [(s.bundle / "manifest.json").read_bytes()]),
        Target("bundle-files", _bundle_files(s), [b""]),
        Target("tokenizer", _read_tokenizer, [(s.run / "tokenizer.model").read_bytes()]),
        Target("lexicon", _lexicon(s), [(s.folder / "lexicon.bin").read_bytes()[:-32]]),
        Target("weights", _weights(s), [(s.folder / "weights.safetensors").read_bytes()]),
        Target("checkpoint", _read_checkpoint, [(s.folder / "weights.safetensors").read_bytes()]),
        Target("config", _read_config, [(s.run / "config.json").read_bytes()]),
        Target("task-manifest", _task_manifest(s), [_task_seed(s)]),
        Target("arpa", _arpa(s), [(s.folder / "model.arpa").read_bytes(), _SMALL_ARPA]),
        Target("ngram-manifest", _ngram_manifest(s), [(s.table / "ngram.json").read_bytes()]),
        Target("table", _sorted_table(s.table, TABLE), [table]),
        Target("backoff", _sorted_table(s.backoff, BACKOFF), [backoff]),
        Target("corpus", _read_corpus, [_CORPUS, b"\xef\xbb\xbfa b\r\nc\n"]),
        Target("csv", _read_csv, [_CSV]),
        Target("pairs", _read_pairs, [b"pos\ta good film\nneg\ta bad one\n"]),
        Target("blocklist", _read_blocklist, [b"bad\nWorse\n\nna\xc3\xafve\ndon't\n"]),
    ]
    return {target.name: target for target in each}


TARGET_NAMES = (
    "manifest", "bundle-files", "tokenizer", "lexicon", "weights", "checkpoint", "config",
    "task-manifest", "arpa", "ngram-manifest", "table", "backoff", "corpus", "csv", "pairs",
    "blocklist",
)  # fmt: skip
TABLE, BACKOFF = count_table_files(ORDER), backoff_table_files(ORDER)
_CORPUS = "see you\ntomorrow\n\nat the\u2028café\n\n\u2581 x\n".encode()
_CSV = b"a,b,value\n" + b"".join(b"%d,0.5,-%de1\n" % (i, i) for i in range(8))
_SMALL_ARPA = (
    b"\\data\\\nngram 1=4\nngram 2=2\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\t-0.3\n-1\t</s>\n"
    b"-0.5\t17\t-0.2\n\n\\2-grams:\n-0.4\t<s> 17\n-0.1\t17 </s>\n\n\\end\\\n"
)


def _manifest(s: Specimens) -> Callable[[bytes, Path], object]:
    """A manifest over good files, with its own hash; inspected as text and as JSON."""

    def read(data: bytes, folder: Path) -> object:
        _link(s.bundle, folder, "manifest.json")
        _write_json(folder / "manifest.json", data, _sealed_anew)
        for as_json in (True, False):
            printed = _printed(lambda as_json=as_json: inspect.callback(folder, as_json))
            printed.encode()
            assert printed.replace("\n", "").isprintable()
        return checked_manifest(folder)

    return read


def _sealed_anew(manifest: dict[str, Any]) -> dict[str, Any]:
    return seal({key: value for key, value in manifest.items() if key != "manifest_sha256"})


def _link(source: Path, folder: Path, *but: str) -> None:
    """Links to all files of a folder but some, as a cache of models has them."""
    for file in source.iterdir():
        if file.name not in but:
            (folder / file.name).symlink_to(file)


def _printed(command: Callable[[], object]) -> str:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()):
        command()
    return out.getvalue()


def _bundle_files(s: Specimens) -> Callable[[bytes, Path], object]:
    """A bundle whose files are missing, folders, links, pipes, or named by tricks.

    Each byte is one change: its lower half says which, its upper half to which file.
    """

    def read(data: bytes, folder: Path) -> object:
        shutil.copytree(s.bundle, folder / "bundle")
        names = sorted(path.name for path in s.bundle.iterdir())
        for byte in data[:8]:
            _CHANGES[byte % len(_CHANGES)](folder / "bundle", names[(byte >> 4) % len(names)])
        return checked_manifest(folder / "bundle")

    return read


def _replace(make: Callable[[Path], object]) -> Callable[[Path, str], None]:
    def change(folder: Path, name: str) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        make(path)

    return change


def _rename_in_manifest(new: str) -> Callable[[Path, str], None]:
    """The manifest names a file of another place, which is there and has the right hash."""

    def change(folder: Path, name: str) -> None:
        outside = folder.parent / "outside"
        outside.write_bytes(b"x")
        named = new.replace("OUTSIDE", str(outside))
        entry = {named: describe_file(outside)}
        _edit_manifest(folder, lambda m: {**m, "files": {**m["files"], **entry}})

    return change


def _claim(size: object) -> Callable[[Path, str], None]:
    def change(folder: Path, name: str) -> None:
        _edit_manifest(
            folder,
            lambda m: {**m, "files": {k: {**v, "bytes": size} for k, v in m["files"].items()}},
        )

    return change


def _edit_manifest(folder: Path, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = folder / "manifest.json"
    with suppress(OSError, KeyError):  # it may be no manifest by now
        if path.is_file():
            _write_json(path, path.read_bytes(), lambda manifest: _sealed_anew(edit(manifest)))


_CHANGES: tuple[Callable[[Path, str], None], ...] = (
    _replace(lambda path: None),
    _replace(lambda path: path.mkdir()),
    _replace(os.mkfifo),
    _replace(lambda path: path.symlink_to(path)),
    _replace(lambda path: path.symlink_to("/dev/zero")),
    _replace(lambda path: path.symlink_to("/etc/passwd")),
    _replace(lambda path: path.symlink_to("../outside")),
    _replace(lambda path: path.write_bytes(b"")),
    _rename_in_manifest("../outside"),
    _rename_in_manifest("OUTSIDE"),
    _rename_in_manifest("./../bundle/../outside"),
    _rename_in_manifest("lexicon.bin/../../outside"),
    _claim(-1),
    _claim(1 << 70),
    _claim(1e9),
)


def _write_json(path: Path, data: bytes, change: Callable[[dict[str, Any]], Any]) -> None:
    """What the fuzzer made, changed if it is an object; else as it is."""
    try:
        value = json.loads(data)
        data = json.dumps(change(value)).encode() if isinstance(value, dict) else data
    except (ValueError, RecursionError):
        pass
    path.write_bytes(data)


def _read_tokenizer(data: bytes, folder: Path) -> object:
    path = folder / "tokenizer.model"
    path.write_bytes(data)
    return _use_tokenizer(Tokenizer.load(path))


def _use_tokenizer(tokenizer: Tokenizer) -> object:
    ids = tokenizer.encode(TEXT)
    assert all(0 <= i < tokenizer.vocabulary_size for i in ids)
    tokenizer.encode_batch([TEXT, "", "a" * 300])
    tokenizer.decode(range(min(tokenizer.vocabulary_size, 400)))
    return tokenizer.decode(ids), tokenizer.pieces, tokenizer.scores, tokenizer.of_words


def _lexicon(s: Specimens) -> Callable[[bytes, Path], object]:
    """A lexicon with its hash."""

    def read(data: bytes, folder: Path) -> object:
        path = folder / "lexicon.bin"
        path.write_bytes(data + hashlib.sha256(data).digest())
        lexicon = Lexicon.load(path, s.tokenizer)
        shares = lexicon.endings()
        assert shares.shape == (s.tokenizer.vocabulary_size,)
        assert np.all((shares > 0) & (shares < 1))
        return [word in lexicon for word in words_of(TEXT)]

    return read


def _weights(s: Specimens) -> Callable[[bytes, Path], object]:
    """A network's weights, to train on from."""

    def read(data: bytes, folder: Path) -> object:
        path = folder / "weights.safetensors"
        path.write_bytes(data)
        model = open_weights(path, s.tokenizer)
        assert all(bool(p.isfinite().all()) for p in model.parameters())
        return model

    return read


def _read_checkpoint(data: bytes, folder: Path) -> object:
    path = folder / "checkpoint.safetensors"
    path.write_bytes(data)
    return load_checkpoint(path)


def _read_config(data: bytes, folder: Path) -> object:
    (folder / "config.json").write_bytes(data)
    return run_config(folder)


def _arpa(s: Specimens) -> Callable[[bytes, Path], object]:
    """An ARPA file, imported and asked."""

    def read(data: bytes, folder: Path) -> object:
        path = folder / "model.arpa"
        path.write_bytes(data)
        import_arpa(path, s.tokenizer, folder / "model")
        return _ask(open_ngram(folder / "model"))

    return read


def _ask(predictor: Predictor) -> object:
    """Probabilities by both ways that there are; a model that says NaN should have been refused."""
    tokens = predictor.tokenizer.encode(TEXT)
    (scores,) = predictor.score([tokens])
    state = predictor.start()
    for token in tokens[:4]:
        logs = predictor.log_probabilities(state)
        assert not np.isnan(logs).any()
        state = predictor.advance(state, np.array([token]))
    assert not np.isnan(scores).any()
    return scores


def _read_corpus(data: bytes, folder: Path) -> object:
    path = folder / "train.txt"
    path.write_bytes(data)
    lines = list(Corpus("hostile", folder).lines("train"))
    words = [word for line in lines for word in words_of(line)]
    return words, text_lines(path)


def _read_csv(data: bytes, folder: Path) -> object:
    path = folder / "table.csv"
    path.write_bytes(data)
    rows = read_table(path)
    assert np.isfinite([value for row in rows for value in (*row[0], row[1])]).all()
    return rows


def _read_pairs(data: bytes, folder: Path) -> object:
    for split in ("train", "valid", "test"):
        (folder / f"{split}.tsv").write_bytes(data)
    return read_pairs(str(folder))


def _read_blocklist(data: bytes, folder: Path) -> object:
    path = folder / "blocklist.txt"
    path.write_bytes(data)
    return read_blocklist(path)


def _ngram_manifest(s: Specimens) -> Callable[[bytes, Path], object]:
    """ngram.json over a good table."""

    def read(data: bytes, folder: Path) -> object:
        _link(s.table, folder, "ngram.json")
        (folder / "ngram.json").write_bytes(data)
        return _ask(open_ngram(folder))

    return read


def parts_of(folder: Path, names: list[str]) -> bytes:
    """Files as the parts of one input."""
    return parts.join([(folder / name).read_bytes() for name in names])


def _sorted_table(source: Path, names: list[str]) -> Callable[[bytes, Path], object]:
    """The arrays of a table, under a manifest with their sizes and hashes."""

    def read(data: bytes, folder: Path) -> object:
        _link(source, folder, *names, "ngram.json")
        for name, part in zip(names, parts.split(data, len(names)), strict=True):
            (folder / name).write_bytes(part)
        manifest = read_json(source / "ngram.json", "manifest")
        manifest["files"] = {name: describe_file(folder / name) for name in names}
        (folder / "ngram.json").write_text(json.dumps(manifest), encoding="utf-8")
        return _ask(open_ngram(folder))

    return read


def _task_seed(s: Specimens) -> bytes:
    """A task's manifest, encoding and settings as one object; the files lie beside."""
    config = config_to_json(open_task("case").quick)
    config["network"] |= {"vocabulary_size": s.tokenizer.vocabulary_size, "classes": 2}
    encoding = {"tags": ["as it is", "Upper"], "mixed": {"iphone": "iPhone"}}
    manifest = {
        "format_version": 1,
        "task": "case",
        "alignment": "each",
        "quality": {"rows": 1, "argmax_agreement": 1.0, "largest_difference": 0.0},
    }
    return json.dumps({"manifest": manifest, "encoding": encoding, "config": config}).encode()


def _task_manifest(s: Specimens) -> Callable[[bytes, Path], object]:
    """All that is JSON in a task's bundle, sealed; its program is not run."""
    task = open_task("case")

    def read(data: bytes, folder: Path) -> object:
        try:
            value = json.loads(data)
            found = [value[key] for key in ("manifest", "encoding", "config")]
        except (ValueError, RecursionError, KeyError, TypeError):
            found = [data.decode(errors="replace")] * 3
        _link(s.bundle, folder, "manifest.json")
        for name, content in zip(("manifest", "encoding", "config"), found, strict=True):
            (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        if isinstance(found[0], dict):
            with suppress(UnicodeEncodeError):  # it stays unsealed
                write_task_manifest(folder, found[0])
        read_task_manifest(folder)
        return Encoding.load(folder, task, read_config(task, folder).network)

    return read
