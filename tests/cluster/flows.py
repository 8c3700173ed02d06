"""Workflows of the tests of faults: what their activities do is seen in files."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin


def append(path: str, text: str) -> None:
    with open(path, "a") as file:
        file.write(text + "\n")


@activity.with_attributes(retry=5)
def waits(folder: str, name: str) -> str:
    """Say that it begins, wait for the file ``go``, and say that it ends."""
    other = subprocess.Popen(["sleep", "61"])
    append(f"{folder}/begun", f"{name} {os.getpid()} {other.pid}")
    while not Path(folder, "go").exists():
        time.sleep(0.02)
    append(f"{folder}/ended", name)
    return name


@activity.with_attributes(task_list="only")
def waits_alone(folder: str, name: str) -> str:
    return str(waits(folder, name))


@activity.with_attributes(task_list="gpu")
def on_gpu() -> int:
    return os.getppid()


@activity.with_attributes()
def loud(lines: int) -> None:
    for number in range(lines):
        print(f"line {number}", flush=True)


@activity.with_attributes(retry=5)
def short(folder: str, name: str) -> str:
    append(f"{folder}/ended", name)
    return name


class Waits(Workflow):
    name = "cluster.waits"

    def run(self, folder: str, *names: str) -> Any:
        return self.submit(Group(*((waits, folder, name) for name in names))).result


class Only(Workflow):
    """Two activities of a task list, one after the other."""

    name = "cluster.only"

    def run(self, folder: str) -> Any:
        return [self.submit(waits_alone, folder, name).result for name in "ab"]


class Gpu(Workflow):
    name = "cluster.gpu"

    def run(self) -> Any:
        return self.submit(on_gpu).result


class Loud(Workflow):
    name = "cluster.loud"

    def run(self, lines: int) -> Any:
        return self.submit(loud, lines).result


class Steps(WorkflowStepMixin, Workflow):
    """Steps that are done in order; the last one waits."""

    name = "cluster.steps"

    def run(self, folder: str) -> Any:
        futures = [self.submit(Step(f"s{number}", (short, folder, f"s{number}"))) for number in range(3)]
        for future in futures:
            future.result
        self.submit(Step("last", (waits, folder, "last"))).result
        return "last"


class Short(Workflow):
    name = "cluster.short"

    def run(self, folder: str) -> Any:
        return self.submit(short, folder, "x").result
