"""Finished measurements on disk: a run that was stopped goes on with what it lacks.

stage, name, settings -> cells/STAGE/NAME.json: {format_version, name, settings, value}
                      -> there, with the same settings? its value: else measure, write, rename
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pocketlm.model.files import finite, read_json, write_text

CELL_VERSION = 1
Settings = dict[str, Any]
Cell = dict[str, Any]


class Cells:
    """The cells of one report.

    Args:
        folder: `cells/` of the report.
        common: settings of every cell: what was measured on, and where.
        notify: told in one line what is measured now.

    Attributes:
        taken: by stage and name, the cells that this run measured or found: what it reports.
        measured: how many of them it measured.
    """

    def __init__(self, folder: Path, common: Settings, notify: Callable[[str], None]) -> None:
        self._folder, self._common, self._notify = folder, common, notify
        self.taken: dict[str, dict[str, Cell]] = {}
        self.measured = 0

    def has(self, stage: str, name: str, settings: Settings) -> bool:
        """Whether this was measured, with these settings; if so, it is taken."""
        path = self._path(stage, name)
        if not path.is_file():
            return False
        cell = read_json(path, "finished measurement")
        if cell.get("format_version") != CELL_VERSION or "value" not in cell:
            return False
        if cell.get("settings") != self._all(settings):
            return False
        self._keep(stage, name, cell)
        return True

    def take(self, stage: str, name: str, settings: Settings, measure: Callable[[], Any]) -> None:
        """Take the finished cell, or measure now.

        Args:
            stage: a folder of cells.
            name: of the cell in it.
            settings: everything that decides the value; another value of one of them is another
                measurement.
            measure: gives the value, of JSON's types.
        """
        if self.has(stage, name, settings):
            return
        self._notify(f"{stage}: {name}")
        cell = {
            "format_version": CELL_VERSION,
            "name": name,
            "settings": self._all(settings),
            "value": finite(measure()),
        }
        # In one line: there are thousands of samples.
        write_text(self._path(stage, name), json.dumps(cell, allow_nan=False) + "\n")
        self.measured += 1
        self._keep(stage, name, cell)

    def _keep(self, stage: str, name: str, cell: Cell) -> None:
        self.taken.setdefault(stage, {})[name] = cell

    def _all(self, settings: Settings) -> Settings:
        """As JSON gives them back."""
        return {**self._common, **_plain(settings)}

    def _path(self, stage: str, name: str) -> Path:
        return self._folder / stage / f"{re.sub(r'[^a-z0-9.]+', '-', name.lower())}.json"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
