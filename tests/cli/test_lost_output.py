"""Output that cannot be written is an error, for every command; a reader that has enough is none."""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.cli.conftest import SIMPLEFLOW, Folder

COMMANDS = [
    "--version",
    "workflow.start --help",
    "info versions --format json",
    "info settings",
    "step.list --format json flow.py:Daily",
    "workflow.list --local -s all --format json",
    "workflow.history --local --output raw daily",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    from tests.cli.conftest import WORKFLOWS

    found = Folder(tmp_path_factory.mktemp("project"))
    (found.path / "flow.py").write_text((WORKFLOWS / "flow.py").read_text())
    done = shell(found, f"{SIMPLEFLOW} workflow.start --local --nb-workers 1 flow.py:Daily >/dev/full")
    assert done.returncode == 1
    assert "workflow daily: completed" in done.stderr
    assert done.stderr.endswith(LOST)
    return found


LOST = "error: standard output could not be written: No space left on device; the output is not complete\n"


def shell(folder: Folder, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], cwd=folder.path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_and_a_closed_pipe(project: Folder, command: str) -> None:
    run = f"{SIMPLEFLOW} {command}"
    found = shell(project, f"{run} >/dev/full & {run} 2>err | true; echo ${{PIPESTATUS[0]}}; wait $!; echo $?; cat err")
    closed, full, *rest = found.stdout.splitlines()
    assert (full, found.stderr) == ("1", LOST)
    assert (closed, rest) == ("0", [])


@pytest.mark.parametrize("command", ["info", "step.list flow.py:Daily"])
def test_a_standard_output_that_is_closed_takes_nothing(project: Folder, command: str) -> None:
    done = shell(project, f"{SIMPLEFLOW} {command} >&-")
    assert (done.returncode, [line for line in done.stderr.splitlines() if "steps in" not in line]) == (0, [])


def test_text_that_user_code_printed_is_lost_with_standard_error(project: Folder) -> None:
    (project.path / "prints.py").write_text(
        "import sys\nfrom simpleflow import Workflow\n"
        "class W(Workflow):\n    def run(self):\n        sys.stdout.write('chatter')\n        return 1\n"
    )
    done = shell(
        project, f"PYTHONUNBUFFERED= {SIMPLEFLOW} workflow.start --local --nb-workers 0 prints.py:W 2>/dev/full"
    )
    assert (done.returncode, done.stdout) == (0, "1\n")


def test_the_current_folder_is_gone(project: Folder) -> None:
    done = shell(project, f"mkdir gone; cd gone; rmdir ../gone; {SIMPLEFLOW} workflow.list --local")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: the current folder cannot be used: No such file or directory; change to another folder\n"
    )


DAEMON = """
import os, time
from simpleflow import Workflow, activity

@activity.with_attributes(retry=0)
def leave_one():
    if os.fork() == 0:
        os.setsid()
        time.sleep(15)
        os._exit(0)

class Leaves(Workflow):
    name = "leaves"

    def run(self):
        return self.submit(leave_one).result
"""


def test_a_reader_does_not_wait_for_processes_that_activities_have_left(project: Folder) -> None:
    (project.path / "daemon.py").write_text(DAEMON)
    began = time.monotonic()
    found = shell(project, f"{SIMPLEFLOW} workflow.start --local --nb-workers 1 daemon.py:Leaves")
    assert (found.returncode, found.stdout) == (0, "null\n")
    assert time.monotonic() - began < 12
