"""Events between executions: children, signals, cancellation requests, terminations, continuing as new."""

from __future__ import annotations

import pytest

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decisions import Decision
from simpleflow.engines.embedded import Run
from tests.core.test_record import COMPLETE, Service, child, signal


@pytest.fixture
def service() -> Service:
    return Service()


def run_of(service: Service, workflow_id: str) -> Run:
    return next(run for run in reversed(service.engine.runs.values()) if run.workflow_id == workflow_id)


def decide_for(service: Service, workflow_id: str, *decisions: Decision) -> None:
    """Complete the next decision task, which must belong to this workflow id."""
    task = service.engine.poll_for_decision_task("decider")
    assert task is not None
    assert task.workflow_id == workflow_id
    service.respond(task.token, *decisions)


def test_a_child_starts_and_completes(service: Service) -> None:
    service.decide(child(input="[]", tag_list=("x",)))
    decide_for(service, "c", COMPLETE)
    decide_for(service, "w")
    run = run_of(service, "c")
    assert service.orders() == (
        "StartChildWorkflowExecutionInitiated ChildWorkflowExecutionStarted DTS "
        "ChildWorkflowExecutionCompleted DTSt DTC"
    )
    assert service.event(e.StartChildWorkflowExecutionInitiated) == {
        "childPolicy": "TERMINATE",
        "decisionTaskCompletedEventId": 4,
        "executionStartToCloseTimeout": "1000",
        "input": "[]",
        "tagList": ["x"],
        "taskList": {"name": "default"},
        "taskStartToCloseTimeout": "300",
        "workflowId": "c",
        "workflowType": {"name": "child", "version": "1"},
    }
    execution = {"runId": run.run_id, "workflowId": "c"}
    assert service.event(e.ChildWorkflowExecutionStarted) == {
        "initiatedEventId": 5,
        "workflowExecution": execution,
        "workflowType": {"name": "child", "version": "1"},
    }
    assert service.event(e.ChildWorkflowExecutionCompleted) == {
        "initiatedEventId": 5,
        "result": "null",
        "startedEventId": 6,
        "workflowExecution": execution,
        "workflowType": {"name": "child", "version": "1"},
    }
    started = service.event(e.WorkflowExecutionStarted, run)
    assert started["parentInitiatedEventId"] == 5
    assert started["parentWorkflowExecution"] == {"runId": service.run.run_id, "workflowId": "w"}
    assert len(run.run_id) == 46


def test_two_children_start_after_both_were_initiated(service: Service) -> None:
    service.decide(child("c1"), child("c2"))
    decide_for(service, "c1", COMPLETE)
    decide_for(service, "w")
    decide_for(service, "c2", COMPLETE)
    initiated, started = "StartChildWorkflowExecutionInitiated", "ChildWorkflowExecutionStarted"
    assert service.orders() == (
        f"{initiated} {initiated} {started} DTS {started} ChildWorkflowExecutionCompleted DTSt DTC "
        "ChildWorkflowExecutionCompleted DTS"
    )


def test_a_child_fails_while_its_parent_decides(service: Service) -> None:
    service.decide(child())
    task = service.engine.poll_for_decision_task()
    assert task is not None
    token = service.poll()
    service.respond(task.token, d.FailWorkflowExecution(reason="r", details="d"))
    service.respond(token)
    assert service.orders(8) == "DTSt ChildWorkflowExecutionFailed DTS DTC"
    found = service.event(e.ChildWorkflowExecutionFailed)
    assert (found["reason"], found["details"], found["startedEventId"]) == ("r", "d", 6)


def test_a_child_id_in_use_is_refused(service: Service) -> None:
    other = service.start("c")
    service.decide(child(control="mine"))
    assert service.orders() == "StartChildWorkflowExecutionInitiated StartChildWorkflowExecutionFailed DTS"
    assert service.event(e.StartChildWorkflowExecutionFailed) == {
        "cause": "WORKFLOW_ALREADY_RUNNING",
        "control": "mine",
        "decisionTaskCompletedEventId": 4,
        "initiatedEventId": 5,
        "workflowId": "c",
        "workflowType": {"name": "child", "version": "1"},
    }
    service.engine.terminate_workflow_execution("c", other.run_id)
    service.decide(child(), child())
    decide_for(service, "w")
    decide_for(service, "c", COMPLETE)
    service.decide(child())
    assert [each.type for each in service.run.history.events].count("ChildWorkflowExecutionStarted") == 2
    service.check()


