"""The order of events in the history of an execution, as recorded from Amazon SWF, and their attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.codec import event_to_dict
from simpleflow.engines.base import StartRequest
from simpleflow.engines.embedded import Run
from simpleflow.engines.memory import MemoryEngine
from simpleflow.exceptions import InputError, UnknownResource
from tests.core.harness import Clock, check_decisions, check_history

SHORT = {
    "DecisionTaskScheduled": "DTS",
    "DecisionTaskStarted": "DTSt",
    "DecisionTaskCompleted": "DTC",
    "ActivityTaskScheduled": "ATS",
    "ActivityTaskStarted": "ATSt",
    "ActivityTaskCompleted": "ATC",
    "WorkflowExecutionStarted": "Started",
}


class Service:
    """An engine whose decisions and results the test gives by hand."""

    def __init__(self, child_policy: str = "TERMINATE") -> None:
        self.clock = Clock()
        self.engine = MemoryEngine(self.clock)
        self.run = self.start("w", child_policy=child_policy)

    def start(self, workflow_id: str, **options: Any) -> Run:
        request = StartRequest(workflow_id, "type", "1", '["input"]', execution_timeout="1000", **options)
        return self.engine.runs[self.engine.start_workflow_execution(request)]

    def poll(self) -> str:
        task = self.engine.poll_for_decision_task("decider")
        assert task is not None
        return task.token

    def respond(self, token: str, *decisions: d.Decision, context: str | None = None) -> None:
        check_decisions(decisions)
        self.clock.now += 1
        self.engine.respond_decision_task_completed(token, decisions, context)

    def decide(self, *decisions: d.Decision, context: str | None = None) -> None:
        self.respond(self.poll(), *decisions, context=context)

    def take(self) -> str:
        """Start the next activity. Returns its token."""
        task = self.engine.poll_for_activity_task("worker")
        assert task is not None
        return task.token

    def do(self, result: str = '"done"') -> None:
        self.engine.respond_activity_task_completed(self.take(), result)

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.engine.expire()

    def signal(self, name: str = "s") -> None:
        self.engine.signal_workflow_execution("w", name)

    def orders(self, since: int = 5, run: Run | None = None) -> str:
        """The types of the events from the id ``since`` on, abbreviated and joined."""
        self.check()
        events = (run or self.run).history.events
        return " ".join(SHORT.get(event.type, event.type) for event in events[since - 1 :])

    def event(self, kind: type[e.Attributes], run: Run | None = None) -> dict[str, Any]:
        """The attributes of the last event of this kind, as on the wire."""
        events = (run or self.run).history.events
        members = event_to_dict(next(each for each in reversed(events) if isinstance(each.attributes, kind)))
        assert list(members) == sorted(members)
        return next(value for key, value in members.items() if key.endswith("Attributes"))

    def check(self) -> None:
        for run in self.engine.runs.values():
            check_history(run.history.events)


def activity(id: str = "a", **options: Any) -> d.ScheduleActivityTask:
    return d.ScheduleActivityTask(activity_id=id, activity_type=e.ActivityType("type", "1"), **options)


def child(id: str = "c", **options: Any) -> d.StartChildWorkflowExecution:
    return d.StartChildWorkflowExecution(workflow_id=id, workflow_type=e.WorkflowType("child", "1"), **options)


def timer(id: str = "t", seconds: int = 5) -> d.StartTimer:
    return d.StartTimer(timer_id=id, start_to_fire_timeout=str(seconds))


def signal(to: str = "w", name: str = "s", **options: Any) -> d.SignalExternalWorkflowExecution:
    return d.SignalExternalWorkflowExecution(workflow_id=to, signal_name=name, **options)


COMPLETE = d.CompleteWorkflowExecution(result="null")


@pytest.fixture
def service() -> Service:
    return Service()


def test_start_one_activity_completion(service: Service) -> None:
    service.decide(activity(input="[]"))
    service.do()
    service.decide(COMPLETE)
    assert service.orders(1) == "Started DTS DTSt DTC ATS ATSt ATC DTS DTSt DTC WorkflowExecutionCompleted"
    assert service.event(e.WorkflowExecutionStarted) == {
        "childPolicy": "TERMINATE",
        "executionStartToCloseTimeout": "1000",
        "input": '["input"]',
        "parentInitiatedEventId": 0,
        "taskList": {"name": "default"},
        "taskStartToCloseTimeout": "300",
        "workflowType": {"name": "type", "version": "1"},
    }
    assert service.event(e.DecisionTaskScheduled) == {
        "scheduleToStartTimeout": "NONE",
        "startToCloseTimeout": "300",
        "taskList": {"name": "default"},
    }
    assert service.event(e.DecisionTaskStarted) == {"identity": "decider", "scheduledEventId": 8}
    assert service.event(e.DecisionTaskCompleted) == {"scheduledEventId": 8, "startedEventId": 9}
    assert service.event(e.ActivityTaskScheduled) == {
        "activityId": "a",
        "activityType": {"name": "type", "version": "1"},
        "decisionTaskCompletedEventId": 4,
        "heartbeatTimeout": "NONE",
        "input": "[]",
        "scheduleToCloseTimeout": "NONE",
        "scheduleToStartTimeout": "NONE",
        "startToCloseTimeout": "NONE",
        "taskList": {"name": "default"},
    }
    assert service.event(e.ActivityTaskStarted) == {"identity": "worker", "scheduledEventId": 5}
    assert service.event(e.ActivityTaskCompleted) == {
        "result": '"done"',
        "scheduledEventId": 5,
        "startedEventId": 6,
    }
    assert service.event(e.WorkflowExecutionCompleted) == {"decisionTaskCompletedEventId": 10, "result": "null"}


def test_an_activity_fails(service: Service) -> None:
    service.decide(activity())
    service.engine.respond_activity_task_failed(service.take(), "OSError: no")
    assert service.orders() == "ATS ATSt ActivityTaskFailed DTS"
    assert service.event(e.ActivityTaskFailed) == {
        "reason": "OSError: no",
        "scheduledEventId": 5,
        "startedEventId": 6,
    }


def test_a_result_while_another_activity_waits_for_a_worker(service: Service) -> None:
    service.decide(activity("a"), activity("b"))
    service.do()
    service.decide()
    service.take()
    assert service.orders() == "ATS ATS ATSt ATC DTS DTSt DTC ATSt"


def test_a_result_during_a_decision_schedules_the_next_one_at_once_and_starts_it_after(service: Service) -> None:
    service.decide(activity())
    worker = service.take()
    service.signal()
    token = service.poll()
    service.engine.respond_activity_task_completed(worker, None)
    assert service.engine.poll_for_decision_task() is None
    service.respond(token)
    service.decide(COMPLETE)
    expected = "ATS ATSt WorkflowExecutionSignaled DTS DTSt ATC DTS DTC DTSt DTC WorkflowExecutionCompleted"
    assert service.orders() == expected
    assert service.event(e.DecisionTaskCompleted) == {"scheduledEventId": 11, "startedEventId": 13}
    assert service.event(e.WorkflowExecutionSignaled) == {"externalInitiatedEventId": 0, "signalName": "s"}


def test_a_second_result_schedules_no_second_decision_task(service: Service) -> None:
    service.decide(activity("a"), activity("b"))
    service.do()
    service.do()
    service.decide()
    assert service.orders() == "ATS ATS ATSt ATC DTS ATSt ATC DTSt DTC"


def test_markers_schedule_no_decision_task_but_the_timer_after_them_does(service: Service) -> None:
    marker = d.RecordMarker(marker_name="m")
    service.decide(marker, d.RecordMarker(marker_name="m", details=""), timer(seconds=0))
    assert service.orders() == "MarkerRecorded MarkerRecorded TimerStarted"
    service.engine.expire()
    assert service.orders() == "MarkerRecorded MarkerRecorded TimerStarted TimerFired DTS"
    assert service.event(e.MarkerRecorded) == {
        "decisionTaskCompletedEventId": 4,
        "details": "",
        "markerName": "m",
    }
    assert service.event(e.TimerStarted) == {
        "decisionTaskCompletedEventId": 4,
        "startToFireTimeout": "0",
        "timerId": "t",
    }
    assert service.event(e.TimerFired) == {"startedEventId": 7, "timerId": "t"}


def test_one_timer_fires_and_the_other_is_cancelled(service: Service) -> None:
    service.decide(timer("long", 120), timer("short", 2))
    service.pass_time(2)
    service.decide(d.CancelTimer(timer_id="long"), timer("wake", 0))
    service.pass_time(0)
    service.pass_time(500)
    assert (
        service.orders()
        == "TimerStarted TimerStarted TimerFired DTS DTSt DTC TimerCanceled TimerStarted TimerFired DTS"
    )
    assert service.event(e.TimerCanceled) == {
        "decisionTaskCompletedEventId": 10,
        "startedEventId": 5,
        "timerId": "long",
    }


def test_a_timer_started_and_cancelled_in_one_response_may_be_started_again(service: Service) -> None:
    cancel = d.CancelTimer(timer_id="t")
    service.decide(timer("t", 5), cancel, timer("t", 7), timer("t", 9), cancel, cancel)
    expected = "TimerStarted TimerCanceled TimerStarted StartTimerFailed TimerCanceled CancelTimerFailed DTS"
    assert service.orders() == expected
    assert service.event(e.StartTimerFailed)["cause"] == "TIMER_ID_ALREADY_IN_USE"
    assert service.event(e.CancelTimerFailed) == {
        "cause": "TIMER_ID_UNKNOWN",
        "decisionTaskCompletedEventId": 4,
        "timerId": "t",
    }


def test_the_execution_context_is_kept_even_when_it_is_empty(service: Service) -> None:
    service.decide(context="waiting")
    service.signal()
    service.decide()
    assert service.run.history.execution_context == "waiting"
    service.signal()
    service.decide(context="")
    assert service.event(e.DecisionTaskCompleted)["executionContext"] == ""
    assert service.run.history.execution_context == ""


def test_all_events_of_one_response_have_the_same_time(service: Service) -> None:
    service.decide(activity(), timer(), d.RecordMarker(marker_name="m"), d.CancelTimer(timer_id="no"))
    events = service.run.history.events
    assert {event.time for event in events[3:]} == {service.clock.now}
    assert {event.time for event in events[:3]} == {service.clock.now - 1}


def test_closing_is_refused_when_a_decision_task_waits(service: Service) -> None:
    for closing in (
        COMPLETE,
        d.FailWorkflowExecution(reason="r"),
        d.CancelWorkflowExecution(),
        d.ContinueAsNewWorkflowExecution(),
    ):
        token = service.poll()
        service.signal()
        service.respond(token, closing)
        name = f"{type(closing).__name__}Failed"
        assert service.orders(len(service.run.history.events) - 3) == f"WorkflowExecutionSignaled DTS DTC {name}"
        assert event_to_dict(service.run.history.events[-1])[f"{name[0].lower()}{name[1:]}EventAttributes"] == {
            "cause": "UNHANDLED_DECISION",
            "decisionTaskCompletedEventId": service.run.history.next_id - 2,
        }
    service.decide(COMPLETE)
    assert service.run.history.state == "completed"


def test_closing_is_accepted_after_a_decision_that_was_refused(service: Service) -> None:
    service.decide(d.CancelTimer(timer_id="no"), COMPLETE)
    assert service.orders() == "CancelTimerFailed WorkflowExecutionCompleted"


def test_the_workflow_fails_and_is_cancelled_at_its_first_decision() -> None:
    service = Service()
    service.decide(d.FailWorkflowExecution(reason="r", details="d"))
    assert service.orders() == "WorkflowExecutionFailed"
    assert service.event(e.WorkflowExecutionFailed) == {
        "decisionTaskCompletedEventId": 4,
        "details": "d",
        "reason": "r",
    }
    service = Service()
    service.decide(d.CancelWorkflowExecution())
    assert service.event(e.WorkflowExecutionCanceled) == {"decisionTaskCompletedEventId": 4}


def test_only_the_last_decision_may_close(service: Service) -> None:
    with pytest.raises(InputError, match="CompleteWorkflowExecution closes the execution; expected it to be the last"):
        service.decide(COMPLETE, timer())
    assert service.orders(1) == "Started DTS DTSt"


def test_closing_drops_open_tasks_without_an_event_and_later_responses_are_refused(service: Service) -> None:
    service.decide(activity("a"), activity("b"), timer())
    token = service.take()
    service.signal()
    service.decide(COMPLETE)
    before = service.orders(1)
    with pytest.raises(UnknownResource):
        service.engine.respond_activity_task_completed(token, None)
    assert service.engine.poll_for_activity_task() is None
    service.pass_time(5_000)
    assert service.orders(1) == before


def test_a_response_is_accepted_once(service: Service) -> None:
    token = service.poll()
    service.respond(token, activity())
    with pytest.raises(UnknownResource):
        service.respond(token, activity("b"))
    worker = service.take()
    service.engine.respond_activity_task_completed(worker, None)
    with pytest.raises(UnknownResource):
        service.engine.respond_activity_task_completed(worker, None)
    assert service.orders() == "ATS ATSt ATC DTS"


def cancel(id: str = "a") -> d.RequestCancelActivityTask:
    return d.RequestCancelActivityTask(activity_id=id)


def test_an_activity_that_no_worker_has_taken_is_cancelled_at_once(service: Service) -> None:
    service.decide(activity())
    service.signal()
    service.decide(cancel())
    assert service.orders(10) == "ActivityTaskCancelRequested ActivityTaskCanceled DTS"
    assert service.event(e.ActivityTaskCanceled) == {
        "latestCancelRequestedEventId": 10,
        "scheduledEventId": 5,
        "startedEventId": 0,
    }
    assert service.engine.poll_for_activity_task() is None


def test_a_worker_learns_of_a_cancel_request_with_its_heartbeat(service: Service) -> None:
    service.decide(activity())
    token = service.take()
    assert service.engine.record_activity_task_heartbeat(token) is False
    service.signal()
    service.decide(cancel())
    assert service.orders(11) == "ActivityTaskCancelRequested"
    assert service.engine.record_activity_task_heartbeat(token) is True
    service.engine.respond_activity_task_canceled(token, "details")
    assert service.orders(11) == "ActivityTaskCancelRequested ActivityTaskCanceled DTS"
    assert service.event(e.ActivityTaskCancelRequested) == {"activityId": "a", "decisionTaskCompletedEventId": 10}
    assert service.event(e.ActivityTaskCanceled) == {
        "details": "details",
        "latestCancelRequestedEventId": 11,
        "scheduledEventId": 5,
        "startedEventId": 6,
    }


def test_a_worker_may_cancel_an_activity_without_a_request(service: Service) -> None:
    service.decide(activity())
    service.engine.respond_activity_task_canceled(service.take())
    assert service.orders() == "ATS ATSt ActivityTaskCanceled DTS"
    assert service.event(e.ActivityTaskCanceled) == {"scheduledEventId": 5, "startedEventId": 6}


def orders_of_cancels(*decisions: d.Decision, started: bool) -> str:
    service = Service()
    service.decide(activity())
    if started:
        service.take()
    service.signal()
    service.decide(*decisions)
    return service.orders(11 if started else 10)


def test_cancellations_in_one_response_take_effect_in_order() -> None:
    ended = "ActivityTaskCancelRequested ActivityTaskCanceled"
    assert orders_of_cancels(cancel(), cancel(), started=False) == f"{ended} RequestCancelActivityTaskFailed DTS"
    assert orders_of_cancels(cancel(), activity(), started=False) == f"{ended} ATS DTS"
    assert orders_of_cancels(activity("b"), cancel("b"), started=False) == f"ATS {ended} DTS"
    assert (
        orders_of_cancels(cancel(), activity(), started=True)
        == "ActivityTaskCancelRequested ScheduleActivityTaskFailed DTS"
    )
    assert orders_of_cancels(cancel("no"), started=True) == "RequestCancelActivityTaskFailed DTS"


def test_an_activity_id_in_use_is_refused_and_may_be_used_again_later(service: Service) -> None:
    service.decide(activity(), activity())
    assert service.orders() == "ATS ScheduleActivityTaskFailed DTS"
    assert service.event(e.ScheduleActivityTaskFailed) == {
        "activityId": "a",
        "activityType": {"name": "type", "version": "1"},
        "cause": "ACTIVITY_ID_ALREADY_IN_USE",
        "decisionTaskCompletedEventId": 4,
    }
    service.do()
    service.decide(activity())
    assert service.orders(12) == "ATS"


def test_lambda_functions_are_refused(service: Service) -> None:
    service.decide(d.ScheduleLambdaFunction(id="l", name="f"))
    assert service.orders() == "ScheduleLambdaFunctionFailed DTS"


def ids(events: Sequence[e.Event]) -> list[int]:
    return [event.id for event in events]


def test_ids_count_from_one(service: Service) -> None:
    service.decide(activity(), timer(), signal())
    assert ids(service.run.history.events) == list(range(1, service.run.history.next_id))
