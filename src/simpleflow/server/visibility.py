"""Summaries of executions, for the operations that list, count and describe them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from simpleflow.core import events as e
from simpleflow.core.history import History
from simpleflow.server import faults

_FILTERS = ("executionFilter", "typeFilter", "tagFilter", "closeStatusFilter")


@dataclass(frozen=True)
class Summary:
    """The visible state of an execution. Times are epoch seconds."""

    workflow_id: str
    run_id: str
    started: e.WorkflowExecutionStarted
    started_at: float
    close_status: str | None  # None: it is open
    closed_at: float | None
    cancel_requested: bool
    context: str | None  # the execution context that the latest decision set
    activity_at: float | None  # when the latest activity task was scheduled

    @classmethod
    def of(cls, workflow_id: str, run_id: str, history: History) -> Summary:
        """Summarise an execution in its present state."""
        closed = history.closed
        return cls(
            workflow_id,
            run_id,
            history.started,
            history.events[0].time,
            history.state.upper() if closed else None,
            closed.time if closed else None,
            history.cancel_requested and closed is None,  # SWF reports it for open executions only
            history.execution_context,
            history.activities.last_scheduled_at(),
        )

    @property
    def info(self) -> dict[str, Any]:
        """SWF's ``WorkflowExecutionInfo``."""
        started = self.started
        info: dict[str, Any] = {
            "cancelRequested": self.cancel_requested,
            "execution": execution(self.workflow_id, self.run_id),
            "executionStatus": "CLOSED" if self.close_status else "OPEN",
            "startTimestamp": round(self.started_at, 3),
            "workflowType": {"name": started.workflow_type.name, "version": started.workflow_type.version},
        }
        if self.close_status and self.closed_at is not None:
            info |= {"closeStatus": self.close_status, "closeTimestamp": round(self.closed_at, 3)}
        if started.parent_workflow_execution is not None:
            parent = started.parent_workflow_execution
            info["parent"] = execution(parent.workflow_id, parent.run_id)
        if started.tag_list:
            info["tagList"] = [tag for tag in started.tag_list if tag is not None]
        return info

    @property
    def configuration(self) -> dict[str, Any]:
        """SWF's ``WorkflowExecutionConfiguration``."""
        started = self.started
        configuration = {
            "childPolicy": started.child_policy,
            "executionStartToCloseTimeout": started.execution_start_to_close_timeout,
            "taskList": {"name": started.task_list.name},
            "taskStartToCloseTimeout": started.task_start_to_close_timeout,
            "taskPriority": started.task_priority,
            "lambdaRole": started.lambda_role,
        }
        return {name: value for name, value in configuration.items() if value is not None}


def execution(workflow_id: str, run_id: str) -> dict[str, str]:
    """SWF's ``WorkflowExecution``."""
    return {"runId": run_id, "workflowId": workflow_id}


def open_counts(history: History | None) -> dict[str, int]:
    """Return SWF's ``WorkflowExecutionOpenCounts``. ``history`` is None for a closed execution."""
    if history is None:
        return dict.fromkeys(_COUNTS, 0)
    children = len(history.tasks) - history.open_activities
    decisions = int(history.deciding or history.decision_pending)
    return dict(zip(_COUNTS, (history.open_activities, decisions, history.open_timers, children, 0), strict=True))


_COUNTS = (
    "openActivityTasks",
    "openDecisionTasks",
    "openTimers",
    "openChildWorkflowExecutions",
    "openLambdaFunctions",
)


def select(summaries: Iterable[Summary], request: dict[str, Any], closed: bool) -> list[Summary]:
    """Return the summaries that match the filters, the latest first (last with ``reverseOrder``).

    Raises Fault for filters that exclude each other.
    """
    given = [name for name in _FILTERS if request.get(name)]
    if len(given) > 1:
        raise faults.refused(f"{given[0]} and {given[1]} are mutually exclusive; specify at most one filter")
    by_start, by_close = request.get("startTimeFilter"), request.get("closeTimeFilter")
    if closed and bool(by_start) == bool(by_close):
        raise faults.refused("Exactly one of startTimeFilter and closeTimeFilter must be specified")
    tests = [_FILTER[name](request[name]) for name in given]
    times = by_close or by_start or {}
    oldest, latest = times.get("oldestDate"), times.get("latestDate")

    def when(each: Summary) -> float:
        return round((each.closed_at or 0.0) if by_close else each.started_at, 3)

    found = [
        each
        for each in summaries
        if (oldest is None or when(each) >= oldest)
        and (latest is None or when(each) <= latest)
        and all(test(each) for test in tests)
    ]
    found.reverse()  # of executions with the same time, those that began later come first, too
    found.sort(key=when, reverse=True)
    if request.get("reverseOrder"):
        found.reverse()
    return found


def _by_type(given: dict[str, Any]) -> Callable[[Summary], bool]:
    name, version = given["name"], given.get("version")
    return lambda each: (
        each.started.workflow_type.name == name
        and version
        in (
            None,
            "",
            each.started.workflow_type.version,
        )
    )


_FILTER: dict[str, Callable[[dict[str, Any]], Callable[[Summary], bool]]] = {
    "executionFilter": lambda given: lambda each: each.workflow_id == given["workflowId"],
    "typeFilter": _by_type,
    "tagFilter": lambda given: lambda each: given["tag"] in (each.started.tag_list or ()),
    "closeStatusFilter": lambda given: lambda each: each.close_status == given["status"],
}
