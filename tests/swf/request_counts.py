"""Workflows with many decisions, for counting requests. Other processes import them by name."""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.task import ActivityTask


@activity.with_attributes(name="economy.work", version="1", raises_on_failure=True)
def work(number: int) -> int:
    return number


class Sequence(Workflow):
    """Activities one after the other."""

    name = "economy.Sequence"

    def run(self, count: int) -> int:
        return sum(self.submit(work, number).result for number in range(count))


class Steps(Workflow, WorkflowStepMixin):
    """Steps of one activity each, one after the other."""

    name = "economy.Steps"

    def run(self, count: int) -> int:
        total = 0
        for number in range(count):
            step: Any = self.submit(self.step(f"step {number}", ActivityTask(work, number)))
            total += step.value
        return total
