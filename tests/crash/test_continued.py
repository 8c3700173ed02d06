"""A run that has continued as new and is killed goes on, if it is started again as its first execution was."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.worker.programs import begin, finish, lines

RUN = """
import json, os, signal, sys
from simpleflow import Workflow, activity
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin

@activity.with_attributes()
def work(number):
    with open("log", "a") as log:
        log.write(f"{number}\\n")
    return number

@activity.with_attributes()
def die():
    if not os.path.exists("died"):
        open("died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)

class Flow(Workflow, WorkflowStepMixin):
    name = "flow"
    def run(self, number, *, last=3):
        found = self.submit(work, number).result
        self.submit(self.step(f"s{number}", (work, f"in step {number}"))).result
        if number < last:
            return self.submit(self.continue_as_new(number + 1, last=last)).result
        self.submit(die).result
        return found

options = json.loads(sys.argv[2]) if sys.argv[2:] else {}
print(Executor(Flow, workflow_id="w", state="state", **options).run(json.loads(sys.argv[1])))
"""


def start(folder: Path, *args: str) -> tuple[int, str]:
    code, out, err = finish(begin(RUN, *args, folder=folder))
    assert code in (0, -signal.SIGKILL), err
    return code, out.strip()


@pytest.mark.parametrize("options", ["{}", '{"force_steps": ["s2"]}'])
def test_it_goes_on(tmp_path: Path, options: str) -> None:
    assert start(tmp_path, "[1]", options) == (-signal.SIGKILL, "")
    before = lines(tmp_path / "log")
    assert before == [each for number in (1, 2, 3) for each in (str(number), f"in step {number}")]
    assert start(tmp_path, "[1]", options) == (0, "3")
    assert lines(tmp_path / "log") == before


def test_another_input_starts_anew(tmp_path: Path) -> None:
    assert start(tmp_path, "[1]") == (-signal.SIGKILL, "")
    before = lines(tmp_path / "log")
    assert start(tmp_path, "[2]") == (0, "3")
    assert lines(tmp_path / "log")[len(before) :] == ["2", "3"]
