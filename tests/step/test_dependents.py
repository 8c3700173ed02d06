"""Steps that force others: stale marks, waiting, and the marks after a failure or a crash."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import InputError, TaskFailed
from simpleflow.step.submittable import Step
from tests.step.bench import Bench, fail_hard, fail_softly, note, noted


def a_then_b(workflow: Any, *, a: Any = (note, "a"), **options: Any) -> list[Any]:
    return [
        workflow.submit(workflow.step("a", a, force_steps_if_executed=["b"], **options)),
        workflow.submit(workflow.step("b", (note, "b"))),
    ]


def run_a_then_b(workflow: Any) -> Any:
    return [future.ran for future in a_then_b(workflow)]


def test_a_dependent_is_forced_by_the_step_that_ran(bench: Bench) -> None:
    bench.mark("b", "b.c", "bc")
    assert bench.run(run_a_then_b) == [True, True]
    assert bench.markers[0]["unmarks"] == ["b", "b.c"]
    assert [each["reasons"] for each in bench.markers if each["step"] == "b"] == [["Dep of a"], ["Dep of a"]]
    assert bench.done == ["a", "b", "bc"]


def test_a_skipped_step_forces_nothing(bench: Bench) -> None:
    bench.mark("a", "b")
    assert bench.run(run_a_then_b) == [False, False]
    assert bench.activities() == ["GetStepsDoneTask"]


@pytest.mark.parametrize("waits", [True, False])
def test_forcing_goes_on_through_dependents(bench: Bench, waits: bool) -> None:
    bench.mark("a", "b", "c")

    def run(workflow: Any) -> Any:
        for name, forces in (("a", "b"), ("b", "c"), ("c", ())):
            step = Step(name, (note, name), force=name == "a", force_steps_if_executed=forces)
            future = workflow.submit(step)
            if waits:
                futures.wait(future)

    bench.run(run)
    assert noted == ["a", "b", "c"]
    assert bench.done == ["a", "b", "c"]


def test_a_step_inside_another_does_not_wait_for_a_step_that_waits_for_the_outer_one(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        inner = Chain((note, "a1"), (note, "a2"), workflow.step("c", (note, "c")))
        a = workflow.submit(workflow.step("a", inner, force_steps_if_executed="b"))
        b = workflow.submit(workflow.step("b", (note, "b"), force_steps_if_executed="c"))
        return [a.ran, b.ran]

    assert bench.run(run) == [True, True]
    assert noted == ["a1", "a2", "c", "b"]
    assert bench.done == ["a", "b"]


def test_a_dependent_starts_after_its_origin_has_completed(bench: Bench) -> None:
    bench.mark("b")

    def run(workflow: Any) -> Any:
        work = Chain((note, "a1"), (note, "a2"), (note, "a3"))
        return [future.ran for future in a_then_b(workflow, a=work)]

    assert bench.run(run) == [True, True]
    assert noted == ["a1", "a2", "a3", "b"]
    assert bench.log() == ["a scheduled", "a completed", "b scheduled", "b completed"]


@pytest.mark.parametrize("was_done", [False, True])
@pytest.mark.parametrize("work", [fail_softly, fail_hard])
def test_a_dependent_of_a_step_that_fails_does_not_run_and_is_not_done(bench: Bench, work: Any, was_done: bool) -> None:
    bench.mark("c", *(["b"] if was_done else []))

    def run(workflow: Any) -> Any:
        a, b = a_then_b(workflow, a=(work, "a"))
        futures.wait(a, b)
        return [b.ran, b.forced, b.reasons, b.value, str(b.exception)]

    if work is fail_hard:
        with pytest.raises(TaskFailed):
            bench.run(run)
    else:
        assert bench.run(run) == [False, True, ["Dep of a"], None, "None"]
        assert bench.log() == ["a scheduled", "a failed", "b failed"]
        assert "step 'a', which forces it, failed" in bench.markers[-1]["error"]
    assert noted == ["a"]
    assert bench.done == ["c"]
    assert bench.run(run_a_then_b) == [True, True]
    assert bench.done == ["a", "b", "c"]


@pytest.mark.parametrize("direction", ["forces", "after"])
def test_steps_that_depend_on_a_refused_step_are_refused_too(bench: Bench, direction: str) -> None:
    def step(name: str, work: Any, forces: str, after: str) -> Step:
        if direction == "forces":
            return Step(name, (work, name), force_steps_if_executed=[forces])
        return Step(name, (work, name), after=[after])

    def run(fails: bool) -> Any:
        def inner(workflow: Any) -> Any:
            a = workflow.submit(step("a", fail_softly if fails else note, "b", "none"))
            b = workflow.submit(step("b", note, "c", "a"))
            c = workflow.submit(step("c", note, "none", "b"))
            futures.wait(a, b, c)
            return [each.ran for each in (a, b, c)]

        return inner

    bench.run(run(fails=True))
    assert noted == ["a"]
    assert bench.done == []
    assert "step 'b', which forces it, failed" in bench.markers[-1]["error"]
    assert bench.run(run(fails=False)) == [True, True, True]
    assert bench.done == ["a", "b", "c"]


def test_a_step_that_ran_before_a_refused_one_is_not_stale(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        futures.wait(workflow.submit(Step("c", (note, "c"))))
        a = workflow.submit(Step("a", (fail_softly, "a"), force_steps_if_executed=["b"]))
        futures.wait(a, workflow.submit(Step("b", (note, "b"), force_steps_if_executed=["c"])))

    bench.run(run)
    assert bench.done == ["c"]


def test_a_refused_dependent_has_an_exception_if_it_bubbles_exceptions(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        workflow.submit(Step("a", (fail_softly, "a"), force_steps_if_executed="b"))
        future = workflow.submit(Step("b", (note, "b"), bubbles_exception_on_failure=True))
        return str(future.exception)

    assert "not played" in bench.run(run)


def test_an_origin_that_failed_and_then_succeeded_lets_its_dependents_run(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        first = workflow.submit(Step("a", (fail_softly, "a"), force_steps_if_executed="b"))
        futures.wait(first)
        return run_a_then_b(workflow)

    assert bench.run(run) == [True, True]


def test_a_run_that_dies_between_a_step_and_its_dependent_leaves_the_dependent_not_done(bench: Bench) -> None:
    bench.mark("b")

    def dies(workflow: Any) -> Any:
        workflow.submit(workflow.step("a", (note, "a"), force_steps_if_executed="b")).result
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        bench.run(dies)
    assert bench.done == ["a"]
    assert bench.run(run_a_then_b) == [False, True]


@pytest.mark.parametrize("work", [fail_softly, fail_hard])
def test_a_forced_step_that_fails_is_not_done(bench: Bench, work: Any) -> None:
    bench.mark("a")

    def run(workflow: Any) -> None:
        futures.wait(workflow.submit(workflow.step("a", (work, "a"), force=True)))

    if work is fail_hard:
        with pytest.raises(TaskFailed):
            bench.run(run)
    else:
        bench.run(run)
    assert bench.done == []
    assert bench.run(lambda workflow: workflow.submit(workflow.step("a", (note, "a"))).ran) is True


@pytest.mark.parametrize("together", [False, True])
def test_a_dependent_submitted_before_its_origin_runs_in_the_next_run(bench: Bench, together: bool) -> None:
    bench.mark("b")

    def run(workflow: Any) -> Any:
        b = workflow.step("b", (note, "b"))
        a = workflow.step("a", (note, "a"), force_steps_if_executed=["b"])
        if together:
            futures.wait(workflow.submit(Group(b, a)))
        else:
            futures.wait(workflow.submit(b), workflow.submit(a))

    bench.run(run)
    assert (noted, bench.done) == (["a"], ["a"])
    bench.run(run)
    assert (noted, bench.done) == (["b"], ["a", "b"])
    bench.run(run)
    assert noted == []


def test_a_dependent_that_was_under_way_when_its_origin_began_is_not_marked(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        b = workflow.submit(Step("b", Chain(*[(note, f"b{number}") for number in range(6)])))
        a = workflow.submit(Step("a", (note, "a"), force_steps_if_executed="b"))
        return [a.ran, b.ran, b.value is not None]

    assert bench.run(run) == [True, True, True]
    assert bench.markers[-1] | {"reasons": []} == {
        "step": "b",
        "status": "completed",
        "forced": False,
        "reasons": [],
        "stale": "Dep of a",
    }
    assert bench.done == ["a"]
    bench.run(run)
    assert bench.done == ["a", "b"]


def test_a_step_may_force_steps_inside_it(bench: Bench) -> None:
    bench.mark("a.b")

    def run(workflow: Any) -> Any:
        inner = Chain(workflow.step("a.b", (note, "b")), (note, "rest"))
        return workflow.submit(workflow.step("a", inner, force_steps_if_executed=["a"])).ran

    assert bench.run(run) is True
    assert noted == ["b", "rest"]
    assert bench.done == ["a", "a.b"]


def test_a_step_may_force_the_one_that_it_stands_in(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        inner = workflow.step("b", (note, "b"), force_steps_if_executed=["*"])
        return workflow.submit(workflow.step("a", inner)).ran

    assert bench.run(run) is True
    assert bench.done == ["a", "b"]


def test_a_step_inside_itself_is_refused(bench: Bench) -> None:
    with pytest.raises(InputError, match="step 'a' stands inside itself"):
        bench.run(lambda w: futures.wait(w.submit(Step("a", FuncGroup(lambda: Step("a", (note, "a")))))))


def test_a_step_submitted_while_it_runs_joins(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        first, second = (workflow.submit(workflow.step("a", (note, "a"))) for _ in range(2))
        group = workflow.submit(Group(Step("c", (note, "c")), Step("c", (note, "never"))))
        return [first.result == second.result, second.value, second.ran, group.result[0] == group.result[1]]

    assert bench.run(run) == [True, "did a", True, True]
    assert noted == ["a", "c"]
    assert bench.log() == ["a scheduled", "c scheduled", "a completed", "c completed"]


def test_a_step_that_completed_in_this_run_counts_as_done(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        first = workflow.submit(workflow.step("a", (note, "a"))).ran
        second = workflow.submit(workflow.step("a", (note, "a"), activities_if_step_already_done=(note, "other")))
        return [first, second.ran, second.reasons, second.result[0]]

    assert bench.run(run) == [True, False, ["Step was already played"], ["a"]]
    assert noted == ["a", "other"]


def test_a_step_that_completed_in_this_run_runs_again_if_forced(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        steps = [workflow.step("b", (note, "b1")), workflow.step("a", (note, "a"), force_steps_if_executed="b")]
        for step in steps:
            futures.wait(workflow.submit(step))
        return workflow.submit(workflow.step("b", (note, "b2"))).value

    assert bench.run(run) == "did b2"
    assert noted == ["b1", "a", "b2"]
    assert bench.done == ["a", "b"]


def test_verdicts_that_were_taken_stand_when_run_is_evaluated_afresh(bench: Bench) -> None:
    """``b`` runs before ``a``, which comes first in the program: evaluated afresh, ``a`` is reached first."""

    def run(workflow: Any) -> Any:
        look = workflow.submit(note, "look")
        a = workflow.submit(Chain(*[(note, "x")] * 3, Step("a", (note, "a"), force_steps_if_executed="b")))
        b = workflow.submit(Step("b", Chain(*[(note, f"b{number}") for number in range(12)])))
        seen = []
        while not look.finished:  # read before it is final: run() is evaluated again once it is
            seen.append(workflow.submit(Chain(*[(note, "y")] * 4, (note, "look"))).result)
        futures.wait(a, b)
        return [a.result[-1][1][1], b.ran, b.forced]

    assert bench.run(run) == ["did a", True, False]
    assert noted.count("b0") == noted.count("a") == 1
    assert noted.index("b0") < noted.index("a") < noted.index("b11")
    assert bench.done == ["a"], "b began before a did, and so is stale"


def test_a_skip_that_was_recorded_stands_when_run_is_evaluated_afresh(bench: Bench) -> None:
    bench.mark("b")

    def run(workflow: Any) -> Any:
        late = workflow.submit(Chain((note, "x"), (note, "y")))
        if late.finished:
            workflow.add_forced_steps("b", "too late")
        b = workflow.submit(Step("b", (note, "b")))
        futures.wait(late, b)
        return [b.ran, b.forced]

    assert bench.run(run) == [False, False]
    assert bench.log() == ["b skipped"]


def test_steps_of_a_child_are_its_own(bench: Bench) -> None:
    from simpleflow import Workflow
    from simpleflow.step.workflow import WorkflowStepMixin

    bucket = bench.bucket

    class Child(Workflow, WorkflowStepMixin):
        def get_step_bucket(self) -> str:
            return bucket

        def get_step_path_prefix(self) -> str:
            return "child/steps"

        def run(self) -> Any:
            return self.submit(self.step("a", (note, "child"))).ran

    def run(workflow: Any) -> Any:
        workflow.add_skipped_steps("*")
        return workflow.submit(Child).result

    assert bench.run(run) is True
    assert bench.run(run) is False
