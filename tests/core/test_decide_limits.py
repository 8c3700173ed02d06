"""Limits of a response, priorities, hooks, and the same bytes under any hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Group
from simpleflow.constants import WAKE_UP_TIMER
from simpleflow.core import events as e
from simpleflow.core.decider.answer import Limits
from tests.core.activities import unranked, urgent
from tests.core.harness import Simulation, add, same, simulate


class Wide(Workflow):
    name = "wide"

    def run(self, size: int) -> Any:
        return len(self.submit(Group(*((add, number) for number in range(size)))).result)


@pytest.mark.parametrize(("size", "answers"), [(99, [99]), (100, [100]), (101, [100, 2]), (250, [100, 100, 52])])
def test_decisions_beyond_the_limit_of_a_response_go_into_the_next_ones(size: int, answers: list[int]) -> None:
    run = Simulation(Wide, size)
    run.settle()
    assert [len(each) for each in run.answers] == answers
    assert run.types().count("TimerFired") == len(answers) - 1
    assert len(run.tasks) == size
    assert {each.timer_id for each in run.of_type(e.TimerStarted)} <= {WAKE_UP_TIMER}
    assert Simulation(Wide, 30, limits=Limits(decisions=7)).run(lambda tasks: -1).result == 30


def test_a_response_is_no_larger_than_the_service_accepts() -> None:
    class Large(Workflow):
        name = "large"

        def run(self) -> Any:
            for number in range(12):
                self.submit(self.record_marker(f"m{number}", "x" * 10_000))
            return self.submit(same, "y").result

    run = Simulation(Large, limits=Limits(answer_bytes=32_000)).run()
    assert run.result == "y"
    assert run.types().count("MarkerRecorded") == 12
    assert all(sum(map(len, each)) < 34_000 for each in run.answers)


def test_markers_that_do_not_fit_into_the_last_response_are_recorded_before_the_run_closes() -> None:
    class Chatty(Workflow):
        name = "chatty"

        def run(self, fails: bool) -> Any:
            for number in range(130):
                self.submit(self.record_marker("m", number))
            if fails:
                self.fail("enough")

    for fails in (True, False):
        run = simulate(Chatty, fails)
        assert run.types().count("MarkerRecorded") == 130
        assert run.state == ("failed" if fails else "completed")


@pytest.mark.parametrize("by_class", [True, False])
def test_no_more_activities_are_open_than_allowed(by_class: bool) -> None:
    class Limited(Wide):
        name = "limited"

    if by_class:
        Limited.max_open_activity_count = 3  # type: ignore[attr-defined]
    run = Simulation(Limited, 10, limits=Limits() if by_class else Limits(open_activities=3))
    most = 0
    while run.state == "open":
        run.settle()
        most = max(most, len(run.tasks))
        if run.tasks:
            run.finish()
    assert (run.result, most) == (10, 3)


def test_the_priority_of_a_submission_beats_that_of_the_activity_which_beats_that_of_the_workflow() -> None:
    class Ranked(Workflow):
        name = "ranked"
        task_priority = 2

        def run(self) -> Any:
            submitted = [
                self.submit(same, 0),
                self.submit(urgent, 1),
                self.submit(urgent, 2, __priority=9),
                self.submit(urgent, 3, __priority=None),
                self.submit(unranked, 4),
                self.submit(urgent, self.submit(add, 5), __priority="-1"),
            ]
            return futures.wait(*submitted)

    run = Simulation(Ranked)
    run.settle()
    assert [task.name.rpartition(".")[2] for task in run.tasks] == [
        "urgent",
        "urgent",
        "same",
        "add",
        "urgent",
        "unranked",
    ]
    assert run.run().result == [0, 1, 2, 3, 4, 5]
    found = {
        each.input: each.task_priority for each in run.of_type(e.ActivityTaskScheduled) if "add" not in each.activity_id
    }
    assert list(found.values()) == ["2", "5", "9", None, None, "-1"]


class Hooked(Workflow):
    name = "hooked"

    def run(self, fails: bool = False) -> Any:
        self.submit(self.record_marker("run"))
        self.submit(add, 1).result
        if fails:
            raise ValueError("no")
        return self.submit(add, 2).result

    def before_replay(self, history: Any) -> None:
        self.submit(self.record_marker("before", None))
        self.submit(self.record_marker("run"))

    def after_replay(self, history: Any) -> None:
        self.submit(self.record_marker("after"))
        self.submit(self.record_marker("events", len(history.events)))

    def on_completed(self, history: Any) -> None:
        self.submit(add, 100)
        self.submit(self.record_marker("completed"))

    def on_failure(self, history: Any, reason: str, details: str | None = None) -> None:
        self.submit(self.record_marker("failed", reason))

    def after_closed(self, history: Any) -> None:
        self.submit(self.record_marker("closed"))


def names(run: Simulation) -> list[str]:
    return [each.marker_name for each in run.of_type(e.MarkerRecorded)]


def test_hooks_are_called_and_their_submissions_are_decided() -> None:
    run = simulate(Hooked)
    assert run.result == 2
    assert names(run) == [
        *["before", "run", "run", "after", "events"],
        "events",
        *["events", "completed"],
        *["events", "closed"],
    ]
    assert len(run.scheduled) == 3
    assert run.types()[-1] == "WorkflowExecutionCompleted"


def test_hooks_of_a_run_that_fails() -> None:
    run = simulate(Hooked, fails=True)
    assert run.reason == "Cannot replay the workflow: ValueError(no)"
    assert names(run)[-3:] == ["events", "failed", "closed"]


def test_a_hook_that_raises_fails_the_run() -> None:
    class Clumsy(Workflow):
        name = "clumsy"

        def run(self) -> None:
            pass

        def on_completed(self, history: Any) -> None:
            raise OSError("disk")

    assert simulate(Clumsy).reason == "Cannot replay the workflow: OSError(disk)"


def test_on_completed_is_not_called_again_when_completing_was_refused() -> None:
    class Late(Workflow):
        name = "late"

        def run(self) -> Any:
            return self.submit(add, 1).result

        def on_completed(self, history: Any) -> None:
            self.submit(self.record_marker("completed"))

    run = Simulation(Late)
    run.settle()
    run.finish()
    task = run.poll()
    assert task is not None
    run.signal("unexpected")
    run.engine.respond_decision_task_completed(task.token, run.answer(task))
    run.run()
    assert run.result == 1
    assert names(run) == ["completed"]
    assert "CompleteWorkflowExecutionFailed" in run.types()


SCRIPT = """
import sys
from simpleflow import Workflow, engines
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.engines import executions
from tests.core import harness
from tests.core.activities import once

