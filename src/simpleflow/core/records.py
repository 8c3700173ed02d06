"""Records: the state of one activity, timer or child in a history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow.core import events as e
from simpleflow.core import transitions as t

Key = tuple[str, Any]
"""Names a record: its kind (activity, timer, child, marker, signal, sent, relayed, cancel) and its id in that kind."""

RELAY = "simpleflow relays event "
"""Prefix of the ``control`` of a signal that passes on another signal; the event id of the other signal follows."""


_OPEN = frozenset({t.SCHEDULED, t.STARTED, t.INITIATED})


class Record:
    """An activity, timer or child: the latest task of that id, and the failures of all tasks of that id.

    Of a task that has ended it keeps no content, but the ids of its events. ``events``: those of the execution.
    """

    __slots__ = (
        "_events",
        "_scheduled",
        "beat_at",
        "beat_details",
        "cancel_requested_id",
        "closed_at",
        "closed_id",
        "failures",
        "first_started_at",
        "id",
        "run_id",
        "scheduled_at",
        "scheduled_id",
        "started_at",
        "started_id",
        "state",
        "tries",
        "type_name",
        "waits_again",
    )

    def __init__(self, id: str, events: Sequence[e.Event]) -> None:
        self._events = events
        self.id = id  # activity id, timer id, or workflow id of the child
        self.state = t.NEW  # of the latest task, by the table of its kind in ``transitions``
        self.tries = 0  # tasks of this id so far
        self.failures: Sequence[e.Event] = ()  # every end that was not a success, in order
        self.type_name: str | None = None  # of the activity or the child that was scheduled or initiated last
        self._scheduled: Any = None  # attributes of the event that scheduled the latest task, while that is open
        self.scheduled_id = 0  # id of the event that scheduled, started or initiated the latest task
        self.scheduled_at = 0.0  # epoch seconds of that event
        self.started_id = 0  # event id; 0 before an activity or child has started
        self.started_at = 0.0  # epoch seconds; of an activity that is open
        self.first_started_at = 0.0  # epoch seconds of the event that started the latest task
        self.closed_at = 0.0  # epoch seconds of the event that ended it
        self.beat_at = 0.0  # epoch seconds of the latest heartbeat, or of the start
        self.waits_again = False  # an activity that has started, but no worker has it any longer
        self.beat_details: str | None = None  # of the latest heartbeat
        self.run_id: str | None = None  # of a child that has started
        self.cancel_requested_id = 0  # event id of ActivityTaskCancelRequested; 0 without one
        self.closed_id = 0  # id of the event that ended the latest task; 0 while it is open

    @property
    def open(self) -> bool:
        """True if the task is scheduled, started or initiated, and has not ended."""
        return self.state in _OPEN

    @property
    def scheduled(self) -> Any:
        """Attributes of the event that scheduled, started or initiated the latest task; None before there is one."""
        if self._scheduled is None and self.scheduled_id:
            return self._events[self.scheduled_id - 1].attributes
        return self._scheduled

    @property
    def first_scheduled(self) -> Any:
        """Attributes of the event that scheduled or initiated the first task of several; None if none was tried again.

        A task that the service has refused does not count.
        """
        for failure in self.failures:
            attributes: Any = failure.attributes
            id = getattr(attributes, "scheduled_event_id", 0) or getattr(attributes, "initiated_event_id", 0)
            if id and id != self.scheduled_id:
                return self._events[id - 1].attributes
        return None

    @property
    def closed(self) -> e.Event | None:
        """The event that ended the latest task; None while it is open."""
        return self._events[self.closed_id - 1] if self.closed_id else None

    def begin(self, event: e.Event, state: str) -> None:
        """A task of this id begins with ``event``, in ``state``."""
        self.state = state
        self.tries += 1
        self._scheduled = event.attributes
        self.scheduled_id = event.id
        self.scheduled_at = event.time
        self.started_id = 0
        self.waits_again = False
        self.beat_details = None
        self.cancel_requested_id = 0
        self.closed_id = 0

    def end(self, event: e.Event, state: str) -> None:
        """The task ends with ``event``, in ``state``."""
        self.state = state
        self.closed_id = event.id
        self.closed_at = event.time
        self._scheduled = None
        self.started_at = self.beat_at = 0.0
        if state not in (t.COMPLETED, t.FIRED):
            self.failures = [*self.failures, event]


def timeout(text: str | None) -> float | None:
    """Seconds of a duration as SWF writes it (``"60"``, ``"NONE"``); None for no limit."""
    return None if not text or text == "NONE" else float(text)
