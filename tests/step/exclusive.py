"""Runs that share their marks, each in its own process.

``python -m tests.step.exclusive CLASS STATE ARGUMENTS...``
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def note(folder: str, name: str, who: str) -> None:
    """Log that a step runs; fail if another process runs it at the same time."""
    guard = Path(folder, f"{name}.guard")
    os.close(os.open(guard, os.O_CREAT | os.O_EXCL))
    with open(Path(folder, "log"), "a") as log:
        log.write(f"{name} {who}\n")
    time.sleep(0.001)
    guard.unlink()


@activity.with_attributes(raises_on_failure=True, start_to_close_timeout=60, schedule_to_close_timeout=60)
def hold(folder: str, name: str, who: str) -> None:
    """Log that a step runs, and go on until the file ``go`` exists."""
    with open(Path(folder, "log"), "a") as log:
        log.write(f"{name} {who}\n")
    end = time.monotonic() + 30
    while not Path(folder, "go").exists() and time.monotonic() < end:
        time.sleep(0.01)


@activity.with_attributes(raises_on_failure=True)
def fail() -> None:
    raise ValueError("as expected")


class Shared(Workflow, WorkflowStepMixin):
    """A workflow whose marks are in ``bucket`` for every workflow id."""

    bucket = ""

    def get_step_bucket(self) -> str:
        return self.bucket

    def get_step_path_prefix(self) -> str:
        return "shared/steps"


class Race(Shared):
    name = "race"

    def run(self, bucket: str, folder: str, who: str, count: int, at_once: bool) -> list[int]:
        self.bucket = bucket
        steps = [self.step(f"s{n}", (note, folder, f"s{n}", who)) for n in range(count)]
        if at_once:
            futures = [self.submit(Group(*steps))]
            return [sum(len(each[1]) == 4 for each in futures[0].result), count]
        return [sum(self.submit(step).ran for step in steps), count]


class Holding(Shared):
    name = "holding"

    def run(self, bucket: str, folder: str, who: str, force: bool = False) -> bool:
        self.bucket = bucket
        work = (hold, folder, "held", who)
        return self.submit(self.step("held", work, force, force_steps_if_executed=["next"])).ran


class Failing(Shared):
    name = "failing"

    def run(self, bucket: str) -> None:
        self.bucket = bucket
        self.submit(self.step("held", fail)).result


class Child(Shared):
    name = "child"

    def run(self, bucket: str, folder: str, prefix: str) -> bool:
        self.bucket = bucket
        self.prefix = prefix
        return self.submit(self.step("child", (note, folder, "child", "child"))).ran

    def get_step_path_prefix(self) -> str:
        return self.prefix


class Parent(Workflow, WorkflowStepMixin):
    """Its child has its marks where the parent's are."""

    name = "parent"

    def run(self, folder: str) -> list[bool]:
        own = self.submit(self.step("own", (note, folder, "own", "parent"))).ran
        return [own, self.submit(Child, self.get_step_bucket(), folder, self.get_step_path_prefix()).result]


class Continued(Workflow, WorkflowStepMixin):
    name = "continued"

    def run(self, folder: str, number: int) -> Any:
        ran = self.submit(self.step(f"s{number}", (note, folder, f"s{number}", "me"))).ran
        return self.submit(self.continue_as_new(folder, number - 1)).result if number else ran


def main() -> None:
    kind, state, *arguments = sys.argv[1:]
    executor = Executor(globals()[kind], state=state or None, workflow_id=f"{kind}-{os.getpid()}")
    try:
        print(json.dumps(executor.run([json.loads(each) for each in arguments])))
    finally:
        for marker in executor.list_markers(all=True):
            if marker.details["status"] == "waiting":
                print(marker.details["waits_for"], file=sys.stderr)


if __name__ == "__main__":
    main()
