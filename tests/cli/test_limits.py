"""Time-outs at the command line: none without a setting, and a full message for those that are set."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest

from tests.cli.conftest import WORKFLOWS, Folder

SLOW = "start_to_close_timeout of the activity changes the limit"
QUEUED = "schedule_to_start_timeout of the activity changes the limit"


@pytest.fixture
def limits(folder: Folder) -> Folder:
    shutil.copy(WORKFLOWS / "limits.py", folder.path)
    return folder


def objects(folder: Folder, verb: str, *args: str) -> list[dict[str, Any]]:
    done = folder.run(verb, *args, "--local", "--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    return found if isinstance(found, list) else [found]


@pytest.mark.timeout(180)
def test_a_default_limit_counts_the_work_and_not_the_queue(limits: Folder) -> None:
    done = limits.start("limits.py:Fan", ACTIVITY_DEFAULT_TIMEOUT="2")
    assert done.code == 0, done.err
    done = limits.start("limits.py:Long", ACTIVITY_DEFAULT_TIMEOUT="1")
    assert done.code == 1
    assert "time-out START_TO_CLOSE after 1 s: queued for " in done.err
    assert SLOW in done.err


@pytest.mark.timeout(180)
def test_what_is_said_of_time_outs(limits: Folder) -> None:
    done = limits.run("workflow.start", "--local", "--nb-workers", "2", "limits.py:Limits")
    [line] = [line for line in done.err.splitlines() if line.startswith("failed     both")]
    assert "time-out START_TO_CLOSE after 1 s: queued for " in line
    assert line.count(SLOW) == 1
    assert QUEUED in done.err
    child = "time-out START_TO_CLOSE after 1 s: ran for 1."
    [(child_id, said)] = re.findall(r"^workflow (limits--child-\S+): timed out: (.+)$", done.err, re.MULTILINE)
    assert said.startswith(child)

    tasks = {task["id"]: task for task in objects(limits, "workflow.tasks", "limits")}
    slow = [task for task in tasks.values() if task["name"] == "limits.slow"]
    assert {task["timeout_type"] for task in slow} == {"START_TO_CLOSE"}
    assert all(task["reason"].startswith("time-out START_TO_CLOSE after 1 s") for task in slow)
    [waited] = [task for task in tasks.values() if task["timeout_type"] == "SCHEDULE_TO_START"]
    assert (waited["started_at"], waited["worked"]) == (None, None)
    assert waited["waited"] >= 1

    [task] = objects(limits, "task.info", "limits", slow[0]["id"])
    assert task["limits"] == {
        "start_to_close_timeout": 1,
        "schedule_to_close_timeout": None,
        "schedule_to_start_timeout": None,
        "heartbeat_timeout": 300,
    }
    shown = limits.run("task.info", "limits", waited["id"], "--local", "--format", "table").out
    assert "schedule-to-start 1 s, heartbeat 300 s" in shown
    assert f"queued for 1.0 s, never started; {QUEUED}" in " ".join(shown.split())

    profile = {row["name"]: row for row in objects(limits, "workflow.profile", "limits")}
    assert {name: row["timed_out"] for name, row in profile.items() if name.startswith("limits")} == {
        "limits.slow": 2,
        "limits.waits": 1,
    }
    assert profile["limits.waits"]["max_waiting"] >= 1
    history = limits.run("workflow.history", "limits", "--local").out
    assert history.count(QUEUED) == 1
    assert history.count(SLOW) == 2
    [info] = objects(limits, "workflow.info", child_id)
    assert info["reason"].startswith(child)
