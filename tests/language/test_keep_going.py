"""Runs that keep going: a failure that fails the run lets what is under way, and does not need it, finish first."""

from __future__ import annotations

import re
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import AggregateException
from simpleflow.local import Executor
from simpleflow.step import Step, WorkflowStepMixin
from simpleflow.stores import open_store

noted: list[str] = []


@activity.with_attributes()
def note(*what: str) -> str:
    noted.append("".join(map(str, what)))
    return noted[-1]


@activity.with_attributes(raises_on_failure=True)
def fail(what: str) -> None:
    noted.append(what)
    raise ValueError(f"{what} is broken")


def failures(run: Any, keep_going: bool = True, **attributes: Any) -> list[str]:
    """Run a workflow with this ``run``, which fails. Returns the texts of its failures."""
    body = {"name": "keeps going", "get_step_bucket": lambda self: "memory://keep-going", **attributes, "run": run}
    kind = type("KeepsGoing", (Workflow, WorkflowStepMixin), body)
    noted.clear()
    with pytest.raises(Exception) as caught:
        Executor(kind, workflow_id=f"keeps going {run.__qualname__}", keep_going=keep_going).run()
    error = caught.value
    every = error.flatten().exceptions if isinstance(error, AggregateException) else [error]
    return [re.sub(r" \(\S+:\d+\)$", "", str(each)).rpartition(": ")[2] for each in every]


def test_what_is_under_way_finishes_and_the_failures_come_together() -> None:
    def run(self: Any) -> None:
        first = self.submit(Group((fail, "a"), Chain((note, "b1"), (note, "b2"), (note, "b3"), (fail, "c"))))
        self.submit(Chain((note, "d1"), (note, "d2"), (note, "d3")))
        futures.wait(first)
        self.submit(note, "after")

    assert failures(run) == ["a is broken", "c is broken"]
    assert sorted(noted) == ["a", "b1", "b2", "b3", "c", "d1", "d2", "d3"]
    assert failures(run, keep_going=False) == ["a is broken"]
    assert "b3" not in noted


def test_code_that_waits_for_what_failed_does_not_go_on() -> None:
    caught: list[BaseException] = []

    def run(self: Any) -> None:
        failed = self.submit(fail, "a")
        try:
            self.submit(note, failed)
            self.submit(Chain((fail, "b"), (note, "after b"), break_on_failure=False))
            self.submit(FuncGroup(lambda: futures.wait(failed) and None))
            futures.wait(failed)
            self.submit(note, "after a")
        except Exception as error:
            caught.append(error)
            raise

    assert failures(run) == ["a is broken", "b is broken"]
    assert sorted(noted) == ["a", "after b", "b"]
    assert caught == []


def test_steps_that_do_not_depend_on_the_failed_one_are_marked() -> None:
    def run(self: Any) -> Any:
        a = self.submit(Step("a", Group((fail, "a"), (note, "a2"), bubbles_exception_on_failure=False)))
        outer = self.submit(Step("out", Chain(Step("in", (fail, "in")), (note, "end"))))
        self.submit(Step("dep", (note, "dep"), after="a"))
        dep = self.submit(Step("dep of dep", (note, "dep2"), after="dep"))
        self.submit(Step("b", Chain((note, "b1"), (note, "b2"))))
        again = self.submit(Step("in", (note, "again")))
        for wait, name in ((a, "after a"), (outer, "after out"), (dep, "after dep"), (again, "after in")):
            self.submit(FuncGroup(lambda wait=wait, name=name: [wait.failed, (note, name)][1]))
        futures.wait(a)
        self.submit(Step("c", (note, "c")))

    assert failures(run) == ["a is broken", "in is broken"]
    assert sorted(noted) == ["a", "a2", "b1", "b2", "in"]
    noted.clear()
    assert failures(run) == ["a is broken", "in is broken"]
    assert sorted(noted) == ["a", "a2", "in"]  # b is done


