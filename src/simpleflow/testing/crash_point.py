"""When a crash comes, as a test gives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpleflow.core import events as e
from simpleflow.engines.run import Run
from simpleflow.testing.script import names_of

CrashAfter = int | str | Callable[[e.Event], bool] | None
"""When a crash comes: see ``WorkflowRunner.run``."""


def crash_point(after: CrashAfter) -> Callable[[int, Run, e.Event], bool] | None:
    """Return the function that says if a crash comes after an event; None if none comes.

    It takes the number of events kept so far, the run and its latest event.
    """
    if after is None:
        return None
    if isinstance(after, int):
        return lambda kept, run, event: kept >= after
    if not isinstance(after, str):
        return lambda kept, run, event: after(event)
    if after in e.EVENT_TYPES:
        return lambda kept, run, event: event.type == after
    return lambda kept, run, event: after in _ended_by(run, event)


def _ended_by(run: Run, event: e.Event) -> tuple[str, ...]:
    """The names of the activity that an event has ended; none if it has ended none."""
    ends = e.ActivityTaskCompleted | e.ActivityTaskFailed | e.ActivityTaskTimedOut | e.ActivityTaskCanceled
    if not isinstance(event.attributes, ends):
        return ()
    scheduled: Any = run.history.events[event.attributes.scheduled_event_id - 1].attributes
    return names_of(scheduled.activity_id, scheduled.activity_type.name)
