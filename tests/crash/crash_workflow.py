"""The workflow that the crash campaign kills: steps, a group of activities, a child workflow, timers, retries, markers.

Every activity appends its start and its end to a log. The campaign compares the log with the history.
Run it as a script: ``python -m tests.crash.crash_workflow FOLDER WORKERS SIZE``. It prints the result.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin

LOG = "CRASH_LOG"


def _log(line: str) -> None:
    file = os.open(os.environ[LOG], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def _task(of: Any) -> str:
    """The run id and the activity id of the task that runs now."""
    return f"{of.context['run_id']} {of.context['activity_id']}"


@activity.with_attributes(name="crash.work", heartbeat_timeout=30, start_to_close_timeout=60)
def work(name: str, milliseconds: int = 3) -> str:
    _log(f"start {name} {_task(work)}")
    time.sleep(milliseconds / 1000)
    _log(f"end {name} {_task(work)}")
    return name


@activity.with_attributes(name="crash.shaky", retry=1)
def shaky(name: str) -> str:
    """Fail, unless an earlier attempt is known to have failed."""
    _log(f"start {name} {_task(shaky)}")
    with open(os.environ[LOG]) as log:
        again = f"failed {name}\n" in log.readlines()
    _log(f"end {name} {_task(shaky)}" if again else f"failed {name}")
    if not again:
        raise ValueError("the first time fails")
    return name


class CrashChild(Workflow):
    name = "crash.child"

    def run(self, name: str) -> Any:
        first = self.submit(work, f"{name}.begin")
        second = self.submit(work, f"{name}.end-of-{first.result}")
        return second.result


class CrashWorkflow(Workflow, WorkflowStepMixin):
    name = "crash"

    def run(self, size: int) -> Any:
        self.submit(self.record_marker("part", "one"))
        futures.wait(self.submit(self.step("prepare", (work, "prepare"))))
        members = [Chain((work, f"m{index}.a"), (work, f"m{index}.b", 1)) for index in range(size)]
        group = self.submit(Group(*members))
        child = self.submit(CrashChild, "child")
        timer = self.submit(self.start_timer("pause", 0))
        retried = self.submit(shaky, "shaky")
        futures.wait(group, child, timer, retried)
        self.submit(self.record_marker("part", "two"))
        step = self.submit(self.step("publish", Group((work, "publish.x"), (work, "publish.y"))))
        futures.wait(step)
        return [group.result, child.result, retried.result, self.submit(work, "last").result]


def expected(size: int) -> Any:
    """The result of a run, however often its process died."""
    group = [[f"m{index}.a", f"m{index}.b"] for index in range(size)]
    return [group, "child.end-of-child.begin", "shaky", "last"]


if __name__ == "__main__":
    folder, workers, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    executor = Executor(CrashWorkflow, workflow_id="crash", state=folder, nb_workers=workers or None)
    print(json.dumps(executor.run([size])))
