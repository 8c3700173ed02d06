"""Commands that only read leave a state folder as it is, to the byte; also what a process that was killed has left."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Folder
from tests.engines.test_read_only import KILLED

READING = (
    "step.list flow.Daily",
    "step.plan flow.Daily --assume-last",
    "step.plan flow.Daily --estimate",
    "step.why flow.Daily load",
    "workflow.list",
    "workflow.filter",
    "workflow.steps daily",
    "workflow.info daily",
    "workflow.history daily",
    "workflow.tasks daily",
    "workflow.profile daily",
    "workflow.logs daily",
    "workflow.timeline daily -o timeline.svg",
    "workflow.graph daily -o graph.svg",
    "workflow.report daily -o report.html",
    "task.info daily load",
    "task.logs daily load",
    "history.check flow.Daily",
    "workflow.replay daily --at load --workflow flow.Daily",
)


@pytest.fixture
def left(folder: Folder) -> Folder:
    """A folder with a run that has ended, an open one whose process was killed, and the lease of that process."""
    assert folder.start("flow.Daily", "--nb-workers", "1").code == 0
    state = folder.path / ".simpleflow"
    subprocess.run([sys.executable, "-c", KILLED, state], check=False)
    with contextlib.closing(sqlite3.connect(state / "history.sqlite")) as db:  # moves the log into the database
        assert db.execute("select count(*) from owners").fetchone() == (1,)
    assert len(list((state / "owners").iterdir())) == 1
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_they_leave_no_trace(left: Folder) -> None:
    state = left.path / ".simpleflow"
    before = content(state)
    for command in READING:
        done = left.run(*command.split())
        assert done.code == 0, (command, done.err)
        assert content(state) == before, command


def test_a_folder_of_an_earlier_format_is_brought_up_to_date(left: Folder) -> None:
    database = left.path / ".simpleflow" / "history.sqlite"
    for command in ("workflow.list", "step.list flow.Daily"):
        with contextlib.closing(sqlite3.connect(database)) as db:
            db.execute("pragma user_version = 2")
        assert left.run(*command.split()).code == 0
        with contextlib.closing(sqlite3.connect(database)) as db:
            assert db.execute("pragma user_version").fetchone() == (4,)
