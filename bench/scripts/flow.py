"""simpleflow, as a user would write it. Inputs: ``[number]``; ``Burn`` takes ``[number, seconds]``."""

from __future__ import annotations

from bench.scripts import work

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def nothing(number: int) -> int:
    return work.nothing(number)


@activity.with_attributes(raises_on_failure=True)
def burn(seconds: float) -> None:
    work.burn(seconds)


class Steps(Workflow, WorkflowStepMixin):
    """Steps in sequence: each is submitted when the previous one has ended."""

    def run(self, number: int) -> None:
        for index in range(number):
            futures.wait(self.submit(self.step(f"step{index}", (nothing, index))))


class FanOut(Workflow, WorkflowStepMixin):
    """One step, whose work is a group of activities."""

    def run(self, number: int) -> None:
        members = [(nothing, index) for index in range(number)]
        futures.wait(self.submit(self.step("all", Group(*members))))


class Burn(Workflow, WorkflowStepMixin):
    """One step, whose work is a group of activities that keep cores busy."""

    def run(self, number: int, seconds: float) -> None:
        futures.wait(self.submit(self.step("all", Group(*[(burn, seconds)] * number))))
