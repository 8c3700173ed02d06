"""What a time-out says: which limit, how long the task was queued and ran, and the option that changes the limit."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.core import timeouts
from simpleflow.exceptions import ExecutionTimeoutError, TimeoutError, distinct
from simpleflow.local import Executor
from tests.core.activities import timed
from tests.core.harness import Simulation, add


class Timed(Workflow):
    name = "timeouts.timed"

    def run(self) -> Any:
        return str(self.submit(timed, 1).exception)


@pytest.mark.parametrize(
    ("queued", "beats", "text"),
    [
        (
            None,
            0,
            "time-out SCHEDULE_TO_START after 20 s: queued for 20.0 s, never started; "
            "schedule_to_start_timeout of the activity changes the limit",
        ),
        (
            7,
            0,
            "time-out HEARTBEAT after 5 s without a heartbeat: queued for 7.0 s, ran for 5.0 s; "
            "heartbeat_timeout of the activity changes the limit",
        ),
        (
            2.5,
            3,
            "time-out START_TO_CLOSE after 10 s: queued for 2.5 s, ran for 10.0 s; "
            "start_to_close_timeout of the activity changes the limit",
        ),
    ],
)
def test_an_activity(queued: float | None, beats: int, text: str) -> None:
    run = Simulation(Timed)
    assert run.decide() is not None
    if queued is not None:
        run.wait(queued)
        task = run.engine.poll_for_activity_task("test")
        assert task is not None
        for _ in range(beats):
            run.wait(3)
            run.engine.record_activity_task_heartbeat(task.token)
    run.wait()
    while run.decide() is None:
        run.wait()  # deadlines that heartbeats have moved
    assert run.result == text


def test_the_limit_is_that_of_the_history() -> None:
    run = Simulation(Timed)
    run.settle()
    run.wait()
    renamed = timed.scoped("task_heartbeat_timeout", "77")
    timed_out = next(event for event in run.events if event.type == "ActivityTaskTimedOut")
    assert renamed.task_heartbeat_timeout == "77"
    assert timeouts.error(run.events, timed_out).timeout_value == 5


class Slow(Workflow):
    name = "timeouts.slow"
    execution_timeout = 50
    raises_on_failure = False

    def run(self) -> Any:
        return self.submit(add, 1).result


class Parent(Workflow):
    name = "timeouts.parent"

    def run(self) -> Any:
        error = self.submit(Slow).exception
        assert isinstance(error, TimeoutError)
        return [str(error), error.timeout_type, error.timeout_value]


def test_a_child() -> None:
    run = Simulation(Parent)
    assert run.decide() is not None
    run.wait(50)
    run.settle()
    text = (
        "time-out START_TO_CLOSE after 50 s: queued for 0.0 s, ran for 50.0 s; "
        "execution_timeout of the workflow changes the limit"
    )
    assert run.result == [text, "START_TO_CLOSE", 50]


@activity.with_attributes(
    name="timeouts.fatal", start_to_close_timeout=9, heartbeat_timeout=None, raises_on_failure=True
)
def fatal() -> None:
    """It fails the run."""


class Fails(Workflow):
    name = "timeouts.fails"

    def run(self) -> Any:
        return self.submit(fatal).result


def test_a_run_that_fails_for_it_records_it() -> None:
    run = Simulation(Fails)
    run.settle()
    run.wait()
    run.settle()
    assert run.reason == (
        'Workflow execution error in timeouts.fatal: "time-out START_TO_CLOSE after 9 s: queued for 0.0 s, '
        'ran for 9.0 s; start_to_close_timeout of the activity changes the limit"'
    )


class Waits(Workflow):
    name = "timeouts.waits"
    execution_timeout = 1

    def run(self) -> Any:
        return self.submit(self.start_timer("long", 60)).result


def test_an_execution() -> None:
    text = (
        "the workflow execution timed out: time-out START_TO_CLOSE after 1 s: ran for 1.0 s; "
        "execution_timeout of the workflow or --execution-timeout changes the limit"
    )
    with pytest.raises(ExecutionTimeoutError, match=f"^{text}$"):
        Executor(Waits).run()


def test_the_exception_is_made_as_before() -> None:
    assert str(TimeoutError("START_TO_CLOSE", 3)) == "time-out START_TO_CLOSE after 3 s"
    assert str(TimeoutError("HEARTBEAT")) == "time-out HEARTBEAT"
    error = TimeoutError("HEARTBEAT", 3, queued=1, ran=2, option="x")
    assert error.args == ("HEARTBEAT", 3)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_members_that_ran_into_one_limit_are_told_once() -> None:
    errors = [TimeoutError("HEARTBEAT", 3, queued=n, ran=3) for n in (1, 2)]
    assert distinct([*errors, None, ValueError("x"), ValueError("x")], str) == [str(errors[0]), "x"]
