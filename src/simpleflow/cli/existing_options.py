"""Options and settings of the existing library named simpleflow that have another form here, or none."""

from __future__ import annotations

import os
from collections.abc import Sequence

_WITH_BOOLEAN = {"standalone": ("--display-status",), "workflow.history": ("--reverse-order",)}
"""Flags that have a value there, such as ``--display-status true``; by command."""

_TRUE = frozenset({"true", "1", "yes", "y", "on", "t"})
_FALSE = frozenset({"false", "0", "no", "n", "off", "f"})

UNUSED_SETTINGS = (
    "LOGGING",
    "METROLOGY_BUCKET",
    "METROLOGY_PATH_PREFIX",
    "SIMPLEFLOW_BINARIES_DIRECTORY",
    "SIMPLEFLOW_DISABLE_SETPROCTITLE",
    "SIMPLEFLOW_ENABLE_DISK_CACHE",
    "SIMPLEFLOW_ENV",
    "SIMPLEFLOW_SYSLOG_TARGET",
)
"""Settings that have no effect here."""


def translated(args: Sequence[str]) -> list[str]:
    """The command line with flags in place of flags that are given a truth value."""
    flags = _WITH_BOOLEAN.get(args[0], ()) if args else ()
    found: list[str] = []
    for word in args:
        value = word.lower()
        name, _, joined = word.partition("=")
        if found and found[-1] in flags and value in _TRUE | _FALSE:
            if value in _FALSE:
                found.pop()
        elif name in flags and joined:
            found += [name] if joined.lower() in _TRUE else [] if joined.lower() in _FALSE else [word]
        else:
            found.append(word)
    return found


def unused_settings() -> str | None:
    """A line that names the settings of the existing library that are set and have no effect; None without one."""
    found = [name for name in UNUSED_SETTINGS if os.environ.get(name)]
    if not found:
        return None
    return f"{', '.join(found)} {'has' if len(found) == 1 else 'have'} no effect here; see docs/compatibility.md"
