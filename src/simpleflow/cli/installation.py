"""Which library this is, and whether another one of its name is installed beside it.

The package index knows another library called simpleflow. Python imports the one that comes first in ``sys.path``, so
where both are installed a program may get the wrong one.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

from simpleflow.constants import RELEASE

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder of this library."""

_OURS = os.path.join("cli", "app.py")  # the other library has no such file
_THEIRS = "command.py"  # this library has no such file
_METADATA = r"simpleflow-(?P<version>[^-]+)(-py[\d.]+)?\.(dist|egg)-info"


def version_lines() -> list[str]:
    """Return what ``--version`` prints."""
    return [
        f"simpleflow {RELEASE}",
        f"workflows made of named steps, from {HERE}; not the library that the package index calls simpleflow",
    ]


def conflict() -> str:
    """Return a line about another library called simpleflow in this environment; an empty text if there is none."""
    found = next(_others(), None)
    if found is None:
        return ""
    return (
        f"another library called simpleflow is installed here too: {found}; a program may import that one, "
        f"this is {RELEASE} in {HERE}: give each an environment of its own"
    )


def _others() -> Iterator[str]:
    if os.path.exists(os.path.join(HERE, _THEIRS)):
        yield f"its files are among those in {HERE}"
    for entry in dict.fromkeys(os.path.abspath(path or os.curdir) for path in sys.path):
        folder = os.path.join(entry, "simpleflow")
        versions = list(_other_versions(entry))
        is_package = os.path.exists(os.path.join(folder, "__init__.py"))
        if is_package and not os.path.exists(os.path.join(folder, _OURS)):
            yield f"{versions[0] if versions else 'unknown version'} in {folder}"
        elif versions:
            yield f"{versions[0]} in {entry}"


def _other_versions(entry: str) -> Iterator[str]:
    """The versions of simpleflow that are installed in a folder of ``sys.path`` and are not this library."""
    try:
        names = os.listdir(entry)
    except OSError:  # an archive, or a folder that is not there
        return
    for name in names:
        # There are many names, and to compile the expression takes longer than the rest.
        if name[:11].lower() != "simpleflow-" or _is_ours(os.path.join(entry, name)):
            continue
        match = re.fullmatch(_METADATA, name, re.IGNORECASE)
        if match is not None:
            yield match["version"]


def _is_ours(metadata: str) -> bool:
    try:
        with open(os.path.join(metadata, "entry_points.txt"), encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return False
    return "simpleflow.cli:main" in text
