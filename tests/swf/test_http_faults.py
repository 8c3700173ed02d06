"""Faults that only SWF makes, played on requests and replies: the result is right, made once, and nothing hangs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.core import events as e
from simpleflow.engines.swf import faults
from simpleflow.engines.swf.activities import SwfActivitySource
from simpleflow.engines.swf.client import client
from simpleflow.engines.swf.decisions import SwfDecisionSource
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.exceptions import SwfError, UnknownResource
from simpleflow.server import Server
from simpleflow.server.chaos import Chaos
from simpleflow.testing.subject import activity as schedule
from simpleflow.worker.heartbeat import GOES_ON, GONE, Heartbeat
from tests.swf import proxy as wire
from tests.swf.proxy import Proxy
from tests.swf.served import DOMAIN, Crew, ended, environment, outcome, pointed_at, registered, start

UNKNOWN = "com.amazonaws.swf.base.model#UnknownResourceFault"
NOT_PERMITTED = "com.amazonaws.swf.base.model#OperationNotPermittedFault"
DENIED = "com.amazon.coral.service#AccessDeniedException"

DECISION, ACTIVITY = "RespondDecisionTaskCompleted", "RespondActivityTaskCompleted"

done: list[int] = []


@activity.with_attributes(
    name="faults.work", version="1", raises_on_failure=True, start_to_close_timeout=1, retry=2, task_list="default"
)
def work(number: int) -> int:
    done.append(number)
    return number


@activity.with_attributes(name="faults.patient", version="1", raises_on_failure=True, task_list="default")
def patient() -> str:
    return "done"


class Work(Workflow):
    name = "faults.work"
    decision_tasks_timeout = 1

    def run(self) -> list[int]:
        self.submit(self.record_marker("begun"))
        return [self.submit(work, number).result for number in range(3)]


class Sub(Workflow):
    name = "faults.sub"
    task_list = "default"

    def run(self) -> str:
        return "from the child"


class Parent(Workflow):
    name = "faults.parent"

    def run(self) -> str:
        return str(self.submit(Sub).result)


class Waits(Workflow):
    name = "faults.waits"

    def run(self) -> list[Any]:
        return [self.submit(self.wait_signal("go")).result, self.submit(patient).result]


class Timed(Workflow):
    name = "faults.timed"

    def run(self) -> list[Any]:
        timer = self.submit(self.start_timer("pause", 1))
        said = self.submit(Sub).result
        futures.wait(timer)
        return [said, timer.finished, self.submit(patient).result]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A server whose types are registered, behind a proxy; the client retries a request once."""
    done.clear()
    monkeypatch.setenv("SWF_CONNECTION_RETRIES", "1")
    with Server(poll_seconds=0.3) as server, wire.before(server.url) as found:
        for name, value in environment(found.url).items():
            monkeypatch.setenv(name, value)
        registered(DOMAIN)
        begin(Work, workflow_id="first")
        with Crew():
            assert ended("first").status == "completed"
        done.clear()
        found.seen.clear()
        yield found


def begin(workflow_class: type[Workflow], **options: Any) -> str:
    limit = getattr(workflow_class, "decision_tasks_timeout", None)
    return start(workflow_class, **({"decision_task_timeout": str(limit)} if limit else {}), **options)


def types() -> list[str]:
    return [event.type for event in SwfEngine(DOMAIN).history("w")]


def completes(proxy: Proxy) -> None:
    """The run completes with the right result, and all requests were spoilt that should be."""
    with Crew():
        assert ended().status == "completed", outcome()
    assert outcome().result == "[0,1,2]"
    assert types().count("MarkerRecorded") == 1
    assert proxy.left() == []


# Lost replies


@pytest.mark.parametrize(("operation", "tasks"), [(DECISION, 4), (ACTIVITY, 3)])
def test_an_accepted_answer_whose_reply_is_lost(proxy: Proxy, operation: str, tasks: int) -> None:
    begin(Work)
    proxy.spoil(operation, wire.lose, 2)
    completes(proxy)
    assert done == [0, 1, 2], "nothing was done again"
    assert (
        proxy.count(operation) == {"RespondDecisionTaskCompleted": 4, "RespondActivityTaskCompleted": 3}[operation] + 2
    )


