"""Real boto3 clients of a local server, which check every answer against the model, and helpers of the tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import Loader

DOMAIN = "domain"
LIST = {"name": "list"}
TYPE = {"name": "type", "version": "1"}
CHECKED: list[str] = []
"""Operations whose answers were checked against the model."""
SENT: list[str] = []
"""Operations whose requests were checked against the model."""

MODEL = Loader().load_service_model("swf", "service-2")

TASK_DEFAULTS = {
    "defaultTaskList": LIST,
    "defaultTaskStartToCloseTimeout": "300",
    "defaultTaskScheduleToStartTimeout": "NONE",
    "defaultTaskScheduleToCloseTimeout": "NONE",
    "defaultTaskHeartbeatTimeout": "NONE",
}
WORKFLOW_DEFAULTS = {
    "defaultTaskList": LIST,
    "defaultTaskStartToCloseTimeout": "300",
    "defaultExecutionStartToCloseTimeout": "10000",
    "defaultChildPolicy": "TERMINATE",
}


class Clock:
    """A clock that tests advance. It also advances a little at every reading, since two events seldom share a time."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def connect(url: str, **config: Any) -> Any:
    """Return a client that makes no retries."""
    client = boto3.client(
        "swf",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, **{"read_timeout": 70, **config}),
    )
    client.meta.events.register("before-parse.swf", _check_response)
    return client


def hold_to_the_model(client: Any) -> None:
    """Check every request of a client, as it is sent, and every answer against the model."""
    client.meta.events.register("before-send.swf", _check_request)
    client.meta.events.register("before-parse.swf", _check_response)


def _check_request(request: Any, event_name: str, **_: Any) -> None:
    operation = event_name.rpartition(".")[2]
    SENT.append(operation)
    _check(json.loads(request.body), MODEL["operations"][operation]["input"]["shape"], operation)


def _check_response(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] != 200:
        return
    CHECKED.append(operation_model.name)
    output = MODEL["operations"][operation_model.name].get("output")
    if output is None:
        assert response_dict["body"] == b"", "the answer of an operation without a result is empty"
    else:
        _check(json.loads(response_dict["body"]), output["shape"], operation_model.name)


def _check(value: Any, shape_name: str, path: str) -> None:
    """Assert that the shape allows the value: no other members or types, and none that is missing or null."""
    shape = MODEL["shapes"][shape_name]
    kind = shape["type"]
    if kind == "structure":
        assert isinstance(value, dict), path
        unknown = set(value) - set(shape["members"])
        assert not unknown, f"{path} has members that the model does not know: {unknown}"
        missing = set(shape.get("required", ())) - set(value)
        if shape_name in ("ActivityTask", "DecisionTask") and not value.get("taskToken"):
            missing = set()  # an empty poll
        assert not missing, f"{path} lacks {missing}"
        for member, each in value.items():
            _check(each, shape["members"][member]["shape"], f"{path}.{member}")
    elif kind == "list":
        for each in value:
            _check(each, shape["member"]["shape"], f"{path}[]")
    else:
        types = {"string": str, "integer": int, "long": int, "boolean": bool, "timestamp": int | float}
        assert isinstance(value, types[kind]), f"{path} is {value!r}, not {kind}"  # type: ignore[arg-type]
        assert value in shape.get("enum", [value]), path
        if kind == "string":
            assert shape.get("min", 0) <= len(value) <= shape.get("max", len(value)), path


