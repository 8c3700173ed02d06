"""Failures, and their effects on groups, chains and the workflow.

    simpleflow workflow.start --local examples/failures.py:Failures

By default a failed activity fails nothing else: its future holds the exception instead of a result. With
raises_on_failure=True it fails the workflow.
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import AggregateException, TaskFailed


@activity.with_attributes()
def divide(number: int, by: int) -> float:
    return number / by


class Failures(Workflow):
    def run(self) -> dict[str, Any]:
        alone = self.submit(divide, 1, 0)
        # All members of a group run. A chain stops at the first member that fails.
        group = self.submit(Group((divide, 6, 3), (divide, 1, 0), (divide, 9, 3)))
        chain = self.submit(Chain((divide, 1, 0), (divide, 8, 2)))
        # A chain with raises_on_failure=False is optional: its own future has no exception.
        optional = self.submit(Chain((divide, 1, 0), (divide, 8, 2), raises_on_failure=False))
        futures.wait(alone, group, chain, optional)  # does not raise the exceptions of tasks

        error, several = alone.exception, group.exception
        assert isinstance(error, TaskFailed)
        assert isinstance(several, AggregateException)
        return {
            "alone": [alone.result, error.reason],
            "group": [group.result, len(several.flatten().exceptions)],
            "chain": [chain.result, chain.exception is not None],
            "optional": [optional.result, optional.exception is not None],
        }
