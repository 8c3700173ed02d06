"""Operations on tasks: polls, answers, heartbeats and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from simpleflow.core import codec
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.history import History
from simpleflow.engines.run import Run
from simpleflow.server import faults, pages
from simpleflow.server.decision_check import UNHANDLED
from simpleflow.server.domain import Domain
from simpleflow.server.execution_operations import page_of_events
from simpleflow.server.polls import Caller
from simpleflow.server.service import ACTIVITY, DECISION, Service
from simpleflow.server.visibility import execution


def _poll_decision(service: Service, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    domain, task_list = service.domain(request["domain"]), request["taskList"]["name"]
    if request.get("nextPageToken"):
        token, first, last = pages.position(request["nextPageToken"], service.clock(), str, int, int)
        return _decision_page(service, domain, request, token, (first, last))
    poll = lambda: domain.engine.poll_for_decision_task(request.get("identity"), task_list)  # noqa: E731
    task = service.polls.wait((domain.name, DECISION, task_list), poll, caller)
    if task is None:
        return {"previousStartedEventId": 0, "startedEventId": 0}
    run, token = domain.engine.runs[task.run_id], task.token
    caller.undo = lambda: domain.executions.tasks.put_back(run, token)
    first = _first_of_new(run.history) if request.get("startAtPreviousStartedEvent") else 1
    return _decision_page(service, domain, request, token, (first, task.started_event_id))


def _decision_page(
    service: Service, domain: Domain, request: dict[str, Any], token: str, part: tuple[int, int]
) -> dict[str, Any]:
    run_id, started_id = domain.engine.deciding(token)
    run = domain.engine.runs[run_id]
    shown, left = page_of_events(service, request, run.history.events, *part)
    kind = run.history.started.workflow_type
    return {
        "events": shown,
        "previousStartedEventId": run.history.previous_started_id,
        "startedEventId": started_id,
        "taskToken": token,
        "workflowExecution": execution(run.workflow_id, run_id),
        "workflowType": {"name": kind.name, "version": kind.version},
        **({"nextPageToken": pages.token(service.clock(), token, *left)} if left else {}),
    }


def _first_of_new(history: History) -> int:
    """Return the id of the first event with the time of the DecisionTaskStarted of the latest completed decision."""
    first = max(history.previous_started_id, 1)
    time = round(history.events[first - 1].time, 3)
    while first > 1 and round(history.events[first - 2].time, 3) == time:
        first -= 1
    return first


def _respond_decision(service: Service, request: dict[str, Any], caller: Caller) -> None:
    token = request["taskToken"]
    domain, run, _ = service.of_token(token)
    decisions = [_decision(each) for each in request.get("decisions") or ()]
    if any(isinstance(each, d.CLOSING) for each in decisions[:-1]):
        raise faults.refused("Close must be last decision in list")
    filled, refused = domain.decision_check.check(run.history, decisions)
    if filled and isinstance(filled[-1], d.CLOSING) and service.dice.refuses():
        refused[len(filled) - 1] = UNHANDLED
    domain.engine.respond_decision_task_completed(
        token,
        filled,
        request.get("executionContext"),
        refused,
        (request.get("taskList") or {}).get("name"),
        request.get("taskListScheduleToStartTimeout") or None,
    )


def _decision(members: dict[str, Any]) -> Any:
    kind = members["decisionType"]
    key = f"{kind[0].lower()}{kind[1:]}DecisionAttributes"
    return codec.decision_from_dict({"decisionType": kind, key: members.get(key) or {}})


def _poll_activity(service: Service, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    domain, task_list = service.domain(request["domain"]), request["taskList"]["name"]
    poll = lambda: domain.engine.poll_for_activity_task(request.get("identity"), task_list)  # noqa: E731
    task = service.polls.wait((domain.name, ACTIVITY, task_list), poll, caller)
    if task is None:
        return {"startedEventId": 0}
    run, token = domain.engine.runs[task.run_id], task.token
    caller.undo = lambda: domain.executions.tasks.put_back(run, token)
    _, scheduled_id = domain.executions.tasks.of(token)
    polled: dict[str, Any] = {
        "activityId": task.activity_id,
        "activityType": {"name": task.name, "version": task.version},
        "startedEventId": run.history.tasks[scheduled_id].started_id,
        "taskToken": token,
        "workflowExecution": execution(task.workflow_id, task.run_id),
    }
    return polled if task.input is None else {**polled, "input": task.input}


def _completed(service: Service, request: dict[str, Any], caller: Caller) -> None:
    domain, _, _ = service.of_token(request["taskToken"])
    domain.engine.respond_activity_task_completed(request["taskToken"], request.get("result"))


def _failed(service: Service, request: dict[str, Any], caller: Caller) -> None:
    domain, _, _ = service.of_token(request["taskToken"])
    domain.engine.respond_activity_task_failed(request["taskToken"], request.get("reason"), request.get("details"))


def _canceled(service: Service, request: dict[str, Any], caller: Caller) -> None:
    domain, _, _ = service.of_token(request["taskToken"])
    domain.engine.respond_activity_task_canceled(request["taskToken"], request.get("details"))


def _heartbeat(service: Service, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    domain, _, _ = service.of_token(request["taskToken"])
    requested = domain.engine.record_activity_task_heartbeat(request["taskToken"], request.get("details"))
    return {"cancelRequested": requested}


def _count(
    service: Service, request: dict[str, Any], caller: Caller, *, waiting: Callable[[Run], Sequence[Any]]
) -> dict[str, Any]:
    task_list = e.TaskList(request["taskList"]["name"])
    runs = service.domain(request["domain"]).executions.open_runs()
    found = sum(each.task_list == task_list for run in runs for each in waiting(run))
    return {"count": found, "truncated": False}


def _waiting_decisions(run: Run) -> Sequence[Any]:
    history = run.history
    return [history.events[history.decision_scheduled_id - 1].attributes] if history.decision_pending else []


def _waiting_activities(run: Run) -> Sequence[Any]:
    tasks = run.history.tasks.values()
    return [task.scheduled for task in tasks if task.state == t.SCHEDULED]


OPERATIONS: dict[str, Callable[..., Any]] = {
    "PollForDecisionTask": _poll_decision,
    "RespondDecisionTaskCompleted": _respond_decision,
    "PollForActivityTask": _poll_activity,
    "RespondActivityTaskCompleted": _completed,
    "RespondActivityTaskFailed": _failed,
    "RespondActivityTaskCanceled": _canceled,
    "RecordActivityTaskHeartbeat": _heartbeat,
    "CountPendingDecisionTasks": partial(_count, waiting=_waiting_decisions),
    "CountPendingActivityTasks": partial(_count, waiting=_waiting_activities),
}
