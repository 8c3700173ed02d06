"""The exceptions that stand for the failures of activities and children."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow.core import events as e
from simpleflow.core import timeouts
from simpleflow.core.decider import refusals
from simpleflow.exceptions import TaskCanceled, TaskException, TaskFailed, TaskTerminated


def of_event(event: e.Event, name: str, events: Sequence[e.Event]) -> TaskException:
    """The exception that a future shows for this failure of its task.

    ``name``: of the activity or the child; ``events``: the history that the failure is in.
    """
    attributes: Any = event.attributes
    if isinstance(attributes, e.ActivityTaskTimedOut | e.ChildWorkflowExecutionTimedOut):
        return timeouts.error(events, event)
    if isinstance(attributes, e.ActivityTaskCanceled | e.ChildWorkflowExecutionCanceled):
        return TaskCanceled(attributes.details)
    if isinstance(attributes, e.ChildWorkflowExecutionTerminated):
        return TaskTerminated(f"{name} was terminated")
    if refusals.is_refusal(event):
        return TaskFailed(name, refusals.reason(attributes.cause))
    failed = TaskFailed(name, attributes.reason, attributes.details)
    failed.is_child = isinstance(attributes, e.ChildWorkflowExecutionFailed)
    return failed


def reason(exception: TaskException) -> str:
    """The text of an exception of a task, for the reason why the run failed."""
    return getattr(exception, "reason", None) or str(exception)
