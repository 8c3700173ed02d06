"""Workflows with many decisions, for tests that count requests. Other processes import this file by its name."""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.task import ActivityTask


@activity.with_attributes(name="request_counts.work", version="1", raises_on_failure=True)
def work(number: int) -> int:
    return number


class Sequence(Workflow):
    """Activities one after the other."""

    name = "request_counts.Sequence"

    def run(self, count: int) -> int:
        return sum(self.submit(work, number).result for number in range(count))


class Steps(Workflow, WorkflowStepMixin):
    """Steps of one activity each, one after the other."""

    name = "request_counts.Steps"

    def run(self, count: int) -> int:
        total = 0
        for number in range(count):
            step: Any = self.submit(self.step(f"step {number}", ActivityTask(work, number)))
            total += step.value
        return total
