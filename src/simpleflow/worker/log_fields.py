"""The fields of each log record: the workflow, the run and the activity that this process works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

from simpleflow.engines.base import ActivityTask, DecisionTask

_thread = local()  # no context variable: the fibers of a workflow do not share those
_performed: ActivityTask | None = None  # by this process, for all threads of it


def of_activity(task: ActivityTask) -> dict[str, Any]:
    """The fields of an activity task. On Amazon SWF, the attempt is the id of its ActivityTaskStarted."""
    attempt = task.tries if task.started_event_id is None else task.started_event_id
    ids = {"workflow": task.workflow_id, "run": task.run_id}
    return ids | {"activity": task.name, "activity_id": task.activity_id, "attempt": attempt}


def of_decision(task: DecisionTask) -> dict[str, Any]:
    """The fields of a decision task."""
    return {"workflow": task.workflow_id, "run": task.run_id, "workflow_type": task.name}


@contextmanager
def about(task: ActivityTask | DecisionTask) -> Iterator[None]:
    """A block whose records are about a task."""
    with of(of_activity(task) if isinstance(task, ActivityTask) else of_decision(task)):
        yield


@contextmanager
def of(fields: dict[str, Any] | None) -> Iterator[None]:
    """A block whose records have these fields."""
    before = getattr(_thread, "fields", None)
    _thread.fields = fields
    try:
        yield
    finally:
        _thread.fields = before


def performs(task: ActivityTask | None) -> None:
    """This process performs an activity from now on; None: it does not any more."""
    global _performed
    _thread.fields = None  # that the owner of this process had when it forked
    _performed = task


def current() -> dict[str, Any]:
    """The fields for a record that is written now; empty if it is about no task."""
    if fields := getattr(_thread, "fields", None):
        return dict(fields)
    task = _performed  # read once: another thread may end it
    return {} if task is None else of_activity(task)