@pytest.mark.parametrize("ending", ["canceled", "terminated", "timed out"])
def test_other_ends_of_a_child(service: Service, ending: str) -> None:
    service.decide(child(execution_start_to_close_timeout="50"))
    if ending == "canceled":
        service.engine.request_cancel_workflow_execution("c")
        decide_for(service, "c", d.CancelWorkflowExecution(details="why"))
        assert service.event(e.ChildWorkflowExecutionCanceled)["details"] == "why"
    elif ending == "terminated":
        service.engine.terminate_workflow_execution("c", reason="stop", details="now")
        assert service.orders(3, run_of(service, "c")) == "WorkflowExecutionTerminated"
        assert service.event(e.WorkflowExecutionTerminated, run_of(service, "c")) == {
            "cause": "OPERATOR_INITIATED",
            "childPolicy": "TERMINATE",
            "details": "now",
            "reason": "stop",
        }
        assert set(service.event(e.ChildWorkflowExecutionTerminated)) == {
            "initiatedEventId",
            "startedEventId",
            "workflowExecution",
            "workflowType",
        }
    else:
        service.pass_time(60)
        assert service.event(e.ChildWorkflowExecutionTimedOut)["timeoutType"] == "START_TO_CLOSE"
    kind = service.orders().split()[-1]
    assert kind.startswith("ChildWorkflowExecution")
    assert service.run.history.decision_pending


@pytest.mark.parametrize(
    ("policy", "state"), [("TERMINATE", "terminated"), ("REQUEST_CANCEL", "open"), ("ABANDON", "open")]
)
def test_children_of_a_terminated_execution_follow_its_child_policy(policy: str, state: str) -> None:
    service = Service(policy)
    service.decide(child(child_policy="TERMINATE"))
    service.engine.terminate_workflow_execution("w")
    run = run_of(service, "c")
    assert run.history.state == state
    last = {
        "TERMINATE": "WorkflowExecutionTerminated",
        "REQUEST_CANCEL": "WorkflowExecutionCancelRequested",
        "ABANDON": "DTS",
    }[policy]
    assert service.orders(2, run) == ("DTS" if policy == "ABANDON" else f"DTS {last}")
    if policy == "REQUEST_CANCEL":
        assert service.event(e.WorkflowExecutionCancelRequested, run) == {
            "cause": "CHILD_POLICY_APPLIED",
            "externalInitiatedEventId": 5,
            "externalWorkflowExecution": {"runId": service.run.run_id, "workflowId": "w"},
        }


def test_a_signal_to_another_execution(service: Service) -> None:
    other = service.start("other")
    service.decide(signal("other", "update", input="1", control="mine"))
    assert service.orders() == "SignalExternalWorkflowExecutionInitiated ExternalWorkflowExecutionSignaled DTS"
    assert service.event(e.SignalExternalWorkflowExecutionInitiated) == {
        "control": "mine",
        "decisionTaskCompletedEventId": 4,
        "input": "1",
        "signalName": "update",
        "workflowId": "other",
    }
    assert service.event(e.ExternalWorkflowExecutionSignaled) == {
        "initiatedEventId": 5,
        "workflowExecution": {"runId": other.run_id, "workflowId": "other"},
    }
    assert service.orders(2, other) == "DTS WorkflowExecutionSignaled"
    assert service.event(e.WorkflowExecutionSignaled, other) == {
        "externalInitiatedEventId": 5,
        "externalWorkflowExecution": {"runId": service.run.run_id, "workflowId": "w"},
        "input": "1",
        "signalName": "update",
    }


