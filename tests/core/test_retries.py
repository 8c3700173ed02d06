"""Retries with pauses: how long they are, after which failures, of activities and steps, and what ends them."""

from __future__ import annotations

import builtins
import itertools
import json
import math
import sys
from collections.abc import Callable
from typing import Any

import pytest

from simpleflow import Workflow, activity, retries, values
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.engines.base import ActivityTask as Task
from simpleflow.exceptions import InputError, TaskFailed, TimeoutError
from simpleflow.retries import Retry
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.task import CancelTimerTask, TaskFailureContext, TimerTask
from simpleflow.worker.dispatch import Outcome, failure
from tests.core.harness import Simulation, add, break_hard, same

_buckets = itertools.count()


class Throttled(ConnectionError):
    """An error of the tests, derived from a built-in one."""


@activity.with_attributes(retry=3, retry_delay=10, retry_backoff=2, retry_max_delay=25)
def patient(value: Any = None) -> Any:
    return value


@activity.with_attributes(retry=3, retry_delay=100, retry_jitter=0.5)
def jittery(value: Any = None) -> Any:
    return value


@activity.with_attributes(retry=3, retry_delay=10, retry_on=(ConnectionError, KeyError))
def choosy(value: Any = None) -> Any:
    return value


@activity.with_attributes(
    retry=1, retry_delay=7, retry_on=TimeoutError, start_to_close_timeout=30, raises_on_failure=True
)
def slow(value: Any = None) -> Any:
    return value


def failing(times: int, error: BaseException, part: str = "") -> Callable[[Task, int], Outcome | None]:
    """An outcome for ``run``: the first ``times`` attempts fail of each activity whose name contains ``part``."""
    return lambda task, attempt: failure(error) if part in task.name and attempt <= times else None


def submits(*submittables: Any, **attributes: Any) -> type[Workflow]:
    """A workflow that submits these, waits for all, and returns their results and exceptions."""

    def run(self: Workflow) -> Any:
        futures = [self.submit(*each) if isinstance(each, tuple) else self.submit(each) for each in submittables]
        return [[each.result, repr(each.exception)] for each in futures]

    bucket = f"memory://retries-{next(_buckets)}"
    body = {"name": "retries", "run": run, "get_step_bucket": lambda self: bucket, **attributes}
    return type("Retries", (Workflow, WorkflowStepMixin), body)


def pauses(run: Simulation) -> list[int]:
    """The seconds of the timers that a run has started."""
    return [int(each.attributes.start_to_fire_timeout) for each in run.events if each.type == "TimerStarted"]  # type: ignore[attr-defined]


# The policy


def test_pauses_grow_to_their_limit() -> None:
    retry = Retry(9, delay=10, backoff=2, max_delay=600)
    assert [retry.pause(number, "t") for number in range(1, 9)] == [10, 20, 40, 80, 160, 320, 600, 600]
    assert Retry(9).pause(1, "t") == 0
    assert Retry(9, delay=0.2).pause(1, "t") == 1  # a timer has whole seconds
    assert Retry(9, delay=10, backoff=1e300).pause(1_000, "t") == retries.LONGEST
    assert retry.longest_pauses() == sum([10, 20, 40, 80, 160, 320, 600, 600, 600])
    assert Retry(10**9, delay=10).longest_pauses() == 10**10


def test_jitter_differs_between_tasks_and_tries_and_not_between_evaluations() -> None:
    retry = Retry(9, delay=1_000, jitter=0.1)
    found = [retry.pause(1, f"run activity-{number}") for number in range(200)]
    assert found == [retry.pause(1, f"run activity-{number}") for number in range(200)]
    assert min(found) >= 900
    assert max(found) <= 1_100
    assert len(set(found)) > 100
    assert min(found) < 950 < 1_050 < max(found)
    assert max(Retry(9, delay=10, jitter=1, max_delay=12).pause(1, f"{number}") for number in range(50)) == 12