@pytest.mark.parametrize("operation", ["PollForDecisionTask", "PollForActivityTask"])
def test_a_task_that_was_lost_on_its_way_is_offered_again_after_its_time_out(proxy: Proxy, operation: str) -> None:
    begin(Work)
    proxy.spoil(operation, wire.lose)
    completes(proxy)
    kind = operation.removeprefix("PollFor")
    assert types().count(f"{kind}TimedOut") == 1


def test_a_start_and_a_termination_whose_replies_are_lost(proxy: Proxy) -> None:
    proxy.spoil("StartWorkflowExecution", wire.lose)
    run_id = begin(Waits)
    proxy.spoil("TerminateWorkflowExecution", wire.lose)
    engine = SwfEngine(DOMAIN)
    engine.terminate_workflow_execution("w", run_id)
    assert [(each.run_id, each.status) for each in engine.list_runs() if each.workflow_id == "w"] == [
        (run_id, "terminated")
    ]
    assert proxy.left() == []


def test_a_start_whose_reply_is_lost_while_the_run_ends(proxy: Proxy) -> None:
    def ends(request: dict[str, Any]) -> bool:
        return bool(request["executionFilter"]["workflowId"] == "w")

    proxy.spoil("StartWorkflowExecution", wire.lose)
    end = wire.after(lambda: client("polls").terminate_workflow_execution(domain=DOMAIN, workflowId="w"))
    proxy.spoil("ListOpenWorkflowExecutions", end, 1, ends)
    run_id = begin(Work)
    assert [(each.run_id, each.status) for each in SwfEngine(DOMAIN).list_runs() if each.workflow_id == "w"] == [
        (run_id, "terminated")
    ]
    assert proxy.left() == []


def test_registrations_whose_replies_are_lost(proxy: Proxy) -> None:
    begin(Waits)
    proxy.spoil("RegisterActivityType", wire.lose)
    SwfEngine(DOMAIN).signal_workflow_execution("w", "go", '"now"')
    with Crew():
        assert ended().status == "completed"
    assert outcome().result == '["now","done"]'
    assert proxy.left() == []


# Histories in another order


def without_scheduled_decision_tasks(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in events if each["eventType"] != "DecisionTaskScheduled" or each["eventId"] == 2]


def shown_twice(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for event in events for each in (event, event)]


def without_zeros(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {key: {k: v for k, v in each.items() if v != 0} if isinstance(each, dict) else each for key, each in e.items()}
        for e in events
    ]


