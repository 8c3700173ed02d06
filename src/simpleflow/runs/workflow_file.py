"""How commands name the workflow of an earlier run: by its file and its class, as the decider of the run told them.

The history tells the file below the folder of its project, since it is the same in every clone. A command is pasted
into some folder of one clone, so it needs a path that leads there. The file is looked for below the folders around the
state folder, which mostly is in the project, and around the current folder.
"""

from __future__ import annotations

import os

from simpleflow import values


def reference(context: str | None, type_name: str, state: str | None) -> str:
    """Return ``/path/to/file.py:Class``; empty if the file is not known.

    Args:
        context: execution context of a decision of the run: JSON.
        type_name: name of the workflow type.
        state: path of the state folder, or None.
    """
    found = values.decode(context)
    file = found.get("file") if isinstance(found, dict) else None
    if not isinstance(file, str):
        return ""
    given = found.get("class")
    module, _, name = type_name.rpartition(".")
    if not isinstance(given, str):  # the type has the name of the class, or an earlier version has made the run
        is_class = module.rpartition(".")[2] == os.path.splitext(os.path.basename(file))[0]
        given = name if is_class else ""
    path = _path_of(file, state)
    return f"{path}:{given}" if given else path


def _path_of(file: str, state: str | None) -> str:
    for start in (state, _here()):
        folder = os.path.abspath(start) if start else ""
        while folder:
            if os.path.isfile(path := os.path.join(folder, file)):
                return path
            folder, before = os.path.dirname(folder), folder
            if folder == before:
                break
    return file


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""