@pytest.mark.parametrize(
    ("error", "on", "expected"),
    [
        (Throttled("no"), ConnectionError, True),
        (Throttled("no"), (KeyError, Throttled), True),
        (ConnectionError("no"), Throttled, False),
        (ValueError("no"), (KeyError, ConnectionError), False),
        (ValueError("no"), Exception, True),
        (json.JSONDecodeError("no", "", 0), ValueError, True),
    ],
)
def test_failures_match_by_the_classes_that_they_record(error: Exception, on: Any, expected: bool) -> None:
    outcome = failure(error)
    failed = TaskFailed("activity", outcome.reason, outcome.details)
    assert retries.check("activity x", 1, on=on).matches(failed) is expected


@pytest.mark.parametrize(
    ("members", "on", "expected"),
    [
        ([Throttled("no"), ConnectionResetError("no")], ConnectionError, True),
        ([Throttled("no"), ValueError("no")], ConnectionError, False),
        ([Throttled("no"), ValueError("no")], (ConnectionError, ValueError), True),
        ([Throttled("no"), ExceptionGroup("in", [ConnectionError("no")])], ConnectionError, True),
        ([Throttled("no"), ExceptionGroup("in", [ConnectionError("no"), KeyError("no")])], ConnectionError, False),
        ([ValueError("no")], ExceptionGroup, True),
        ([KeyboardInterrupt()], Exception, False),
        ([type(f"Error{number}", (ValueError,), {})() for number in range(60)], Exception, True),
    ],
)
def test_a_group_of_exceptions_matches_if_all_in_it_do(members: list[Any], on: Any, expected: bool) -> None:
    outcome = failure(BaseExceptionGroup("several", members))
    failed = TaskFailed("activity", outcome.reason, outcome.details)
    assert retries.check("activity x", 1, on=on).matches(failed) is expected


@pytest.mark.parametrize(
    ("failed", "on", "expected"),
    [
        (TaskFailed("a", "WorkerDied: killed"), ConnectionError, False),
        (TaskFailed("a", "WorkerDied: killed"), TaskFailed, True),
        (TaskFailed("a", "WorkerDied: killed"), Exception, True),
        (TimeoutError("HEARTBEAT", 3), TimeoutError, True),
        (TimeoutError("HEARTBEAT", 3), builtins.TimeoutError, True),
        (TimeoutError("HEARTBEAT", 3), ConnectionError, False),
        (TaskFailed("a", "x", '{"error":"ConnectionResetError"}'), ConnectionError, True),  # of other workers
        (TaskFailed("a", "x", '{"error":"Mine","error_type":"pkg.Mine"}'), ConnectionError, False),
        (TaskFailed("a", "x", '{"error":"Throttled"}'), Throttled, True),
        (TaskFailed("a", "x", "not JSON"), ConnectionError, False),
    ],
)
def test_failures_without_recorded_classes(failed: Exception, on: Any, expected: bool) -> None:
    assert retries.check("activity x", 1, on=on).matches(failed) is expected


