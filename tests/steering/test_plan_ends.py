"""The extent of a plan: signals, timers, runs that fail or continue, and hooks that are not called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.steering import dry_run
from simpleflow.step.workflow import WorkflowStepMixin
from tests.child_ids import child_id
from tests.steering.bench import Bench, do, in_turn, rows


def test_signals(bench: Bench) -> None:
    def run(self: Any, name: str) -> None:
        self.submit(self.step("a", do, emit_signal=True))
        futures.wait(self.submit(self.wait_signal(name)))
        in_turn(self, "b")

    assert [row[0] for row in rows(bench.plan(run, "step.a"))] == ["a", "b"]
    found = bench.plan(run, "go on")
    assert [row[0] for row in rows(found)] == ["a"]
    assert found.notes == ("run() waits for the signal 'go on'",)


def test_waiting_for_a_signal_many_times(bench: Bench) -> None:
    def run(self: Any) -> None:
        if self.get_event_details("signal", "go on") is not None:
            in_turn(self, "a")
        futures.wait(self.submit(self.wait_signal("never")) if not self.get_event_details("signal", "x") else None)

    assert bench.plan(run).notes == ("run() waits for the signal 'never'",)


def test_timers_fire_at_once_and_nothing_times_out(bench: Bench) -> None:
    def run(self: Any) -> None:
        in_turn(self, "a")
        began = self.executor.now
        futures.wait(self.submit(self.start_timer("long", 3_000_000)))
        in_turn(self, "b" if self.executor.now - began == 3_000_000 else "c")

    found = bench.plan(run, attributes={"execution_timeout": 60, "decision_tasks_timeout": 1})
    assert [row[0] for row in rows(found)] == ["a", "b"]
    assert found.notes == ()


def test_continuing_as_new(bench: Bench) -> None:
    def run(self: Any, *names: str) -> None:
        in_turn(self, *names)
        self.submit(self.continue_as_new("b"))

    found = bench.plan(run, "a")
    assert [row[0] for row in rows(found)] == ["a"]
    assert found.notes == ("run() continues as new: the plan does not cover the run that follows",)


def raising(self: Any) -> None:
    in_turn(self, "a")
    raise ValueError("no\nsuch file")


def failing(self: Any) -> None:
    in_turn(self, "a")
    self.fail("it is late")


def waiting(self: Any) -> None:
    in_turn(self, "a")
    futures.wait(self.submit(do))
    futures.wait(futures.Future(self.executor))


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (raising, "run() fails: ValueError: no such file"),
        (failing, "run() fails: it is late"),
        (waiting, "run() fails: Workflow execution failed: deadlock: it waits and nothing is under way"),
    ],
)
def test_a_run_that_fails(bench: Bench, body: Callable[[Any], None], note: str) -> None:
    found = bench.plan(body)
    assert rows(found) == [("a", "run", False, ())]
    assert found.notes == (note,)


def test_a_child_that_fails_fails_its_parent(bench: Bench) -> None:
    class Broken(Workflow):
        name = "broken child"

        def run(self) -> None:
            raise ValueError("no such file")

    def run(self: Any) -> None:
        in_turn(self, "a")
        futures.wait(self.submit(Broken))
        in_turn(self, "b")

    found = bench.plan(run)
    assert [row[0] for row in rows(found)] == ["a"]
    assert [note.partition(":")[0] for note in found.notes] == [
        "run() fails",
        f"run() of workflow {child_id('w', 'broken child')} fails",
    ]


def test_nothing_goes_on_when_the_run_has_failed(bench: Bench) -> None:
    class Child(Workflow, WorkflowStepMixin):
        name = "child that is ended"
        get_step_bucket = lambda _: bench.bucket  # noqa: E731

        def run(self) -> None:
            self.submit(self.wait_signal("never"))
            in_turn(self, "b", "c", "d")

    def run(self: Any) -> None:
        self.submit(Child)
        raising(self)

    found = bench.plan(run)
    assert [row[0] for row in rows(found)][-1] != "d"
    assert found.notes == ("run() fails: ValueError: no such file",)


def test_an_input_that_does_not_fit(bench: Bench) -> None:
    def run(self: Any, day: str) -> None:
        in_turn(self, day)

    found = bench.plan(run)
    assert found.steps == ()
    assert len(found.notes) == 1
    assert found.notes[0].startswith("run() fails: TypeError: ")


def test_hooks_of_the_end_are_not_called(bench: Bench) -> None:
    called: list[str] = []
    hooks = {
        name: lambda *_, name=name: called.append(name)
        for name in ("on_completed", "on_failure", "on_canceled", "after_closed")
    }
    bench.plan(in_turn, "a", attributes=hooks)
    bench.plan(raising, attributes=hooks)
    assert called == []


def test_an_endless_run_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "MAX_DECISION_TASKS", 500)

    def run(self: Any) -> None:
        signal = self.submit(self.wait_signal("stop"))
        while not signal.finished:
            futures.wait(self.submit(do))

    found = bench.plan(run)
    assert found.notes == (
        "run() waits for the signal 'stop'",
        "it takes more than 500 decisions: the plan stops there",
    )


def test_code_that_runs_after_the_plan_changes_nothing(bench: Bench) -> None:
    ended: list[str] = []

    def run(self: Any) -> None:
        try:
            list(self.submit(do).result)
        finally:
            ended.append("ended")
            in_turn(self, "late")

    found = bench.plan(run)
    assert (rows(found), len(found.notes), ended) == ([], 1, ["ended"])
