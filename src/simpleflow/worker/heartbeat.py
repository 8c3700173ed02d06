"""Signs of life for one activity task, and what the service says to them."""

from __future__ import annotations

import logging
import time

from simpleflow.engines.base import ActivitySource
from simpleflow.exceptions import UnknownResource
from simpleflow.worker.poller import Pause, is_passing
from simpleflow.worker.process import Bounds

log = logging.getLogger(__name__)

GOES_ON = "goes on"
CANCEL = "cancel"
GONE = "gone"

_LEAST_SECONDS = 0.05
_AGAIN_SECONDS = 1.0
_AFTER_SECONDS = 0.2  # after a time-out the service is asked whether it thinks so too


class Heartbeat:
    """When to give a sign of life for a task, and giving it.

    The service's clock decides whether a task has run out of time: when it should have, the service is asked, and says
    UnknownResource.

    Args:
        source: where the task comes from.
        token: of the task.
        every: seconds between two, at most.
        limit: heartbeat time-out of the task in seconds, if it is known.
    """

    def __init__(self, source: ActivitySource, token: str, every: float, limit: float | None = None) -> None:
        self._source = source
        self._token = token
        self._begun = time.monotonic()
        self._end: float | None = None
        self._every = every
        self._pause = Pause()
        self._bound_by(limit)
        self._next = self._begun + self._every

    def bound(self, bounds: Bounds) -> None:
        """Take in what is known of the task's time-outs: at most half of one passes between two signs of life."""
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
        """How long it is until the next one is due; 0 if it is."""
        return max(0.0, self._next - time.monotonic())

    def beat(self) -> str:
        """Give one; returns GOES_ON, CANCEL if the task is to be stopped, or GONE if it is open no longer."""
        try:
            cancel = self._source.record_activity_task_heartbeat(self._token)
        except UnknownResource:
            return GONE
        except Exception as error:  # noqa: BLE001 (one that is missed is made up for by the next)
            if not is_passing(error):
                log.warning("heartbeat failed: %s", error)
            self._next = time.monotonic() + min(self._pause.next(), self._every)
            return GOES_ON
        self._pause.reset()
        now = time.monotonic()
        self._next = now + self._every
        if self._end is not None and self._end > now:
            self._next = min(self._next, self._end)
        elif self._end is not None:  # it should have run out of time by now
            self._next = now + min(self._every, _AGAIN_SECONDS)
        return CANCEL if cancel else GOES_ON
