"""Operations on workflow executions: start, signal, cancel, terminate, describe, list, count, read the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from simpleflow.core import codec
from simpleflow.core.events import Event
from simpleflow.engines.base import StartRequest
from simpleflow.engines.journal import Message
from simpleflow.exceptions import UnknownResource
from simpleflow.server import faults, pages, visibility
from simpleflow.server.decision_check import WORKFLOW_DEFAULTS, WORKFLOW_OPTIONS, fill
from simpleflow.server.polls import Caller
from simpleflow.server.service import Service
from simpleflow.server.type_operations import page

_WIRE = {
    "execution_start_to_close_timeout": "executionStartToCloseTimeout",
    "task_list": "taskList",
    "task_start_to_close_timeout": "taskStartToCloseTimeout",
    "child_policy": "childPolicy",
    "task_priority": "taskPriority",
    "lambda_role": "lambdaRole",
}


def _start(service: Service, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    domain = service.domain(request["domain"])
    service.domains.check_current(domain.name)
    kind = request["workflowType"]
    entry = domain.workflow_types.check_current(kind["name"], kind["version"])
    given: dict[str, Any] = {name: request.get(member) for name, member in _WIRE.items()}
    fill(given, entry.configuration, WORKFLOW_OPTIONS)
    missing = fill(given, entry.configuration, WORKFLOW_DEFAULTS)
    if missing:
        raise faults.swf("DefaultUndefinedFault", WORKFLOW_DEFAULTS[missing[0]])
    if domain.executions.find(request["workflowId"], None) is not None:
        raise faults.swf("WorkflowExecutionAlreadyStartedFault", "Already Started")
    start = StartRequest(
        workflow_id=request["workflowId"],
        name=kind["name"],
        version=kind["version"],
        input=request.get("input"),
        task_list=given["task_list"]["name"],
        tag_list=tuple(request.get("tagList") or ()),
        task_priority=given["task_priority"],
        execution_timeout=given["execution_start_to_close_timeout"],
        decision_task_timeout=given["task_start_to_close_timeout"],
        child_policy=given["child_policy"],
        lambda_role=given["lambda_role"],
    )
    return {"runId": domain.engine.start_workflow_execution(start)}


def _signal(service: Service, request: dict[str, Any], caller: Caller) -> None:
    _deliver(service, request, "signal", {"signal_name": request["signalName"], "input": request.get("input")})


def _cancel(service: Service, request: dict[str, Any], caller: Caller) -> None:
    _deliver(service, request, "cancel", {})


def _terminate(service: Service, request: dict[str, Any], caller: Caller) -> None:
    names = {"reason": "reason", "details": "details", "child_policy": "childPolicy"}
    _deliver(service, request, "terminate", {name: request.get(member) for name, member in names.items()})


def _deliver(service: Service, request: dict[str, Any], kind: str, content: dict[str, Any]) -> None:
    workflow_id, run_id = request["workflowId"], request.get("runId") or None
    executions = service.domain(request["domain"]).executions
    run = executions.find(workflow_id, run_id)
    if run is None:
        raise faults.unknown_execution(workflow_id, run_id)
    executions.record_message(run, Message(kind, workflow_id, run_id, content))


def _describe(service: Service, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    execution = request["execution"]
    summary, history = service.domain(request["domain"]).execution(execution["workflowId"], execution["runId"])
    described: dict[str, Any] = {
        "executionConfiguration": summary.configuration,
        "executionInfo": summary.info,
        "openCounts": visibility.open_counts(history),
    }
    if summary.activity_at is not None:
        described["latestActivityTaskTimestamp"] = round(summary.activity_at, 3)
    if summary.context is not None:
        described["latestExecutionContext"] = summary.context
    return described


def _list(service: Service, request: dict[str, Any], caller: Caller, *, closed: bool) -> dict[str, Any]:
    found = visibility.select(service.domain(request["domain"]).summaries(closed), request, closed)
    shown, more = page(service, request, found)
    return {"executionInfos": [each.info for each in shown], **more}


def _count(service: Service, request: dict[str, Any], caller: Caller, *, closed: bool) -> dict[str, Any]:
    found = visibility.select(service.domain(request["domain"]).summaries(closed), request, closed)
    return {"count": len(found), "truncated": False}


def _history(service: Service, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    execution = request["execution"]
    workflow_id, run_id = execution["workflowId"], execution["runId"]
    domain = service.domain(request["domain"])
    domain.execution(workflow_id, run_id)
    try:
        events = domain.events(run_id)
    except UnknownResource as error:
        raise faults.unknown_execution(workflow_id, run_id) from error
    first, last = 1, len(events)
    backwards = bool(request.get("reverseOrder"))
    if request.get("nextPageToken"):
        given = pages.position(request["nextPageToken"], service.clock(), str, bool, int, int)
        if given[:2] != [run_id, backwards]:
            raise faults.refused("Invalid token")
        first, last = given[2], (given[3] if backwards else last)
    shown, left = page_of_events(service, request, events, first, last)
    return {
        "events": shown,
        **({"nextPageToken": pages.token(service.clock(), run_id, backwards, *left)} if left else {}),
    }


def page_of_events(
    service: Service, request: dict[str, Any], events: Sequence[Event], first: int, last: int
) -> tuple[msgspec.Raw, tuple[int, int] | None]:
    """Return one page of the events ``first`` to ``last`` (ids), and the first and last id of the rest, or None."""
    size = min(request.get("maximumPageSize") or 1000, service.chaos.page)
    left = None
    if last - first >= size:
        if request.get("reverseOrder"):
            left = (first, last - size)
            first = last - size + 1
        else:
            left = (first + size, last)
            last = first + size - 1
    shown = events[first - 1 : last]
    if request.get("reverseOrder"):
        shown = shown[::-1]
    return msgspec.Raw(codec.encode_history(shown)), left


OPERATIONS: dict[str, Callable[..., Any]] = {
    "StartWorkflowExecution": _start,
    "SignalWorkflowExecution": _signal,
    "RequestCancelWorkflowExecution": _cancel,
    "TerminateWorkflowExecution": _terminate,
    "DescribeWorkflowExecution": _describe,
    "ListOpenWorkflowExecutions": partial(_list, closed=False),
    "ListClosedWorkflowExecutions": partial(_list, closed=True),
    "CountOpenWorkflowExecutions": partial(_count, closed=False),
    "CountClosedWorkflowExecutions": partial(_count, closed=True),
    "GetWorkflowExecutionHistory": _history,
}
