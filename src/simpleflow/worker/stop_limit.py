"""For how long a worker that is to stop goes on with its task."""

from __future__ import annotations

import logging
import math
import time

from simpleflow.worker.stopping import Stopping

log = logging.getLogger(__name__)


class StopLimit:
    """Says when a task is to be given up, since a stop was requested some time ago. Logs what the process waits for.

    Args:
        stopping: knows if a stop was requested.
        seconds: so long after the request a task may go on; None for as long as it takes.
    """

    def __init__(self, stopping: Stopping, seconds: float | None) -> None:
        self._stopping = stopping
        self._seconds = math.inf if seconds is None else seconds
        self._logged = False

    @property
    def left(self) -> float:
        """Seconds for which a task may go on; infinity as long as no stop is requested."""
        since = self._stopping.requested_at
        return math.inf if since is None else max(0.0, since + self._seconds - time.monotonic())

    def is_over(self, label: str) -> bool:
        """True if the task is to be given up. ``label`` names it for the log."""
        if not self._stopping.requested():
            return False
        if not self._logged:
            self._logged = True
            if math.isinf(self._seconds):
                until = "for as long as it takes"
            else:
                clock = time.strftime("%H:%M:%S", time.localtime(time.time() + self.left))
                until = f"until {clock} at most, in {self.left:.0f} s; then it is failed"
            log.info("a stop was requested: waits for %s %s", label, until)
        return self.left <= 0
