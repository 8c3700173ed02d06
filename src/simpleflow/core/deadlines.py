"""When time does something to an execution: deadlines, the earliest first."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.records import Record, timeout

Deadline = tuple[float, int, str, str]
"""When (epoch seconds), an order, the kind of what is due, and its id."""

_FEW = 64
"""So many stay though they may be of no importance any longer."""


class Deadlines(list[Deadline]):
    """A heap of deadlines.

    Nearly all tasks end long before theirs, so those that do not ``matter`` any longer, by kind and id, are dropped as
    soon as they may be half of all.
    """

    def __init__(self, matters: Callable[[str, str], bool]) -> None:
        super().__init__()
        self._matters = matters
        self._order = 0
        self._most = _FEW

    def push(self, when: float, kind: str, id: str) -> None:
        """Add one."""
        self._order += 1
        heapq.heappush(self, (when, self._order, kind, id))
        if len(self) > self._most:
            self[:] = [each for each in self if self._matters(*each[2:])]
            heapq.heapify(self)
            self._most = max(_FEW, 2 * len(self))


def of_activity(record: Record, resumed_at: float) -> tuple[float, str] | None:
    """When an open activity times out next, and how; None if it never does.

    ``resumed_at``: nobody served its execution until then, so that its times begin anew.
    """
    scheduled: e.ActivityTaskScheduled = record.scheduled
    since = max(record.scheduled_at, resumed_at)
    due = _earlier(None, since, scheduled.schedule_to_close_timeout, "SCHEDULE_TO_CLOSE")
    if record.state == t.SCHEDULED:
        return _earlier(due, since, scheduled.schedule_to_start_timeout, "SCHEDULE_TO_START")
    started = max(record.started_at, resumed_at)
    due = _earlier(due, started, scheduled.start_to_close_timeout, "START_TO_CLOSE")
    return _earlier(due, max(started, record.beat_at), scheduled.heartbeat_timeout, "HEARTBEAT")


def of_timer(record: Record) -> float:
    """When an open timer fires."""
    return record.scheduled_at + float(record.scheduled.start_to_fire_timeout)


def _earlier(due: tuple[float, str] | None, since: float, text: str | None, kind: str) -> tuple[float, str] | None:
    """The earlier of two deadlines; the other one is so long after ``since``."""
    limit = timeout(text)
    if limit is None:
        return due
    found = (since + limit, kind)
    return found if due is None or found < due else due
