"""Records: what a history knows of one activity, timer or child."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow.core import events as e
from simpleflow.core import transitions as t

Key = tuple[str, Any]
"""Names a record: its kind (activity, timer, child, marker, signal, sent, relayed, cancel) and its id in that kind."""

RELAY = "simpleflow relays event "
"""Prefix of the ``control`` of a signal that passes on another signal; the event id of the other signal follows."""


class Record:
    """An activity, timer or child: the latest task of that id, and the failures of all tasks of that id."""

    __slots__ = (
        "beat_at",
        "beat_details",
        "cancel_requested_id",
        "closed",
        "failures",
        "id",
        "run_id",
        "scheduled",
        "scheduled_at",
        "scheduled_id",
        "started_at",
        "started_id",
        "state",
        "tries",
        "waits_again",
    )

    def __init__(self, id: str) -> None:
        self.id = id  # activity id, timer id, or workflow id of the child
        self.state = t.NEW  # of the latest task, by the table of its kind in ``transitions``
        self.tries = 0  # tasks of this id so far
        self.failures: Sequence[e.Event] = ()  # every end that was not a success, in order
        self.scheduled: Any = None  # attributes of the event that scheduled, started or initiated the latest task
        self.scheduled_id = 0  # id of that event
        self.scheduled_at = 0.0  # epoch seconds of that event
        self.started_id = 0  # event id; 0 before an activity or child has started
        self.started_at = 0.0  # epoch seconds; of an activity
        self.beat_at = 0.0  # epoch seconds of the latest heartbeat, or of the start
        self.waits_again = False  # an activity that has started, but no worker has it any longer
        self.beat_details: str | None = None  # of the latest heartbeat
        self.run_id: str | None = None  # of a child that has started
        self.cancel_requested_id = 0  # event id of ActivityTaskCancelRequested; 0 without one
        self.closed: e.Event | None = None  # the event that ended the latest task

    @property
    def open(self) -> bool:
        """True if the task is scheduled, started or initiated, and has not ended."""
        return self.state in (t.SCHEDULED, t.STARTED, t.INITIATED)

    def begin(self, event: e.Event, state: str) -> None:
        """A task of this id begins with ``event``, in ``state``."""
        self.state = state
        self.tries += 1
        self.scheduled = event.attributes
        self.scheduled_id = event.id
        self.scheduled_at = event.time
        self.started_id = 0
        self.waits_again = False
        self.beat_details = None
        self.cancel_requested_id = 0
        self.closed = None

    def end(self, event: e.Event, state: str) -> None:
        """The task ends with ``event``, in ``state``."""
        self.state = state
        self.closed = event
        if state not in (t.COMPLETED, t.FIRED):
            self.failures = [*self.failures, event]


def timeout(text: str | None) -> float | None:
    """Seconds of a duration as SWF writes it (``"60"``, ``"NONE"``); None for no limit."""
    return None if not text or text == "NONE" else float(text)
