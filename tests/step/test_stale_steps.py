"""A forced step that did not run, or failed, is stale: the next run runs it."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import TaskFailed
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
