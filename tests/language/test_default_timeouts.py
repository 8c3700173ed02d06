"""Which limits an activity has: those that were set, and the heartbeat's. Work and queues may be long."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.activity import Activity
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.core import events as e
from simpleflow.exceptions import TimeoutError
from tests.core.harness import Simulation, add, same

LIMITS = ("start_to_close_timeout", "schedule_to_close_timeout", "schedule_to_start_timeout", "heartbeat_timeout")
DAY = 86_400


def limits(found: Any, prefix: str = "task_") -> list[str]:
    return [getattr(found, prefix + name) for name in LIMITS]


def function() -> None:
    """What is decorated."""


class Class:
    """The same, as a class."""

    def execute(self) -> None:
        """Nothing."""


@pytest.mark.parametrize("made", [function, Class])
@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, ["NONE", "NONE", "NONE", "300"]),
        ({"start_to_close_timeout": 3600}, ["3600", "NONE", "NONE", "300"]),
        ({"schedule_to_close_timeout": "60"}, ["NONE", "60", "NONE", "300"]),
        ({"schedule_to_start_timeout": 5}, ["NONE", "NONE", "5", "300"]),
        ({"heartbeat_timeout": 20}, ["NONE", "NONE", "NONE", "20"]),
        ({"heartbeat_timeout": None}, ["NONE", "NONE", "NONE", "NONE"]),
    ],
)
def test_only_limits_that_were_set_apply(made: Any, given: dict[str, Any], found: list[str]) -> None:
    assert limits(activity.with_attributes(name="limits.made", **given)(made)) == found
    assert limits(Activity(made, "limits.direct", **given)) == found
    del activity.registry["limits.made"]


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"ACTIVITY_DEFAULT_TIMEOUT": "60"}, "60 NONE NONE 300"),
        ({"ACTIVITY_DEFAULT_TIMEOUT": "60", "ACTIVITY_START_TO_CLOSE_TIMEOUT": "NONE"}, "NONE NONE NONE 300"),
        ({"ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT": "7", "ACTIVITY_SCHEDULE_TO_START_TIMEOUT": "6"}, "NONE 7 6 300"),
        ({"ACTIVITY_HEARTBEAT_TIMEOUT": "NONE"}, "NONE NONE NONE NONE"),
        ({"ACTIVITY_DEFAULT_TIMEOUT": "an hour", "ACTIVITY_HEARTBEAT_TIMEOUT": "soon"}, "NONE NONE NONE 300"),
    ],
)
def test_settings_give_limits_that_the_activity_does_not(environment: dict[str, str], found: str) -> None:
    code = f"""
from simpleflow import activity
made = activity.with_attributes()(lambda: None)
print(*(getattr(made, "task_" + name) for name in {LIMITS!r}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == found


class Child(Workflow):
    name = "limits.child"

    def run(self) -> Any:
        return self.submit(add, 1).result


class Every(Workflow):
    """Every kind of submission, twice: the run continues as new."""

    name = "limits.every"

    def run(self, again: bool = True) -> Any:
        group = self.submit(Group((add, 1), Chain((add, 2), (same, 3)), FuncGroup(lambda: Group((add, 4)))))
        mapped = self.map(add, [5, 6])
        found = [group.result, [each.result for each in mapped], self.submit(Child).result]
        if again:
            self.submit(self.continue_as_new(False))
        return found


def test_no_kind_of_submission_sets_a_limit() -> None:
    run = Simulation(Every).run()
    every = [event for each in run.engine.runs.values() for event in each.history.events]
    found = [event.attributes for event in every if isinstance(event.attributes, e.ActivityTaskScheduled)]
    assert len(found) >= 7
    assert {tuple(limits(each, "")) for each in found} == {("NONE", "NONE", "NONE", "300")}


class Two(Workflow):
    name = "limits.two"

    def run(self) -> Any:
        first, second = self.submit(same, 1), self.submit(same, 2)
        return [first.result or str(first.exception), second.result]


def test_long_work_and_a_long_queue_live() -> None:
    run = Simulation(Two)
    assert run.decide() is not None
    working = run.engine.poll_for_activity_task("test")
    assert working is not None
    for _ in range(3 * DAY // 290):
        run.wait(290)
        run.engine.record_activity_task_heartbeat(working.token)
    run.tasks.append(working)
    run.finish()
    assert run.run().result == [1, 2]
    assert not run.of_type(e.ActivityTaskTimedOut)


def test_a_dead_worker_is_noticed_after_300_seconds() -> None:
    run = Simulation(Two)
    run.settle()
    run.wait(299)
    assert not run.of_type(e.ActivityTaskTimedOut)
    run.finish(1)
    run.wait(1)
    run.settle()
    assert run.result == [
        "time-out HEARTBEAT after 300 s without a heartbeat: queued for 0.0 s, ran for 300.0 s; "
        "heartbeat_timeout of the activity changes the limit",
        2,
    ]


@activity.with_attributes(name="limits.whole", schedule_to_close_timeout=1000)
def whole() -> None:
    """Its queue and its work together are limited."""


class Whole(Workflow):
    name = "limits.whole"

    def run(self) -> Any:
        error = self.submit(whole).exception
        assert isinstance(error, TimeoutError)
        return [error.timeout_type, error.timeout_value, error.queued, error.ran]


def test_a_limit_that_was_set_alone_applies_alone() -> None:
    run = Simulation(Whole)
    assert run.decide() is not None
    run.wait(800)
    task = run.engine.poll_for_activity_task("test")
    assert task is not None
    run.wait(200)
    run.settle()
    assert run.result == ["SCHEDULE_TO_CLOSE", 1000, 800, 200]
