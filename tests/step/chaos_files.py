"""The files that the steps of the campaign read and make, in a folder that goes when the campaign has ended."""

from __future__ import annotations

import atexit
import itertools
import shutil
import tempfile
from pathlib import Path

from tests.step.chaos_plan import Plan

Key = tuple[str, str]
"""A step: the workflow id of its execution, and its name."""

_numbers = itertools.count()
_folders: list[Path] = []


def _folder() -> Path:
    """A new folder."""
    if not _folders:
        _folders.append(Path(tempfile.mkdtemp(prefix="chaos-")))
        atexit.register(shutil.rmtree, _folders[0], ignore_errors=True)
    return _folders[0] / str(next(_numbers))


class Files:
    """One file that each step of a world makes, and one that all steps of a name read."""

    def __init__(self) -> None:
        self._folder = _folder()
        self._versions: dict[str, int] = {}  # by name, how often what the steps read has been edited

    def output(self, key: Key) -> Path:
        """The file that the step makes."""
        return self._folder / f"{key[0]}.{key[1]}.out"

    def input(self, name: str) -> Path:
        """The file that steps of this name read."""
        path = self._folder / f"{name}.in"
        if not path.exists():
            self.edit(name)
        return path

    def edit(self, name: str) -> None:
        """Somebody edits what the steps of this name read. Each version has another size."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._versions[name] = self._versions.get(name, 0) + 1
        (self._folder / f"{name}.in").write_text("x" * self._versions[name])

    def version(self, name: str) -> int:
        """The version of what the steps of this name read."""
        return self._versions.get(name, 0) or 1

    def begin(self, key: Key) -> None:
        """The work of the step begins: what it has made before is gone."""
        if self._folder.exists():
            self.output(key).unlink(missing_ok=True)

    def end(self, key: Key, plan: Plan) -> None:
        """The work of the step has ended well."""
        if key[1] not in plan.unmade:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.output(key).touch()

    def is_made(self, key: Key) -> bool:
        """True if what the step makes is there."""
        return self.output(key).exists()
