"""A step is not done while something in it failed: in canvases, in children and in their children."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.core.decider.parts import PARTS, RESULT
from simpleflow.local import Executor
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from tests.step.bench import Bench, fail_hard, fail_softly, note, noted
from tests.step.test_evaluated_afresh import Ordered

Make = Callable[[Any], Any]
"""Given the work of the inner step, makes the work of the outer one."""


def inner(work: Any, **options: Any) -> Step:
    return Step("in", (work, "in"), **options)


CANVASES: dict[str, Make] = {
    "bare": lambda step: step,
    "group": lambda step: Group((note, "beside"), step),
    "map": lambda step: Group(*[Step(f"item.{n}", (note, n)) for n in "ab"], step),
    "chain": lambda step: Chain(step, (note, "after")),
    "last in a chain": lambda step: Chain((note, "before"), step),
    "func": lambda step: FuncGroup(lambda: step),
    "optional chain": lambda step: Chain(step, raises_on_failure=False),
    "quiet group": lambda step: Group(step, bubbles_exception_on_failure=False),
    "nested canvas": lambda step: Group(Chain(FuncGroup(lambda: Group(step)))),
}


@pytest.mark.parametrize("make", CANVASES.values(), ids=CANVASES.keys())
def test_a_step_around_a_failed_step_fails_and_both_run_again(stored: Bench, make: Make) -> None:
    works = [fail_softly, note, note]

    def run(workflow: Any) -> Any:
        outer = workflow.submit(Step("out", make(inner(works[0]))))
        futures.wait(outer)
        return [outer.failed, outer.ran]

    assert stored.run(run) == [True, True]
    assert stored.log()[-2:] == ["in failed", "out failed"]
    assert stored.markers[-1]["error"] == "step 'in' inside it failed: ValueError: in is broken"
    assert not {"in", "out"} & set(stored.done)
    works.pop(0)
    assert stored.run(run) == [False, True]
    assert "in" in noted
    assert {"in", "out"} <= set(stored.done)
    works.pop(0)
    assert stored.run(run) == [False, False]


@pytest.mark.parametrize("make", CANVASES.values(), ids=CANVASES.keys())
def test_a_step_around_an_optional_step_that_failed_is_done(bench: Bench, make: Make) -> None:
    def run(workflow: Any) -> Any:
        outer = workflow.submit(Step("out", make(inner(fail_softly, optional=True))))
        futures.wait(outer)
        return [outer.failed, outer.ran]

    assert bench.run(run) == [False, True]
    (failed,) = (marker for marker in bench.markers if marker["status"] == "failed")
    assert (failed["step"], failed["optional"]) == ("in", True)
    assert "out" in bench.done
    assert bench.run(run) == [False, False]


def test_a_step_waits_for_a_step_that_its_work_has_not_waited_for(bench: Bench) -> None:
    works = [fail_softly, note]

    def run(workflow: Any) -> Any:
        def call() -> Any:
            workflow.submit(Chain((note, "x"), (note, "y"), (note, "z"), inner(works[0])))
            return (note, "beside")

        outer = workflow.submit(Step("out", FuncGroup(call)))
        return outer.failed

    assert bench.run(run) is True
    assert bench.log()[-2:] == ["in failed", "out failed"]
    works.pop(0)
    assert bench.run(run) is False
    assert bench.log()[-2:] == ["in completed", "out completed"]


def test_a_failure_goes_up_through_every_step_around_it(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        middle = Step("middle", Group(inner(fail_softly)))
        return workflow.submit(Step("out", Chain(middle))).failed

    assert bench.run(run) is True
    assert bench.done == []
    assert bench.markers[-1]["error"] == (
        "step 'middle' inside it failed: step 'in' inside it failed: ValueError: in is broken"
    )


def test_an_optional_step_holds_back_the_failures_inside_it(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        middle = Step("middle", Group(inner(fail_softly)), optional=True)
        outer = workflow.submit(Step("out", middle))
        return outer.failed

    assert bench.run(run) is False
    assert bench.done == ["out"]


def test_the_error_names_a_few_of_the_steps_that_failed(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        steps = [Step(f"s{n}", (fail_softly, f"s{n}")) for n in range(5)]
        outer = workflow.submit(Step("out", Group(*steps), bubbles_exception_on_failure=True))
        return str(outer.exception)

    expected = "; ".join(f"step 's{n}' inside it failed: ValueError: s{n} is broken" for n in range(3)) + "; and 2 more"
    assert bench.run(run) == f"out: {expected}"


def test_a_refused_step_fails_the_step_around_it(bench: Bench) -> None:
    bench.mark("in")

    def run(workflow: Any) -> Any:
        workflow.submit(Step("origin", (fail_softly, "origin"), force_steps_if_executed=["in"]))
        return workflow.submit(Step("out", Group(inner(note)))).failed

    assert bench.run(run) is True
    assert "step 'in' inside it failed: not played" in bench.markers[-1]["error"]
    assert bench.done == []


def test_a_cancelled_step_fails_the_step_around_it(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        def call() -> Any:
            workflow.submit(Step("in", Chain((note, "a"), (note, "b")))).cancel()
            return (note, "beside")

        return workflow.submit(Step("out", FuncGroup(call))).failed

    assert bench.run(run) is True
    assert [each["error"] for each in bench.markers if "error" in each] == ["step 'in' inside it was cancelled"]


def test_a_step_that_failed_and_was_run_again_inside_is_done(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        def call() -> Any:
            first = workflow.submit(inner(fail_softly))
            assert first.failed
            return inner(note)

        return workflow.submit(Step("out", FuncGroup(call))).failed

    assert bench.run(run) is False
    assert bench.done == ["in", "out"]


def test_a_submission_that_joined_a_failed_step_fails_the_step_around_it(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        first = workflow.submit(Step("in", Chain((note, "a"), (fail_softly, "in"))))
        outer = workflow.submit(Step("out", Group(inner(note))))
        return [first.failed, outer.failed]

    assert bench.run(run) == [True, True]
    assert bench.done == []


def test_a_failed_step_inside_the_alternative_fails_the_step(bench: Bench) -> None:
    bench.mark("out")

    def run(workflow: Any) -> Any:
        step = Step("out", (note, "out"), activities_if_step_already_done=Group(inner(fail_softly)))
        return workflow.submit(step).failed

    assert bench.run(run) is True
    assert bench.log()[-1] == "out failed"
    assert "step 'in' inside it failed" in bench.markers[-1]["error"]


def test_a_dependent_of_a_step_around_a_failed_step_does_not_run(bench: Bench) -> None:
    bench.mark("dep")

    def run(workflow: Any) -> Any:
        workflow.submit(Step("out", Group(inner(fail_softly)), force_steps_if_executed=["dep"]))
        return workflow.submit(Step("dep", (note, "dep"))).failed

    assert bench.run(run) is True
    assert bench.done == []


@pytest.mark.parametrize("looks", [False, True])
def test_the_step_stays_failed_when_run_is_evaluated_afresh(bench: Bench, looks: bool) -> None:
    def run(workflow: Any) -> Any:
        outer = workflow.submit(Step("out", Group(inner(fail_softly))))
        for _ in range(3):
            other = workflow.submit(Chain((note, "x"), (note, "y")))
            if looks:
                other.finished
            other.result
        return outer.failed

    assert bench.run(run) is True
    assert bench.log() == ["out scheduled", "in scheduled", "in failed", "out failed"]


# Children


class Below(Workflow, WorkflowStepMixin):
    """The base of the workflows below: their marks are where the test says, each below its workflow id."""

    bucket = ""
    work: Any = fail_softly

    def get_step_bucket(self) -> str:
        return Below.bucket

    def part(self, name: str = "in", **options: Any) -> Step:
        return Step(name, (Below.work, name), **options)


class Child(Below):
    name = "child"

    def run(self, optional: bool = False) -> Any:
        futures.wait(self.submit(self.part(optional=optional)))
        return "the result"


class InnerOut(Below):
    name = "inner out"

    def run(self) -> Any:
        futures.wait(self.submit(Step("mid", Group(self.part()))))
        return "the result"


class Parent(Below):
    name = "parent of child"

    def run(self) -> Any:
        return self.submit(Child).result


class Plain(Workflow):
    name = "plain parent of child"

    def run(self) -> Any:
        return self.submit(Child).result


class Continuing(Below):
    name = "continuing"

    def run(self, left: int = 2) -> Any:
        if left == 2:
            futures.wait(self.submit(self.part()))
        elif left == 0:
            return "the result"
        return self.submit(self.continue_as_new(left - 1)).result


class Repeating(Below):
    """Its second execution runs the step that failed in the first one."""

    name = "repeating"

    def run(self, left: int = 1) -> Any:
        work = note if left == 0 else Below.work
        futures.wait(self.submit(Step("in", (work, "in"))))
        return "the result" if left == 0 else self.submit(self.continue_as_new(left - 1)).result


class Hard(Below):
    name = "hard"
    raises_on_failure = False

    def run(self) -> Any:
        work = fail_hard if Below.work is fail_softly else note
        self.submit(Step("in", (work, "in"))).result
        return "the result"


CHILDREN: dict[str, Any] = {
    "child": Child,
    "step in a step of a child": InnerOut,
    "grandchild": Parent,
    "grandchild below a plain child": Plain,
    "child that continues as new": Continuing,
    "child in a group": Group(Child, (note, "beside")),
    "child in a chain": Chain(Child, (note, "after")),
    "child in a func": FuncGroup(lambda: Child),
    "child that fails": Hard,
    "child that fails in a quiet group": Group(Hard, bubbles_exception_on_failure=False),
}


@pytest.fixture
def below(stored: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(Below, "bucket", stored.bucket)
    return stored


@pytest.mark.parametrize("work", CHILDREN.values(), ids=CHILDREN.keys())
def test_a_step_around_a_child_with_a_failed_step_fails_and_runs_again(
    below: Bench, monkeypatch: pytest.MonkeyPatch, work: Any
) -> None:
    def run(workflow: Any) -> Any:
        outer = workflow.submit(Step("out", work))
        futures.wait(outer)
        return [outer.failed, outer.value]

    failed, value = below.run(run)
    assert failed is True
    assert below.done == []
    if "fails" not in str(work) and isinstance(work, type) and work is not Hard:
        assert value == "the result", "the names of failed steps are no part of the value"
        assert "step 'in'" in below.markers[-1]["error"] or "step 'mid'" in below.markers[-1]["error"]
        assert "of child workflow 'w--" in below.markers[-1]["error"]
    monkeypatch.setattr(Below, "work", note)
    assert below.run(run)[0] is False
    assert "in" in noted
    assert below.done == ["out"]
    assert below.run(run)[0] is False
    assert noted == []


def test_an_optional_step_of_a_child_does_not_fail_the_step_around_the_child(below: Bench) -> None:
    assert below.run(lambda w: w.submit(Step("out", (Child, True))).failed) is False
    assert below.done == ["out"]


def test_an_optional_step_around_a_child_holds_back_its_failures(below: Bench) -> None:
    middle = Step("middle", Child, optional=True)
    assert below.run(lambda w: w.submit(Step("out", middle)).failed) is False
    assert below.done == ["out"]


def test_a_step_that_a_continued_child_has_run_since_is_no_failure(below: Bench) -> None:
    assert below.run(lambda w: w.submit(Step("out", Repeating)).failed) is False
    assert below.done == ["out"]


def test_a_child_that_the_work_has_not_waited_for_counts(below: Bench) -> None:
    def run(workflow: Any) -> Any:
        def call() -> Any:
            workflow.submit(Child)
            return (note, "beside")

        return workflow.submit(Step("out", FuncGroup(call))).failed

    assert below.run(run) is True


def test_only_a_child_inside_a_step_hands_up_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The results and inputs of other children are as they always were."""
    monkeypatch.setattr(Below, "bucket", str(tmp_path / "marks"))
    results: list[Any] = []
    inputs: list[Any] = []

    class Root(Below):
        name = "root"

        def run(self, inside: bool) -> Any:
            return self.submit(Step("out", Parent) if inside else Parent).result

    def observe(run: Any, events: Any) -> None:
        for event in (each.attributes for each in events):
            if type(event).__name__ == "WorkflowExecutionCompleted":
                results.append(json.loads(event.result))
            elif type(event).__name__ == "WorkflowExecutionStarted":
                inputs.append(json.loads(event.input))

    Executor(Root, observer=observe).run([False])
    assert all(PARTS not in each for each in inputs)
    assert results == ["the result"] * 3
    results.clear(), inputs.clear()
    Executor(Root, observer=observe).run([True])
    assert [PARTS in each for each in inputs] == [False, True, True]
    assert [each.get(RESULT) for each in results[:2]] == ["the result", "the result"]
    assert RESULT not in results[2][1][1], "the step's own result shows what the child returned"


# Histories of the version before


def test_a_step_that_a_history_says_has_completed_stays_completed(bench: Bench) -> None:
    """The version before marked the outer step. Its history is carried out as it was recorded."""

    def run(workflow: Any) -> Any:
        outer = workflow.submit(Step("out", Group(inner(fail_softly))))
        futures.wait(outer)
        look = workflow.submit(Chain((note, "x"), (note, "y")))
        look.finished
        look.result
        return outer.failed

    from simpleflow.step import run_record

    found = Ordered(bench.bucket, run)
    found.end("GetStepsDoneTask")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_record.Parts, "error", lambda self: None)
        found.end("fail_softly")
        found.end("MarkStepDoneTask")
        found.end("note", "x")
    assert found.rest() is False
    assert found.log() == ["out scheduled", "in scheduled", "in failed", "out completed"]
    assert open_store(bench.bucket).names("w/steps") == ["out"]
