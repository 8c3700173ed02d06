"""The heartbeats of one activity task, and the service's replies to them."""

from __future__ import annotations

import logging
import math
import time

from simpleflow.engines.base import ActivitySource
from simpleflow.exceptions import UnknownResource
from simpleflow.worker.poller import Pause, is_passing
from simpleflow.worker.process import Bounds

log = logging.getLogger(__name__)

GOES_ON = "goes on"
CANCEL = "cancel"
GONE = "gone"

_LEAST_SECONDS = 0.05  # between two heartbeats
_AGAIN_SECONDS = 1.0  # between two heartbeats after the task should have timed out
_AFTER_SECONDS = 0.2  # from the time at which a task times out to the heartbeat that checks it


class Heartbeat:
    """Sends the heartbeats of a task, and knows when the next one is due.

    The service's clock decides whether a task has timed out. So when it should have, a heartbeat is sent; for a task
    that has timed out the service replies with UnknownResource.

    Args:
        source: where the task comes from.
        token: of the task.
        every: seconds between two heartbeats, at most; 0 for no limit but that of the task's time-out.
        limit: heartbeat time-out of the task in seconds, if it is known.
    """

    def __init__(self, source: ActivitySource, token: str, every: float, limit: float | None = None) -> None:
        self._source = source
        self._token = token
        self._begun = time.monotonic()
        self._end: float | None = None  # monotonic time at which the task should have timed out
        self._every = every or math.inf
        self._pause = Pause()
        self._bound_by(limit)
        self._next = self._begun + self._every

    def bound(self, bounds: Bounds) -> None:
        """Use the task's time-outs: at most half of the heartbeat time-out passes between two heartbeats."""
        self._bound_by(bounds.heartbeat)
        self._next = min(self._next, self._begun + self._every)
        if bounds.start_to_close is not None:
            self._end = self._begun + bounds.start_to_close + _AFTER_SECONDS
            self._next = min(self._next, max(self._end, time.monotonic()))

    def _bound_by(self, limit: float | None) -> None:
        if limit is not None:
            self._every = max(_LEAST_SECONDS, min(self._every, limit / 2))

    @property
    def wait_seconds(self) -> float:
        """Seconds until the next heartbeat is due; 0 if it is due now."""
        return max(0.0, self._next - time.monotonic())

    def beat(self) -> str:
        """Send one; returns GOES_ON, CANCEL if the task is to be cancelled, or GONE if it is not open any longer."""
        try:
            cancel = self._source.record_activity_task_heartbeat(self._token)
        except UnknownResource:
            return GONE
        except Exception as error:  # noqa: BLE001 (the next heartbeat makes up for a lost one)
            if not is_passing(error):
                log.warning("heartbeat failed: %s", error)
            self._next = time.monotonic() + min(self._pause.next(), self._every)
            return GOES_ON
        self._pause.reset()
        now = time.monotonic()
        self._next = now + self._every
        if self._end is not None and self._end > now:
            self._next = min(self._next, self._end)
        elif self._end is not None:  # the task should have timed out by now
            self._next = now + min(self._every, _AGAIN_SECONDS)
        return CANCEL if cancel else GOES_ON
