"""Runs of some steps only: all others are skipped."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import ResultNotKept
from simpleflow.local import Executor
from simpleflow.step.submittable import Step
from tests.step.test_request import DONE, REQUESTED, Continued, InTurn, Parent, Steered, do, run

LEFT_OUT = [False, True, ["Not among --only"]]
RUNS = [True, True, REQUESTED]


def test_the_named_steps_run_although_they_are_done_and_all_others_are_skipped() -> None:
    names = ("a", "b", "b.c", "bc", "d")
    expected = [LEFT_OUT, RUNS, RUNS, LEFT_OUT, LEFT_OUT]
    assert run(Steered, *names, id="only", only_steps="b") == expected
    assert run(Steered, *names, id="only", only_steps=["b"]) == expected
    # Nothing was left behind: the others are not done.
    ran = [[True, False, []], [False, False, DONE], [False, False, DONE], [True, False, []], [True, False, []]]
    assert run(Steered, *names, id="only") == ran


def test_forcing_does_not_widen_it_and_skipping_narrows_it() -> None:
    found = run(Steered, "a", "b", "b.c", id="narrow", only_steps="b", skip_steps="b.c", force_steps="a")
    assert found == [LEFT_OUT, RUNS, [False, True, REQUESTED]]


def test_a_named_step_runs_once() -> None:
    assert run(InTurn, "a", "a", id="only once", only_steps="a") == [[True, REQUESTED], [False, DONE]]
    run(Steered, "a", "b", "each", id="only continued")
    found = run(Continued, "a", "b", id="only continued", only_steps="*")
    assert found == [RUNS, [False, False, DONE]]


def test_children_are_asked_the_same_and_one_inside_a_named_step_runs_whole() -> None:
    assert run(Parent, "a", "b", id="only family", only_steps="a") == [[RUNS, LEFT_OUT], [RUNS, LEFT_OUT]]

    class Holding(Steered):
        name = "steered holding"

        def run(self) -> Any:
            inner = Group(self.step("x", (do, "x")), self.step("y", (do, "y")))
            outer = self.submit(self.step("out", Chain(inner, (Inside, "p", "out.q"))))
            return [outer.ran, outer.failed, outer.value]

    class Inside(Steered):
        name = "steered inside"

    ran, failed, (steps, child) = run(Holding, id="holding", only_steps="out")
    assert (ran, failed, len(steps), child) == (True, False, 2, [[True, False, []], RUNS])
    # What is inside a named step is not forced for that, unless the name covers its name too.
    ran, failed, (steps, child) = run(Holding, id="holding", only_steps="out")
    assert (ran, failed, len(steps), child) == (True, False, 2, [[False, False, DONE], RUNS])


def test_the_dependents_of_a_named_step_are_skipped_and_are_no_longer_done() -> None:
    class Pipeline(Steered):
        name = "steered pipeline"

        def run(self) -> Any:
            clean = self.submit(self.step("clean", (do, "clean"), force_steps_if_executed="report"))
            report = self.submit(self.step("report", (do, "report")))
            futures.wait(clean, report)
            return [[step.ran, step.forced, step.reasons] for step in (clean, report)]

    run(Pipeline, id="pipeline")
    assert run(Pipeline, id="pipeline", only_steps="clean") == [RUNS, LEFT_OUT]
    assert run(Pipeline, id="pipeline") == [[False, False, DONE], [True, False, []]]


@pytest.mark.parametrize("keep", [False, True])
def test_the_result_of_a_step_that_was_left_out(keep: bool) -> None:
    class Reading(Steered):
        name = "steered reading"

        def run(self, instead: Any = None) -> Any:
            load = Step("load", (do, "rows"), keep_result=keep, activities_if_step_already_done=instead)
            rows = self.submit(load).value
            return [rows, self.submit(self.step("report", (do, "report"))).ran]

    def result(**steering: Any) -> Any:
        return Executor(Reading, workflow_id=f"reading {keep}", **steering).run()

    said = "step 'load' was skipped, and its result is not known: --only leaves it out, and it is not done; add it to"
    with pytest.raises(ResultNotKept, match=said):
        result(only_steps="report")
    assert result(only_steps="load") == ["rows", False]
    assert result(only_steps="report") == ["rows" if keep else None, True]


def test_alternative_work_gives_a_result_to_a_step_that_was_left_out() -> None:
    class Alternative(Steered):
        name = "steered alternative"

        def run(self) -> Any:
            return self.submit(Step("load", (do, "rows"), activities_if_step_already_done=(do, "other rows"))).value

    assert run(Alternative, id="alternative", only_steps="report") == "other rows"
