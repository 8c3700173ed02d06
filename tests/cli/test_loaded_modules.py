"""The modules that short commands do without. Each takes its time to load."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.conftest import Folder

LOADED = """
import sys
from simpleflow.cli import main
main(sys.argv[1:])
print(*sys.modules, sep="\\n")
"""
NOTHING = """
from simpleflow import Workflow
from simpleflow.step.workflow import WorkflowStepMixin
class Nothing(Workflow, WorkflowStepMixin):
    def run(self):
        pass
"""
RUN = {"simpleflow.local", "simpleflow.worker.decision_worker", "simpleflow.views.run_view"}
WORKERS = {"simpleflow.worker.pool", "simpleflow.worker.child", "simpleflow.worker.output"}
STEPS = """
from simpleflow import Workflow, activity, futures
from simpleflow.step.workflow import WorkflowStepMixin
@activity.with_attributes()
def act():
    pass
class Steps(Workflow, WorkflowStepMixin):
    def run(self):
        futures.wait(self.submit(self.step("one", (act,))))
"""
OF_STEPS = {"simpleflow.step.scheduler", "simpleflow.step.tasks", "simpleflow.step.claims", "simpleflow.canvas"}
SLOW = {"pathlib", "dataclasses", "urllib.parse", "subprocess", "logging", "shlex", "shutil"}


@pytest.mark.parametrize(
    ("command", "without"),
    [
        ("--help", RUN | WORKERS | SLOW | {"msgspec", "greenlet", "json"}),
        ("step.list nothing.Nothing", RUN | WORKERS | SLOW),
        ("step.plan nothing.Nothing", RUN | WORKERS | SLOW),
        ("workflow.start --local nothing.Nothing", WORKERS | OF_STEPS | SLOW),
    ],
)
def test_a_command_loads_only_what_it_needs(folder: Folder, command: str, without: set[str]) -> None:
    (folder.path / "nothing.py").write_text(NOTHING)
    assert loaded(folder, command) & without == set()


def test_a_run_that_skips_all_its_steps_loads_no_workers(folder: Folder) -> None:
    (folder.path / "steps.py").write_text(STEPS)
    assert loaded(folder, "workflow.start --local steps.Steps") >= WORKERS
    assert loaded(folder, "workflow.start --local steps.Steps") & WORKERS == set()


def loaded(folder: Folder, command: str) -> set[str]:
    """The modules that the command has loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *command.split()], cwd=folder.path, capture_output=True, text=True, check=True
    )
    found = set(done.stdout.splitlines())
    assert "simpleflow.cli.app" in found
    return found
