"""Hooks: methods of a workflow that are called around the evaluation of `run` and at the end of the execution.

    simpleflow workflow.start --local examples/hooks.py:Hooks
    simpleflow workflow.start --local --input '[0]' examples/hooks.py:Hooks

The second command fails, and records another marker.
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity


@activity.with_attributes(raises_on_failure=True)
def divide(number: int, by: int) -> float:
    return number / by


@activity.with_attributes(raises_on_failure=True)
def tell(text: str) -> None:
    print(text)


class Hooks(Workflow):
    # A hook must be as deterministic as `run`. `history` holds the events so far.

    def run(self, by: int = 2) -> Any:
        return self.submit(divide, 10, by).result

    def on_completed(self, history: Any) -> None:
        # The execution completes only after the tasks that a hook has submitted.
        self.submit(tell, "it went well")

    def on_failure(self, history: Any, reason: str, details: str | None = None) -> None:
        # An execution that fails runs no more tasks, but it can record markers and send signals.
        self.submit(self.record_marker("failed", {"reason": reason}))

    def after_closed(self, history: Any) -> None:
        self.submit(self.record_marker("closed", {"events": "some" if history.events else "none"}))
