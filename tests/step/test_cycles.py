"""Verdicts that wait: no circle of waiting, and no wait for something that will never end."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
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


@pytest.mark.parametrize("claims", ["0", "1"])
def test_a_step_that_joins_another_one_holds_up_nothing_inside(stored: Bench, monkeypatch: Any, claims: str) -> None:
    """``b``, inside the first ``a``, waits for the second one, which may force it. Then that one joins the first."""
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", claims)

    def run(workflow: Any) -> Any:
        first = workflow.submit(workflow.step("a", workflow.step("b", (note, "b"))))
        futures.wait(first, workflow.submit(workflow.step("a", (note, "b"), force_steps_if_executed=["b"])))
        return noted

    assert stored.run(run) == ["b"]
    assert set(stored.done) == {"a", "b"}


def part(workflow: Any, step: Any, waited_for: bool) -> Any:
    """A member of a step's work that submits another step, and waits for it or leaves that to the step around it."""

    def submit() -> Any:
        workflow.submit(Chain((note, "soon"), step))
        return (note, "beside")

    return Chain((note, "soon"), step) if waited_for else FuncGroup(submit)


@pytest.mark.parametrize("claims", ["0", "1"])
@pytest.mark.parametrize("waited_for", [True, False])
@pytest.mark.parametrize("more", [{}, {"fingerprint": 1}])
def test_a_step_does_not_begin_to_wait_for_one_that_waits_for_it(
    bench: Bench, monkeypatch: Any, claims: str, waited_for: bool, more: dict[str, Any]
) -> None:
    """``c`` waits for ``b``. When that has ended, ``a`` is running, and ``d`` inside it waits for ``c``."""
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", claims)
    bench.mark("c", "d")

    def run(workflow: Any) -> Any:
        work = Chain((note, "slow"), (note, "slow"), (note, "slow"), (note, "b"))
        b = workflow.submit(workflow.step("b", work, force=True))
        d = workflow.step("d", (note, "d"))
        a = workflow.submit(workflow.step("a", part(workflow, d, waited_for), force=True))
        options = {"after": ["b", "a"], "force_steps_if_executed": ["d"]} | more
        c = workflow.submit(workflow.step("c", (note, "c"), **options))
        futures.wait(a, b, c)
        return [each for each in noted if each in "abcd"]

    assert sorted(bench.run(run)) == ["b", "c", "d"]
    assert bench.done == ["a", "b", "d"], "c began before a had ended"


def test_a_step_looks_again_when_what_it_waits_for_has_joined_what_it_is_a_part_of(bench: Bench) -> None:
    """``d`` inside ``c`` waits for ``a``. Then a step inside ``a`` joins ``c``."""

    def run(workflow: Any) -> Any:
        def c() -> Any:
            return workflow.step("c", Chain((note, "c"), workflow.step("d", (note, "d"), after="a")))

        first = workflow.submit(c())
        second = workflow.submit(workflow.step("a", Chain((note, "x"), (note, "y"), (note, "z"), FuncGroup(c))))
        futures.wait(first, second)
        return sorted(noted)

    assert bench.run(run) == ["c", "d", "x", "y", "z"]
    assert bench.done == [], "d began before a had ended, and is a part of both"


def test_steps_whose_parts_depend_on_each_other_do_not_wait_for_each_other(bench: Bench) -> None:
    """``d`` inside ``a`` depends on ``c``, and ``e`` inside ``c`` on ``a``: one of the two works with old data."""

    def run(workflow: Any) -> Any:
        a = workflow.step("a", Chain((note, "a"), workflow.step("d", (note, "d"), after="c")))
        c = workflow.step("c", Chain((note, "c"), workflow.step("e", (note, "e"), after="a")))
        workflow.submit(Group(a, c)).result
        return sorted(noted)

    assert bench.run(run) == ["a", "c", "d", "e"]
    assert len({"d", "e"} & set(bench.done)) == 1


def test_steps_inside_one_step_wait_for_each_other(bench: Bench) -> None:
    bench.mark("origin", "dependent")

    def run(workflow: Any) -> Any:
        # The origin waits for its mark, to compare the fingerprints.
        origin = workflow.step("origin", (note, "origin"), fingerprint=1, force_steps_if_executed=["dependent"])
        both = Group(origin, workflow.step("dependent", (note, "dependent")))
        workflow.submit(workflow.step("outer", both)).result
        return list(noted)

    assert bench.run(run) == ["origin", "dependent"]
    assert bench.done == ["dependent", "origin", "outer"]


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
