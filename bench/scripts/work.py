"""The activities of every contender: they do nothing, or keep a core busy."""

from __future__ import annotations

import time


def nothing(number: int) -> int:
    """Do nothing, and return the argument."""
    return number


def burn(seconds: float) -> None:
    """Pure-Python work that takes this much CPU time, also on a busy machine."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
