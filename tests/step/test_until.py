"""Runs that stop once the named steps are done."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.core.decider.parts import STOPPED
from simpleflow.exceptions import TaskFailed
from simpleflow.local import Executor
from tests.step.bench import fail_hard, fail_softly
from tests.step.test_request import DONE, Child, Continued, InTurn, Parent, Steered, do

noted: list[str] = []


@activity.with_attributes(raises_on_failure=True)
def note(what: str) -> str:
    noted.append(what)
    return what


def run(workflow: type[Workflow], *names: str, id: str, until: Any) -> tuple[Any, list[str]]:
    """One run. Returns what it says of its stop, or its result; and the markers of its steps."""
    executor = Executor(workflow, workflow_id=f"until {id}", until_steps=until)
    result = executor.run(list(names))
    if isinstance(result, dict) and STOPPED in result:
        result = result[STOPPED]
    markers = [each for each in executor.list_markers(True) if each.name == "log.step"]
    return result, [f"{each.details['step']} {each.details['status']}" for each in markers]


def test_the_run_stops_and_what_is_done_is_skipped_next_time() -> None:
    stopped = {"until": ["b"], "not_run": ["c"]}
    ran = ["a scheduled", "a completed", "b scheduled", "b completed"]
    assert run(InTurn, "a", "b", "c", "d", id="in turn", until="b") == (stopped, ran)
    assert run(InTurn, "a", "b", "c", "d", id="in turn", until="b") == (stopped, ["a skipped", "b skipped"])
    result, _ = run(InTurn, "a", "b", "c", "d", id="in turn", until=())
    assert result == [[False, DONE], [False, DONE], [True, []], [True, []]]


def test_what_is_under_way_is_finished() -> None:
    class Both(Steered):
        name = "steered both"

        def run(self) -> None:
            a = self.submit(self.step("a", (note, "a")))
            b = self.submit(self.step("b", Chain((note, "b1"), (note, "b2"), self.step("b3", (note, "b3")))))
            free = self.submit(Chain((note, "free1"), (note, "free2"), (note, "free3")))
            futures.wait(a)
            self.submit(note, "outside")
            self.submit(self.step("c", (note, "c"))).value
            futures.wait(b, free)

    noted.clear()
    result, markers = run(Both, id="both", until="a")
    assert result == {"until": ["a"], "not_run": ["c"]}
    assert markers[-2:] == ["b3 completed", "b completed"]
    assert [each for each in noted if each[0] != "f"] == ["a", "b1", "b2", "b3"]
    assert noted.count("free1") == 1
    assert "free3" not in noted  # it is not part of a step


def test_the_last_step_is_the_end_of_the_run() -> None:
    assert run(InTurn, "a", "b", id="last", until="b")[0] == [[True, []], [True, []]]
    assert run(InTurn, "a", "b", id="none", until="elsewhere")[0] == [[True, []], [True, []]]


def test_all_names_have_to_be_reached_and_all_steps_that_they_cover() -> None:
    names = ("x", "l.a", "l.b", "y", "z", "l.c")
    result, markers = run(InTurn, *names, id="all", until=["x", "l"])
    assert result == {"until": ["l", "x"], "not_run": ["y"]}
    assert markers[-1] == "l.b completed"
    assert run(InTurn, *names, id="all", until=["z", "x"])[0] == {"until": ["x", "z"], "not_run": ["l.c"]}


def test_a_step_that_failed_has_been_reached() -> None:
    class Failing(Steered):
        name = "steered failing"

        def run(self) -> None:
            futures.wait(self.submit(self.step("a", (fail_softly, "a"))))
            self.submit(self.step("b", (do, "b")))

    assert run(Failing, id="failing", until="a") == (
        {"until": ["a"], "not_run": ["b"]},
        ["a scheduled", "a failed"],
    )


def test_a_hard_failure_of_what_is_finished_fails_the_run() -> None:
    class Hard(Steered):
        name = "steered hard"

        def run(self) -> None:
            a = self.submit(self.step("a", (do, "a")))
            self.submit(self.step("b", Chain((do, "b"), (fail_hard, "b"))))
            futures.wait(a)
            self.submit(self.step("c", (do, "c")))

    with pytest.raises(TaskFailed, match="b is broken"):
        run(Hard, id="hard", until="a")


class Nested(Steered):
    name = "steered nested"

    def run(self) -> None:
        outer = Group(
            self.step("out.a", (do, "a")), Chain(self.step("out.b", (do, "b")), self.step("out.c", (do, "c")))
        )
        futures.wait(self.submit(self.step("out", outer)))
        self.submit(self.step("after", (do, "after")))


def test_a_step_around_a_named_one_stops_too_and_is_not_done() -> None:
    result, markers = run(Nested, id="nested", until="out.b")
    assert result == {"until": ["out.b"], "not_run": ["out", "out.c"]}
    assert "out completed" not in markers
    assert run(Nested, id="nested", until=())[1] == [
        *("out scheduled", "out.a skipped", "out.b skipped", "out.c scheduled", "out.c completed", "out completed"),
        *("after scheduled", "after completed"),
    ]
    assert run(Nested, id="nested 2", until="out")[0] == {"until": ["out"], "not_run": ["after"]}


class Holding(Steered):
    """A child inside a step."""

    name = "steered with a child"

    def run(self, *names: str) -> Any:
        step = self.submit(self.step("out", Chain((Inner, *names), (do, "end"))))
        futures.wait(step)
        return self.submit(self.step("after", (do, "after"))).ran


class Inner(InTurn):
    name = "steered inner"


class Plain(Workflow):
    """A parent without steps."""

    name = "no steps"

    def run(self, *names: str) -> Any:
        first = self.submit(Inner, *names).result
        return [first, self.submit(Child, "later").result]


def test_a_child_stops_and_its_parent_with_it() -> None:
    result, markers = run(Holding, "a", "b", id="child", until="a")
    assert result == {"until": ["a"], "not_run": ["out"]}
    assert markers == ["out scheduled"]
    assert run(Holding, "a", "b", id="child", until="out") == (
        {"until": ["out"], "not_run": ["after"]},
        ["out scheduled", "out completed"],
    )
    assert run(Plain, "a", "b", id="plain", until="a")[0] == {"until": ["a"]}
    assert run(Plain, "a", "b", id="plain", until="b")[0] == {"until": ["b"]}
    assert run(Parent, "a", "b", id="parent", until="b")[0] == {"until": ["b"], "not_run": []}


def test_what_a_parent_and_its_child_have_reached_counts_together() -> None:
    class Twice(Steered):
        name = "steered twice"

        def run(self) -> Any:
            futures.wait(self.submit(self.step("own", (do, "own"))))
            self.submit(Inner, "a", "b").result
            return self.submit(self.step("after", (do, "after"))).ran

    assert run(Twice, id="twice", until=["own", "a"])[0] == {"until": ["a", "own"], "not_run": []}
    assert run(Twice, id="twice 2", until=["after", "a"])[0] is True


def test_the_execution_that_continues_the_run_stops() -> None:
    result, markers = run(Continued, "a", "b", "c", id="continued", until=["a", "b"])
    assert result == {"until": ["a", "b"], "not_run": []}
    assert markers == ["b scheduled", "b completed"]
