"""What every contender's activities do: nothing, or keep a core busy."""

from __future__ import annotations

import time


def nothing(number: int) -> int:
    """A no-op that returns something."""
    return number


def burn(seconds: float) -> None:
    """Pure-Python work that takes so much CPU time, however busy the machine is."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
