"""The state folder or the marks are gone or too small while a run uses them: one true line, exit code 1."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from tests.cli.conftest import SIMPLEFLOW, Folder

FLOW = """
import os, time
from simpleflow import Workflow, activity, futures
from simpleflow.step import WorkflowStepMixin

@activity.with_attributes(raises_on_failure=True)
def work(number, size):
    with open(os.environ["LOG"], "a") as log:
        log.write(f"s{number}\\n")
    while number == 2 and os.path.exists(os.environ["LOG"] + ".wait"):
        time.sleep(0.01)
    if number > 2:
        time.sleep(0.12)  # a run looks every 0.1 s
    return "x" * size

class W(Workflow, WorkflowStepMixin):
    name = "w"
    def get_step_bucket(self):
        return os.environ.get("MARKS") or super().get_step_bucket()
    def run(self, size=1):
        for number in range(8):
            futures.wait(self.submit(self.step(f"s{number}", (work, number, size))))
        return 1
"""

STATE = "state was removed, moved or replaced while a run used it ("
MARKS = "objects: it was removed or moved while a run used it, and with it the done marks;"


@pytest.fixture
def project(folder: Folder) -> Folder:
    (folder.path / "slow.py").write_text(FLOW)
    (folder.path / "log.wait").touch()
    return folder


def start(project: Folder, workers: int, **environment: str) -> subprocess.Popen[str]:
    command = [SIMPLEFLOW, "workflow.start", "--local", "--state", "state", "--nb-workers", str(workers), "slow.py:W"]
    process = subprocess.Popen(
        command,
        cwd=project.path,
        env={**os.environ, "LOG": str(project.path / "log"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    project.started.append(process)
    return process


def harm_at_work(project: Folder, harm: Callable[[Path], None]) -> None:
    """Do harm to the state folder while the third step works."""
    project.wait_for(lambda: len(project.log) >= 3)
    harm(project.path / "state")
    (project.path / "log.wait").unlink()


def remove_owners(state: Path) -> None:
    shutil.rmtree(state / "owners")


def remove_marks(state: Path) -> None:
    shutil.rmtree(state.parent / "objects")


def remove_database(state: Path) -> None:
    for path in state.glob("history.sqlite*"):
        path.unlink()


def move(state: Path) -> None:
    state.rename(state.with_name("moved"))


def remove(state: Path) -> None:
    shutil.rmtree(state, ignore_errors=True)


@pytest.mark.parametrize(
    ("harm", "workers", "expected"),
    [
        (remove, 1, "while a run used it"),  # the folder of the marks may be missed first
        (move, 1, STATE),
        (remove_owners, 1, STATE),
        (remove_database, 0, STATE),
        (remove_marks, 0, MARKS),
    ],
)
def test_a_folder_that_is_gone_ends_the_run(
    project: Folder, harm: Callable[[Path], None], workers: int, expected: str
) -> None:
    named = {"MARKS": str(project.path / "objects")} if harm is remove_marks else {}
    process = start(project, workers, **named)
    harm_at_work(project, harm)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    last = err.splitlines()[-1]
    assert last.startswith("error: ")
    assert expected in last
    assert "internal fault" not in err
    assert len(project.log) <= 5


def test_a_folder_of_an_activity_may_go(tmp_path: Path) -> None:
    @activity.with_attributes()
    def work() -> None:
        open_store(str(tmp_path / "own")).put("p", "n", b"{}")
        shutil.rmtree(tmp_path / "own")

    class Flow(Workflow, WorkflowStepMixin):
        def get_step_bucket(self) -> str:
            return str(tmp_path / "marks")

        def run(self) -> None:
            futures.wait(*[self.submit(self.step(name, (work,))) for name in "ab"])

    Executor(Flow).run()
    assert open_store(str(tmp_path / "marks")).names("") != []


def test_a_run_that_ended_so_goes_on_when_the_folder_is_back(project: Folder) -> None:
    process = start(project, 1)
    harm_at_work(project, move)
    process.communicate(timeout=20)
    assert not (project.path / "state").exists()
    (project.path / "moved").rename(project.path / "state")
    out, err = start(project, 1).communicate(timeout=20)
    assert out == "1\n"
    assert "going on where it was" in err
    assert len(project.log) <= 10  # the one or two under way were done again


def test_files_that_may_not_grow(project: Folder) -> None:
    (project.path / "log.wait").unlink()
    limit = (60_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    words = ["workflow.start", "--local", "--state", "state", "--nb-workers", "1", "slow.py:W", "-i", "[30000]"]
    done = subprocess.run(
        [SIMPLEFLOW, *words],
        cwd=project.path,
        env={**os.environ, "LOG": str(project.path / "log")},
        capture_output=True,
        text=True,
        timeout=30,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert (done.returncode, done.stdout) == (1, "")
    problem = "disk I/O error; see if the disk is full or fails, or if files may not grow (ulimit -f)"
    assert done.stderr.splitlines()[-1] == (f"error: state folder {project.path}/state could not be written: {problem}")
