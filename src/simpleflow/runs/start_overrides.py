"""Checks of arguments for one run: a folder, and values in place of members of the workflow class."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from simpleflow.checks import check_name
from simpleflow.constants import MOST_SECONDS
from simpleflow.exceptions import InputError
from simpleflow.shown_text import value_text

_TIMEOUTS = ("execution_timeout", "decision_task_timeout")


def checked_overrides(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the overrides of the start request as a dict. Raises InputError."""
    if given is not None and not isinstance(given, Mapping):
        raise InputError(f"overrides are {given!r}; expected a dict")
    found = dict(given or {})
    for name, value in found.items():
        if name == "task_list":
            check_name(value, "task_list in overrides")
        elif name not in _TIMEOUTS:
            raise InputError(f"overrides hold {name!r}; expected task_list, {' or '.join(_TIMEOUTS)}")
        elif not (isinstance(value, str) and (value == "NONE" or _is_seconds(value))):
            raise InputError(
                f"{name} in overrides is {value_text(value)}; expected seconds as text, such as '300', (at "
                f"most {MOST_SECONDS}), or 'NONE'"
            )
    return found


def _is_seconds(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(MOST_SECONDS))


def check_folder(path: object, label: str) -> str:
    """Return the path of a folder as text. Raises InputError if it cannot be the path of one."""
    if not isinstance(path, str | os.PathLike) or not isinstance(found := os.fspath(path), str):
        raise InputError(f"{label} is {path!r}; expected the path of a folder")
    if not found:
        raise InputError(f"{label} is empty; expected the path of a folder")
    if "\0" in found:
        raise InputError(f"{label} {found!r} holds a NUL character; expected the path of a folder")
    return found