def test_a_signal_to_an_unknown_execution(service: Service) -> None:
    other = service.start("other")
    service.decide(signal("nobody", control="mine"), signal("other", run_id="another run"))
    failed = "SignalExternalWorkflowExecutionFailed"
    initiated = "SignalExternalWorkflowExecutionInitiated"
    assert service.orders() == f"{initiated} {initiated} {failed} DTS {failed}"
    assert service.event(e.SignalExternalWorkflowExecutionFailed) == {
        "cause": "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION",
        "decisionTaskCompletedEventId": 4,
        "initiatedEventId": 6,
        "runId": "another run",
        "workflowId": "other",
    }
    assert service.orders(1, other) == "Started DTS"


def test_an_execution_may_signal_itself(service: Service) -> None:
    service.decide(signal("w"))
    assert service.orders() == (
        "SignalExternalWorkflowExecutionInitiated WorkflowExecutionSignaled DTS ExternalWorkflowExecutionSignaled"
    )


def test_a_signal_and_the_end_in_one_response(service: Service) -> None:
    other = service.start("other")
    service.decide(signal("other"), COMPLETE)
    assert service.orders() == "SignalExternalWorkflowExecutionInitiated WorkflowExecutionCompleted"
    assert service.orders(3, other) == "WorkflowExecutionSignaled"


def test_requests_to_cancel_other_executions(service: Service) -> None:
    other = service.start("other")
    service.decide(
        d.RequestCancelExternalWorkflowExecution(workflow_id="other"),
        d.RequestCancelExternalWorkflowExecution(workflow_id="nobody", control="mine"),
    )
    initiated = "RequestCancelExternalWorkflowExecutionInitiated"
    assert service.orders() == (
        f"{initiated} {initiated} ExternalWorkflowExecutionCancelRequested DTS "
        "RequestCancelExternalWorkflowExecutionFailed"
    )
    assert service.event(e.RequestCancelExternalWorkflowExecutionFailed) == {
        "cause": "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION",
        "control": "mine",
        "decisionTaskCompletedEventId": 4,
        "initiatedEventId": 6,
        "workflowId": "nobody",
    }
    assert service.event(e.WorkflowExecutionCancelRequested, other) == {
        "externalInitiatedEventId": 5,
        "externalWorkflowExecution": {"runId": service.run.run_id, "workflowId": "w"},
    }


def test_a_request_to_cancel_through_the_api(service: Service) -> None:
    service.decide()
    service.engine.request_cancel_workflow_execution("w")
    assert service.orders() == "WorkflowExecutionCancelRequested DTS"
    assert service.event(e.WorkflowExecutionCancelRequested) == {"externalInitiatedEventId": 0}


def test_continuing_as_new_is_the_last_event_and_the_first_of_another_run(service: Service) -> None:
    service.decide(d.ContinueAsNewWorkflowExecution(input="[2]", workflow_type_version="2", tag_list=("x",)))
    assert service.orders() == "WorkflowExecutionContinuedAsNew"
    new = run_of(service, "w")
    assert new is not service.run
    assert service.event(e.WorkflowExecutionContinuedAsNew) == {
        "childPolicy": "TERMINATE",
        "decisionTaskCompletedEventId": 4,
        "executionStartToCloseTimeout": "1000",
        "input": "[2]",
        "newExecutionRunId": new.run_id,
        "tagList": ["x"],
        "taskList": {"name": "default"},
        "taskStartToCloseTimeout": "300",
        "workflowType": {"name": "type", "version": "2"},
    }
    assert service.orders(1, new) == "Started DTS"
    started = service.event(e.WorkflowExecutionStarted, new)
    assert started["continuedExecutionRunId"] == service.run.run_id
    assert started["parentInitiatedEventId"] == 0
    assert started["tagList"] == ["x"]


def test_a_parent_records_the_end_of_a_child_that_continued_as_new(service: Service) -> None:
    service.decide(child())
    decide_for(service, "c", d.ContinueAsNewWorkflowExecution(input="[2]"))
    service.decide()
    decide_for(service, "c", d.CompleteWorkflowExecution(result="2"))
    assert service.orders(9) == "DTC ChildWorkflowExecutionCompleted DTS"
    assert service.event(e.ChildWorkflowExecutionCompleted)["result"] == "2"
