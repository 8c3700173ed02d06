"""Tasks that the service refuses to schedule: retried at once, later or never, by cause and within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.codec import encode_decision
from simpleflow.core.decider.decide import Decider, decide
from simpleflow.core.decider.evaluation import Execution
from simpleflow.core.decider.refusals import reason
from simpleflow.exceptions import TaskFailed
from simpleflow.task import TaskFailureContext
from simpleflow.testing.history import HistoryBuilder

EXECUTION = Execution("w", "run")
MISSING = "ACTIVITY_TYPE_DOES_NOT_EXIST"
TOO_MANY = "OPEN_ACTIVITIES_LIMIT_EXCEEDED"


@activity.with_attributes(name="work", raises_on_failure=True)
def work(number: int = 0) -> int:
    return number


@activity.with_attributes(name="tried again", retry=1, raises_on_failure=True)
def tried_again() -> None:
    pass


class One(Workflow):
    name = "one"

    def run(self) -> Any:
        return self.submit(work).result


class Sub(Workflow):
    name = "sub"

    def run(self) -> None:
        pass


class Parent(Workflow):
    name = "parent"

    def run(self) -> Any:
        return self.submit(Sub).result


class Retrying(Workflow):
    name = "retrying"

    def run(self) -> Any:
        return self.submit(tried_again).result


class Failing(Workflow):
    name = "failing"
    failures: list[str] = []

    def run(self) -> Any:
        return self.submit(work).result

    def on_task_failure(self, failure_context: TaskFailureContext) -> TaskFailureContext | None:
        self.failures.append(str(failure_context.exception))
        return None


class Run:
    """A run whose decisions are made by a live decider, and again by a fresh evaluation."""

    def __init__(self, workflow_class: type[Workflow]) -> None:
        self.workflow_class = workflow_class
        self.history = HistoryBuilder(workflow_class.name or "")
        self.decider = Decider(workflow_class, EXECUTION)
        self.taken = 0

    def decide(self) -> list[d.Decision]:
        events = self.history.to_decide()
        self.decider.advance(events[self.taken :])
        self.taken = len(events)
        live = self.decider.answer().decisions
        fresh = decide(self.workflow_class, events, EXECUTION)
        assert list(map(encode_decision, live)) == list(map(encode_decision, fresh))
        return live

    def refuse(self, decisions: list[d.Decision], cause: str) -> None:
        """Accept the response, but refuse each activity and child in it for this cause; fire its timers at once."""
        self.history.decide(*[each for each in decisions if isinstance(each, d.StartTimer)])
        answered = self.history.events[-1 - sum(isinstance(each, d.StartTimer) for each in decisions)]
        for each in decisions:
            if isinstance(each, d.ScheduleActivityTask):
                self.history.happened(
                    e.ScheduleActivityTaskFailed(
                        activity_id=each.activity_id,
                        activity_type=each.activity_type,
                        cause=cause,
                        decision_task_completed_event_id=answered.id,
                    )
                )
            elif isinstance(each, d.StartChildWorkflowExecution):
                self.history.happened(
                    e.StartChildWorkflowExecutionFailed(
                        cause=cause,
                        decision_task_completed_event_id=answered.id,
                        initiated_event_id=0,
                        workflow_id=each.workflow_id,
                        workflow_type=each.workflow_type,
                    )
                )
            elif isinstance(each, d.StartTimer):
                self.history.fire(each.timer_id)


def kinds(decisions: list[d.Decision]) -> list[str]:
    return [type(each).__name__ for each in decisions]


def failure(decisions: list[d.Decision]) -> str:
    assert isinstance(decisions[-1], d.FailWorkflowExecution)
    return decisions[-1].reason or ""


def test_a_missing_type_is_scheduled_again_and_then_works() -> None:
    run = Run(One)
    run.refuse(run.decide(), MISSING)
    again = run.decide()
    assert kinds(again) == ["ScheduleActivityTask"]
    run.history.decide(*again)
    run.history.complete(again[0].activity_id, 5)  # type: ignore[attr-defined]
    assert run.decide() == [d.CompleteWorkflowExecution(result="5")]


def test_a_type_that_stays_missing_fails_the_task_after_three_refusals() -> None:
    run = Run(One)
    for _ in range(3):
        decisions = run.decide()
        assert kinds(decisions) == ["ScheduleActivityTask"]
        run.refuse(decisions, MISSING)
    assert "ACTIVITY_TYPE_DOES_NOT_EXIST (the type is not registered" in failure(run.decide())


def test_a_missing_type_of_a_child_is_started_again() -> None:
    run = Run(Parent)
    for _ in range(3):
        decisions = run.decide()
        assert kinds(decisions) == ["StartChildWorkflowExecution"]
        run.refuse(decisions, "WORKFLOW_TYPE_DOES_NOT_EXIST")
    assert "WORKFLOW_TYPE_DOES_NOT_EXIST" in failure(run.decide())


@pytest.mark.parametrize("cause", [TOO_MANY, "ACTIVITY_CREATION_RATE_EXCEEDED"])
def test_a_task_refused_for_a_limit_waits_longer_each_time_and_fails_in_the_end(cause: str) -> None:
    run = Run(One)
    run.refuse(run.decide(), cause)
    waited = []
    while isinstance((decisions := run.decide())[0], d.StartTimer):
        waited.append(int(decisions[0].start_to_fire_timeout))
        run.refuse(decisions, cause)
        run.refuse(run.decide(), cause)
    assert waited == [2, 4, 8, 16, 32, 64, 128, 256, *[300] * 11]
    assert cause in failure(decisions)


def test_tasks_refused_in_one_response_share_one_timer() -> None:
    class Many(Workflow):
        name = "many"

        def run(self) -> Any:
            futures = [self.submit(work, number) for number in range(50)]
            return [future.result for future in futures]

    run = Run(Many)
    run.refuse(run.decide(), TOO_MANY)
    waiting = run.decide()
    assert kinds(waiting) == ["StartTimer"]
    run.refuse(waiting, TOO_MANY)
    assert kinds(run.decide()) == ["ScheduleActivityTask"] * 50


@pytest.mark.parametrize(
    "cause",
    ["ACTIVITY_TYPE_DEPRECATED", "DEFAULT_TASK_LIST_UNDEFINED", "OPERATION_NOT_PERMITTED"],
)
def test_a_task_that_would_always_be_refused_fails_at_once_and_is_not_retried(cause: str) -> None:
    run = Run(Retrying)
    run.refuse(run.decide(), cause)
    assert f"the service refused it: {cause} (" in failure(run.decide())


def test_a_passing_refusal_does_not_use_up_a_retry() -> None:
    run = Run(Retrying)
    run.refuse(run.decide(), MISSING)
    decisions = run.decide()
    for _ in range(2):
        assert kinds(decisions) == ["ScheduleActivityTask"]
        run.history.decide(*decisions)
        run.history.fail(decisions[0].activity_id)  # type: ignore[attr-defined]
        decisions = run.decide()
    assert kinds(decisions) == ["FailWorkflowExecution"]


def test_on_task_failure_is_called_for_a_refusal_when_it_is_final() -> None:
    Failing.failures.clear()
    run = Run(Failing)
    for _ in range(3):
        assert Failing.failures == []
        run.refuse(run.decide(), MISSING)
    failure(run.decide())
    assert set(Failing.failures) == {str(TaskFailed("work", reason(MISSING)))}


def test_cancelling_a_refused_task_keeps_the_timer_of_the_others() -> None:
    class Two(Workflow):
        name = "two"

        def run(self) -> Any:
            first, second = self.submit(work, 1), self.submit(work, 2)
            if self.submit(self.wait_signal("cancel")).result:
                first.cancel()
            return second.result

    run = Run(Two)
    run.refuse(run.decide(), TOO_MANY)
    waiting = run.decide()
    run.history.decide(*waiting).signal("cancel", {"args": [1], "kwargs": {}})
    assert run.decide() == []
    run.history.decide()
    run.history.fire(waiting[0].timer_id)  # type: ignore[attr-defined]
    again = run.decide()
    assert [each.input for each in again if isinstance(each, d.ScheduleActivityTask)] == ['{"args":[2],"kwargs":{}}']
