"""Near the limit of events of an execution: workflows with steps continue as new, and others fail with a clear reason.

Every decision is made by a live decider and again by a fresh evaluation; see ``harness.Simulation``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.core import events as e
from simpleflow.core.decider import base_decider
from simpleflow.core.decider.answer import Limits
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.task import ActivityTask
from tests.core.harness import Simulation, same

MOST = 900
LIMITS = Limits(decisions=10, events=MOST)  # it continues as new from 720 events on, and fails from 860 on
STEPS = 100

ran: list[str] = []


@activity.with_attributes(name="limit.work")
def work(name: str) -> str:
    ran.append(name)
    return name


class Marked(Workflow, WorkflowStepMixin):
    folder = ""

    def get_step_bucket(self) -> str:
        return self.folder

    def part(self, name: str, **options: Any) -> Any:
        return self.step(name, ActivityTask(work, name), **options)


class OneAfterTheOther(Marked):
    name = "limit.sequence"

    def run(self) -> list[Any]:
        return [
            self.submit(self.part(f"s{number}")).ran  # type: ignore[attr-defined]
            for number in range(STEPS)
        ]


class Together(Marked):
    name = "limit.together"

    def run(self) -> int:
        return len(self.submit(Group(*(self.part(f"s{number}") for number in range(STEPS)), max_parallel=7)).result)


class Nested(Marked):
    name = "limit.nested"

    def run(self) -> int:
        for outer in range(STEPS // 5):
            parts = [self.part(f"o{outer}.s{number}") for number in range(5)]
            self.submit(self.step(f"o{outer}", Group(*parts))).result
        return STEPS


class Signalled(OneAfterTheOther):
    name = "limit.signalled"


class Waiting(Marked):
    name = "limit.waiting"

    def run(self) -> int:
        signal = self.submit(self.wait_signal("go"))
        for number in range(STEPS):
            self.submit(self.part(f"s{number}")).result
        return signal.result  # type: ignore[no-any-return]


class Mixed(Marked):
    name = "limit.mixed"

    def run(self) -> None:
        self.submit(same, "outside of steps").result
        for number in range(STEPS):
            self.submit(self.part(f"s{number}")).result


class Forced(Marked):
    name = "limit.forced"

    def run(self) -> None:
        for number in range(STEPS):
            self.submit(self.part(f"s{number}", force=True)).result


class Plain(Workflow):
    name = "limit.plain"

    def run(self, count: int) -> int:
        for number in range(count):
            self.submit(same, number).result
        return count


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_decider, "_SPARE", 20)
    monkeypatch.setattr(Marked, "folder", str(tmp_path / "marks"))
    ran.clear()


def family(run: Simulation) -> list[int]:
    """Run to the end, through every execution that continues it. Returns the number of events of each execution."""
    lengths = []
    while True:
        run.run()
        lengths.append(len(run.events))
        last = run.events[-1].attributes
        if not isinstance(last, e.WorkflowExecutionContinuedAsNew):
            return lengths
        run.run_id = last.new_execution_run_id


@pytest.mark.parametrize("workflow_class", [OneAfterTheOther, Together, Nested])
def test_each_step_runs_once_over_several_executions(workflow_class: type[Workflow]) -> None:
    run = Simulation(workflow_class, limits=LIMITS)
    lengths = family(run)
    assert len(lengths) > 1
    assert all(MOST * 0.8 <= length < MOST for length in lengths[:-1])
    assert run.result
    assert len(ran) == len(set(ran)) == STEPS


def test_all_steps_are_done_afterwards() -> None:
    run = Simulation(OneAfterTheOther, limits=LIMITS, workflow_id="first")
    family(run)
    ran.clear()
    again = Simulation(OneAfterTheOther, limits=LIMITS, workflow_id="first")
    family(again)
    assert ran == []


def test_a_signal_from_elsewhere_would_be_lost() -> None:
    run = Simulation(Signalled, limits=LIMITS)
    run.settle()
    run.signal("anything")
    assert family(run) == [len(run.events)]
    assert run.reason.startswith("Workflow execution failed: it has ")
    assert run.reason.endswith("events, and 900 are the most")


def test_a_signal_that_is_waited_for_would_be_lost() -> None:
    run = Simulation(Waiting, limits=LIMITS)
    assert family(run) == [len(run.events)]
    assert "900 are the most" in run.reason


def test_work_outside_of_steps_runs_again() -> None:
    run = Simulation(Mixed, limits=LIMITS)
    executions = len(family(run))
    assert executions > 1
    assert sum(tries for name, tries in run.tries.items() if "same" in name) == executions
    assert len(ran) == len(set(ran)) == STEPS


def test_a_step_that_every_execution_forces_is_not_continued_for_ever() -> None:
    run = Simulation(Forced, limits=LIMITS)
    assert 1 < len(family(run)) < STEPS
    assert "900 are the most" in run.reason


def test_a_workflow_without_steps_fails_before_the_limit_and_says_what_to_do() -> None:
    run = Simulation(Plain, 500, limits=LIMITS)
    run.run()
    assert "900 are the most" in run.reason
    assert "use continue_as_new, steps, or child workflows" in (run.history.closed.attributes.details or "")  # type: ignore[union-attr]
    assert len(run.events) < 900


def test_a_workflow_below_the_limit_completes_in_one_execution() -> None:
    assert Simulation(Plain, 100, limits=LIMITS).run().result == 100