def test_the_class_of_a_script_has_the_name_that_it_is_imported_under(monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("__main__")
    module.__file__ = "/somewhere/script.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    kind = type("Mine", (Exception,), {"__module__": "__main__"})
    assert retries.class_names(kind) == ["script.Mine", "builtins.Exception", "builtins.BaseException"]


HUGE = 10**30
UNWRITABLE = 10**5_000  # Python writes no number of so many digits

BAD_VALUES = [
    ({"retry": -1}, "retry of {} is -1; expected a number of retries"),
    ({"retry": math.nan}, "retry of {} is nan"),
    ({"retry": "3"}, "retry of {} is '3'"),
    ({"retry": True}, "retry of {} is True"),
    ({"retry": 1_000_001}, "retry of {} is 1000001; expected a number of retries from 0 to 1000000"),
    ({"retry": HUGE}, f"retry of {{}} is {HUGE}; expected a number of retries from 0 to 1000000"),
    ({"retry": UNWRITABLE}, "retry of {} is an int of too many digits; expected a number of retries"),
    ({"retry": 1, "retry_delay": HUGE}, f"retry_delay of {{}} is {HUGE}; expected seconds as a number from 0 to"),
    ({"retry": 1, "retry_delay": 1, "retry_backoff": HUGE}, f"retry_backoff of {{}} is {HUGE}; expected a factor"),
    ({"retry": 1, "retry_delay": 1, "retry_backoff": UNWRITABLE}, "retry_backoff of {} is an int of too many digits"),
    ({"retry": 1, "retry_delay": 1, "retry_max_delay": HUGE}, f"retry_max_delay of {{}} is {HUGE}; expected None or"),
    ({"retry": 1, "retry_delay": -1}, "retry_delay of {} is -1; expected seconds as a number from 0 to 99999999"),
    ({"retry": 1, "retry_delay": math.nan}, "retry_delay of {} is nan"),
    ({"retry": 1, "retry_delay": math.inf}, "retry_delay of {} is inf"),
    ({"retry": 1, "retry_delay": "10"}, "retry_delay of {} is '10'"),
    ({"retry": 1, "retry_delay": True}, "retry_delay of {} is True"),
    ({"retry": 1, "retry_delay": None}, "retry_delay of {} is None"),
    ({"retry": 1, "retry_delay": 1, "retry_backoff": 0.5}, "retry_backoff of {} is 0.5; expected a factor as a number"),
    ({"retry": 1, "retry_delay": 1, "retry_backoff": math.inf}, "retry_backoff of {} is inf"),
    ({"retry": 1, "retry_delay": 1, "retry_backoff": math.nan}, "retry_backoff of {} is nan"),
    ({"retry": 1, "retry_delay": 1, "retry_backoff": "2"}, "retry_backoff of {} is '2'"),
    ({"retry": 1, "retry_delay": 9, "retry_max_delay": 8}, "retry_max_delay of {} is 8; expected no less than"),
    ({"retry": 1, "retry_delay": 9, "retry_max_delay": math.nan}, "retry_max_delay of {} is nan"),
    ({"retry": 1, "retry_delay": 9, "retry_max_delay": "600"}, "retry_max_delay of {} is '600'"),
    ({"retry": 1, "retry_delay": 9, "retry_jitter": 1.5}, "retry_jitter of {} is 1.5; expected a share as a number"),
    ({"retry": 1, "retry_delay": 9, "retry_jitter": -0.1}, "retry_jitter of {} is -0.1"),
    ({"retry": 1, "retry_delay": 9, "retry_jitter": "0.1"}, "retry_jitter of {} is '0.1'"),
    ({"retry": 1, "retry_on": "ConnectionError"}, "retry_on of {} is 'ConnectionError'; expected a class"),
    ({"retry": 1, "retry_on": ("ConnectionError",)}, "retry_on of {} is "),
    ({"retry": 1, "retry_on": ()}, "retry_on of {} is "),
    ({"retry": 1, "retry_on": int}, "retry_on of {} is "),
    ({"retry": 1, "retry_on": ConnectionError("no")}, "retry_on of {} is "),
    ({"retry_delay": 10}, "retry_delay of {} has no effect without retries"),
    ({"retry_on": KeyError}, "retry_on of {} has no effect without retries"),
    ({"retry": 1, "retry_jitter": 0.1}, "retry_jitter of {} has no effect without a delay"),
]


@pytest.mark.parametrize(("options", "message"), BAD_VALUES)
def test_wrong_values_are_refused_where_they_are_written(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as activities:
        activity.with_attributes(**options)(add.callable)
    with pytest.raises(InputError) as steps:
        Step("load", (add, 1), **options)
    assert str(activities.value).startswith(message.format(f"activity {add.name}"))
    assert str(steps.value).startswith(message.format("step 'load'"))
    assert "\n" not in f"{activities.value}{steps.value}"


# Activities


def test_an_activity_is_tried_again_after_pauses() -> None:
    run = Simulation(submits((patient, 1)))
    begun = run.clock.now
    assert run.run(outcome=failing(3, OSError("no"))).result == [[1, "None"]]
    assert pauses(run) == [10, 20, 25]
    assert run.clock.now - begun == 55
    assert pauses(Simulation(submits((patient, 1))).run(outcome=failing(9, OSError("no")))) == [10, 20, 25]


def test_without_a_delay_an_activity_is_tried_again_at_once() -> None:
    @activity.with_attributes(name="at once", retry=2)
    def at_once() -> int:
        return 1

    run = Simulation(submits((at_once,))).run(outcome=failing(2, OSError("no")))
    assert run.result == [[1, "None"]]
    assert pauses(run) == []


def test_pauses_with_jitter_are_those_of_every_evaluation() -> None:
    """The simulation makes each decision twice, once afresh, and compares."""
    run = Simulation(submits((jittery, 1), (jittery, 2))).run(outcome=failing(2, OSError("no")))
    assert run.result == [[1, "None"], [2, "None"]]
    assert all(50 <= pause <= 150 for pause in pauses(run))
    assert len(set(pauses(run))) > 1


@pytest.mark.parametrize(("error", "tries"), [(Throttled("no"), 4), (KeyError("no"), 4), (ValueError("no"), 1)])
def test_an_activity_is_tried_again_after_the_failures_that_it_names(error: Exception, tries: int) -> None:
    run = Simulation(submits((choosy, 1))).run(outcome=failing(9, error))
    assert set(run.tries.values()) == {tries}
    assert len(pauses(run)) == tries - 1


def test_a_time_out_is_tried_again_after_a_pause_if_it_is_named() -> None:
    run = Simulation(submits((slow, 1)))
    begun = run.clock.now
    while run.history.open:
        run.settle()
        if run.history.open:
            run.wait()
    assert run.reason.startswith('Workflow execution error in tests.core.test_retries.slow: "time-out START_TO_CLOSE')
    assert pauses(run) == [7]
    assert run.clock.now - begun == 30 + 7 + 30


def test_on_task_failure_decides_and_leaves_the_rest_to_the_retries() -> None:
    def answer(self: Workflow, context: TaskFailureContext) -> TaskFailureContext | None:
        if context.retry_count == 0:
            return context.decide_retry(3)
        return None if context.retry_count == 1 else context.decide_ignore()

    run = Simulation(submits((patient, 1), on_task_failure=answer)).run(outcome=failing(9, OSError("no")))
    assert run.result[0][0] is None
    assert pauses(run) == [3, 20]


def test_cancelling_ends_the_pause() -> None:
    def body(self: Workflow) -> Any:
        future = self.submit(patient, 1)
        self.submit(self.start_timer("mine", 5)).result
        future.cancel()
        return [future.state, self.submit(add, 1).result]

    run = Simulation(submits(run=body))
    begun = run.clock.now
    assert run.run(outcome=failing(9, OSError("no"), "patient")).result == ["CANCELLED", 1]
    assert run.clock.now - begun == 5
    assert run.types().count("TimerCanceled") == 1


def test_a_cancelled_run_does_not_wait_for_a_pause() -> None:
    run = Simulation(submits((patient, 1)))
    run.settle()
    run.finish(0, failure(OSError("no")))
    run.settle()
    run.cancel()
    run.settle()
    assert run.state == "canceled"
    run.check()


@pytest.mark.parametrize(
    "make", [lambda id: TimerTask(id, 1), CancelTimerTask, lambda id: Workflow.start_timer(None, id, 1)]
)  # type: ignore[arg-type]
def test_ids_of_timers_of_the_library_are_reserved(make: Callable[[str], Any]) -> None:
    with pytest.raises(InputError, match="timer id '_simpleflow_retry_1_x' is reserved; expected one that does not"):
        make("_simpleflow_retry_1_x")


def test_long_ids_have_timers_of_their_own() -> None:
    @activity.with_attributes(name="n" * 250, retry=3, retry_delay=5)
    def long_name() -> int:
        return 1

    run = Simulation(submits(*[(long_name,)] * 3)).run(outcome=failing(2, OSError("no")))
    assert run.result == [[1, "None"]] * 3
    timers = [each.attributes.timer_id for each in run.events if each.type == "TimerStarted"]  # type: ignore[attr-defined]
    assert len(set(timers)) == len(timers) == 6
    said = [values.decode(each.attributes.control) for each in run.events if each.type == "TimerStarted"]  # type: ignore[attr-defined]
    assert {(each["name"], each["try"]) for each in said} == {("n" * 250, 2), ("n" * 250, 3)}


# Steps


def wanted(work: Any, **options: Any) -> type[Workflow]:
    """A workflow with one step."""
    options = {"retry": 2, "retry_delay": 4} | options

    def run(self: Any) -> Any:
        future = self.submit(self.step("load", work, **options))
        future.wait()
        return [future.value, future.failed]

    return submits(run=run)


@pytest.mark.parametrize(
    "work",
    [
        (same, 1),
        Group((same, 1), (same, 2)),
        Chain((same, 1), (same, 2)),
        FuncGroup(lambda: Chain((same, 1))),
        Step("inner", (same, 1)),
    ],
    ids=lambda work: type(work).__name__,
)
def test_retries_of_a_step_are_those_of_its_activities(work: Any) -> None:
    run = Simulation(wanted(work)).run(outcome=failing(2, OSError("no"), "same"))
    assert run.result[1] is False
    tried = {count for id, count in run.tries.items() if "same" in id}
    assert tried == {3}
    assert set(pauses(run)) == {4}


def test_retries_of_a_step_leave_its_activities_their_own() -> None:
    run = Simulation(wanted(Group((patient, 1), (same, 1), Step("inner", (same, 2), retry=1, retry_delay=30))))
    run.run(outcome=failing(9, OSError("no"), "tests."))
    assert run.result[1] is True
    assert sorted(pauses(run)) == [4, 4, 10, 20, 25, 30]


class Child(Workflow):
    name = "child of retries"
    raises_on_failure = False

    def run(self) -> Any:
        return self.submit(break_hard).result


def test_retries_of_a_step_are_those_of_its_children() -> None:
    run = Simulation(wanted(Child, retry_on=ValueError)).run()
    assert run.result == [None, True]
    assert pauses(run) == [4, 4]
    run = Simulation(wanted(Child, retry_on=KeyError)).run()
    assert pauses(run) == []


def test_activities_about_marks_do_not_take_the_retries_of_a_step() -> None:
    run = Simulation(wanted((same, 1), retry=5)).run(outcome=failing(99, ValueError("no"), "MarkStepDone"))
    assert {count for id, count in run.tries.items() if "MarkStepDone" in id} == {2}


def test_a_step_tries_again_after_the_failures_that_it_names() -> None:
    for error, tries in ((Throttled("no"), 3), (ValueError("no"), 1)):
        run = Simulation(wanted((same, 1), retry_on=(ConnectionError,))).run(outcome=failing(9, error, "same"))
        assert run.result[1] is True
        assert {count for id, count in run.tries.items() if "same" in id} == {tries}


def test_the_time_limit_of_a_step_counts_its_retries() -> None:
    @activity.with_attributes(name="limited", schedule_to_close_timeout=100, retry=1, retry_delay=10, retry_jitter=1)
    def limited() -> None: ...

    @activity.with_attributes(name="limited too", schedule_to_close_timeout=100)
    def limited_too() -> None: ...

    assert Step("a", (limited,)).time_limit() == 2 * 100 + 20
    assert Step("a", (limited_too,)).time_limit() == 100
    assert Step("a", (limited_too,), retry=2, retry_delay=5).time_limit() == 3 * 100 + 10
    work = Chain((limited_too,), (limited_too,))
    assert Step("a", work, retry=2, retry_delay=5).time_limit() == 3 * 200 + 20
    assert Step("a", (add, 1), retry=2, retry_delay=5).time_limit() is None
