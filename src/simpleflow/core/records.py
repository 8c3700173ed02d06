"""What a history knows of one activity, timer or child."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow.core import events as e
from simpleflow.core import transitions as t

Key = tuple[str, Any]
"""A record: its kind (activity, timer, child, marker, signal, sent, relayed, cancel) and its id within that kind."""

RELAY = "simpleflow relays event "
"""How the ``control`` of a signal begins that passes on one that came in; the id of its event follows."""


class Record:
    """An activity, timer or child: the latest task of that id, and how those before it ended."""

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
    )

    def __init__(self, id: str) -> None:
        self.id = id
        self.state = t.NEW
        self.tries = 0
        self.failures: Sequence[e.Event] = ()  # every end that was not a success, in order
        self.scheduled: Any = None  # attributes of the event that scheduled, started or initiated it
        self.scheduled_id = 0
        self.scheduled_at = 0.0
        self.started_id = 0
        self.started_at = 0.0
        self.beat_at = 0.0
        self.beat_details: str | None = None
        self.run_id: str | None = None
        self.cancel_requested_id = 0
        self.closed: e.Event | None = None

    @property
    def open(self) -> bool:
        """Scheduled, started or initiated, and not ended."""
        return self.state in (t.SCHEDULED, t.STARTED, t.INITIATED)

    def begin(self, event: e.Event, state: str) -> None:
        self.state = state
        self.tries += 1
        self.scheduled = event.attributes
        self.scheduled_id = event.id
        self.scheduled_at = event.time
        self.started_id = 0
        self.beat_details = None
        self.cancel_requested_id = 0
        self.closed = None

    def end(self, event: e.Event, state: str) -> None:
        self.state = state
        self.closed = event
        if state not in (t.COMPLETED, t.FIRED):
            self.failures = [*self.failures, event]


def timeout(text: str | None) -> float | None:
    """Seconds of a duration on the wire; None for no limit."""
    return None if not text or text == "NONE" else float(text)
