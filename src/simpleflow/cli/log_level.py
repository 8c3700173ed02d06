"""The log of a local run: the records of ``logging`` from a level on, where a level is asked for."""

from __future__ import annotations

import os
import sys

from simpleflow.exceptions import InputError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def level_of(name: str, label: str) -> int:
    """Return the level of that name. Raises InputError; ``label`` says where the name is from."""
    level = name.strip().upper()
    if level not in LEVELS:
        raise InputError(f"{label} is {name!r}: expected {', '.join(LEVELS[:-1])} or {LEVELS[-1]}")
    import logging  # slow to load, and most runs ask for no level

    return logging.getLevelNamesMapping()[level]


def requested_level(option: str | None) -> int | None:
    """Return the level that ``--log-level`` or LOG_LEVEL asks for; None if neither is given. Raises InputError."""
    if option is not None:
        return level_of(option, "--log-level")
    name = os.environ.get("LOG_LEVEL")
    return level_of(name, "LOG_LEVEL") if name else None


def show_log(level: int | None) -> None:
    """Write log records from that level on to standard error, also those of activities; None: leave ``logging`` alone.

    A workflow that has configured ``logging`` itself keeps its handlers, and gets the level.
    """
    if level is None:
        return
    import logging

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger().setLevel(level)
