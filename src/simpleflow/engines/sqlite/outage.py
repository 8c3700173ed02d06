"""Waiting for a state folder that cannot be written for a while: its disk is full, or it is read-only.

A result that took hours would be lost if the run gave up at once. So the same transaction is tried again, with pauses,
until it succeeds or the time is over. Nothing else goes on meanwhile, since the run could not keep the results.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from simpleflow.exceptions import StateError
from simpleflow.state_folder.faults import THEN_AGAIN

T = TypeVar("T")

_PASSING = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0  # seconds


class Outage:
    """How long a process tries again to write.

    Args:
        seconds: so long; 0: it does not try again.
        report: called with a line of text when it begins to wait, and when it goes on.
    """

    def __init__(self, seconds: float = 0, report: Callable[[str], None] = lambda text: None) -> None:
        self._seconds = seconds
        self._report = report

    def outlast(self, write: Callable[[], T]) -> T:
        """Call ``write``, which writes everything or nothing, until it succeeds; returns its result.

        Raises StateError.
        """
        began: float | None = None
        pause = _FIRST_PAUSE
        while True:
            try:
                result = write()
            except StateError as error:
                now = time.monotonic()
                left = self._seconds - (now - (began or now))
                if not _may_pass(error) or left <= 0:
                    raise
                if began is None:
                    began = now
                    self._report(f"{str(error).removesuffix(THEN_AGAIN)}; trying again for {self._seconds:.0f} s")
                time.sleep(min(pause, left))
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                if began is not None:
                    self._report(f"the state folder works again, after {time.monotonic() - began:.0f} s")
                return result


def _may_pass(error: StateError) -> bool:
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _PASSING
