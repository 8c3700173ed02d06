"""The failures in a run, with all facts about them in its events, for people who look for the cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow.core import events as e
from simpleflow.named_tuple import NamedTuple
from simpleflow.step.constants import FAILED
from simpleflow.views.causes import failed_tasks, of_task
from simpleflow.views.event_of import EventOf, in_history
from simpleflow.views.rows import AttemptRow, TaskRow
from simpleflow.views.run_view import RunView


class ShownRun(NamedTuple):
    """A run that a report shows, or a child of it."""

    view: RunView
    events: Sequence[e.Event]  # its whole history

    @property
    def type_name(self) -> str:
        """The name of its workflow type."""
        started: Any = self.events[0].attributes
        return str(started.workflow_type.name)


class Failure(NamedTuple):
    """A step, or an activity outside of steps, that failed."""

    step: str | None
    error: str  # why, as the step's marker or the activity's failure says
    optional: bool  # the step may fail
    task: TaskRow | None  # the activity or child that failed it, in its last try
    input: str | None  # of this task
    traceback: str  # may be empty


def failures_of(view: RunView, events: Sequence[e.Event]) -> list[Failure]:
    """Return the failures in a run, in their order: of its steps, and of tasks outside of steps."""
    event = in_history(events)
    found: list[tuple[int, Failure]] = []
    for row in view.steps.values():
        if row.state == FAILED:
            failure = _failure(row.name, row.report.optional, view.first_failure(row.name), event)
            found.append((row.event_id, failure._replace(error=row.report.error or failure.error)))
    outside = (task for task in failed_tasks(view) if task.step is None)
    found += [
        (task.end_id, _failure(None, False, task, event))
        for task in outside
        if not (isinstance(task, AttemptRow) and task.about_marks)
    ]
    return [failure for _, failure in sorted(found, key=lambda each: each[0])]


def _failure(step: str | None, optional: bool, task: TaskRow | None, event: EventOf) -> Failure:
    if task is None:
        return Failure(step, "", optional, None, None, "")
    cause = of_task(task, event)
    given = getattr(event(task.event_id).attributes, "input", None)
    return Failure(step, cause.reason or "no reason was given", optional, task, given, cause.traceback)
