"""Time-outs as errors: which limit it was, how long the task waited and ran, and the option that changes the limit.

All of it comes from the history, so that each evaluation says the same, and so do the commands that show a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow.core import events as e
from simpleflow.core.records import timeout
from simpleflow.exceptions import TimeoutError

_ABOUT_STEPS = "simpleflow.step."
"""How the names of the activities begin that read and write the marks of steps."""


def error(events: Sequence[e.Event], event: e.Event) -> TimeoutError:
    """The error of an activity or child that timed out.

    Args:
        events: those of the execution, from the first one on.
        event: the ActivityTaskTimedOut or ChildWorkflowExecutionTimedOut.
    """
    attributes: Any = event.attributes
    of_activity = isinstance(attributes, e.ActivityTaskTimedOut)
    asked = events[(attributes.scheduled_event_id if of_activity else attributes.initiated_event_id) - 1]
    started = events[attributes.started_event_id - 1] if 0 < attributes.started_event_id <= len(events) else None
    return between(asked, started, event)


def between(asked: e.Event, started: e.Event | None, event: e.Event) -> TimeoutError:
    """The same, from three events.

    Args:
        asked: the ActivityTaskScheduled or StartChildWorkflowExecutionInitiated.
        started: its start; None if it never started.
        event: as for ``error``.
    """
    scheduled: Any = asked.attributes
    kind: str = event.attributes.timeout_type  # type: ignore[attr-defined]
    begun = event if started is None else started
    ran = None if started is None else max(0.0, event.time - started.time)
    if isinstance(scheduled, e.ActivityTaskScheduled):
        parameter = f"{kind.lower()}_timeout"
        where = "get_step_activity_params" if scheduled.activity_type.name.startswith(_ABOUT_STEPS) else "the activity"
        limit, option = getattr(scheduled, parameter, None), f"{parameter} of {where}"
    else:
        limit, option = scheduled.execution_start_to_close_timeout, "execution_timeout of the workflow"
    seconds = timeout(limit)
    return TimeoutError(
        kind,
        None if seconds is None else int(seconds),
        queued=max(0.0, begun.time - asked.time),
        ran=ran,
        option=option,
    )


def of_execution(started: e.Event, event: e.Event) -> TimeoutError:
    """The error of an execution that timed out, from its first and last event."""
    attributes: Any = started.attributes
    limit = timeout(attributes.execution_start_to_close_timeout)
    kind: str = event.attributes.timeout_type  # type: ignore[attr-defined]
    return of_run(kind, None if limit is None else int(limit), event.time - started.time)


def of_run(kind: str, limit: int | None, ran: float) -> TimeoutError:
    """The same, from the kind of the time-out, the limit if it is known, and the seconds that the execution took."""
    option = "execution_timeout of the workflow or --execution-timeout"
    return TimeoutError(kind, limit, ran=max(0.0, ran), option=option)
