"""Verdicts that wait: no circle of waiting, and no wait for something that will never end."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import activity
from simpleflow.canvas import Group
from tests.step.bench import Bench, note, noted


@pytest.mark.parametrize("claims", ["0", "1"])
@pytest.mark.parametrize(
    ("names", "forces"),
    [
        ("ab", {"a": ["*"], "b": ["*"]}),
        ("ab", {"a": ["b"], "b": ["a"]}),
        ("abc", {"a": ["b"], "b": ["c"], "c": ["a"]}),
    ],
)
def test_steps_that_force_each_other_do_not_wait_for_each_other(
    bench: Bench, monkeypatch: Any, claims: str, names: str, forces: dict[str, list[str]]
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", claims)
    bench.mark(*names)

    def run(workflow: Any) -> Any:
        steps = [workflow.step(n, (note, n), fingerprint=1, force_steps_if_executed=forces[n]) for n in names]
        workflow.submit(Group(*steps)).result
        return sorted(noted)

    assert bench.run(run) == list(names)


def test_a_step_and_one_inside_another_that_force_each_other(bench: Bench, monkeypatch: Any) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")

    def run(workflow: Any) -> Any:
        inner = workflow.step("inner", (note, "inner"), force_steps_if_executed=["c"])
        outer = workflow.submit(workflow.step("outer", Group(inner)))
        workflow.submit(workflow.step("c", (note, "c"), force_steps_if_executed=["inner"])).result
        outer.result
        return sorted(noted)

    assert bench.run(run) == ["c", "inner"]


@pytest.mark.parametrize(("claims", "more"), [("0", {"fingerprint": 1}), ("1", {"force": True})])
def test_no_step_waits_for_an_origin_that_was_cancelled_while_it_waited(
    bench: Bench, monkeypatch: Any, claims: str, more: dict[str, Any]
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", claims)
    bench.mark("origin")

    def run(workflow: Any) -> Any:
        workflow.get_steps_done()
        origin = workflow.step("origin", (note, "origin"), force_steps_if_executed=["a"], **more)
        workflow.submit(origin).cancel()
        workflow.submit(workflow.step("a", (note, "a"))).result
        return list(noted)

    assert bench.run(run) == ["a"]


@activity.with_attributes(idempotent=True)
def once(name: str) -> None:
    noted.append(name)


def test_an_origin_waits_for_the_mark_of_a_dependent_that_was_cancelled_while_being_marked(
    bench: Bench,
) -> None:
    def run(workflow: Any) -> Any:
        step = workflow.submit(workflow.step("a", (once, "a")))
        workflow.submit(once, "a").result  # the work is done, and the mark asked for
        step.cancel()
        workflow.submit(workflow.step("b", (note, "b"), force_steps_if_executed=["a"])).result
        return list(noted)

    assert bench.run(run) == ["a", "b"]
    assert bench.done == ["b"]
    assert bench.activities()[1:] == ["once", "MarkStepDoneTask", "UnmarkStepsDoneTask", "note", "MarkStepDoneTask"]
