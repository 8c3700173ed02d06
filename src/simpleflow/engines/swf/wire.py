"""Translation between SWF's requests and answers, as boto3 has them, and the values of the core. Pure.

Times may be numbers or ``datetime``. An event of an unknown type becomes an ``UnknownEvent``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from simpleflow import activity as activities
from simpleflow.core import events as e
from simpleflow.core.codec import decision_to_dict, event_from_dict
from simpleflow.core.decisions import Decision
from simpleflow.core.records import timeout
from simpleflow.engines.base import ActivityTask, RunDescription, StartRequest
from simpleflow.exceptions import InputError


def seconds(time: Any) -> float:
    """Epoch seconds of a time as boto3 gives it."""
    return float(time) if isinstance(time, int | float) else float(time.timestamp())


def event(members: dict[str, Any]) -> e.Event:
    """The event of a member of ``events``. Raises InputError if that is not an event.

    Servers that imitate SWF leave out members that it always writes, such as an event id of 0. They are filled in, so
    that a decider can tell if it needs them.
    """
    time = members.get("eventTimestamp")
    if not isinstance(time, float) and time is not None:
        members = {**members, "eventTimestamp": seconds(time)}
    try:
        return event_from_dict(members)
    except InputError:
        filled = _filled(members)
        if filled is None:
            raise
        return event_from_dict(filled)


def _filled(members: dict[str, Any]) -> dict[str, Any] | None:
    """The members with 0 or "" for those that are missing; None for an event of an unknown type."""
    kind = e.EVENT_TYPES.get(str(members.get("eventType")))
    if kind is None:
        return None
    name = f"{kind.__name__[0].lower()}{kind.__name__[1:]}EventAttributes"
    found = dict(members.get(name) or {})
    for field in msgspec.structs.fields(kind):
        if field.required and found.get(field.encode_name) is None:
            found[field.encode_name] = _empty(field.type)
    return {**members, name: found}


def _empty(kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {field.encode_name: _empty(field.type) for field in msgspec.structs.fields(kind) if field.required}
    return 0 if kind is int else ""


def answer(
    token: str,
    decisions: Sequence[Decision],
    execution_context: str | None = None,
    own_list: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """The members of RespondDecisionTaskCompleted.

    ``own_list``: the task list of the next decision tasks, and how many seconds (as text) one waits there.
    """
    request: dict[str, Any] = {"taskToken": token, "decisions": [decision_to_dict(each) for each in decisions]}
    if execution_context is not None:
        request["executionContext"] = execution_context
    if own_list is not None:
        request["taskList"] = {"name": own_list[0]}
        request["taskListScheduleToStartTimeout"] = own_list[1]
    return request


def start(domain: str, request: StartRequest) -> dict[str, Any]:
    """The members of StartWorkflowExecution."""
    members: dict[str, Any] = {
        "domain": domain,
        "workflowId": request.workflow_id,
        "workflowType": {"name": request.name, "version": request.version},
        "taskList": {"name": request.task_list},
        "executionStartToCloseTimeout": request.execution_timeout,
        "taskStartToCloseTimeout": request.decision_task_timeout,
        "childPolicy": request.child_policy,
    }
    optional = {
        "input": request.input,
        "tagList": list(request.tag_list) or None,
        "taskPriority": request.task_priority,
        "lambdaRole": getattr(request, "lambda_role", None),
    }
    return members | {key: value for key, value in optional.items() if value is not None}


def activity_task(answer: dict[str, Any], task_list: str) -> ActivityTask | None:
    """The task of an answer to PollForActivityTask; None for an empty one.

    SWF does not send the heartbeat time-out and the tags. The time-out is taken from the activity of that name in this
    process, if there is one.
    """
    token = answer.get("taskToken")
    if not token:
        return None
    name = answer["activityType"]["name"]
    known = activities.registry.get(name)
    return ActivityTask(
        token=token,
        workflow_id=answer["workflowExecution"]["workflowId"],
        run_id=answer["workflowExecution"]["runId"],
        activity_id=answer["activityId"],
        name=name,
        version=answer["activityType"]["version"],
        input=answer.get("input"),
        task_list=task_list,
        heartbeat_timeout=timeout(known.task_heartbeat_timeout) if known is not None else None,
        started_event_id=answer.get("startedEventId"),
    )


def description(info: dict[str, Any]) -> RunDescription:
    """The execution of an ``executionInfo``, or of a member of ``executionInfos``."""
    is_open = info["executionStatus"] == "OPEN"
    closed = info.get("closeTimestamp")
    return RunDescription(
        workflow_id=info["execution"]["workflowId"],
        run_id=info["execution"]["runId"],
        name=info["workflowType"]["name"],
        version=info["workflowType"]["version"],
        status="open" if is_open else info["closeStatus"].lower(),
        started=seconds(info["startTimestamp"]),
        closed=None if closed is None else seconds(closed),
        alive=False,
    )
