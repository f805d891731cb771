"""Presage, a predictive text entry system, as a peer: trained and asked by its own code.

    lines -> text2ngram -n 1, 2, .. -> FOLDER: presage.json, ngrams.db
                                       -> open_presage -> PresageTextEntry -> presage_peer -> words

The configuration is Presage's default with the smoothed n-gram predictor over our database alone:
nothing is learnt from what is typed, and no suggestion is held back for having been shown before.
Presage's own words end at every apostrophe. So that "don't" is one word to it, as to the others,
an apostrophe inside a word is counted and asked as U+02BC, which it takes for a letter, and given
back as what it was. N-grams run on over the ends of lines.
Source: presage 0.9.1 (https://presage.sourceforge.io).
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pocketlm.benchmarks.ngram import LARGEST_ORDER
from pocketlm.benchmarks.toolchain import PRESAGE_PACKAGES, native_program
from pocketlm.model.errors import UserError
from pocketlm.model.files import atomic_folder, describe_file, file_damage, read_json, write_json
from pocketlm.model.settings import matches
from pocketlm.model.text_entry import Suggestion

MANIFEST = "presage.json"
FORMAT_VERSION = 2
KIND = "presage"
DATABASE = "ngrams.db"
LETTER_APOSTROPHE = "\u02bc"
_INNER_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w|$)")
_SHAPE = {
    "kind": str,
    "order": int,
    "lower_case": bool,
    "files": {DATABASE: {"bytes": int, "sha256": str}},
}
# All that bears on suggestions; the rest is as Presage has it.
_CONFIGURATION = """<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<Presage>
  <PredictorRegistry><PREDICTORS>DefaultSmoothedNgramPredictor</PREDICTORS></PredictorRegistry>
  <ContextTracker>
    <LOWERCASE_MODE>{lower_case}</LOWERCASE_MODE>
    <ONLINE_LEARNING>no</ONLINE_LEARNING>
  </ContextTracker>
  <Selector>
    <SUGGESTIONS>{suggestions}</SUGGESTIONS>
    <REPEAT_SUGGESTIONS>yes</REPEAT_SUGGESTIONS>
    <GREEDY_SUGGESTION_THRESHOLD>0</GREEDY_SUGGESTION_THRESHOLD>
  </Selector>
  <PredictorActivator>
    <MAX_PARTIAL_PREDICTION_SIZE>60</MAX_PARTIAL_PREDICTION_SIZE>
    <COMBINATION_POLICY>Meritocracy</COMBINATION_POLICY>
  </PredictorActivator>
  <ProfileManager><AUTOPERSIST>false</AUTOPERSIST></ProfileManager>
  <Predictors>
    <DefaultSmoothedNgramPredictor>
      <PREDICTOR>SmoothedNgramPredictor</PREDICTOR>
      <DBFILENAME>{database}</DBFILENAME>
      <DELTAS>{deltas}</DELTAS>
      <LEARN>false</LEARN>
    </DefaultSmoothedNgramPredictor>
  </Predictors>
</Presage>
"""


def train_presage(
    lines: Iterable[str],
    out: Path,
    *,
    order: int = 3,
    lower_case: bool,
    corpus: dict[str, Any],
    notify: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Count n-grams with Presage's text2ngram and write the model's folder, whole or not at all.

    Args:
        lines: the text.
        out: the folder.
        order: 1..6; the n-grams of one order are all in memory while they are counted.
        lower_case: whether the text is counted, and will be asked, in lower case.
        corpus: what the manifest says of the corpus.
        notify: told of each order in one line.

    Returns:
        The manifest.

    Raises:
        UserError: a bad order, no text, or text2ngram is not installed or fails.
    """
    if not 1 <= order <= LARGEST_ORDER:
        raise UserError(f"order {order} is outside 1..{LARGEST_ORDER} for {KIND}")
    program = shutil.which("text2ngram")
    if program is None:
        raise UserError(f"Presage's text2ngram is not installed: install {PRESAGE_PACKAGES}")
    with (
        atomic_folder(out, MANIFEST) as folder,
        tempfile.TemporaryDirectory(prefix=".presage.", dir=folder) as work,
    ):
        _write_lines(text := Path(work) / "text.txt", lines, lower_case)
        for n in range(1, order + 1):
            notify(f"counting n-grams of order {n}")
            _count_ngrams(program, text, n, lower_case, folder / DATABASE)
        return write_manifest(folder, order=order, lower_case=lower_case, corpus=corpus)


def _write_lines(path: Path, lines: Iterable[str], lower_case: bool) -> None:
    empty = True
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            empty = empty and not line.strip()
            file.write(_joined(line.lower() if lower_case else line) + "\n")
    if empty:
        raise UserError("the corpus holds no text")


