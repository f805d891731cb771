"""Fixtures: a tiny corpus, its tokenizer, a run trained on it, a bundle; the command itself."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_scenarios import make_template
from forks import Zygote
from guarded import GuardedRun, run_guarded
from helpers import SENTENCES, VOCABULARY, Invoke, Silent, tiny_config, write_corpus

from pocketlm.__main__ import main
from pocketlm.model.corpus import Corpus
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import train


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = write_corpus(tmp_path_factory.mktemp("corpus"), SENTENCES)
    return Corpus(str(folder), folder)


@pytest.fixture(scope="session")
def tokenizer(corpus: Corpus) -> Tokenizer:
    return Tokenizer.train(corpus.lines("train"), VOCABULARY)


@pytest.fixture(scope="session")
def run(corpus: Corpus, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run folder; tests do not write into it."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    train(tiny_config(corpus), folder, Silent(), tokenizer)
    return folder


@pytest.fixture(scope="session")
def valid_lines(corpus: Corpus) -> list[str]:
    return [line for line in corpus.lines("valid") if line]


@pytest.fixture(scope="session")
def bundle(run: Path, valid_lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verified zero-copy bundle; tests copy it before they damage it."""
    from pocketlm.export.exporter import export_bundle

    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    export_bundle(run, "zero-copy", folder, valid_lines, verify_tokens=200)
    return folder


@pytest.fixture(scope="session")
def guarded_run(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> GuardedRun:
    """The demo and more, without sockets and pickles."""
    return run_guarded(tmp_path_factory.mktemp("guarded"), corpus.path("valid"))


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Invoke:
    """Run the command in this process: exit code, standard output, standard error."""

    def run_command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pocketlm", *map(str, arguments)])
        capfd.readouterr()
        code = main()
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run_command


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """A process that forks others, which have everything imported."""
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture(scope="session")
def template(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs of every kind, which the commands of crash_scenarios.py find; tests copy it."""
    folder = tmp_path_factory.mktemp("crashes") / "template"
    make_template(folder, zygote)
    return folder
