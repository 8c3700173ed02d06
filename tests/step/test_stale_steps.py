"""A forced step that did not run, or failed, is stale: the next run runs it."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import TaskFailed
from simpleflow.step.submittable import Step
from tests.step.bench import Bench, fail_hard, fail_softly, note, noted


def a_forces_b(workflow: Any, b: Any = (note, "b")) -> list[bool]:
    steps = [workflow.step("a", (note, "a"), force_steps_if_executed=["b"]), workflow.step("b", b)]
    return [workflow.submit(step).ran for step in steps]


@pytest.mark.parametrize("work", [fail_softly, fail_hard])
def test_a_forced_dependent_that_failed_runs_again(stored: Bench, work: Any) -> None:
    stored.mark("b")
    if work is fail_hard:
        with pytest.raises(TaskFailed):
            stored.run(lambda workflow: a_forces_b(workflow, (work, "b")))
    else:
        assert stored.run(lambda workflow: a_forces_b(workflow, (work, "b"))) == [True, True]
    assert (noted, stored.done) == (["a", "b"], ["a"])
    assert stored.run(a_forces_b) == [False, True]
    assert stored.run(a_forces_b) == [False, False]


def test_a_dependent_runs_next_time_if_the_run_ended_before_it(stored: Bench) -> None:
    stored.mark("b", "b.part", "bb")

    def ends(workflow: Any) -> None:
        workflow.submit(workflow.step("a", (note, "a"), force_steps_if_executed=["b"])).result
        workflow.fail("out of time")

    with pytest.raises(Exception, match="out of time"):
        stored.run(ends)
    assert stored.done == ["a", "bb"]
    assert stored.run(a_forces_b) == [False, True]


@pytest.mark.parametrize("container", [Group, Chain])
def test_a_dependent_before_its_origin_runs_next_time(stored: Bench, container: Any) -> None:
    def run(workflow: Any) -> None:
        a = workflow.step("a", (note, "a"), force=workflow.forces_a, force_steps_if_executed=["b"])
        futures.wait(workflow.submit(container(workflow.step("b", (note, "b")), a)))

    stored.mark("a", "b")
    for forces_a, expected in ((True, ["a"]), (False, ["b"]), (False, [])):
        stored.run(run, forces_a=forces_a)
        assert noted == expected


INSIDE = {
    "before the step inside": lambda step: Chain((note, "x"), (note, "y"), (note, "z"), (note, "z"), step),
    "after it": lambda step: Chain(step, (note, "x"), (note, "y"), (note, "z"), (note, "z")),
    "in a step": lambda step: Chain(Step("middle", step), (note, "x"), (note, "y"), (note, "z"), (note, "z")),
}


@pytest.mark.parametrize("make", INSIDE.values(), ids=INSIDE.keys())
@pytest.mark.parametrize("after", [True, False])
def test_a_step_is_not_done_if_one_inside_it_was_done_with_old_data(bench: Bench, make: Any, after: bool) -> None:
    """The origin runs when the step inside has run, or while it runs, and the step around it has not ended."""

    def run(workflow: Any) -> None:
        inner = Step("inner", Chain((note, "i"), (note, "inner")), after=["origin"] if after else None)
        outer = workflow.submit(Step("outer", make(inner)))
        origin = Step("origin", (note, "origin"), force_steps_if_executed=[] if after else ["inner"])
        futures.wait(outer, workflow.submit(Chain((note, "1"), (note, "2"), (note, "3"), origin)))

    bench.run(run)
    first = [each for each in noted if each in ("inner", "origin")]
    assert first == (["inner", "origin"] if make is not INSIDE["before the step inside"] else ["origin", "inner"])
    if first == ["inner", "origin"]:
        assert bench.done == ["origin"]
        bench.run(run)
        assert [each for each in noted if each in ("inner", "origin")] == ["inner"]
    bench.run(run)
    assert not {"inner", "origin"} & set(noted)


@pytest.mark.parametrize("after", [True, False])
def test_a_step_is_not_done_any_longer_if_one_inside_it_becomes_stale(bench: Bench, after: bool) -> None:
    """The origin runs when all of them have ended."""

    def run(workflow: Any) -> None:
        inner = Step("inner", (note, "inner"), after=["origin"] if after else None)
        futures.wait(workflow.submit(Step("outer", Group(Step("middle", Chain(inner)), (note, "x")))))
        origin = Step("origin", (note, "origin"), force_steps_if_executed=[] if after else ["inner"])
        futures.wait(workflow.submit(origin))

    for expected, done in (
        (["inner", "x", "origin"], ["origin"]),
        (["inner", "x"], ["inner", "middle", "origin", "outer"]),
        ([], ["inner", "middle", "origin", "outer"]),
    ):
        bench.run(run)
        assert (sorted(noted), bench.done) == (sorted(expected), done)


def test_a_step_is_done_if_one_inside_it_that_may_fail_was_done_with_old_data(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        inner = Step("inner", (note, "inner"), optional=True)
        outer = workflow.submit(Step("outer", Chain(inner, (note, "x"), (note, "y"), (note, "z"))))
        origin = Step("origin", (note, "origin"), force_steps_if_executed=["inner"])
        futures.wait(outer, workflow.submit(Chain((note, "1"), origin)))

    bench.run(run)
    assert bench.done == ["origin", "outer"]