@contextmanager
def fault(code: str, contains: str = "") -> Iterator[None]:
    """Assert that the code inside is answered with that fault."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert contains in error["Message"], error
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def prepare(client: Any, domain: str = DOMAIN) -> None:
    """Register a domain, a workflow type and an activity type, with defaults for everything."""
    client.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="NONE")
    client.register_workflow_type(domain=domain, **TYPE, **WORKFLOW_DEFAULTS)
    client.register_activity_type(domain=domain, **TYPE, **TASK_DEFAULTS)


class Swf:
    """The moves of a test in the prepared domain."""

    def __init__(self, client: Any, url: str = "", clock: Clock | None = None, server: Any = None) -> None:
        self.client = client
        self.url = url
        self.clock = clock
        self.server = server

    def start(self, workflow_id: str = "w", **options: Any) -> str:
        run_id: str = self.client.start_workflow_execution(
            domain=DOMAIN, workflowId=workflow_id, workflowType=TYPE, **options
        )["runId"]
        return run_id

    def poll(self, task_list: str = "list", **options: Any) -> dict[str, Any]:
        task: dict[str, Any] = self.client.poll_for_decision_task(
            domain=DOMAIN, taskList={"name": task_list}, identity="decider", **options
        )
        return task

    def answer(self, task: dict[str, Any], *decisions: dict[str, Any], **options: Any) -> None:
        self.client.respond_decision_task_completed(taskToken=task["taskToken"], decisions=list(decisions), **options)

    def decide(self, *decisions: dict[str, Any], **options: Any) -> dict[str, Any]:
        task = self.poll()
        assert "taskToken" in task, "there is no decision task"
        self.answer(task, *decisions, **options)
        return task

    def take(self, task_list: str = "list") -> dict[str, Any]:
        task: dict[str, Any] = self.client.poll_for_activity_task(
            domain=DOMAIN, taskList={"name": task_list}, identity="worker"
        )
        return task

    def do(self, result: str = "1") -> dict[str, Any]:
        task = self.take()
        assert "taskToken" in task, "there is no activity task"
        self.client.respond_activity_task_completed(taskToken=task["taskToken"], result=result)
        return task

    def runs(self, workflow_id: str) -> list[dict[str, Any]]:
        """Return the executions, the latest first."""
        options = {
            "domain": DOMAIN,
            "startTimeFilter": {"oldestDate": 0},
            "executionFilter": {"workflowId": workflow_id},
        }
        found = self.client.list_open_workflow_executions(**options)["executionInfos"]
        closed: list[dict[str, Any]] = self.client.list_closed_workflow_executions(**options)["executionInfos"]
        return [*found, *closed]

    def events(self, workflow_id: str = "w", run_id: str | None = None, **options: Any) -> list[dict[str, Any]]:
        execution = {"workflowId": workflow_id, "runId": run_id or self.runs(workflow_id)[0]["execution"]["runId"]}
        pages = self.client.get_paginator("get_workflow_execution_history")
        found: list[dict[str, Any]] = [
            event for page in pages.paginate(domain=DOMAIN, execution=execution, **options) for event in page["events"]
        ]
        return found

    def orders(self, since: int = 5, workflow_id: str = "w", run_id: str | None = None) -> str:
        events = self.events(workflow_id, run_id)
        assert [event["eventId"] for event in events] == list(range(1, len(events) + 1))
        return " ".join(_SHORT.get(event["eventType"], event["eventType"]) for event in events[since - 1 :])

    def last(self, event_type: str, workflow_id: str = "w", run_id: str | None = None) -> dict[str, Any]:
        """Return the attributes of the last event of that type."""
        found: dict[str, Any] = next(
            event[f"{event_type[0].lower()}{event_type[1:]}EventAttributes"]
            for event in reversed(self.events(workflow_id, run_id))
            if event["eventType"] == event_type
        )
        return found

    def describe(self, workflow_id: str = "w", run_id: str | None = None) -> dict[str, Any]:
        run_id = run_id or self.runs(workflow_id)[0]["execution"]["runId"]
        described: dict[str, Any] = self.client.describe_workflow_execution(
            domain=DOMAIN, execution={"workflowId": workflow_id, "runId": run_id}
        )
        return described

    def pass_time(self, seconds: float) -> None:
        assert self.clock is not None
        self.clock.now += seconds
        self.server.tick()


_SHORT = {
    "DecisionTaskScheduled": "DTS",
    "DecisionTaskStarted": "DTSt",
    "DecisionTaskCompleted": "DTC",
    "ActivityTaskScheduled": "ATS",
    "ActivityTaskStarted": "ATSt",
    "ActivityTaskCompleted": "ATC",
}


def decision(kind: str, **attributes: Any) -> dict[str, Any]:
    """Return a decision; without attributes, it lacks the member for them."""
    found: dict[str, Any] = {"decisionType": kind}
    if attributes:
        found[f"{kind[0].lower()}{kind[1:]}DecisionAttributes"] = attributes
    return found


def activity(id: str = "a", **options: Any) -> dict[str, Any]:
    return decision("ScheduleActivityTask", activityId=id, **{"activityType": TYPE, **options})


def child(id: str = "child", **options: Any) -> dict[str, Any]:
    return decision("StartChildWorkflowExecution", workflowId=id, **{"workflowType": TYPE, **options})


def timer(id: str = "t", seconds: int = 5) -> dict[str, Any]:
    return decision("StartTimer", timerId=id, startToFireTimeout=str(seconds))


COMPLETE = decision("CompleteWorkflowExecution", result="done")
