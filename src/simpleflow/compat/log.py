"""``simpleflow.log`` of the existing library. Use ``logging`` instead; the commands write their log by themselves."""

from __future__ import annotations

import logging
import os

RED = "\033[91m"
GREEN = "\033[92m"
YELLOW = "\033[93m"
BLUE = "\033[94m"
ORANGE = "\033[38;5;214m"
END = "\033[0m"

logger = logging.getLogger("simpleflow.runtime")

_COLORS = {"DEBUG": BLUE, "INFO": GREEN, "WARNING": ORANGE, "ERROR": RED, "CRITICAL": RED}


def colorize(level: str, message: str) -> str:
    """The message in the colour of a level."""
    color = _COLORS.get(level.upper())
    return message if color is None else f"{color}{message}{END}"


def setup_logging() -> None:
    """Write log records from the level LOG_LEVEL on to standard error."""
    logging.basicConfig(level=(os.environ.get("LOG_LEVEL") or "INFO").upper())
