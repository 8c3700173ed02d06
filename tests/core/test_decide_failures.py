"""Decisions after failures of tasks: retries, ``on_task_failure`` and its answers, soft and hard failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, Group
from simpleflow.core import events as e
from simpleflow.core.decider.failed_event import FailedEvent
from simpleflow.engines.base import ActivityTask as Task
from simpleflow.exceptions import TaskFailed, TimeoutError
from simpleflow.task import ActivityTask, TaskFailureContext
from simpleflow.worker.dispatch import Outcome
from tests.core.activities import raising, strict, stubborn, timed
from tests.core.harness import Simulation, add, break_down, break_hard, same, simulate

FAILURE = Outcome(
    reason="OSError: no luck", details='{"error":"OSError","error_type":"builtins.OSError","message":"no luck"}'
)


def failing(times: int, part: str = "") -> Callable[[Task, int], Outcome | None]:
    """An outcome for ``run``: the first ``times`` attempts fail of each activity whose name contains ``part``."""
    return lambda task, attempt: FAILURE if part in task.name and attempt <= times else None


class Retrying(Workflow):
    name = "retrying"

    def run(self) -> Any:
        future = self.submit(stubborn, "it")
        return [future.result, repr(future.exception)]


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_an_activity_is_retried_under_the_same_id(failures: int) -> None:
    run = Simulation(Retrying).run(outcome=failing(failures))
    assert run.result == ["it", "None"]
    assert set(run.tries.values()) == {failures + 1}


def test_an_activity_whose_every_attempt_fails_has_failed() -> None:
    run = Simulation(Retrying).run(outcome=failing(3))
    assert run.result == [
        None,
        "TaskFailed('tests.core.activities.stubborn', 'OSError: no luck', " + repr(FAILURE.details) + ")",
    ]
    assert set(run.tries.values()) == {3}


def test_a_task_with_raises_on_failure_fails_the_run_after_its_last_attempt() -> None:
    class Strict(Workflow):
        name = "strict"

        def run(self) -> Any:
            self.submit(strict, 1)
            return self.submit(add, 1).result

    assert Simulation(Strict).run(outcome=failing(1, "strict")).result == 1
    run = Simulation(Strict).run(outcome=failing(2, "strict"))
    assert run.reason == 'Workflow execution error in tests.core.activities.strict: "OSError: no luck"'
    assert run.events[-1].attributes.details == FAILURE.details  # type: ignore[attr-defined]
    assert isinstance(run.failures[run.run_id].error, TaskFailed)


def test_time_outs_are_retried_and_the_last_one_is_the_exception() -> None:
    class Timed(Workflow):
        name = "timed"

        def run(self) -> Any:
            error = self.submit(timed, 1).exception
            assert isinstance(error, TimeoutError)
            return [error.timeout_type, error.timeout_value]

    run = Simulation(Timed)
    run.settle()
    run.wait()
    run.settle()
    assert run.result == ["HEARTBEAT", 5]


def test_members_of_a_group_that_fail_do_not_stop_the_others() -> None:
    class Mixed(Workflow):
        name = "mixed"

        def run(self) -> Any:
            group = self.submit(Group((add, 1), (break_down, "a"), (add, 2)))
            return [group.result, [type(each).__name__ for each in group.exception.exceptions]]

    assert simulate(Mixed).result == [[1, None, 2], ["NoneType", "TaskFailed", "NoneType"]]


def test_a_chain_stops_at_the_first_failure_unless_break_on_failure_is_false() -> None:
    class Breaking(Workflow):
        name = "breaking"

        def run(self) -> Any:
            members = ((add, 1), (break_down,), (add, 2))
            return futures.wait(self.submit(Chain(*members)), self.submit(Chain(*members, break_on_failure=False)))

    assert simulate(Breaking).result == [[1, None], [1, None, 2]]


class Deciding(Workflow):
    """Calls ``answer`` for each failure, and records a marker about it."""

    def run(self) -> Any:
        future = self.submit(raising, 1)
        return [future.result, future.state, type(future.exception).__name__]

    def answer(self, context: TaskFailureContext) -> TaskFailureContext | None:
        raise NotImplementedError

    def on_task_failure(self, context: TaskFailureContext) -> TaskFailureContext | None:
        self.submit(self.record_marker("failure", [context.id, context.retry_count, context.attempt_number]))
        assert context.task_error == "OSError"
        assert context.task_message == "no luck"
        assert context.reason == "OSError: no luck"
        assert context.exception_class is TaskFailed
        assert isinstance(context.event.attributes, e.ActivityTaskFailed)
        started = context.history.events[context.event["started_id"] - 1]
        scheduled = context.history.events[context.event["scheduled_id"] - 1]
        assert isinstance(started.attributes, e.ActivityTaskStarted)
        assert isinstance(scheduled.attributes, e.ActivityTaskScheduled)
        assert context.event == {
            "type": "activity",
            "id": context.id,
            "name": context.task_name,
            "version": scheduled.attributes.activity_type.version,
            "state": "failed",
            "reason": context.reason,
            "details": context.details,
            "input": context.event.get("input"),
            "control": None,
            "task_list": "default",
            "identity": started.attributes.identity,
            "retry": context.retry_count,
            "scheduled_id": context.event.scheduled_event_id,
            "scheduled_timestamp": scheduled.time,
            "decision_task_completed_event_id": scheduled.attributes.decision_task_completed_event_id,
            "started_id": context.event.started_event_id,
            "started_timestamp": started.time,
            "failed_id": context.event.id,
            "failed_timestamp": context.event.time,
        }
        return self.answer(context)


def markers(run: Simulation) -> list[tuple[str, str | None]]:
    return [(each.marker_name, each.details) for each in run.of_type(e.MarkerRecorded)]


def test_no_answer_means_the_default() -> None:
    class Silent(Deciding):
        name = "silent"

        def answer(self, context: TaskFailureContext) -> None:
            return None

    run = Simulation(Silent).run(outcome=failing(1))
    assert run.reason == 'Workflow execution error in tests.core.activities.raising: "OSError: no luck"'
    assert markers(run) == [("failure", '["activity-tests.core.activities.raising-1",0,1]')]


def test_ignore_lets_the_run_go_on_with_the_exception() -> None:
    class Ignoring(Deciding):
        name = "ignoring"

        def answer(self, context: TaskFailureContext) -> TaskFailureContext:
            return context.decide_ignore()

    assert Simulation(Ignoring).run(outcome=failing(1)).result == [None, "FINISHED", "TaskFailed"]


def test_cancel_leaves_a_cancelled_future() -> None:
    class Cancelling(Deciding):
        name = "cancelling"

        def answer(self, context: TaskFailureContext) -> TaskFailureContext:
            return context.decide_cancel()

    assert Simulation(Cancelling).run(outcome=failing(1)).result == [None, "CANCELLED", "NoneType"]


def test_abort_fails_the_run_even_for_a_soft_task() -> None:
    class Aborting(Workflow):
        name = "aborting"

        def run(self) -> Any:
            return self.submit(same, 1).result

        def on_task_failure(self, context: TaskFailureContext) -> TaskFailureContext:
            return context.decide_abort()

    assert Simulation(Aborting).run(outcome=failing(1)).reason.startswith("Workflow execution error in")


@pytest.mark.parametrize("seconds", [0, 30])
def test_decide_retry_retries_after_the_given_seconds(seconds: int) -> None:
    class Again(Deciding):
        name = "again"

        def answer(self, context: TaskFailureContext) -> TaskFailureContext:
            return context.decide_retry(seconds) if context.retry_count < 3 else context.decide_ignore()

    run = Simulation(Again)
    begun = run.clock.now
    run.run(outcome=failing(2))
    assert run.result == [1, "FINISHED", "NoneType"]
    assert run.clock.now - begun == 2 * seconds
    assert [details for _, details in markers(run)] == [
        f'["activity-tests.core.activities.raising-1",{count},{count + 1}]' for count in range(2)
    ]
    assert Simulation(Again).run(outcome=failing(9)).result == [None, "FINISHED", "TaskFailed"]


class Milder(Workflow):
    name = "milder"

    def run(self, fail: bool = True) -> Any:
        return self.submit(raising, "bad" if fail else "good").result


@pytest.mark.parametrize("seconds", [0, 30])
@pytest.mark.parametrize("what", ["activity", "child"])
def test_on_task_failure_may_change_the_arguments_of_the_next_try(seconds: int, what: str) -> None:
    class Changing(Workflow):
        name = "changing"

        def run(self) -> Any:
            first = self.submit(raising, value="bad") if what == "activity" else self.submit(Milder, fail=True)
            return [first.result, self.submit(add, 1, 2).result, first.result]

        def on_task_failure(self, context: TaskFailureContext) -> TaskFailureContext:
            if context.retry_count == 1:
                context.a_task.kwargs = {"value": "good"} if what == "activity" else {"fail": False}
            return context.decide_retry(seconds)

    run = Simulation(Changing).run(outcome=lambda task, attempt: FAILURE if "bad" in (task.input or "") else None)
    assert run.result == ["good", 3, "good"]
    kind = e.ActivityTaskScheduled if what == "activity" else e.StartChildWorkflowExecutionInitiated
    inputs = [str(each.input) for each in run.of_type(kind)]
    assert ["bad" in each or "true" in each for each in inputs[:3]] == [True, True, False]
    assert not markers(run)


def test_cancelling_a_task_that_waits_for_its_retry_ends_the_wait() -> None:
    class Impatient(Workflow):
        name = "impatient"

        def run(self) -> Any:
            future = self.submit(same, 1)
            self.submit(self.start_timer("t", 5)).result
            future.cancel()
            return [future.state, self.submit(add, 1).result, self.submit(add, 2).result]

        def on_task_failure(self, context: TaskFailureContext) -> TaskFailureContext:
            return context.decide_retry(1_000)

    run = Simulation(Impatient)
    begun = run.clock.now
    assert run.run(outcome=failing(9, "same")).result == ["CANCELLED", 1, 2]
    assert run.clock.now - begun == 5
    assert run.types().count("TimerCanceled") == 1


def test_another_task_may_replace_a_failed_one() -> None:
    class Handling(Deciding):
        name = "handling"

        def answer(self, context: TaskFailureContext) -> TaskFailureContext:
            task = ActivityTask(add, 20, 1)
            return context.decide_handled(task, self.submit(task))

    run = Simulation(Handling).run(outcome=failing(1, "raising"))
    assert run.result == [21, "FINISHED", "NoneType"]
    assert len(run.scheduled) == 2


def test_on_task_failure_may_wait() -> None:
    class Waiting(Deciding):
        name = "waiting in on_task_failure"

        def answer(self, context: TaskFailureContext) -> TaskFailureContext:
            return context.decide_retry() if self.submit(add, 1).result == 1 else context.decide_abort()

    assert Simulation(Waiting).run(outcome=failing(1, "raising")).result == [1, "FINISHED", "NoneType"]


def test_on_task_failure_that_raises_fails_the_run() -> None:
    class Wrong(Deciding):
        name = "wrong"

        def answer(self, context: TaskFailureContext) -> TaskFailureContext:
            raise LookupError("nobody knows")

    assert Simulation(Wrong).run(outcome=failing(1)).reason == "Cannot replay the workflow: LookupError(nobody knows)"


def test_a_run_that_read_finished_is_evaluated_again_after_a_failure() -> None:
    class Watching(Workflow):
        name = "watching failures"

        def run(self) -> Any:
            first = self.submit(same, 1)
            seen = first.finished
            self.submit(same, 2).result
            return seen

        def on_task_failure(self, context: TaskFailureContext) -> TaskFailureContext:
            return context.decide_ignore()

    run = Simulation(Watching).run(
        outcome=lambda task, attempt: FAILURE if task.activity_id.endswith("same-1") else None
    )
    assert run.result is True


def test_on_task_failure_is_called_for_every_failure_before_an_evaluation() -> None:
    class Watching(Workflow):
        name = "watching retries"

        def run(self) -> Any:
            quick = self.submit(same, "quick")
            seen = quick.finished
            slow = self.submit(same, "slow")
            futures.wait(slow, quick)
            return [seen, len(self.list_markers(all=True))]

        def on_task_failure(self, context: TaskFailureContext) -> TaskFailureContext:
            self.submit(self.record_marker("failure", context.retry_count))
            return context.decide_retry()

    run = Simulation(Watching)
    for outcome in (FAILURE, FAILURE, None):
        run.settle()
        run.finish_named("slow", outcome)
    run.settle()
    run.finish_named("quick")
    run.settle()
    assert run.result == [True, 2]
    assert markers(run) == [("failure", "0"), ("failure", "1")]


def test_a_hard_failure_ends_the_run_at_once() -> None:
    class Hard(Workflow):
        name = "hard"

        def run(self) -> Any:
            return futures.wait(self.submit(same, 1), self.submit(break_hard), self.submit(same, 2))

    run = Simulation(Hard).run(lambda tasks: 1)
    assert run.reason.startswith("Workflow execution error in")
    assert run.types().count("ActivityTaskCompleted") == 0


def test_a_failed_run_whose_closing_was_refused_fails_again() -> None:
    class Hard(Workflow):
        name = "hard"

        def run(self) -> Any:
            return futures.wait(self.submit(same, 1), self.submit(break_hard))

    run = Simulation(Hard)
    run.settle()
    run.finish_named("break_hard")
    task = run.poll()
    assert task is not None
    run.finish_named("same")
    run.engine.respond_decision_task_completed(task.token, run.answer(task))
    assert "FailWorkflowExecutionFailed" in run.types()
    run.settle()
    assert run.reason == 'Workflow execution error in tests.core.harness.break_hard: "ValueError: broken"'


def test_the_event_of_a_failure_is_a_dict_of_what_is_known() -> None:
    list, kind = e.TaskList("l"), e.WorkflowType(name="w", version="1")
    child = e.WorkflowExecution(workflow_id="c", run_id="r")
    initiated = e.StartChildWorkflowExecutionInitiated(
        workflow_id="c",
        workflow_type=kind,
        task_list=list,
        child_policy="TERMINATE",
        decision_task_completed_event_id=0,
    )
    events = [
        e.Event(1, 1.0, initiated),
        e.Event(
            2, 2.0, e.ChildWorkflowExecutionStarted(initiated_event_id=1, workflow_execution=child, workflow_type=kind)
        ),
    ]
    ended: Any = {"initiated_event_id": 1, "started_event_id": 2, "workflow_execution": child, "workflow_type": kind}
    timed_out = FailedEvent(
        e.Event(3, 3.0, e.ChildWorkflowExecutionTimedOut(timeout_type="START_TO_CLOSE", **ended)), events, 1
    )
    assert (timed_out["type"], timed_out["id"], timed_out["run_id"], timed_out["retry"]) == (
        "child_workflow",
        "c",
        "r",
        1,
    )
    assert (timed_out["state"], timed_out["timed_out_id"], timed_out["timeout_type"]) == (
        "timed_out",
        3,
        "START_TO_CLOSE",
    )
    terminated = FailedEvent(e.Event(3, 3.0, e.ChildWorkflowExecutionTerminated(**ended)), events, 0)
    assert (terminated["state"], terminated["terminated_timestamp"], terminated.get("reason")) == (
        "terminated",
        3.0,
        None,
    )
    refused = e.ScheduleActivityTaskFailed(
        activity_id="a",
        activity_type=e.ActivityType(name="t", version="2"),
        cause="DEFAULT",
        decision_task_completed_event_id=2,
    )
    found = FailedEvent(e.Event(3, 3.0, refused), events, 0)
    assert (found["type"], found["name"], found["cause"], found["state"]) == (
        "activity",
        "t",
        "DEFAULT",
        "schedule_failed",
    )
    assert found.activity_id == "a"
    assert "started_id" not in found
    with pytest.raises(AttributeError):
        found.no_such_thing
