"""The file that defines a workflow class, named so that it is the same in every clone of its project.

Two files may define classes of one name: ``etl/pipeline.py:Pipeline`` and ``ml/pipeline.py:Pipeline``. The file tells
their runs and marks apart.
"""

from __future__ import annotations

import os
import sys

_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", ".git", ".hg")


def of_class(kind: type) -> str | None:
    """The file that defines ``kind``, relative to the folder of its project, with ``/``.

    The folder of a project is the nearest one above the file that holds a ``pyproject.toml``, a ``setup.py``, a
    ``setup.cfg``, or a repository of Git or Mercurial. A file without a project has its absolute path. Returns None
    for a class without a lasting file: of a notebook, of standard input, of ``python -c``.
    """
    path = path_of(kind)
    if path is None:
        return None
    file = os.path.realpath(path)
    folder = os.path.dirname(file)
    while not any(os.path.exists(os.path.join(folder, name)) for name in _PROJECT_FILES):
        above = os.path.dirname(folder)
        if above == folder:
            return file.replace(os.sep, "/")
        folder = above
    return os.path.relpath(file, folder).replace(os.sep, "/")


def path_of(kind: type) -> str | None:
    """The path of the same file on this machine, as it was loaded: a link names the module, and not its target."""
    path = getattr(sys.modules.get(kind.__module__), "__file__", None)
    if not isinstance(path, str) or path.startswith("<") or not os.path.isfile(path):
        return None
    return os.path.abspath(path)
