"""Pauses between two looks at something that is to happen in another process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

_SHORTEST = 0.01
_LONGEST = 0.1


def pauses(seconds: float) -> Iterator[bool]:
    """Yield True for each look, and False for the last one, which is after so many seconds; sleep in between.

    Each pause is as long as the look before it, so that looks, such as a command, leave the processor to what they wait
    for. All pauses together delay the end by a twentieth at most, or by a hundredth of a second.
    """
    begun = looked = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        yield True
        now = time.monotonic()
        pause = min(_LONGEST, max(_SHORTEST, now - looked, passed / 20))
        time.sleep(pause)
        looked = time.monotonic()
    yield False


def wait_for(condition: Callable[[], Any], what: str = "it", seconds: float = 20) -> Any:
    """Wait until the condition is true, and return its value. Fails with ``what`` after so many seconds."""
    for left in pauses(seconds):
        if found := condition():
            return found
        assert left, f"waited in vain for {what}"
    raise AssertionError
