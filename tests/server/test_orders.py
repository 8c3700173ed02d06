"""The orders of events, as recorded from Amazon SWF, over HTTP."""

from __future__ import annotations

from typing import Any

from tests.server.clients import COMPLETE, DOMAIN, LIST, TYPE, Swf, activity, child, decision, timer


def marker(name: str = "m") -> dict[str, Any]:
    return decision("RecordMarker", markerName=name)


def test_one_activity(swf: Swf) -> None:
    swf.start(input="in")
    swf.decide(activity(input="x"))
    swf.do("result")
    swf.decide(COMPLETE)
    assert swf.orders(1) == "WorkflowExecutionStarted DTS DTSt DTC ATS ATSt ATC DTS DTSt DTC WorkflowExecutionCompleted"
    events = swf.events()
    assert [_attributes(event) for event in events] == [
        {
            "childPolicy": "TERMINATE",
            "executionStartToCloseTimeout": "10000",
            "input": "in",
            "parentInitiatedEventId": 0,
            "taskList": LIST,
            "taskStartToCloseTimeout": "300",
            "workflowType": TYPE,
        },
        {"scheduleToStartTimeout": "NONE", "startToCloseTimeout": "300", "taskList": LIST},
        {"identity": "decider", "scheduledEventId": 2},
        {"scheduledEventId": 2, "startedEventId": 3},
        {
            "activityId": "a",
            "activityType": TYPE,
            "decisionTaskCompletedEventId": 4,
            "heartbeatTimeout": "NONE",
            "input": "x",
            "scheduleToCloseTimeout": "NONE",
            "scheduleToStartTimeout": "NONE",
            "startToCloseTimeout": "300",
            "taskList": LIST,
        },
        {"identity": "worker", "scheduledEventId": 5},
        {"result": "result", "scheduledEventId": 5, "startedEventId": 6},
        {"scheduleToStartTimeout": "NONE", "startToCloseTimeout": "300", "taskList": LIST},
        {"identity": "decider", "scheduledEventId": 8},
        {"scheduledEventId": 8, "startedEventId": 9},
        {"decisionTaskCompletedEventId": 10, "result": "done"},
    ]


def _attributes(event: dict[str, Any]) -> Any:
    kind = event["eventType"]
    return event[f"{kind[0].lower()}{kind[1:]}EventAttributes"]


def test_an_activity_fails(swf: Swf) -> None:
    swf.start()
    swf.decide(activity())
    swf.client.respond_activity_task_failed(taskToken=swf.take()["taskToken"], reason="because", details="")
    swf.poll()
    assert swf.orders() == "ATS ATSt ActivityTaskFailed DTS DTSt"
    assert swf.last("ActivityTaskFailed") == {
        "details": "",  # empty is not absent
        "reason": "because",
        "scheduledEventId": 5,
        "startedEventId": 6,
    }


def test_a_result_during_a_decision(swf: Swf) -> None:
    swf.start()
    swf.decide(activity())
    task = swf.take()
    swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="s")
    decider = swf.poll()
    swf.client.respond_activity_task_completed(taskToken=task["taskToken"])
    assert "taskToken" not in swf.poll(), "one decision task at a time"
    swf.answer(decider)
    swf.decide(COMPLETE)
    assert swf.orders() == (
        "ATS ATSt WorkflowExecutionSignaled DTS DTSt ATC DTS DTC DTSt DTC WorkflowExecutionCompleted"
    )
    assert swf.last("WorkflowExecutionSignaled") == {"externalInitiatedEventId": 0, "signalName": "s"}


def test_markers_and_a_timer_of_no_seconds(swf: Swf) -> None:
    swf.start()
    swf.decide(marker("1"), marker("2"), timer("wake", 0))
    swf.pass_time(0)
    swf.decide(marker("3"))
    assert swf.orders() == "MarkerRecorded MarkerRecorded TimerStarted TimerFired DTS DTSt DTC MarkerRecorded"
    times = [event["eventTimestamp"] for event in swf.events()]
    assert len(set(times[3:7])) == 1, "all events of one answer have one time"


def test_a_timer_fires_and_another_is_cancelled(swf: Swf) -> None:
    swf.start()
    swf.decide(timer("2", 120), timer("1", 2))
    swf.pass_time(2)
    swf.decide(decision("CancelTimer", timerId="2"))
    assert swf.orders() == "TimerStarted TimerStarted TimerFired DTS DTSt DTC TimerCanceled"


def test_a_child_completes_and_one_fails_during_a_decision(swf: Swf) -> None:
    swf.start()
    swf.decide(child())
    parent = swf.poll()
    assert parent["workflowExecution"]["workflowId"] == "child", "only the child has a decision task"
    own = swf.poll()
    swf.answer(parent, decision("FailWorkflowExecution", reason="r", details="d"))
    swf.answer(own)
    swf.decide(COMPLETE)
    assert swf.orders() == (
        "StartChildWorkflowExecutionInitiated ChildWorkflowExecutionStarted DTS DTSt ChildWorkflowExecutionFailed "
        "DTS DTC DTSt DTC WorkflowExecutionCompleted"
    )
    initiated = swf.last("StartChildWorkflowExecutionInitiated")
    assert initiated["childPolicy"] == "TERMINATE", "filled in from its type"
    assert initiated["executionStartToCloseTimeout"] == "10000"
    started = swf.last("WorkflowExecutionStarted", "child")
    assert started["parentWorkflowExecution"]["workflowId"] == "w"
    assert started["parentInitiatedEventId"] == 5


