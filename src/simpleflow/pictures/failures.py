"""The failures in a run, with all facts about them in its events, for people who look for the cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow import values
from simpleflow.core import events as e
from simpleflow.core import timeouts
from simpleflow.named_tuple import NamedTuple
from simpleflow.source.source_lines import TRACEBACK, traceback_in
from simpleflow.step.constants import FAILED
from simpleflow.views.rows import AttemptRow, TaskRow
from simpleflow.views.run_view import RunView


class Told(NamedTuple):
    """A run of which a report tells, or a child of it."""

    view: RunView
    events: Sequence[e.Event]  # its whole history


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
    found: list[tuple[int, Failure]] = []
    for row in view.steps.values():
        if row.state == FAILED:
            task = view.first_failure(row.name)
            error = row.report.error or (reason_of(task, events) if task is not None else "")
            found.append((row.event_id, _failure(row.name, error, row.report.optional, task, events)))
    for each in view.of_kind(TaskRow):
        if each.step is None and each.failed and view.is_last_try(each):
            if isinstance(each, AttemptRow) and each.about_marks:
                continue
            found.append((each.end_id, _failure(None, reason_of(each, events), False, each, events)))
    return [failure for _, failure in sorted(found, key=lambda each: each[0])]


def _failure(step: str | None, error: str, optional: bool, task: TaskRow | None, events: Sequence[e.Event]) -> Failure:
    first: Any = events[task.event_id - 1].attributes if task is not None else None
    last: Any = events[task.end_id - 1].attributes if task is not None and task.end_id else None
    trace = traceback_of(getattr(last, "details", None))
    return Failure(step, error, optional, task, getattr(first, "input", None), trace)


def reason_of(task: TaskRow, events: Sequence[e.Event]) -> str:
    """Return why a task failed, as the last of its events says."""
    if not task.end_id:
        return ""
    ended = events[task.end_id - 1]
    last: Any = ended.attributes
    if isinstance(last, e.ActivityTaskTimedOut | e.ChildWorkflowExecutionTimedOut):
        start = events[task.start_id - 1] if task.start_id else None
        return str(timeouts.between(events[task.event_id - 1], start, ended))
    found = values.decode(getattr(last, "details", None)) if getattr(last, "details", None) else None
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        message = found.get("message")
        return f"{found['error']}: {message}" if message else str(found["error"])
    return str(getattr(last, "reason", None) or getattr(last, "cause", None) or "no reason was given")


def reason_of_run(events: Sequence[e.Event]) -> tuple[str, str]:
    """Return why a run ended badly, and its traceback; empty texts if it did not."""
    last: Any = events[-1].attributes if events else None
    if not isinstance(
        last,
        e.WorkflowExecutionFailed
        | e.WorkflowExecutionTimedOut
        | e.WorkflowExecutionTerminated
        | e.WorkflowExecutionCanceled,
    ):
        return "", ""
    if isinstance(last, e.WorkflowExecutionTimedOut):
        return str(timeouts.of_execution(events[0], events[-1])), ""
    reason = str(getattr(last, "reason", None) or "")
    return reason.replace("Cannot replay the workflow: ", ""), traceback_of(last.details)


def traceback_of(details: str | None) -> str:
    """Return the traceback in the details of a failure; empty if there is none."""
    if not details:
        return ""
    if found := traceback_in(details):
        return found
    plain = values.decode(details)
    return plain if isinstance(plain, str) and TRACEBACK in plain else ""
