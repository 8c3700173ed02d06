"""Events that time alone causes: timers, and the time-outs of activities, decisions and executions."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.service.expire import expire, next_deadline
from simpleflow.exceptions import UnknownResource
from tests.core.test_record import COMPLETE, Service, activity, child, timer


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.mark.parametrize(
    ("option", "kind", "begun", "beats"),
    [
        ("schedule_to_start_timeout", "SCHEDULE_TO_START", False, 0),
        ("schedule_to_close_timeout", "SCHEDULE_TO_CLOSE", False, 0),
        ("schedule_to_close_timeout", "SCHEDULE_TO_CLOSE", True, 3),
        ("start_to_close_timeout", "START_TO_CLOSE", True, 3),
        ("heartbeat_timeout", "HEARTBEAT", True, 0),
    ],
)
def test_activities_time_out_in_four_ways(service: Service, option: str, kind: str, begun: bool, beats: int) -> None:
    limits: dict[str, Any] = {option: "10"}
    service.decide(activity(**limits))
    token = service.take() if begun else None
    for _ in range(beats):
        service.pass_time(3)
        assert token is not None
        service.engine.record_activity_task_heartbeat(token)
    service.pass_time(9.9 - 3 * beats)
    assert "ActivityTaskTimedOut" not in service.orders()
    service.pass_time(0.1)
    assert service.orders() == ("ATS ATSt ActivityTaskTimedOut DTS" if begun else "ATS ActivityTaskTimedOut DTS")
    assert service.event(e.ActivityTaskTimedOut) == {
        "scheduledEventId": 5,
        "startedEventId": 6 if begun else 0,
        "timeoutType": kind,
    }
    if token is not None:
        with pytest.raises(UnknownResource):
            service.engine.respond_activity_task_completed(token, None)
    assert service.engine.poll_for_activity_task() is None


def test_the_schedule_to_start_time_out_ends_when_a_worker_has_the_task(service: Service) -> None:
    service.decide(activity(schedule_to_start_timeout="10", start_to_close_timeout="30"))
    service.pass_time(9)
    service.take()
    service.pass_time(29)
    assert service.orders() == "ATS ATSt"
    service.pass_time(1)
    assert service.event(e.ActivityTaskTimedOut)["timeoutType"] == "START_TO_CLOSE"


def test_heartbeats_keep_an_activity_open(service: Service) -> None:
    service.decide(activity(heartbeat_timeout="10", start_to_close_timeout="NONE"))
    token = service.take()
    for _ in range(50):
        service.pass_time(9)
        service.engine.record_activity_task_heartbeat(token)
    assert service.orders() == "ATS ATSt"
    assert len(service.run.history.deadlines) < 10
    service.pass_time(10)
    assert service.orders() == "ATS ATSt ActivityTaskTimedOut DTS"


def test_deadlines_that_have_passed_do_not_accumulate_in_the_engine(service: Service) -> None:
    service.decide(activity(start_to_close_timeout="900"))
    service.take()
    for number in range(40):
        service.signal()
        service.decide(timer(f"t{number}", 1))
        service.pass_time(1)
    service.pass_time(880)
    assert service.orders().endswith("TimerFired DTS ActivityTaskTimedOut")
    assert len(service.engine.executions._deadlines) <= 2


def test_a_time_out_then_a_signal_before_the_poll(service: Service) -> None:
    service.decide(activity(schedule_to_start_timeout="1"))
    service.pass_time(1)
    service.signal()
    service.decide()
    assert service.orders() == "ATS ActivityTaskTimedOut DTS WorkflowExecutionSignaled DTSt DTC"


def test_events_that_are_due_follow_the_order_of_their_deadlines_with_one_decision_task(service: Service) -> None:
    service.decide(timer("c", 3), timer("a", 1), activity(schedule_to_close_timeout="2"), timer("z", 100))
    service.pass_time(50)
    assert service.orders(9) == "TimerFired ActivityTaskTimedOut TimerFired DTS"
    fired = [each.attributes.timer_id for each in service.run.history.events if each.type == "TimerFired"]  # type: ignore[attr-defined]
    assert fired == ["a", "c"]


def test_a_timer_of_zero_seconds_fires_after_everything_that_its_response_caused(service: Service) -> None:
    service.decide(timer("t", 0), child(), d.RecordMarker(marker_name="m"))
    service.engine.expire()
    assert service.orders() == (
        "TimerStarted StartChildWorkflowExecutionInitiated MarkerRecorded ChildWorkflowExecutionStarted DTS TimerFired"
    )


def test_a_timer_started_again_fires_at_its_new_time(service: Service) -> None:
    service.decide(timer("t", 5))
    service.pass_time(3)
    service.signal()
    service.decide(d.CancelTimer(timer_id="t"), timer("t", 5))
    service.pass_time(3)
    assert service.orders(11) == "TimerStarted"
    service.pass_time(2)
    assert service.orders(11) == "TimerStarted TimerFired DTS"
    assert service.event(e.TimerFired) == {"startedEventId": 11, "timerId": "t"}


def test_a_decision_task_without_a_response_in_time_is_scheduled_again(service: Service) -> None:
    token = service.poll()
    service.pass_time(299)
    assert service.orders(1) == "Started DTS DTSt"
    service.pass_time(1)
    assert service.orders(1) == "Started DTS DTSt DecisionTaskTimedOut DTS"
    assert service.event(e.DecisionTaskTimedOut) == {
        "scheduledEventId": 2,
        "startedEventId": 3,
        "timeoutType": "START_TO_CLOSE",
    }
    with pytest.raises(UnknownResource):
        service.respond(token, COMPLETE)
    service.decide(COMPLETE)
    assert service.orders(5) == "DTS DTSt DTC WorkflowExecutionCompleted"


def test_a_decision_task_that_times_out_while_another_waits_schedules_no_third(service: Service) -> None:
    service.poll()
    service.signal()
    service.pass_time(300)
    service.decide(COMPLETE)
    assert (
        service.orders(3)
        == "DTSt WorkflowExecutionSignaled DTS DecisionTaskTimedOut DTSt DTC WorkflowExecutionCompleted"
    )


def test_an_execution_that_runs_out_of_time_ends_with_one_event(service: Service) -> None:
    service.decide(activity(start_to_close_timeout="1000"), timer("t", 1000))
    service.take()
    service.pass_time(1_000)
    assert service.orders() == "ATS TimerStarted ATSt WorkflowExecutionTimedOut"
    assert service.event(e.WorkflowExecutionTimedOut) == {
        "childPolicy": "TERMINATE",
        "timeoutType": "START_TO_CLOSE",
    }
    assert next_deadline(service.run.history) is None


def test_expire_returns_events_and_changes_nothing(service: Service) -> None:
    service.decide(timer("t", 1), activity(schedule_to_start_timeout="1"))
    history = service.run.history
    before = list(history.deadlines), list(history.events)
    found = expire(history, service.clock.now + 10)
    assert found == expire(history, service.clock.now + 10)
    assert [event.type for event in found] == ["TimerFired", "ActivityTaskTimedOut", "DecisionTaskScheduled"]
    assert (history.deadlines, history.events) == before
    assert expire(history, service.clock.now) == ()
