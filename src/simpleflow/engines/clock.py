"""The clock of an engine: epoch seconds that no jump of the wall clock moves.

Theory of operation
-------------------
The wall clock jumps: a user sets it, a daemon corrects it, a virtual machine is resumed. Time-outs and timers of a
living process must not notice. So the wall clock is read once, when the clock is made; from then on the time is what
has elapsed since (CLOCK_BOOTTIME on Linux, which also runs while the machine sleeps; elsewhere the monotonic clock).

*Sleep.* Timers go by the time that has elapsed, so one that fell due while the machine slept fires when it wakes.
Activities slept too: no worker could work or send a heartbeat. ``asleep`` tells for how long, and the engine gives them
their full time again.

*Histories.* The times of a history never run backwards. If an execution is taken over whose history ends later than
the clock says, since the wall clock was set back meanwhile, ``not_before`` moves the clock ahead.
"""

from __future__ import annotations

import time

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

SLEEP_SECONDS = 2.0
"""A shorter sleep does not count: the two clocks are not read at the same moment."""


class Clock:
    """Call it for the time in epoch seconds."""

    def __init__(self) -> None:
        self._offset = time.time() - time.clock_gettime(_BOOTTIME)

    def __call__(self) -> float:
        return self._offset + time.clock_gettime(_BOOTTIME)

    def not_before(self, moment: float) -> None:
        """Move the clock ahead, if it is behind this time (epoch seconds)."""
        self._offset = max(self._offset, moment - time.clock_gettime(_BOOTTIME))

    @staticmethod
    def asleep() -> float:
        """Return for how many seconds the machine has slept since it was booted."""
        return time.clock_gettime(_BOOTTIME) - time.monotonic()
