"""The event of a failure as ``on_task_failure`` gets it: the event, and a dict such as the existing library gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow.call_task import Task
from simpleflow.core import events as e
from simpleflow.core.history import History
from simpleflow.exceptions import TaskException
from simpleflow.failure_context import TaskFailureContext
from simpleflow.futures import Future

_STATES: dict[type, str] = {
    e.ActivityTaskFailed: "failed",
    e.ActivityTaskTimedOut: "timed_out",
    e.ActivityTaskCanceled: "cancelled",
    e.ScheduleActivityTaskFailed: "schedule_failed",
    e.ChildWorkflowExecutionFailed: "failed",
    e.ChildWorkflowExecutionTimedOut: "timed_out",
    e.ChildWorkflowExecutionCanceled: "canceled",
    e.ChildWorkflowExecutionTerminated: "terminated",
    e.StartChildWorkflowExecutionFailed: "start_failed",
}


class FailedEvent(dict[str, Any]):
    """The failure of a task, as an event and as a dict of what led to it.

    Its items are named as in the existing library: ``event["state"]``, ``event.get("started_id")``. Times are epoch
    seconds. Its attributes are those of the event, see ``core.events.Event``.

    Args:
        event: the failure.
        events: of the execution.
        retry: the number of failures before this one.
    """

    def __init__(self, event: e.Event, events: Sequence[e.Event], retry: int) -> None:
        super().__init__(_items(event, events, retry))
        self._event = event

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._event, name)


def context(
    task: Task, id: str, event: e.Event, history: History, failures: int, exception: TaskException, future: Future
) -> TaskFailureContext:
    """The argument of ``on_task_failure`` for one failure of a task, which had ``failures`` of them before."""
    return TaskFailureContext(
        a_task=task,
        task_name=task.name,
        exception=exception,
        retry_count=failures,
        id=id,
        event=FailedEvent(event, history.events, failures),
        history=history,
        reason=getattr(exception, "reason", None) or str(exception),
        details=getattr(exception, "details", None),
        future=future,
    )


def _items(event: e.Event, events: Sequence[e.Event], retry: int) -> dict[str, Any]:
    attributes: Any = event.attributes
    state = _STATES.get(type(attributes), event.type)
    begun = getattr(attributes, "scheduled_event_id", 0) or getattr(attributes, "initiated_event_id", 0)
    found = _scheduled(events[begun - 1]) if begun else _refused(attributes)
    started_id = getattr(attributes, "started_event_id", 0)
    if started_id:
        started = events[started_id - 1]
        found |= {"started_id": started_id, "started_timestamp": started.time}
        if isinstance(started.attributes, e.ActivityTaskStarted):
            found["identity"] = started.attributes.identity
        elif isinstance(started.attributes, e.ChildWorkflowExecutionStarted):
            execution = started.attributes.workflow_execution
            found |= {"workflow_id": execution.workflow_id, "run_id": execution.run_id}
    for name in ("reason", "details", "cause", "timeout_type"):
        if hasattr(attributes, name):
            found[name] = getattr(attributes, name)
    if (limit := found.get("timeout_type")) is not None and begun:
        found["timeout_value"] = getattr(events[begun - 1].attributes, f"{limit.lower()}_timeout", None)
    return found | {"state": state, f"{state}_id": event.id, f"{state}_timestamp": event.time, "retry": retry}


def _scheduled(event: e.Event) -> dict[str, Any]:
    """The items about the event that has scheduled an activity, or initiated a child."""
    attributes: Any = event.attributes
    if not isinstance(attributes, e.ActivityTaskScheduled | e.StartChildWorkflowExecutionInitiated):
        return {}  # a history that is not as expected
    if isinstance(attributes, e.ActivityTaskScheduled):
        begun = {"scheduled_id": event.id, "scheduled_timestamp": event.time}
    else:
        begun = {"initiated_event_id": event.id, "initiated_event_timestamp": event.time}
    return (
        _task(attributes)
        | begun
        | {
            "input": attributes.input,
            "control": attributes.control,
            "task_list": attributes.task_list.name,
            "decision_task_completed_event_id": attributes.decision_task_completed_event_id,
        }
    )


def _refused(attributes: Any) -> dict[str, Any]:
    """The items about a task that the service has not accepted."""
    is_known = isinstance(attributes, e.ScheduleActivityTaskFailed | e.StartChildWorkflowExecutionFailed)
    return _task(attributes) if is_known else {}


def _task(attributes: Any) -> dict[str, Any]:
    if hasattr(attributes, "activity_id"):
        kind, id, type = "activity", attributes.activity_id, attributes.activity_type
    else:
        kind, id, type = "child_workflow", attributes.workflow_id, attributes.workflow_type
    return {"type": kind, "id": id, "name": type.name, "version": type.version}
