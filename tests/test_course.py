"""docs/course.md: each file, test, command and heading that it names is there."""

import re

import click
from helpers import ROOT

from pocketlm.cli import cli

PAGE = (ROOT / "docs" / "course.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`]+)`", PAGE)


def test_its_files_are_there() -> None:
    named = {each for each in CODE if re.fullmatch(r"(model|benchmarks|export)/[\w/.]+\.py", each)}
    assert len(named) > 10
    for path in named:
        assert (ROOT / path).is_file(), path


def test_its_tests_are_there() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("*.py"))
    for name in (each for each in CODE if each.startswith("test_")):
        assert f"def {name}(" in tests, name
    for path in re.findall(r"pytest (tests/\S+)`", PAGE):
        assert (ROOT / path).is_file(), path


def test_its_commands_are_there() -> None:
    named = [each.split()[1:] for each in CODE if each.startswith("pocketlm ")]
    assert len(named) > 10
    for words in named:
        command: click.Command = cli
        if words[0] == "task":
            continue  # docs/tasks.md
        while isinstance(command, click.Group):
            name = words.pop(0)
            assert name in command.commands, name
            command = command.commands[name]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, words


def test_its_headings_are_there() -> None:
    family = (ROOT / "docs" / "family.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", family, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
    linked = re.findall(r"\(family\.md#([\w-]+)\)", PAGE)
    assert linked
    assert set(linked) <= anchors
