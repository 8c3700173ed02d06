"""Why activities, children and runs ended badly: the reason and the traceback, as their events say.

The page reads these events one by one from where they are kept; a report has the whole history at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpleflow import values
from simpleflow.core import events as e
from simpleflow.core import timeouts, transitions
from simpleflow.named_tuple import NamedTuple
from simpleflow.source.source_lines import TRACEBACK, traceback_in
from simpleflow.views.event_of import EventOf
from simpleflow.views.rows import TaskRow
from simpleflow.views.run_view import RunView

Restore = Callable[[str | None], str | None]
"""Gives the text of a field; on Amazon SWF a long one may be kept elsewhere."""


class Cause(NamedTuple):
    """Why something ended badly. Both are empty if nothing is known."""

    reason: str
    traceback: str


NONE = Cause("", "")


def of_task(task: TaskRow, event: EventOf, restore: Restore = lambda text: text) -> Cause:
    """Why a try of an activity, or a child, ended badly; ``NONE`` if it has not ended."""
    if not task.end_id:
        return NONE
    ended = event(task.end_id)
    last: Any = ended.attributes
    if isinstance(last, e.ActivityTaskTimedOut | e.ChildWorkflowExecutionTimedOut):
        start = event(task.start_id) if task.start_id else None
        return Cause(str(timeouts.between(event(task.event_id), start, ended)), "")
    details = restore(getattr(last, "details", None))
    found = values.decode(details) if details else None
    reason = getattr(last, "reason", None) or getattr(last, "cause", None) or ""
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        message = found.get("message")
        reason = f"{found['error']}: {message}" if message else found["error"]
    return Cause(str(reason), traceback_of(details))


def of_run(view: RunView, event: EventOf, restore: Restore = lambda text: text) -> Cause:
    """Why a run ended badly; ``NONE`` if it did not."""
    if not view.closed or view.state in (transitions.COMPLETED, transitions.CONTINUED_AS_NEW):
        return NONE
    closed = event(view.closed_id)
    last: Any = closed.attributes
    if isinstance(last, e.WorkflowExecutionTimedOut):
        return Cause(str(timeouts.of_execution(event(1), closed)), "")
    reason = str(getattr(last, "reason", None) or "")
    return Cause(reason.replace("Cannot replay the workflow: ", ""), traceback_of(restore(last.details)))


def failed_tasks(view: RunView) -> list[TaskRow]:
    """The activities and children whose last try failed, in the order of their ends."""
    last = {(task.kind, task.id): task for task in view.of_kind(TaskRow)}
    return sorted((task for task in last.values() if task.failed), key=lambda task: task.end_id)


def traceback_of(details: str | None) -> str:
    """The traceback in the details of a failure; empty if there is none."""
    if not details:
        return ""
    if found := traceback_in(details):
        return found
    plain = values.decode(details)
    return plain if isinstance(plain, str) and TRACEBACK in plain else ""
