"""The workflow of an earlier run: its file and its class, as the decider of the run recorded them.

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
    recorded = _recorded(context)
    if not recorded or "module" in recorded:
        return ""
    return _with_class(_path_of(recorded, state) or recorded["file"], recorded, type_name)


def find(context: str | None, type_name: str, state: str | None) -> Found | None:
    """Return the workflow of a run; None if its file is not known, or is not there. Arguments as for ``reference``."""
    recorded = _recorded(context)
    path = _path_of(recorded, state) if recorded else None
    if path is None:
        return None
    module = recorded.get("module")
    if not isinstance(module, str):
        return Found(_with_class(path, recorded, type_name), None)
    stem = path.removesuffix(".py").removesuffix(os.sep + "__init__")
    folder = stem.removesuffix(os.sep + module.replace(".", os.sep))
    return (
        None if folder == stem else Found(f"{module}:{recorded.get('class') or type_name.rpartition('.')[2]}", folder)
    )


def missing(context: str | None) -> str:
    """Return the words that a recorded file is not there; empty if none was recorded."""
    recorded = _recorded(context)
    return f", and its file {recorded.get('path', recorded['file'])} is not there" if recorded else ""


def _recorded(context: str | None) -> dict[str, Any]:
    """Return what a context tells of the file; empty if that is nothing."""
    found = values.decode(context)
    return found if isinstance(found, dict) and isinstance(found.get("file"), str) else {}


def _with_class(path: str, recorded: dict[str, Any], type_name: str) -> str:
    given = recorded.get("class")
    module, _, name = type_name.rpartition(".")
    if not isinstance(given, str):  # the type has the name of the class, or an earlier version has made the run
        is_class = module.rpartition(".")[2] == module_name(os.path.splitext(os.path.basename(path))[0])
        given = name if is_class else ""
    return f"{path}:{given}" if given else path


def _path_of(recorded: dict[str, Any], state: str | None) -> str | None:
    """Return the path of the file, as far as it is there."""
    file, own = recorded["file"], recorded.get("path")
    paths = (own, file) if os.path.isabs(file) else (_around(state, file), own, _around(_here(), file))
    for path in paths:
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
