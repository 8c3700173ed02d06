"""``state.check`` and ``state.rescue`` at the command line, and what other commands say of a damaged folder."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Folder


@pytest.fixture
def damaged(folder: Folder) -> Folder:
    """A folder in which the second half of the newest run is damaged."""
    assert folder.start("flow.Daily", "--nb-workers", "1").code == 0
    (folder.path / "break.py").write_text(
        "import sqlite3\ndb = sqlite3.connect('.simpleflow/history.sqlite')\n"
        "db.execute(\"update events set event = substr(event, 1, 9) || 'x' || substr(event, 11) where id > 9\")\n"
        "db.commit()\n"
    )
    import subprocess
    import sys

    subprocess.run([sys.executable, "break.py"], cwd=folder.path, check=True)
    return folder


def test_check_and_rescue(damaged: Folder) -> None:
    read = damaged.run("workflow.history", "--local", "daily")
    assert (read.code, read.out) == (1, "")
    assert read.err.startswith("error: state folder .simpleflow is damaged: run ")
    assert read.err.endswith(
        "is not as it was written; see simpleflow state.check .simpleflow, and save what can be read with simpleflow "
        "state.rescue .simpleflow NEW_FOLDER\n"
    )
    checked = damaged.run("state.check", ".simpleflow")
    assert checked.code == 1
    assert checked.out.splitlines()[0].split() == ["workflow", "id", "run", "events", "problem"]
    assert checked.out.splitlines()[-1].startswith("daily ")
    assert ".simpleflow: 1 run, 1 problem" in checked.err
    rescued = damaged.run("state.rescue", ".simpleflow", "new", "--format", "json")
    assert rescued.code == 0
    [row] = json.loads(rescued.out)
    assert (row["workflow_id"], row["events"] > 5) == ("daily", True)
    assert row["problem"].startswith(f"events {row['events'] + 1} to ")
    assert rescued.err == "new: 1 run saved; 1 loss\n"
    info = damaged.run("workflow.info", "--state", "new", "daily")
    assert "were lost with the state folder, which was damaged" in info.out
    steps = damaged.run("step.list", "--state", "new", "flow.Daily", "--format", "json")
    assert [step["step"] for step in json.loads(steps.out)] == ["load", "report.text"]
    assert damaged.run("state.check", "new").code == 0
    assert damaged.run("workflow.start", "--local", "--state", "new", "flow.Daily").code == 0


def test_no_state_folder(folder: Folder) -> None:
    done = folder.run("state.check", "nothing")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: nothing is no state folder: there is no file history.sqlite in it\n"
