"""Work that failed inside a step, without being the step's work, a step, or a child with steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from tests.step.bench import Bench, fail_softly, note, noted


class Broken(Workflow):
    name = "broken"
    raises_on_failure = False

    def run(self) -> None:
        raise ValueError("broken")


class Overlooks(Workflow):
    name = "overlooks"

    def run(self, work: str = "activity", looks: bool = False) -> None:
        found = self.submit(fail_softly, "beside") if work == "activity" else self.submit(Broken)
        futures.wait(found)
        assert not looks or found.exception


class Below(Workflow, WorkflowStepMixin):
    name = "below"

    def run(self) -> None:
        self.submit(Overlooks).result


BESIDE: dict[str, Callable[[], Any]] = {
    "activity": lambda: (fail_softly, "beside"),
    "group": lambda: Group((note, "x"), (fail_softly, "beside")),
    "chain in a func": lambda: FuncGroup(lambda: Chain((note, "x"), (fail_softly, "beside"))),
    "child": lambda: Broken,
    "activity of a child": lambda: Overlooks,
    "child of a child": lambda: (Overlooks, "child"),
    "activity of a child of a child": lambda: Below,
}


def beside(make: Callable[[], Any], looks: bool = False, waits: bool = False) -> Callable[[Any], Any]:
    def run(workflow: Any) -> Any:
        def call() -> Any:
            found = workflow.submit(Group(make()).activities[0])
            if waits:
                futures.wait(found)
            assert not looks or found.exception
            return (note, "work")

        return workflow.submit(Step("out", FuncGroup(call))).failed

    return run


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("make", BESIDE.values(), ids=BESIDE.keys())
def test_a_step_fails_if_work_beside_its_own_failed_and_nobody_asked(
    bench: Bench, make: Callable[[], Any], waits: bool
) -> None:
    assert bench.run(beside(make, waits=waits)) is True
    assert bench.done == []
    assert "inside it failed" in bench.markers[-1]["error"]
    assert bench.run(beside(lambda: (note, "beside"))) is False
    assert bench.done == ["out"]


@pytest.mark.parametrize("make", [BESIDE["activity"], BESIDE["group"], lambda: (Overlooks, "activity", True)])
def test_a_step_is_done_if_somebody_asked_whether_the_work_beside_failed(bench: Bench, make: Any) -> None:
    looks = type(make()) is not tuple or make()[0] is not Overlooks
    assert bench.run(beside(make, looks=looks)) is False
    assert bench.done == ["out"]


@pytest.mark.parametrize("work", ["activity", "child"])
def test_a_child_as_the_work_whose_failures_nobody_asked_about(bench: Bench, work: str) -> None:
    assert bench.run(lambda workflow: workflow.submit(Step("out", (Overlooks, work))).failed) is True
    assert bench.done == []


def test_a_step_waits_for_work_beside_its_own(bench: Bench) -> None:
    make = lambda: Chain(*[(note, "busy")] * 5, (note, "beside"))  # noqa: E731
    assert bench.run(beside(make)) is False
    assert noted[-1] == "beside"
    assert bench.log()[-1] == "out completed"


def test_members_and_returned_work_may_fail_as_they_could(bench: Bench) -> None:
    for number, work in enumerate(
        (
            Group((fail_softly, "x"), bubbles_exception_on_failure=False),
            FuncGroup(lambda: Chain((fail_softly, "x"), raises_on_failure=False)),
        )
    ):
        name = str(number)
        assert bench.run(lambda workflow, name=name, work=work: workflow.submit(Step(name, work)).failed) is False
