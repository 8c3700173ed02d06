"""Shared by the tests of plans: planning and running workflows whose marks are in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.core.events import Event
from simpleflow.engines.run import Run
from simpleflow.local import Executor
from simpleflow.steering.plan import Plan, plan
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store

calls: list[Any] = []
DONE = ("Step was already played",)
REQUESTED = ("Requested at start",)


@activity.with_attributes(raises_on_failure=True)
def do(what: Any = None) -> Any:
    calls.append(what)
    return what


@activity.with_attributes()
def add_more(what: str) -> list[str]:
    calls.append(what)
    return [what + "!"]


NEEDS_DO = f"needs the result of activity {do.name}, which is known only after it runs"


class Bench:
    """Workflows whose marks are in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bucket = folder.as_uri()
        self.histories: dict[str, list[tuple[str, list[Event]]]] = {}

    def workflow(self, body: Callable[..., Any], **attributes: Any) -> type[Workflow]:
        content = {"name": "planned", "run": body, "get_step_bucket": lambda _: self.bucket, **attributes}
        return type("Planned", (Workflow, WorkflowStepMixin), content)

    def mark(self, *names: str, workflow_id: str = "w") -> None:
        for name in names:
            open_store(self.bucket).put(f"{workflow_id}/steps", name, b"{}")

    def plan(self, body: Callable[..., Any], *args: Any, attributes: dict[str, Any] | None = None, **how: Any) -> Plan:
        """Return the plan. Asserts that no activity runs and nothing is written."""
        calls.clear()
        before = self.files()
        workflow = self.workflow(body, **(attributes or {}))
        found = plan(workflow, input=list(args), workflow_id="w", default_bucket=None, **how)
        assert calls == []
        assert self.files() == before
        return found

    def run(self, body: Callable[..., Any], *args: Any, **how: Any) -> list[tuple[Any, ...]]:
        """Run the workflow. Returns the verdicts in the form of ``rows``; keeps the histories of all executions."""
        found: list[tuple[Any, ...]] = []
        runs: dict[str, tuple[str, list[Event]]] = {}

        def observe(run: Run, events: Any) -> None:
            runs.setdefault(run.run_id, (run.workflow_id, []))[1].extend(events)

        executor = Executor(self.workflow(body), workflow_id="w", observer=observe, **how)
        executor.run(list(args))
        for name, details in executor.list_markers(all=True):
            if name == "log.step" and details["status"] in ("scheduled", "skipped"):
                verdict = "run" if details["status"] == "scheduled" else "skip"
                found.append((details["step"], verdict, details["forced"], tuple(details["reasons"])))
        for run_id, (workflow_id, events) in runs.items():
            self.histories.setdefault(workflow_id, []).insert(0, (run_id, events))
        return found

    def past(self, workflow_id: str) -> Iterator[tuple[str, list[Event]]]:
        yield from self.histories.get(workflow_id, ())

    def files(self) -> dict[str, tuple[bytes, int]]:
        return {
            os.path.join(folder, file): (Path(folder, file).read_bytes(), Path(folder, file).stat().st_mtime_ns)
            for folder, _, files in os.walk(self.folder)
            for file in files
        }


def rows(found: Plan) -> list[tuple[Any, ...]]:
    return [(each.step, each.verdict, each.forced, each.reasons) for each in found.steps]


def in_turn(self: Any, *names: str) -> None:
    for name in names:
        futures.wait(self.submit(self.step(name, (do, name))))