def _count_ngrams(program: str, text: Path, n: int, lower_case: bool, database: Path) -> None:
    options = ["-n", str(n), *(["-l"] if lower_case else []), "-f", "sqlite", "-o", str(database)]
    result = subprocess.run(
        [program, *options, str(text)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # a progress bar
        stderr=subprocess.PIPE,
        check=False,
    )
    if result.returncode != 0 or not database.is_file():
        lines = result.stderr.decode(errors="replace").split("\n")
        raise UserError(f"Presage's text2ngram: {_last(lines) or f'status {result.returncode}'}")


def write_manifest(
    folder: Path, *, order: int, lower_case: bool, corpus: dict[str, Any]
) -> dict[str, Any]:
    """Write and return the manifest of a folder whose database is there."""
    manifest = {
        "format_version": FORMAT_VERSION,
        "kind": KIND,
        "order": order,
        "lower_case": lower_case,
        "files": {DATABASE: describe_file(folder / DATABASE)},
        "corpus": corpus,
    }
    write_json(folder / MANIFEST, manifest)
    return manifest


def open_presage(folder: Path) -> "PresageTextEntry":
    """Presage over a folder that `train_presage` wrote; its process starts with the first request.

    Raises:
        UserError: it is no such folder, of another version, or the database is missing or changed.
    """
    path = folder / MANIFEST
    manifest = read_json(path, "Presage model")
    if manifest.get("format_version") != FORMAT_VERSION or manifest.get("kind") != KIND:
        raise UserError(f"{path} has a format that this PocketLM does not know")
    if not _is_sound(manifest):
        raise UserError(f"{path} is damaged: its fields are not those of a Presage model")
    file = manifest["files"][DATABASE]
    if damage := file_damage(folder / DATABASE, file["bytes"], file["sha256"]):
        raise UserError(damage)
    order, lower_case = manifest["order"], manifest["lower_case"]
    return PresageTextEntry(folder.name, folder / DATABASE, order, lower_case)


def _is_sound(manifest: dict[str, Any]) -> bool:
    return (
        matches(manifest, _SHAPE)
        and 1 <= manifest["order"] <= LARGEST_ORDER
        and manifest["files"].keys() == {DATABASE}
    )


class PresageTextEntry:
    """Presage over one database, asked through its library in a process of its own.

    Probabilities are Presage's: relative frequencies of orders 1, 2, .., weighed and added up, of
    the run of letters that Presage takes for a word.
    """

    def __init__(self, name: str, database: Path, order: int, lower_case: bool) -> None:
        self.name = name
        self._database, self._order, self._lower_case = database, order, lower_case
        self._peer: _Peer | None = None

    def doubts(self, ignore_case: bool) -> list[str]:
        """See TextEntry."""
        if self._lower_case and not ignore_case:
            return ["it knows lower case only: compare with --ignore-case"]
        return []

    def suggest(self, text: str, k: int = 3) -> list[Suggestion]:
        """At most k words, best first: completions of the word being typed, or next words.

        Presage sees the last line.

        Raises:
            UserError: Presage cannot be started, or has stopped.
        """
        line = text[text.rfind("\n") + 1 :]
        line = line.lower() if self._lower_case else line
        if self._peer is None or self._peer.suggestions != k:
            self.close()
            self._peer = _Peer(self._configuration(k), self._database, k)
        answer = self._peer.ask(_joined(line))
        return [Suggestion(word.replace(LETTER_APOSTROPHE, "'"), p) for word, p in answer]

    def _configuration(self, k: int) -> str:
        return _CONFIGURATION.format(
            lower_case="yes" if self._lower_case else "no",
            suggestions=k,
            database=DATABASE,
            deltas=_deltas(self._order),
        )

    def close(self) -> None:
        """End Presage's process, if there is one."""
        if self._peer is not None:
            self._peer.close()
            self._peer = None

    def __enter__(self) -> "PresageTextEntry":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        """As `close`; also for what was never quite made."""
        if getattr(self, "_peer", None):
            self.close()


def _joined(line: str) -> str:
    """A line in which an apostrophe after a letter is a letter, unless the word ends with it.

    At the end of the line the word may go on.
    """
    return _INNER_APOSTROPHE.sub(LETTER_APOSTROPHE, line)


def _deltas(order: int) -> str:
    """The weights of orders 1, 2, ..: Presage's default is 0.01 0.1 0.89; others are as these."""
    lower = [10.0 ** (i - order) for i in range(1, order)]
    return " ".join(f"{delta:g}" for delta in [*lower, 1 - sum(lower)])


class _Peer:
    """The native process, in a temporary folder that is its home and holds its configuration."""

    def __init__(self, configuration: str, database: Path, suggestions: int) -> None:
        program = native_program("presage_peer")
        self.suggestions = suggestions
        self._folder = tempfile.TemporaryDirectory(prefix="pocketlm-presage-")
        home = Path(self._folder.name)
        (home / "presage.xml").write_text(configuration, encoding="utf-8")
        # Presage expands variables in a path, and may make its folder: it sees a bare name.
        (home / DATABASE).symlink_to(database.resolve())
        self._errors = home / "errors.txt"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [program, "presage.xml"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=home,
                env={**os.environ, "HOME": str(home)},
            )

    def ask(self, line: str) -> list[tuple[str, float]]:
        """Words and their probabilities for a line, best first."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # noqa: PT018
        try:
            stdin.write(line.encode(errors="replace") + b"\n")
            stdin.flush()
        except BrokenPipeError:
            raise self._stopped() from None
        answer = stdout.readline()
        if not answer.endswith(b"\n"):
            raise self._stopped()
        fields = answer.decode(errors="replace").rstrip("\n").split("\t")
        return [(fields[i], float(fields[i + 1])) for i in range(0, len(fields) - 1, 2)]

    def _stopped(self) -> UserError:
        status = self._process.wait()
        lines = self._errors.read_text(encoding="utf-8", errors="replace").split("\n")
        return UserError(f"Presage has stopped: {_last(lines) or f'status {status}'}")

    def close(self) -> None:
        """End the process, and remove its folder."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):  # it is dead, and had not read all
                stream.close()
        self._process.wait()
        self._folder.cleanup()


def _last(lines: list[str]) -> str | None:
    """The last line that says something."""
    return next((line.strip() for line in reversed(lines) if line.strip()), None)
