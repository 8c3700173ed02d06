"""The test mode misbehaves as documented, and no task is lost in it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from simpleflow.exceptions import InputError
from simpleflow.server import Chaos
from tests.pauses import wait_for
from tests.server.clients import COMPLETE, DOMAIN, LIST, activity, child, timer
from tests.server.conftest import serve


def test_parse() -> None:
    parsed = Chaos.parse("shuffle, delay=0.5,drop=0.1,throttle=0.3,refuse=0.2,page=3,seed=7")
    assert parsed == Chaos(seed=7, shuffle=True, delay=0.5, drop=0.1, throttle=0.3, refuse=0.2, page=3)
    assert Chaos.parse("") == Chaos()
    for wrong in ("delay=-1", "page=0", "refuse=1", "shuffle=yes", "seed=x"):
        with pytest.raises(InputError, match=wrong.partition("=")[0]):
            Chaos.parse(wrong)


def test_pages_are_short() -> None:
    with serve(chaos=Chaos(page=3)) as swf:
        swf.start()
        swf.decide(*[activity(str(number)) for number in range(5)])
        assert len(swf.events()) == 9
        page = swf.client.list_activity_types(domain=DOMAIN, registrationStatus="REGISTERED", maximumPageSize=100)
        assert "nextPageToken" not in page
        swf.do()
        task = swf.poll()
        assert len(task["events"]) == 3
        assert "nextPageToken" in task


def test_task_lists_are_shuffled() -> None:
    orders = []
    for seed in (1, 1, 2):
        with serve(chaos=Chaos(shuffle=True, seed=seed)) as swf:
            swf.start()
            swf.decide(*[activity(str(number)) for number in range(10)])
            orders.append([swf.take()["activityId"] for _ in range(10)])
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert all(sorted(order) == [str(number) for number in range(10)] for order in orders)
    assert orders[0] != sorted(orders[0])


def test_closes_are_refused_and_the_decider_is_called_again() -> None:
    with serve(chaos=Chaos(refuse=0.7, seed=3)) as swf:
        swf.start()
        turns = 0
        while swf.describe()["executionInfo"]["executionStatus"] == "OPEN":
            swf.decide(COMPLETE)
            turns += 1
        assert turns > 1
        assert swf.orders().startswith("CompleteWorkflowExecutionFailed DTS DTSt DTC")
        assert swf.last("CompleteWorkflowExecutionFailed")["cause"] == "UNHANDLED_DECISION"


def test_timers_and_children_are_late() -> None:
    with serve(chaos=Chaos(delay=0.3, seed=1), clock=time.time) as swf:
        swf.start()
        swf.decide(child(), timer("t", 0))
        assert swf.orders() == "StartChildWorkflowExecutionInitiated TimerStarted"
        wait_for(lambda: "TimerFired" in swf.orders() and "ChildWorkflowExecutionStarted" in swf.orders())
        assert [each["execution"]["workflowId"] for each in swf.runs("child")] == ["child"]


def test_a_child_whose_start_was_late_is_started_by_the_next_server(tmp_path: Path) -> None:
    with serve(chaos=Chaos(delay=1000, seed=1), state=tmp_path) as swf:
        swf.start()
        swf.decide(child())
        assert swf.orders() == "StartChildWorkflowExecutionInitiated"
        clock = swf.clock
    with serve(state=tmp_path, clock=clock) as swf:
        assert swf.orders() == "StartChildWorkflowExecutionInitiated ChildWorkflowExecutionStarted DTS"
        assert swf.poll()["workflowExecution"]["workflowId"] == "child"


def test_requests_are_throttled_and_not_done() -> None:
    with serve(chaos=Chaos(throttle=0.5, seed=1)) as swf:
        answers = []
        for number in range(40):
            try:
                swf.start(str(number))
            except ClientError as error:
                answers.append((error.response["Error"]["Code"], error.response["Error"]["Message"]))
        assert set(answers) == {("ThrottlingException", "Rate exceeded")}
        with swf.server.service.lock:
            runs = swf.server.service.domain(DOMAIN).executions.open_runs()
        assert len(runs) == 40 - len(answers)


def test_replies_are_dropped_and_nothing_is_lost() -> None:
    with serve(chaos=Chaos(drop=0.3, seed=1, shuffle=True)) as swf:
        lost = [0]

        def call(name: str, **options: Any) -> Any:
            """Repeat the call until it is answered. A repeated call may be refused, if the first one took effect."""
            tries = 0
            while True:
                tries += 1
                try:
                    return getattr(swf.client, name)(**options)
                except HTTPClientError:
                    lost[0] += 1
                except ClientError as error:
                    refused = error.response["Error"]["Code"]
                    break
            assert tries > 1, "only a repeated call is refused"
            assert refused in ("UnknownResourceFault", "WorkflowExecutionAlreadyStartedFault")
            return {}

        kind = {"name": "type", "version": "1"}
        call("start_workflow_execution", domain=DOMAIN, workflowId="w", workflowType=kind)
        number = 30
        task = call("poll_for_decision_task", domain=DOMAIN, taskList=LIST)
        decisions = [activity(str(index), startToCloseTimeout="NONE") for index in range(number)]
        call("respond_decision_task_completed", taskToken=task["taskToken"], decisions=decisions)
        done = []
        while len(done) < number:
            task = call("poll_for_activity_task", domain=DOMAIN, taskList=LIST)
            done.append(task["activityId"])
            call("respond_activity_task_completed", taskToken=task["taskToken"])
        assert sorted(done, key=int) == [str(index) for index in range(number)]
        task = call("poll_for_decision_task", domain=DOMAIN, taskList=LIST)
        types = [event["eventType"] for event in task["events"]]
        assert types.count("ActivityTaskStarted") == types.count("ActivityTaskCompleted") == number
        assert lost[0] > 5
