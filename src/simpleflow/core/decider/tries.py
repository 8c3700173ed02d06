"""When the tries of an activity or child were scheduled, started and ended, from its record. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from simpleflow.core import events as e
from simpleflow.core.records import Record


def type_name(record: Record | None) -> str | None:
    """The name of the activity or workflow type of a task; None if nothing is recorded."""
    scheduled = record.scheduled if record is not None else None
    kind = getattr(scheduled, "activity_type", None) or getattr(scheduled, "workflow_type", None)
    return None if kind is None else str(kind.name)


def of_record(events: Sequence[e.Event], record: Record | None) -> Iterator[tuple[float, float | None, float | None]]:
    """Yield when each try was scheduled, started and ended, in epoch seconds; None: not yet, or never."""
    if record is None:
        return
    for failure in record.failures:
        a: Any = failure.attributes
        first = getattr(a, "scheduled_event_id", None) or getattr(a, "initiated_event_id", None)
        if first:  # nothing was scheduled by a decision that the service refused
            started = getattr(a, "started_event_id", 0)
            yield events[first - 1].time, events[started - 1].time if started else None, failure.time
    if record.scheduled_id and (record.closed is None or record.closed not in record.failures[-1:]):
        started_at = events[record.started_id - 1].time if record.started_id else None
        yield record.scheduled_at, started_at, None if record.closed is None else record.closed.time