numbers = iter(range(1000))
executions.Executions.make_run_id = lambda self: f"run-{next(numbers)}"

class Child(Workflow):
    name = "child"
    tag_list = ["x", "y"]
    def run(self, names):
        return self.submit(once, set(names)).result

class Mixed(Workflow):
    name = "mixed"
    def run(self):
        names = {"delta", "alpha", "charlie", "bravo", "echo"}
        self.submit(self.record_marker("names", {"names": names, "frozen": frozenset(names)}))
        self.submit(self.signal("s", names, workflow_id="elsewhere"))
        self.submit(once, names)
        self.submit(once, {"set": {1, "1", None}})
        made = FuncGroup(lambda: Chain((harness.echo, names), (harness.same,), send_result=True))
        group = Group((Child, list(sorted(names))), made)
        self.submit(self.start_timer("t", 60, control=names))
        found = self.submit(group).result
        self.submit(self.cancel_timer("t"))
        if len(sys.argv) > 1:
            return {"it": object(), "names": names}
        return [found, names]

run = harness.simulate(Mixed, **{})
for answer in run.answers:
    for decision in answer:
        print(decision.decode())
from simpleflow.core.codec import encode_history
print(encode_history(run.events).decode())
"""


@pytest.mark.parametrize("arguments", [[], ["fail"]])
def test_decisions_are_the_same_bytes_under_any_hash_seed(arguments: list[str]) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(3)
    ]
    found = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(found[0].splitlines()) > 8
    assert found[0] == found[1] == found[2]
