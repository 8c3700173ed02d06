"""A step is done only while the steps inside it are: also in a run that skips it, and so reaches nothing inside it."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.step.submittable import Step
from tests.step.bench import Bench, note, noted

SHAPES = {
    "bare": lambda step: step,
    "group": lambda step: Group((note, "beside"), step),
    "chain": lambda step: Chain((note, "before"), step),
    "func": lambda step: FuncGroup(lambda: step),
    "deep": lambda step: Step("middle", Group(step)),
}


def run_of(shape: Any, force: bool, after: bool = False, **options: Any) -> Any:
    def run(workflow: Any) -> Any:
        dependents = None if after else "in"
        origin = Step("origin", (note, "origin"), force=force, force_steps_if_executed=dependents)
        futures.wait(workflow.submit(origin))
        inside = Step("in", (note, "in"), after="origin" if after else None, **options)
        outer = workflow.submit(Step("out", shape(inside)))
        return [outer.ran, [each for each in outer.reasons if each != "Step was already played"]]

    return run


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_the_step_around_a_stale_one_runs(stored: Bench, shape: Any, after: bool) -> None:
    assert stored.run(run_of(shape, False, after)) == [True, []]
    assert stored.run(run_of(shape, False, after)) == [False, []]
    assert stored.run(run_of(shape, True, after)) == [True, ["Not done inside: in"]]
    assert "in" in noted
    assert {"origin", "in", "out"} <= set(stored.done)
    assert stored.run(run_of(shape, False, after)) == [False, []]


@pytest.mark.parametrize("after", [False, True])
def test_a_step_that_was_skipped_before_runs_the_next_time(bench: Bench, after: bool) -> None:
    def run(workflow: Any, force: bool) -> Any:
        outer = workflow.submit(Step("out", Step("in", (note, "in"), after="origin" if after else None)))
        origin = Step("origin", (note, "origin"), force=force, force_steps_if_executed=None if after else "in")
        futures.wait(outer, workflow.submit(origin))
        return outer.ran

    bench.run(lambda workflow: futures.wait(workflow.submit(Step("origin", (note, "origin")))))
    assert bench.run(lambda workflow: run(workflow, False)) is True
    assert bench.run(lambda workflow: run(workflow, True)) is False
    assert bench.run(lambda workflow: run(workflow, False)) is True
    assert bench.run(lambda workflow: run(workflow, False)) is False


def test_a_part_that_was_done_before_it_was_inside_counts(stored: Bench) -> None:
    stored.run(lambda workflow: futures.wait(workflow.submit(Step("in", (note, "in")))))
    assert stored.run(run_of(Group, False)) == [True, []]
    assert stored.run(run_of(Group, True)) == [True, ["Not done inside: in"]]


def test_a_step_runs_if_somebody_has_removed_the_mark_of_one_inside(stored: Bench) -> None:
    stored.run(run_of(Group, False))
    stored.unmark("in")
    assert stored.run(run_of(Group, False)) == [True, ["Not done inside: in"]]
    assert "origin" not in noted


def test_an_optional_step_leaves_the_one_around_it_done(stored: Bench) -> None:
    stored.run(run_of(Group, False, optional=True))
    assert stored.run(run_of(Group, True, optional=True)) == [False, []]
    assert "in" not in stored.done


def test_a_step_whose_mark_is_just_being_removed_waits_and_runs(stored: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "0")  # with claims, the verdict of the origin is the later one

    def outer(workflow: Any) -> Any:
        return workflow.submit(Step("out", Group(Step("in", (note, "in")))))

    def run(workflow: Any) -> Any:
        futures.wait(outer(workflow))
        origin = workflow.submit(Step("origin", (note, "origin"), force_steps_if_executed="in"))
        again = outer(workflow)
        futures.wait(origin, again)
        return again.ran

    assert stored.run(run) is True
    assert noted == ["in", "origin", "in"]
    assert {"origin", "in", "out"} == set(stored.done)
    assert stored.run(run) is False


@pytest.mark.parametrize("waits", [False, True])
def test_a_step_waits_for_what_one_inside_comes_after(bench: Bench, waits: bool) -> None:
    def run(workflow: Any, force: bool) -> Any:
        origin = workflow.submit(Step("origin", (note, "origin"), force=force))
        if waits:
            futures.wait(origin)
        outer = workflow.submit(Step("out", Group(Step("in", (note, "in"), after="origin"))))
        futures.wait(origin, outer)
        return outer.ran

    bench.run(lambda workflow: run(workflow, False))
    assert bench.run(lambda workflow: run(workflow, True)) is True
    assert noted == ["origin", "in"]


def test_a_part_that_comes_after_the_step_around_it_is_not_stale(stored: Bench) -> None:
    def run(workflow: Any, alone: bool) -> Any:
        outer = workflow.submit(Step("out", Group(Step("in", (note, "in"), after="out"))))
        futures.wait(outer)
        if alone:
            futures.wait(workflow.submit(Step("in", (note, "in"), force=True, after="out")))
        return outer.ran

    assert stored.run(lambda workflow: run(workflow, True), step_changes="tell") is True
    assert stored.run(lambda workflow: run(workflow, False), step_changes="tell") is False


def test_a_step_that_forces_what_makes_its_part_stale_stays_done(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        outer = workflow.submit(Step("out", Step("in", (note, "in")), force_steps_if_executed="origin"))
        futures.wait(outer)
        futures.wait(workflow.submit(Step("origin", (note, "origin"), force_steps_if_executed="in")))
        return outer.ran

    assert bench.run(run) is True
    assert "in" not in bench.done
    assert bench.run(run) is False


def test_a_step_is_not_marked_if_one_inside_it_became_stale_at_work(stored: Bench) -> None:
    def run(workflow: Any) -> Any:
        work = Chain((note, "one"), *((note, "more") for _ in range(5)))
        outer = workflow.submit(Step("out", Step("in", work)))
        while "one" not in noted:
            futures.wait(workflow.submit(note, "meanwhile"))
        futures.wait(workflow.submit(Step("origin", (note, "origin"), force_steps_if_executed="in")), outer)

    stored.run(run)
    stale = {marker["step"]: marker.get("stale") for marker in stored.markers if marker["status"] == "completed"}
    assert stale == {"origin": None, "in": "Dep of origin", "out": "Dep of origin"}
    assert stored.done == ["origin"]


@pytest.mark.parametrize("alone", [False, True])
def test_a_pattern_of_a_part_may_cover_a_step_beside_the_one_around_it(stored: Bench, alone: bool) -> None:
    def run(workflow: Any) -> Any:
        futures.wait(workflow.submit(Step("out.of", (note, "out.of"))))
        outer = workflow.submit(Step("out", Group(Step("in", (note, "in"), after="out"))))
        futures.wait(outer)
        if alone:  # here the pattern stands for the outer step, too
            futures.wait(workflow.submit(Step("in", (note, "in"), after="out")))
        return outer.ran

    def beside(workflow: Any) -> None:
        futures.wait(workflow.submit(Step("out.of", (note, "out.of"), force=True)))

    assert [stored.run(run, step_changes="tell") for _ in range(3)] == [True, False, False]
    stored.run(beside)
    noted.clear()
    assert stored.run(run, step_changes="tell") is True
    assert "in" in noted
    noted.clear()
    assert stored.run(run, step_changes="tell") is False
    assert noted == []
