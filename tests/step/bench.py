"""Helpers of the tests of steps: activities that log their argument, and runs that keep their marks in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from simpleflow import Workflow, activity
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from simpleflow.stores.base import Change

noted: list[str] = []
"""The arguments of the activities below, in order."""


@activity.with_attributes()
def note(what: str) -> str:
    noted.append(what)
    return f"did {what}"


@activity.with_attributes()
def fail_softly(what: str) -> None:
    noted.append(what)
    raise ValueError(f"{what} is broken")


@activity.with_attributes(raises_on_failure=True)
def fail_hard(what: str) -> None:
    noted.append(what)
    raise ValueError(f"{what} is broken")


@activity.with_attributes()
def echo(*args: Any) -> list[Any]:
    return list(args)


def change_marks(bucket: str, changes: Iterable[Change]) -> None:
    """Write and remove marks, as an engine does that keeps them."""
    store = open_store(bucket)
    for prefix, name, body in changes:
        if body is None:
            store.delete(prefix, [name])
        else:
            store.put(prefix, name, body)


class Bench:
    """Runs of workflows over one set of marks."""

    def __init__(self, name: str) -> None:
        self.bucket = f"memory://{name}"
        self.executor: Executor
        self.result: Any = None

    def run(self, run: Callable[[Any], Any], **attributes: Any) -> Any:
        """One run of a workflow whose ``run`` is this function; returns its result."""
        bucket = self.bucket
        body = {
            "name": "under test",
            "run": lambda self: run(self),
            "get_step_bucket": lambda self: bucket,
            **attributes,
        }
        kind = type("UnderTest", (Workflow, WorkflowStepMixin), body)
        noted.clear()
        self.executor = Executor(kind, workflow_id="w")
        self.result = self.executor.run()
        return self.result

    @property
    def markers(self) -> list[dict[str, Any]]:
        """Details of the step markers of the latest run."""
        return [details for name, details in self.executor.list_markers(all=True) if name == "log.step"]

    def log(self) -> list[str]:
        """The step markers of the latest run, a word each: ``name status``."""
        return [f"{marker['step']} {marker['status']}" for marker in self.markers]

    @property
    def done(self) -> list[str]:
        """The names that are marked as done."""
        return open_store(self.bucket).names("w/steps")

    def mark(self, *names: str) -> None:
        """Mark names as done, as an earlier run would have."""
        for name in names:
            open_store(self.bucket).put("w/steps", name, b"{}")

    def unmark(self, *names: str) -> None:
        open_store(self.bucket).delete("w/steps", names)

    def activities(self) -> list[str]:
        """Names of the activities of the latest run in the order in which they were scheduled."""
        return [
            event["activityTaskScheduledEventAttributes"]["activityType"]["name"].rpartition(".")[2]
            for event in self.executor.history
            if event["eventType"] == "ActivityTaskScheduled"
        ]
