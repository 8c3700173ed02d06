"""Priorities order tasks; tags describe an execution.

simpleflow workflow.start --local --tags nightly,shop examples/priorities_and_tags.py:Priorities
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures


@activity.with_attributes(raises_on_failure=True)
def work(what: str) -> None:
    print(what)


@activity.with_attributes(raises_on_failure=True, task_priority=5)
def important(what: str) -> None:
    print(what)


class Priorities(Workflow):
    # Higher goes first. The priority at submission wins, then the activity's, then the workflow's.
    task_priority = 1

    @classmethod
    def get_tag_list(cls, *args: Any, **kwargs: Any) -> list[str]:
        return ["example"]  # at most five, together with those of the command line, which come first

    def run(self) -> list[str]:
        futures.wait(
            self.submit(work, "third: by its workflow"),
            self.submit(work, "last: it was given none", __priority=None),
            self.submit(important, "second: by its activity"),
            self.submit(important, "first: at submission", __priority=10),
        )
        return list(self.get_run_context()["tag_list"])
