"""A file is one program, whether Python runs it or ``workflow.start`` imports it: each goes on where the other died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import Folder

FLOW = """
import os, signal
from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin


def said(name):
    with open("log", "a") as file:
        print(name, file=file)


@activity.with_attributes({first})
def first(number):
    said(f"first {{number}}")
    return number


@activity.with_attributes({once}idempotent=True)
def once():
    said("once")


@activity.with_attributes({last})
def last(numbers):
    said("last")
    if not os.path.exists("died"):
        open("died", "w").close()
        os.kill(os.getpid() if os.environ["WORKERS"] == "0" else os.getppid(), signal.SIGKILL)
        signal.pause()
    return numbers


class Child(Workflow):
    name = "child"

    def run(self, number):
        return self.submit(first, number).result


class Pipeline(Workflow, WorkflowStepMixin):
    name = "pipeline"

    def run(self):
        group = self.submit(Group((first, 1), (Child, 2), Chain((first, 3), once)))
        step = self.submit(self.step("load", (first, 4)))
        futures.wait(group)
        ended = [step.value, *[each.result for each in group.futures[:2]], self.submit(once).result]
        found = self.submit(last, ended)
        return found.result if found.exception is None else str(found.exception)


if __name__ == "__main__":
    print(Executor(Pipeline, state=".simpleflow", nb_workers=int(os.environ["WORKERS"]) or None).run())
"""

NAMES = dict.fromkeys(("first", "once", "last"), "")
EARLIER = {name: f'name="__main__.{name}", ' for name in NAMES}
"""As earlier releases named those of a script."""


def run(folder: Folder, way: str, workers: str, file: str) -> subprocess.CompletedProcess[str]:
    own = [sys.executable, file]
    options = ["--local", "--nb-workers", workers, f"{file}:Pipeline"]
    command = own if way == "run" else [sys.executable, "-m", "simpleflow", "workflow.start", *options]
    environment = os.environ | {"WORKERS": workers}
    return subprocess.run(command, cwd=folder.path, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("first", "second", "names", "workers", "file"),
    [
        ("start", "run", NAMES, "0", "flow.py"),
        ("run", "start", EARLIER, "2", "flow.py"),
        ("run", "start", NAMES, "0", "test.py"),  # the name of a module of Python
    ],
)
def test_nothing_is_done_again(
    folder: Folder, first: str, second: str, names: dict[str, str], workers: str, file: str
) -> None:
    flow = folder.path / file
    flow.write_text(FLOW.format(**names))
    assert run(folder, first, workers, file).returncode == -signal.SIGKILL
    flow.write_text(FLOW.format(**NAMES))
    done = run(folder, second, workers, file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().replace(" ", "").replace("None", "null") == "[4,1,2,null]"
    assert "anew" not in done.stderr
    log = (folder.path / "log").read_text().splitlines()
    assert sorted(log) == ["first 1", "first 2", "first 3", "first 4", "last", "last", "once"]