@pytest.mark.parametrize("in_alternative", [False, True])
@pytest.mark.parametrize(
    "around",
    [
        lambda *members: Chain(*members),
        lambda *members: Group(Chain(*members), (note, "beside")),
        lambda *members: FuncGroup(lambda: Chain(*members)),
        lambda *members: Chain(Step("middle", Chain(*members)), (note, "outside")),
        lambda *members: Chain(*members, raises_on_failure=False),
    ],
    ids=["chain", "group", "func", "step", "quiet"],
)
def test_a_step_in_whose_work_a_chain_stops_is_not_done(
    around: Any, in_alternative: bool, request: pytest.FixtureRequest
) -> None:
    markers: list[Any] = []

    def run(self: Any) -> None:
        self.submit(self.step("first", (fail, "a"), force_steps_if_executed="inside"))
        inside = self.step("inside", (note, "inside"), optional=True)
        chain = around((note, "before"), inside, (note, "after it"))
        if in_alternative:
            self.add_skipped_steps("outer")
            outer = self.submit(self.step("outer", (note, "work"), activities_if_step_already_done=chain))
        else:
            outer = self.submit(self.step("outer", chain))
        self.submit(Step("other", (note, "other")))
        futures.wait(outer)
        self.submit(note, "after")

    def closed(self: Any, history: Any) -> None:
        markers.extend((each.details["step"], each.details["status"]) for each in self.list_markers(all=True))

    prefix = f"{request.node.name}/steps"
    assert failures(run, get_step_path_prefix=lambda self: prefix, after_closed=closed) == ["a is broken"]
    assert "before" in noted
    assert not {"inside", "after it", "outside", "after"}.intersection(noted)
    assert ("outer", "failed") in markers
    assert open_store("memory://keep-going").names(prefix) == ["other"]


def test_errors_of_run_and_of_children_are_put_off_too() -> None:
    class Child(Workflow):
        name = "keeps going child"

        def run(self, fails: str) -> None:
            self.submit(Chain((note, "child1"), (note, "child2")))
            futures.wait(self.submit(fail, fails))

    def run(self: Any) -> None:
        self.submit(Chain((note, "a1"), (note, "a2"), (note, "a3")))
        self.submit(Child, "x")
        raise KeyError("no such key")

    assert len(failures(run)) == 2
    assert sorted(noted) == ["a1", "a2", "a3", "child1", "child2", "x"]

    def gives_up(self: Any) -> None:
        self.submit(Chain((note, "a1"), (note, "a2")))
        self.fail("enough")

    assert failures(gives_up) == ["enough"]
    assert noted == ["a1", "a2"]


def test_a_run_that_returns_fails_all_the_same() -> None:
    def run(self: Any) -> str:
        self.submit(fail, "a")
        self.submit(Chain((note, "b1"), (note, "b2")))
        return "well"

    assert failures(run) == ["a is broken"]
    assert noted == ["a", "b1", "b2"]


def test_a_run_that_has_failed_waits_for_no_signal() -> None:
    def run(self: Any) -> None:
        self.submit(fail, "a")
        self.submit(self.wait_signal("go")).result

    assert failures(run) == ["a is broken"]


def test_on_task_failure_and_the_hooks_of_the_end_work_as_always() -> None:
    ends: list[Any] = []

    def run(self: Any) -> None:
        self.submit(Group((fail, "a"), (fail, "b"), (note, "c")))

    def on_task_failure(self: Any, context: Any) -> Any:
        return context.decide_ignore() if "a is broken" in context.reason else None

    found = failures(
        run,
        on_task_failure=on_task_failure,
        on_failure=lambda self, history, reason, details=None: ends.append(reason),
        on_completed=lambda self, history: ends.append("completed"),
    )
    assert found == ["b is broken"]
    assert ends == ['Workflow execution error in tests.language.test_keep_going.fail: "ValueError: b is broken"']


def test_the_reason_counts_the_failures_and_the_details_have_them_all() -> None:
    class Two(Workflow):
        name = "keeps going two"

        def run(self) -> None:
            self.submit(Group((fail, "a"), (fail, "b")))

    executor = Executor(Two, keep_going=True)
    with pytest.raises(AggregateException):
        executor.run()
    assert '"__simpleflow_keep_going":true' in executor.history[0]["workflowExecutionStartedEventAttributes"]["input"]
    closed = executor.history[-1]["workflowExecutionFailedEventAttributes"]
    assert closed["reason"].startswith("2 failures: Workflow execution error in ")
    assert [line.rpartition("ValueError: ")[2] for line in closed["details"].splitlines()] == [
        'a is broken"',
        'b is broken"',
    ]


def test_without_failures_nothing_changes() -> None:
    class Fine(Workflow):
        name = "keeps going well"

        def run(self) -> Any:
            return self.submit(note, "fine").result

    assert Executor(Fine, keep_going=True).run() == "fine"
