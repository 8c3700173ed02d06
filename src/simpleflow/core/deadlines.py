"""Deadlines: the times at which something happens to an execution unless an event comes first.

Theory of operation. A history keeps one heap of deadlines, the earliest first. ``of_activity`` and ``of_timer`` compute
a deadline from a record. The heap is only a list of times to check: ``service.expire`` decides what is due, and says
there who watches which time-out.

A deadline stays in the heap when its task ends. Nearly all tasks end long before their deadlines, so the heap would
fill with deadlines of ended tasks. ``push`` removes these whenever the heap has grown to twice the size that it had
after the last removal, so a push costs little on average and the heap is at most about twice what is open.

An activity has up to four limits, of which only the earliest counts:

    scheduled --(schedule to start)--> started --(heartbeat)--> heartbeat --(heartbeat)--> ...
    scheduled --(schedule to close)------------------------------------------------------> closed
                                       started --(start to close)------------------------> closed

If no process served the execution for a while, all of them count from ``resumed_at``, when one did again: activities
must not time out because their engine was switched off.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.records import Record, timeout

Deadline = tuple[float, int, str, str]
"""Time (epoch seconds), a number that keeps the order of pushes at equal times, the kind of what is due, its id."""

_ALWAYS_KEPT = 64
"""Heaps of at most this size are not searched for deadlines to remove."""


class Deadlines(list[Deadline]):
    """A heap of deadlines. ``is_current(kind, id)`` says if a deadline belongs to something that is still open."""

    def __init__(self, is_current: Callable[[str, str], bool]) -> None:
        super().__init__()
        self._is_current = is_current
        self._pushes = 0
        self._limit = _ALWAYS_KEPT

    def push(self, when: float, kind: str, id: str) -> None:
        """Add a deadline."""
        self._pushes += 1
        heapq.heappush(self, (when, self._pushes, kind, id))
        if len(self) > self._limit:
            self[:] = [each for each in self if self._is_current(*each[2:])]
            heapq.heapify(self)
            self._limit = max(_ALWAYS_KEPT, 2 * len(self))


def of_activity(record: Record, resumed_at: float) -> tuple[float, str] | None:
    """When an open activity times out next (epoch seconds), and its time-out type; None if it never does.

    ``resumed_at``: epoch seconds; limits that began before then count from then on. A started task that waits for
    another worker does no work and sends no heartbeats: these limits count from when that worker begins.
    """
    scheduled: e.ActivityTaskScheduled = record.scheduled
    since = max(record.scheduled_at, resumed_at)
    due = _earlier(None, since, scheduled.schedule_to_close_timeout, "SCHEDULE_TO_CLOSE")
    if record.state == t.SCHEDULED:
        return _earlier(due, since, scheduled.schedule_to_start_timeout, "SCHEDULE_TO_START")
    if record.waits_again:
        return due
    started = max(record.started_at, resumed_at)
    due = _earlier(due, started, scheduled.start_to_close_timeout, "START_TO_CLOSE")
    return _earlier(due, max(started, record.beat_at), scheduled.heartbeat_timeout, "HEARTBEAT")


def of_timer(record: Record) -> float:
    """When an open timer fires (epoch seconds)."""
    return record.scheduled_at + float(record.scheduled.start_to_fire_timeout)


def _earlier(due: tuple[float, str] | None, since: float, text: str | None, kind: str) -> tuple[float, str] | None:
    """The earlier of ``due`` and the deadline of ``kind`` that is ``text`` seconds after ``since``."""
    if text == "NONE":
        return due
    limit = timeout(text)
    if limit is None:
        return due
    other = (since + limit, kind)
    return other if due is None or other < due else due
