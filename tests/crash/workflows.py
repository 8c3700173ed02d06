"""Workflows that tests run in separate processes: ``python -m tests.crash.workflows STATE WORKFLOW ARGUMENTS``.

ARGUMENTS is a JSON list. The process prints the result and what the decider recorded, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin
from tests import nursery

ROOT = Path(__file__).parents[2]


@activity.with_attributes(raises_on_failure=True)
def note(log: str, what: str, until: str | None = None) -> str:
    """Append a line to a file; return when the file ``until`` exists, or after ten seconds."""
    with open(log, "a") as file:
        file.write(f"{what}\n")
    end = time.monotonic() + 10
    while until is not None and not os.path.exists(until) and time.monotonic() < end:
        time.sleep(0.01)
    return what


@activity.with_attributes(raises_on_failure=True)
def nap(seconds: float) -> list[float]:
    """Sleep. Returns when it began and ended, in seconds of a clock that all processes share."""
    began = time.monotonic()
    time.sleep(seconds)
    return [began, time.monotonic()]


@activity.with_attributes(idempotent=True, raises_on_failure=True)
def count(words: list[str]) -> int:
    return len(words)


def die_once(flag: str) -> None:
    """Kill this process, unless an earlier call did so and left the flag."""
    if not os.path.exists(flag):
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)


class Overlapping(Workflow, WorkflowStepMixin):
    name = "overlapping"

    def run(self, log: str, until: str) -> Any:
        return self.submit(self.step("load", (note, log, "load", until))).ran


class Interrupted(Workflow):
    name = "interrupted"

    def run(self, log: str) -> Any:
        first = futures.wait(*[self.submit(note, log, f"first {number}") for number in range(3)])
        die_once(log + ".died")
        return first + futures.wait(*[self.submit(note, log, f"second {number}") for number in range(3)])


class Pipeline(Workflow, WorkflowStepMixin):
    name = "pipeline"

    def run(self, log: str, day: str) -> Any:
        load = self.step("load", (note, log, f"load {day}"), day == "tuesday", force_steps_if_executed=["report"])
        futures.wait(self.submit(load))
        if day == "tuesday":
            futures.wait(self.submit(nap, 0))  # the mark is kept with the decision that goes on
            die_once(log + ".died")
        return self.submit(self.step("report", (note, log, f"report {day}"))).ran


class Reasoned(Workflow, WorkflowStepMixin):
    """Gives sets wherever a list may be given, so that only the library can order what goes into the history."""

    name = "reasoned"

    def get_step_bucket(self) -> str:
        return "memory://reasoned"

    def run(self, log: str, dies: bool) -> Any:
        for reason in {"a whim", "the weather", "an error", "the law", "a request", "a test", "a habit"}:
            self.add_forced_steps({"a", "a.b", "*"}, reason)
            self.add_skipped_steps({"z", "y"}, reason)
        words = {"one", "two", "three", "four", "five", "six", "seven"}
        counted = futures.wait(*[self.submit(count, words) for _ in range(2)])
        step = self.submit(self.step("a.b", (note, log, "a.b"), force_steps_if_executed={"z", "y", "x", "w"}))
        if dies:
            futures.wait(self.submit(nap, 0))
            die_once(log + ".died")
        futures.wait(step, self.submit(Group(self.step("c", (note, log, "c")), self.step("d", (note, log, "d")))))
        return [counted, step.reasons]


def recorded(history: list[dict[str, Any]]) -> list[Any]:
    """What the decider wrote: details of markers, and the ids and inputs of activities."""
    found = []
    for event in history:
        if event["eventType"] == "MarkerRecorded":
            found.append(event["markerRecordedEventAttributes"]["details"])
        elif event["eventType"] == "ActivityTaskScheduled":
            scheduled = event["activityTaskScheduledEventAttributes"]
            found.append([scheduled["activityId"], scheduled["input"]])
    return found


@contextmanager
def start(
    state: Path, workflow: type[Workflow], *arguments: Any, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a process that runs this workflow; kill it at the end of the block, if it has not ended."""
    command = [sys.executable, "-m", "tests.crash.workflows", str(state), workflow.__name__, json.dumps(arguments)]
    env = {**os.environ, **environment}
    with nursery.begin(command, ROOT, env, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def main(state: str, name: str, arguments: str) -> None:
    executor = Executor(globals()[name], state=state)
    result = executor.run(json.loads(arguments))
    print(json.dumps([result, recorded(executor.history)]))


if __name__ == "__main__":
    from tests.crash import workflows  # the activities are found under this module name, not __main__

    workflows.main(*sys.argv[1:])
