"""``activities_if_step_already_done``: the work that runs instead of a step that is done."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, Group
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from tests.step.bench import Bench, echo, fail_softly, note, noted
from tests.step.test_evaluated_afresh import Ordered, look


class Child(Workflow, WorkflowStepMixin):
    """A child workflow with a step and its own marks."""

    name = "child"

    def get_step_bucket(self) -> str:
        return "memory://bucket of the alternative"

    def run(self) -> Any:
        return self.submit(self.step("a", (note, "child"))).ran


@pytest.mark.parametrize("alternative", ["text", 12, [(note, "a")], print, (print, 1), (), True, object()])
def test_an_invalid_alternative_is_refused_even_if_the_step_would_run(bench: Bench, alternative: Any) -> None:
    def run(workflow: Any) -> None:
        futures.wait(workflow.submit(workflow.step("a", (note, "a"), activities_if_step_already_done=alternative)))

    with pytest.raises(Exception, match="activities_if_step_already_done of step 'a'") as caught:
        bench.run(run)
    assert isinstance(caught.value, TypeError | ValueError)
    assert (noted, bench.activities()) == ([], [])


def test_an_alternative_may_be_anything_that_a_step_may_run(bench: Bench) -> None:
    alternatives = [
        note,
        (note, "tuple"),
        Group((note, "group")),
        Chain((note, "chain")),
        Step("b", (note, "b")),
        Child,
    ]
    arguments = [(note, "alone"), *alternatives[1:]]
    bench.mark("a")

    def run(workflow: Any) -> Any:
        futs = [workflow.submit(Step("a", (note, "a"), activities_if_step_already_done=each)) for each in arguments]
        futures.wait(*futs)
        return [future.ran for future in futs]

    assert bench.run(run) == [False] * 6
    assert {"alone", "tuple", "group", "chain", "b"} <= set(noted)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("afresh", [False, True])
def test_alternative_work_under_way_does_not_mix_up_two_submissions(bench: Bench, afresh: bool, fails: bool) -> None:
    def run(workflow: Any) -> Any:
        workflow.add_skipped_steps("dep")
        other = (note, "instead")
        steps = [workflow.step("dep", (note, "dep"), activities_if_step_already_done=other) for _ in range(2)]
        first = workflow.submit(steps[0])
        origin = workflow.step("origin", (fail_softly if fails else note, "origin"), force_steps_if_executed="dep")
        futures.wait(workflow.submit(origin))
        if afresh:
            first.finished  # run is evaluated anew with the next decision
        second = workflow.submit(steps[1])
        futures.wait(first, second)
        return [first.value, first.ran, second.ran, second.failed]

    found = Ordered(bench.bucket, run, own=True)
    found.end("GetStepsDoneTask")
    found.end("fail_softly" if fails else "note", "origin")
    found.end("note", "instead")
    value, ran_first, *second = found.rest()
    assert ran_first is (afresh and not fails)  # the verdict to skip it was not recorded yet
    assert second == [not fails, fails]
    assert value == ("did dep" if ran_first else None if afresh else "did instead")
    assert noted.count("dep") == (not fails)
    assert noted.count("instead") == 1


@pytest.mark.parametrize("fingerprint", [None, 1])
@pytest.mark.parametrize("afresh", [False, True])
def test_the_kept_result_is_that_of_the_latest_run(bench: Bench, afresh: bool, fingerprint: int | None) -> None:
    def step(workflow: Any, result: str) -> Step:
        work = Chain(workflow.step("part", (note, "part")), (echo, result))
        other = (note, "instead")
        return workflow.step(
            "a", work, keep_result=True, fingerprint=fingerprint, activities_if_step_already_done=other
        )

    bench.run(lambda workflow: futures.wait(workflow.submit(step(workflow, "old"))))

    def run(workflow: Any) -> Any:
        first, second = (workflow.submit(step(workflow, "new")) for _ in range(2))
        workflow.submit(echo, "later").result
        origin = workflow.step("origin", (note, "origin"), force_steps_if_executed="part")
        futures.wait(workflow.submit(origin))
        look(workflow, afresh)
        futures.wait(first)
        third = workflow.submit(step(workflow, "new"))
        futures.wait(second, third)
        return [[each.ran, each.value[1][0]] for each in (first, second, third)]

    found = Ordered(bench.bucket, run, own=True)
    found.end("GetStepsDoneTask")
    while readings := [each.name for each in found.open if each.name.endswith(("GetStepMarkTask", "ReadStepsTask"))]:
        found.end(readings[0])
    found.end("echo", "later")
    found.end("note", "origin")  # it removes the mark of the step around its dependent
    found.end("echo", "look")
    ran = [[True, "new"], [True, "new"]]
    assert found.rest() == ([*ran, [False, "new"]] if afresh else [[False, "old"], *ran])


@pytest.mark.parametrize("other", [None, (fail_softly, "other")])
@pytest.mark.parametrize("afresh", [False, True])
def test_submissions_that_are_skipped_in_different_ways_keep_their_order(
    bench: Bench, afresh: bool, other: Any
) -> None:
    bench.mark("a")

    def run(workflow: Any) -> Any:
        steps = [Step("a", (note, "a"), activities_if_step_already_done=each) for each in ((note, "instead"), other)]
        first, second = map(workflow.submit, steps)
        workflow.submit(echo, "later").result
        look(workflow, afresh)
        futures.wait(first, second)
        return [first.value, first.failed, second.failed]

    found = Ordered(bench.bucket, run)
    found.end("GetStepsDoneTask")
    if any(each.name.endswith("fail_softly") for each in found.open):
        found.end("fail_softly")
    found.end("echo", "later")
    found.end("echo", "look")
    assert found.rest() == ["did instead", False, other is not None]
    assert noted.count("instead") == 1
    assert noted.count("other") == (other is not None)
