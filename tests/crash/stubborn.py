"""A workflow whose step is in a call into C, which keeps the interpreter lock."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from simpleflow import Workflow, activity
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from tests.processes import alive
from tests.worker.programs import lines


def hold(seconds: float) -> None:
    """Sleep in C, with the interpreter lock."""
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


@activity.with_attributes(raises_on_failure=True, heartbeat_timeout=None)
def stubborn(seconds: float) -> None:
    """Write to the log: this process, and whether the first one in the log is alive."""
    log = Path("log")
    others = [int(line.split()[1]) for line in lines(log)][:1]
    with log.open("a") as file:
        file.write(f"begin {os.getpid()} {any(map(alive, others))}\n")
    hold(seconds)


class Stubborn(Workflow, WorkflowStepMixin):
    name = "stubborn"

    def get_step_path_prefix(self) -> str:
        return "shared"

    def run(self, seconds: float) -> None:
        self.submit(Step("held", (stubborn, seconds))).result
