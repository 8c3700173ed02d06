"""The workflow of an earlier run: its file and its class, as the decider of the run told them.

The history tells the file below the folder of its project, since it is the same in every clone, and the path that it
had. A command is given in some folder of one clone, so it needs a path that leads there. The file is looked for below
the folders around the state folder, which mostly is in the project; then at its own path; then below the folders around
the current folder.
"""

from __future__ import annotations

import os
from typing import Any

from simpleflow import values
from simpleflow.code_names import module_name
from simpleflow.named_tuple import NamedTuple


class Found(NamedTuple):
    """A workflow whose file exists."""

    reference: str  # as ``load_workflow`` takes it
    folder: str | None  # from which its module is imported; None for a file


def reference(context: str | None, type_name: str, state: str | None) -> str:
    """Return ``/path/to/file.py:Class``; empty if the file is not known, or is a part of a package.

    Args:
        context: execution context of a decision of the run: JSON.
        type_name: name of the workflow type.
        state: path of the state folder, or None.
    """
    told = _told(context)
    if not told or "module" in told:
        return ""
    return _with_class(_path_of(told, state) or told["file"], told, type_name)


def find(context: str | None, type_name: str, state: str | None) -> Found | None:
    """Return the workflow of a run; None if its file is not known, or is not there. Arguments as for ``reference``."""
    told = _told(context)
    path = _path_of(told, state) if told else None
    if path is None:
        return None
    module = told.get("module")
    if not isinstance(module, str):
        return Found(_with_class(path, told, type_name), None)
    stem = path.removesuffix(".py").removesuffix(os.sep + "__init__")
    folder = stem.removesuffix(os.sep + module.replace(".", os.sep))
    return None if folder == stem else Found(f"{module}:{told.get('class') or type_name.rpartition('.')[2]}", folder)


def missing(context: str | None) -> str:
    """Return the words that a recorded file is not there; empty if none was recorded."""
    told = _told(context)
    return f", and its file {told.get('path', told['file'])} is not there" if told else ""


def _told(context: str | None) -> dict[str, Any]:
    """Return what a context tells of the file; empty if that is nothing."""
    found = values.decode(context)
    return found if isinstance(found, dict) and isinstance(found.get("file"), str) else {}


def _with_class(path: str, told: dict[str, Any], type_name: str) -> str:
    given = told.get("class")
    module, _, name = type_name.rpartition(".")
    if not isinstance(given, str):  # the type has the name of the class, or an earlier version has made the run
        is_class = module.rpartition(".")[2] == module_name(os.path.splitext(os.path.basename(path))[0])
        given = name if is_class else ""
    return f"{path}:{given}" if given else path


def _path_of(told: dict[str, Any], state: str | None) -> str | None:
    """Return the path of the file, as far as it is there."""
    file, own = told["file"], told.get("path")
    for path in _around(state, file), own, _around(_here(), file):
        if isinstance(path, str) and os.path.isfile(path):
            return path
    return None


def _around(start: str | None, file: str) -> str | None:
    folder = os.path.abspath(start) if start else ""
    while folder:
        if os.path.isfile(path := os.path.join(folder, file)):
            return path
        folder, before = os.path.dirname(folder), folder
        if folder == before:
            break
    return None


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""
