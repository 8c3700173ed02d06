"""Describing, listing and counting executions, and reading their histories."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow.server import Limits
from tests.server.clients import COMPLETE, DOMAIN, LIST, TYPE, Swf, activity, child, decision, fault, timer
from tests.server.conftest import serve


def test_describe(swf: Swf) -> None:
    run_id = swf.start(tagList=["a"], taskPriority="3", childPolicy="ABANDON")
    described = swf.describe(run_id=run_id)
    assert described["executionConfiguration"] == {
        "childPolicy": "ABANDON",
        "executionStartToCloseTimeout": "10000",
        "taskList": LIST,
        "taskPriority": "3",
        "taskStartToCloseTimeout": "300",
    }
    info = described["executionInfo"]
    assert info["execution"] == {"workflowId": "w", "runId": run_id}
    assert info["executionStatus"] == "OPEN"
    assert info["tagList"] == ["a"]
    assert "closeStatus" not in info
    assert "closeTimestamp" not in info
    assert len(run_id) == 46
    assert described["openCounts"] == _counts(openDecisionTasks=1)
    assert "latestActivityTaskTimestamp" not in described
    assert "latestExecutionContext" not in described
    swf.decide(activity("1"), activity("2"), timer(), child(), executionContext="")
    described = swf.describe(run_id=run_id)
    counts = _counts(openActivityTasks=2, openTimers=1, openChildWorkflowExecutions=1, openDecisionTasks=1)
    assert described["openCounts"] == counts
    assert described["latestExecutionContext"] == ""
    assert described["latestActivityTaskTimestamp"].timestamp() == swf.clock.now  # type: ignore[union-attr]
    swf.decide(executionContext="first")
    swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="s")
    swf.decide(COMPLETE)
    swf.decide(executionContext="another's")
    described = swf.describe(run_id=run_id)
    assert described["latestExecutionContext"] == "first", "the last one that was sent"
    assert described["openCounts"] == _counts()
    assert described["executionInfo"]["closeStatus"] == "COMPLETED"
    assert "closeTimestamp" in described["executionInfo"]
    assert "latestActivityTaskTimestamp" in described


def _counts(**counts: int) -> dict[str, int]:
    kinds = ("ActivityTasks", "DecisionTasks", "Timers", "ChildWorkflowExecutions", "LambdaFunctions")
    return {**{f"open{kind}": 0 for kind in kinds}, **counts}


def test_unknown_executions(swf: Swf) -> None:
    run_id = swf.start()
    client = swf.client
    for name, more in (
        ("signal_workflow_execution", {"signalName": "s"}),
        ("request_cancel_workflow_execution", {}),
        ("terminate_workflow_execution", {}),
    ):
        call = getattr(client, name)
        with fault("UnknownResourceFault", "Unknown execution, workflowId = nobody"):
            call(domain=DOMAIN, workflowId="nobody", **more)
        with fault("UnknownResourceFault", "WorkflowExecution=[workflowId=w, runId=other]"):
            call(domain=DOMAIN, workflowId="w", runId="other", **more)
        call(domain=DOMAIN, workflowId="w", runId=run_id, **more)
    for name, more in (("signal_workflow_execution", {"signalName": "s"}), ("terminate_workflow_execution", {})):
        with fault("UnknownResourceFault"):
            getattr(client, name)(domain=DOMAIN, workflowId="w", **more)
    for name in ("describe_workflow_execution", "get_workflow_execution_history"):
        for execution in ({"workflowId": "w", "runId": "x"}, {"workflowId": "x", "runId": run_id}):
            with fault("UnknownResourceFault"):
                getattr(client, name)(domain=DOMAIN, execution=execution)


@pytest.fixture
def many(swf: Swf) -> Swf:
    """Start executions one second apart: three that stay open, then one for each way to end."""
    swf.client.register_workflow_type(
        domain=DOMAIN,
        name="other",
        version="1",
        defaultTaskList=LIST,
        defaultTaskStartToCloseTimeout="1",
        defaultExecutionStartToCloseTimeout="100",
        defaultChildPolicy="ABANDON",
    )
    for index in range(3):
        swf.pass_time(1)
        swf.start(f"open{index}", taskList={"name": "open"}, tagList=[f"tag{index}", "all"])
    for kind in ("Complete", "Fail", "Cancel", "ContinueAsNew"):
        swf.pass_time(1)
        swf.start(kind, tagList=["all"])
        swf.decide(decision(f"{kind}WorkflowExecution"))
    swf.client.terminate_workflow_execution(domain=DOMAIN, workflowId="ContinueAsNew")
    swf.pass_time(1)
    other = {"name": "other", "version": "1"}
    swf.client.start_workflow_execution(domain=DOMAIN, workflowId="late", workflowType=other)
    swf.pass_time(100)
    return swf


ALL: dict[str, Any] = {"startTimeFilter": {"oldestDate": 0}}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (ALL, ["open2", "open1", "open0"]),
        ({**ALL, "reverseOrder": True}, ["open0", "open1", "open2"]),
        ({**ALL, "tagFilter": {"tag": "tag1"}}, ["open1"]),
        ({**ALL, "executionFilter": {"workflowId": "open2"}}, ["open2"]),
        ({**ALL, "typeFilter": {"name": "type"}}, ["open2", "open1", "open0"]),
        ({**ALL, "typeFilter": {"name": "type", "version": "2"}}, []),
        ({"startTimeFilter": {"oldestDate": 1_700_000_002}}, ["open2", "open1"]),
        ({"startTimeFilter": {"oldestDate": 0, "latestDate": 1_700_000_002}}, ["open1", "open0"]),
    ],
)
def test_open_executions(many: Swf, filters: dict[str, Any], expected: list[str]) -> None:
    found = many.client.list_open_workflow_executions(domain=DOMAIN, **filters)["executionInfos"]
    assert [each["execution"]["workflowId"] for each in found] == expected
    filters = {name: value for name, value in filters.items() if name != "reverseOrder"}
    counted = many.client.count_open_workflow_executions(domain=DOMAIN, **filters)
    assert counted["count"] == len(expected)
    assert counted["truncated"] is False


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (ALL, ["late", "ContinueAsNew", "ContinueAsNew", "Cancel", "Fail", "Complete"]),
        ({"closeTimeFilter": {"oldestDate": 1_700_000_020}}, ["late"]),
        ({**ALL, "tagFilter": {"tag": "all"}}, ["ContinueAsNew", "Cancel", "Fail", "Complete"]),
        ({**ALL, "closeStatusFilter": {"status": "COMPLETED"}}, ["Complete"]),
        ({**ALL, "closeStatusFilter": {"status": "FAILED"}}, ["Fail"]),
        ({**ALL, "closeStatusFilter": {"status": "CANCELED"}}, ["Cancel"]),
        ({**ALL, "closeStatusFilter": {"status": "TERMINATED"}}, ["ContinueAsNew"]),
        ({**ALL, "closeStatusFilter": {"status": "CONTINUED_AS_NEW"}}, ["ContinueAsNew"]),
        ({**ALL, "closeStatusFilter": {"status": "TIMED_OUT"}}, ["late"]),
        ({**ALL, "typeFilter": {"name": "other", "version": "1"}}, ["late"]),
        ({**ALL, "executionFilter": {"workflowId": "Fail"}}, ["Fail"]),
    ],
)
def test_closed_executions(many: Swf, filters: dict[str, Any], expected: list[str]) -> None:
    found = many.client.list_closed_workflow_executions(domain=DOMAIN, **filters)["executionInfos"]
    assert [each["execution"]["workflowId"] for each in found] == expected
    assert many.client.count_closed_workflow_executions(domain=DOMAIN, **filters)["count"] == len(expected)
    status = filters.get("closeStatusFilter", {}).get("status")
    assert all(each["closeStatus"] == (status or each["closeStatus"]) for each in found)


def test_filters_that_clash(swf: Swf) -> None:
    times = {"oldestDate": 0}
    for filters in (
        {},
        {"startTimeFilter": times, "closeTimeFilter": times},
        {"startTimeFilter": times, "tagFilter": {"tag": "t"}, "executionFilter": {"workflowId": "w"}},
    ):
        with fault("ValidationException"):
            swf.client.list_closed_workflow_executions(domain=DOMAIN, **filters)
        with fault("ValidationException"):
            swf.client.count_closed_workflow_executions(domain=DOMAIN, **filters)


def test_pages_of_lists(many: Swf) -> None:
    pages = many.client.get_paginator("list_closed_workflow_executions")
    found = [
        [each["execution"]["workflowId"] for each in page["executionInfos"]]
        for page in pages.paginate(domain=DOMAIN, maximumPageSize=4, **ALL)
    ]
    assert found == [["late", "ContinueAsNew", "ContinueAsNew", "Cancel"], ["Fail", "Complete"]]


def test_pages_of_histories(swf: Swf) -> None:
    run_id = swf.start()
    swf.decide(*[decision("RecordMarker", markerName=str(number)) for number in range(20)])
    execution = {"workflowId": "w", "runId": run_id}
    ids = list(range(1, 25))
    for size in (1, 3, 24, 25, 1000, 0):
        for backwards in (False, True):
            found = swf.events(run_id=run_id, maximumPageSize=size, reverseOrder=backwards)
            assert [each["eventId"] for each in found] == (ids[::-1] if backwards else ids)
    page = swf.client.get_workflow_execution_history(domain=DOMAIN, execution=execution, maximumPageSize=20)
    assert len(page["events"]) == 20
    token = {"nextPageToken": page["nextPageToken"]}
    swf.pass_time(24 * 3600 - 1)  # the execution has timed out in the meantime: its history has one more event
    page = swf.client.get_workflow_execution_history(domain=DOMAIN, execution=execution, **token)
    assert [each["eventId"] for each in page["events"]] == [21, 22, 23, 24, 25]
    assert "nextPageToken" not in page
    swf.pass_time(2)
    with fault("ValidationException", "Specified token has exceeded its maximum lifetime"):
        swf.client.get_workflow_execution_history(domain=DOMAIN, execution=execution, **token)
    for broken in ("x", "WzEuMCwgMl0=", ""):
        if broken:
            with fault("ValidationException", "Invalid token"):
                swf.client.get_workflow_execution_history(domain=DOMAIN, execution=execution, nextPageToken=broken)


def test_an_execution_times_out(swf: Swf) -> None:
    swf.start("parent", executionStartToCloseTimeout="20")
    swf.decide(child())
    swf.pass_time(20)
    assert swf.last("WorkflowExecutionTimedOut", "parent") == {
        "childPolicy": "TERMINATE",
        "timeoutType": "START_TO_CLOSE",
    }
    assert swf.last("WorkflowExecutionTerminated", "child")["cause"] == "CHILD_POLICY_APPLIED"


def test_a_child_times_out_and_one_is_terminated(swf: Swf) -> None:
    swf.start()
    swf.decide(child("1", executionStartToCloseTimeout="20"), child("2"))
    swf.pass_time(20)
    swf.client.terminate_workflow_execution(domain=DOMAIN, workflowId="2")
    assert swf.last("ChildWorkflowExecutionTimedOut")["timeoutType"] == "START_TO_CLOSE"
    assert swf.last("ChildWorkflowExecutionTerminated")["initiatedEventId"] == 6


def test_limits_of_an_execution() -> None:
    with serve(limits=Limits(open_activities=2, open_timers=1, open_children=1, events=26)) as swf:
        swf.start()
        swf.decide(*[activity(str(number)) for number in range(3)], timer("1"), timer("2"), child("1"), child("2"))
        assert swf.last("ScheduleActivityTaskFailed")["cause"] == "OPEN_ACTIVITIES_LIMIT_EXCEEDED"
        assert swf.last("StartTimerFailed")["cause"] == "OPEN_TIMERS_LIMIT_EXCEEDED"
        assert swf.last("StartChildWorkflowExecutionFailed")["cause"] == "OPEN_CHILDREN_LIMIT_EXCEEDED"
        swf.decide(activity("3"))
        assert swf.last("ScheduleActivityTaskFailed")["activityId"] == "3"
        swf.decide()  # of the child
        swf.do()
        swf.decide(activity("4", activityType=TYPE))
        assert swf.last("ActivityTaskScheduled")["activityId"] == "4"
        for number in range(30):
            if swf.describe()["executionInfo"]["executionStatus"] == "CLOSED":
                break
            swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName=str(number))
        assert swf.last("WorkflowExecutionTerminated")["cause"] == "EVENT_LIMIT_EXCEEDED"
        assert 26 <= len(swf.events()) <= 29
        assert swf.last("WorkflowExecutionTerminated", "1")["cause"] == "CHILD_POLICY_APPLIED"
        assert swf.describe()["executionInfo"]["closeStatus"] == "TERMINATED"
        assert swf.describe()["executionInfo"]["workflowType"] == TYPE