def test_a_cancel_is_accepted(swf: Swf) -> None:
    swf.start()
    swf.decide(activity())
    task = swf.take()
    swf.client.request_cancel_workflow_execution(domain=DOMAIN, workflowId="w")
    assert swf.describe()["executionInfo"]["cancelRequested"] is True
    swf.decide(decision("CancelWorkflowExecution"))
    assert swf.orders() == "ATS ATSt WorkflowExecutionCancelRequested DTS DTSt DTC WorkflowExecutionCanceled"
    assert swf.describe()["executionInfo"]["cancelRequested"] is False, "SWF reports False for closed executions"
    assert swf.describe()["openCounts"]["openActivityTasks"] == 0
    assert task["activityId"] == "a"


def test_a_close_is_refused_while_events_wait(swf: Swf) -> None:
    swf.start()
    task = swf.poll()
    swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="s", input="x")
    swf.answer(task, COMPLETE)
    assert swf.orders(4) == "WorkflowExecutionSignaled DTS DTC CompleteWorkflowExecutionFailed"
    assert swf.last("CompleteWorkflowExecutionFailed")["cause"] == "UNHANDLED_DECISION"
    swf.decide(COMPLETE)
    assert swf.orders(8) == "DTSt DTC WorkflowExecutionCompleted"


def test_two_results_make_one_decision_task(swf: Swf) -> None:
    swf.start()
    swf.decide(activity("a"), activity("b"))
    swf.do()
    swf.do()
    swf.poll()
    assert swf.orders() == "ATS ATS ATSt ATC DTS ATSt ATC DTSt"


def test_decisions_that_cannot_be_performed_are_refused(swf: Swf) -> None:
    swf.start()
    swf.decide(
        activity("a"),
        activity("a"),
        decision("RequestCancelActivityTask", activityId="unknown"),
        timer("t"),
        timer("t"),
        decision("CancelTimer", timerId="unknown"),
        decision("SignalExternalWorkflowExecution", workflowId="nobody", signalName="s", control="c"),
        decision("RequestCancelExternalWorkflowExecution", workflowId="nobody"),
        decision("ScheduleLambdaFunction", id="1", name="f"),
    )
    assert swf.orders() == (
        "ATS ScheduleActivityTaskFailed RequestCancelActivityTaskFailed TimerStarted StartTimerFailed "
        "CancelTimerFailed SignalExternalWorkflowExecutionInitiated RequestCancelExternalWorkflowExecutionInitiated "
        "ScheduleLambdaFunctionFailed DTS SignalExternalWorkflowExecutionFailed "
        "RequestCancelExternalWorkflowExecutionFailed"
    )
    assert swf.last("ScheduleActivityTaskFailed")["cause"] == "ACTIVITY_ID_ALREADY_IN_USE"
    assert swf.last("SignalExternalWorkflowExecutionFailed")["cause"] == "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"


def test_an_activity_id_may_be_used_again_once_its_task_ended(swf: Swf) -> None:
    swf.start()
    swf.decide(activity("a"))
    swf.do()
    swf.decide(activity("a"))
    assert swf.orders(8) == "DTS DTSt DTC ATS"


def test_signals_and_cancels_between_executions(swf: Swf) -> None:
    swf.start("other")
    swf.decide()
    swf.start()
    swf.decide(decision("SignalExternalWorkflowExecution", workflowId="other", signalName="s", input="x"))
    assert swf.orders() == "SignalExternalWorkflowExecutionInitiated ExternalWorkflowExecutionSignaled DTS"
    signaled = swf.last("WorkflowExecutionSignaled", "other")
    assert signaled["externalInitiatedEventId"] == 5
    assert signaled["externalWorkflowExecution"]["workflowId"] == "w"


def test_continued_as_new(swf: Swf) -> None:
    first = swf.start(tagList=["a", "b"])
    swf.decide(decision("ContinueAsNewWorkflowExecution", input="again", tagList=["c"]))
    assert swf.orders(run_id=first) == "WorkflowExecutionContinuedAsNew"
    ended = swf.last("WorkflowExecutionContinuedAsNew", run_id=first)
    assert ended["executionStartToCloseTimeout"] == "10000", "filled in from its type"
    new = swf.runs("w")[0]
    assert new["execution"]["runId"] == ended["newExecutionRunId"]
    assert new["tagList"] == ["c"]
    started = swf.last("WorkflowExecutionStarted", run_id=ended["newExecutionRunId"])
    assert started["continuedExecutionRunId"] == first
    assert started["input"] == "again"


def test_child_policies(swf: Swf) -> None:
    for policy, status in (("TERMINATE", "CLOSED"), ("REQUEST_CANCEL", "OPEN"), ("ABANDON", "OPEN")):
        swf.start(f"parent {policy}")
        swf.decide(child(f"child {policy}"))
        reason = {"reason": "r", "details": "d", "childPolicy": policy}
        swf.client.terminate_workflow_execution(domain=DOMAIN, workflowId=f"parent {policy}", **reason)
        terminated = swf.last("WorkflowExecutionTerminated", f"parent {policy}")
        assert terminated == {"cause": "OPERATOR_INITIATED", **reason}
        (info,) = swf.runs(f"child {policy}")
        assert info["executionStatus"] == status
        assert info["parent"]["workflowId"] == f"parent {policy}"
        if policy != "TERMINATE":
            swf.decide()
    assert swf.last("WorkflowExecutionTerminated", "child TERMINATE")["cause"] == "CHILD_POLICY_APPLIED"
    assert swf.last("WorkflowExecutionCancelRequested", "child REQUEST_CANCEL")["cause"] == "CHILD_POLICY_APPLIED"