@pytest.mark.parametrize(
    ("change", "warnings"), [(without_scheduled_decision_tasks, 2), (shown_twice, 0), (without_zeros, 0)]
)
def test_histories_that_are_not_as_expected(
    proxy: Proxy, change: Any, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    def changed(forward: wire.Forward) -> tuple[int, bytes]:
        status, body = forward()
        reply = json.loads(body)
        if "events" in reply:
            reply["events"] = change(reply["events"])
        return status, json.dumps(reply).encode()

    for operation in ("PollForDecisionTask", "GetWorkflowExecutionHistory"):
        proxy.spoil(operation, changed, 40)
    run_id = begin(Work)
    with caplog.at_level(logging.WARNING), Crew():
        assert ended().status == "completed"
    assert done == [0, 1, 2]
    lines = [record.getMessage() for record in caplog.records if "event" in record.getMessage()]
    assert len(lines) == warnings, lines
    assert all(line.startswith(f"workflow w, run {run_id}, event ") for line in lines)


# Stale tokens


@pytest.mark.parametrize("operation", [DECISION, ACTIVITY])
def test_a_stale_token_loses_only_its_task(proxy: Proxy, operation: str) -> None:
    begin(Work)
    proxy.spoil(operation, wire.fault(UNKNOWN))
    completes(proxy)
    kind = operation.removeprefix("Respond").removesuffix("Completed")
    assert types().count(f"{kind}TimedOut") == 1


def test_answers_to_a_task_that_is_over_are_refused_once(proxy: Proxy) -> None:
    begin(Work)
    decisions, activities = SwfDecisionSource(DOMAIN, "default"), SwfActivitySource(DOMAIN, "default")
    with pytest.raises(UnknownResource):
        activities.respond_activity_task_completed("no token", "1")
    task = decisions.poll_for_decision_task()
    assert task is not None
    SwfEngine(DOMAIN).terminate_workflow_execution("w")
    with pytest.raises(UnknownResource):
        decisions.respond_decision_task_completed(task.token, [])
    assert proxy.count("RespondDecisionTaskCompleted") == 1, "the answer is not retried"


def test_heartbeats_that_fail(proxy: Proxy) -> None:
    begin(Work)
    decisions, activities = SwfDecisionSource(DOMAIN, "default"), SwfActivitySource(DOMAIN, "default")
    task = decisions.poll_for_decision_task()
    assert task is not None
    kind = e.ActivityType(name="faults.work", version="1")
    decisions.respond_decision_task_completed(
        task.token, [msgspec.structs.replace(schedule(start_to_close_timeout="60"), activity_type=kind)]
    )
    found = activities.poll_for_activity_task()
    assert found is not None
    heartbeat = Heartbeat(activities, found.token, every=60)
    for how in (wire.lose, wire.throttled, wire.fault("com.amazon.coral.service#InternalFailure", 500)):
        proxy.spoil("RecordActivityTaskHeartbeat", how, 2)  # the client's retry, too
        assert heartbeat.beat() == GOES_ON
    assert proxy.left() == []
    assert heartbeat.beat() == GOES_ON
    proxy.spoil("RecordActivityTaskHeartbeat", wire.fault(UNKNOWN))
    assert heartbeat.beat() == GONE


# UNHANDLED_DECISION


def test_a_refused_close_is_decided_again(proxy: Proxy) -> None:
    begin(Work)

    def closes(request: dict[str, Any]) -> bool:
        return [each["decisionType"] for each in request["decisions"]] == ["CompleteWorkflowExecution"]

    signal = wire.after(lambda: SwfEngine(DOMAIN).signal_workflow_execution("w", "unexpected"))
    proxy.spoil("RespondDecisionTaskCompleted", signal, 2, closes)
    completes(proxy)
    assert types().count("CompleteWorkflowExecutionFailed") == 2
    assert done == [0, 1, 2]


# Throttling


@pytest.mark.parametrize("operation", [DECISION, ACTIVITY, "StartWorkflowExecution"])
def test_throttled_calls_are_retried(proxy: Proxy, operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "task_start_to_close_timeout", "60")
    proxy.spoil(operation, wire.throttled, 1 if operation == "StartWorkflowExecution" else 4)
    start(Work)
    completes(proxy)
    assert done == [0, 1, 2]


@pytest.mark.parametrize("operation", ["PollForDecisionTask", "PollForActivityTask"])
def test_throttled_polls_are_retried_by_the_poller_alone(proxy: Proxy, operation: str) -> None:
    proxy.spoil(operation, wire.throttled, 4)
    start(Work)
    decisions, activities = SwfDecisionSource(DOMAIN, "default"), SwfActivitySource(DOMAIN, "default")
    is_decision = operation == "PollForDecisionTask"
    with pytest.raises(SwfError, match="too many requests") as raised:
        (decisions.poll_for_decision_task if is_decision else activities.poll_for_activity_task)()
    assert raised.value.passing
    assert proxy.count(operation) == 1
    completes(proxy)


def test_an_answer_with_finished_work_is_retried_for_minutes(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults.INSIST_SECONDS >= 120
    monkeypatch.setattr(faults, "_LONGEST_PAUSE", 0.5)
    begin(Work)
    proxy.spoil("RespondActivityTaskCompleted", wire.throttled, 10, lambda request: request["result"] == "2")
    monkeypatch.setattr(work, "task_start_to_close_timeout", "60")
    completes(proxy)
    assert done == [0, 1, 2]


# Permissions


def test_a_poll_that_is_not_permitted_names_the_permission(proxy: Proxy) -> None:
    for code in (NOT_PERMITTED, DENIED):
        proxy.spoil("PollForDecisionTask", wire.fault(code))
        with pytest.raises(SwfError, match="give these credentials swf:PollForDecisionTask") as raised:
            SwfDecisionSource(DOMAIN, "default").poll_for_decision_task()
        assert not raised.value.passing
    assert proxy.count("PollForDecisionTask") == 2


def test_an_answer_that_is_not_permitted_is_not_retried(proxy: Proxy) -> None:
    begin(Work)
    proxy.spoil("RespondDecisionTaskCompleted", wire.fault(NOT_PERMITTED))
    source = SwfDecisionSource(DOMAIN, "default")
    task = source.poll_for_decision_task()
    assert task is not None
    with pytest.raises(SwfError, match="swf:RespondDecisionTaskCompleted"):
        source.respond_decision_task_completed(task.token, [])
    assert proxy.count("RespondDecisionTaskCompleted") == 1


def test_a_type_that_may_not_be_registered_fails_the_run(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    begin(Waits)
    SwfEngine(DOMAIN).signal_workflow_execution("w", "go", '"now"')
    proxy.spoil("RegisterActivityType", wire.fault(DENIED), 3)
    with caplog.at_level(logging.WARNING), Crew():
        assert ended().status == "failed"
    assert "ACTIVITY_TYPE_DOES_NOT_EXIST" in outcome().reason
    assert types().count("ScheduleActivityTaskFailed") == 3
    assert "swf:RegisterActivityType" in caplog.text


def test_a_decision_that_is_not_permitted_fails_the_run_at_once(proxy: Proxy) -> None:
    begin(Waits)
    SwfEngine(DOMAIN).signal_workflow_execution("w", "go", '"now"')
    cause = wire.rewritten(b"ACTIVITY_TYPE_DOES_NOT_EXIST", b"OPERATION_NOT_PERMITTED")
    proxy.spoil("PollForDecisionTask", cause, 20)
    with Crew():
        assert ended().status == "failed"
    assert "OPERATION_NOT_PERMITTED" in outcome().reason
    assert types().count("ScheduleActivityTaskFailed") == 1


# Deprecated types


def test_deprecated_types(proxy: Proxy) -> None:
    calls = client("calls")
    begin(Parent)
    with Crew():
        assert ended().status == "completed"
    sub = {"name": "faults.sub", "version": "default"}
    calls.deprecate_workflow_type(domain=DOMAIN, workflowType=sub)
    calls.deprecate_activity_type(domain=DOMAIN, activityType={"name": "faults.work", "version": "1"})
    for workflow_class, cause in ((Parent, "WORKFLOW_TYPE_DEPRECATED"), (Work, "ACTIVITY_TYPE_DEPRECATED")):
        run_id = begin(workflow_class)
        with Crew():
            assert ended().status == "failed"
        assert cause in outcome().reason
        refused = [each for each in SwfEngine(DOMAIN).history("w", run_id) if each.type.endswith("Failed")]
        assert len(refused) == 2, "one refusal, and the end"
    proxy.spoil("StartWorkflowExecution", wire.fault("com.amazonaws.swf.base.model#TypeDeprecatedFault"))
    with pytest.raises(SwfError, match="the type is deprecated"):
        begin(Work)


# Doubled signals, late timers


def test_a_signal_that_arrives_twice(proxy: Proxy) -> None:
    begin(Waits)
    proxy.spoil("SignalWorkflowExecution", wire.twice)
    SwfEngine(DOMAIN).signal_workflow_execution("w", "go", '"now"')
    with Crew():
        assert ended().status == "completed"
    assert types().count("WorkflowExecutionSignaled") == 2
    assert outcome().result == '["now","done"]'
    assert types().count("ActivityTaskCompleted") == 1


def test_timers_and_children_that_are_late() -> None:
    with Server(poll_seconds=0.3, chaos=Chaos(delay=2, seed=2)) as server, pointed_at(server.url):
        registered(DOMAIN)
        begin(Timed)
        with Crew():
            assert ended().status == "completed"
        events = {each.type: each.time for each in SwfEngine(DOMAIN).history("w")}
        assert events["TimerFired"] - events["TimerStarted"] > 1.2, "it was late"
        assert outcome().result == '["from the child",true,"done"]'
