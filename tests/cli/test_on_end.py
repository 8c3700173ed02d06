"""Commands that are told how a run ended: ``--on-failure``, ``--on-success`` and the settings of these names."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from simpleflow.cli import on_end
from simpleflow.cli.options import Session
from simpleflow.cli.view.ending import Ending
from simpleflow.cli.view.run_summary import summarise
from simpleflow.exceptions import StateError
from tests.cli.conftest import Folder

KEEP = "cat > told; env | grep ^SIMPLEFLOW_ | sort > environment"


def told(folder: Folder) -> dict[str, object]:
    """The summary that the command ``KEEP`` has kept."""
    found = json.loads((folder.path / "told").read_text())
    assert isinstance(found, dict)
    (folder.path / "told").unlink()
    return found


def test_a_run_that_failed_is_reported(folder: Folder) -> None:
    done = folder.start(
        "flow.Hard",
        "--on-failure",
        f"{KEEP}; echo telling; exit 7",
        f"--on-success={KEEP}",
        SIMPLEFLOW_ON_SUCCESS="touch wrong",
    )
    assert (done.code, done.out) == (1, "")
    first, *_, said, last = done.err.splitlines()
    assert said == "telling"
    assert last.startswith("warning: the command of --on-failure ended with exit code 7: cat > told")
    found = told(folder)
    run_id = first.split(" run ")[1].split()[0]
    reason = found["reason"]
    assert isinstance(reason, str)
    assert "ValueError: no such day at all (flow.py:" in reason
    assert found["text"] == f"workflow flow.Hard on {os.uname().nodename}: failed: {reason} ({found['seconds']:.2f} s)"
    assert (found["workflow_id"], found["status"]) == ("flow.Hard", "failed")
    assert str(found["run_id"]).startswith(run_id)
    assert (found["exit_code"], found["state"]) == (1, f"{folder.path}/.simpleflow")
    assert "in hard\n" in str(found["traceback"])
    assert found["command"] == "simpleflow workflow.start --local --nb-workers 2 flow.Hard"
    assert (folder.path / "environment").read_text().splitlines() == [
        f"SIMPLEFLOW_REASON={reason}",
        f"SIMPLEFLOW_RUN_ID={found['run_id']}",
        f"SIMPLEFLOW_STATE={folder.path}/.simpleflow",
        "SIMPLEFLOW_STATUS=failed",
        "SIMPLEFLOW_WORKFLOW_ID=flow.Hard",
    ]


def test_settings_are_used_and_not_handed_on(folder: Folder) -> None:
    settings = {"SIMPLEFLOW_ON_SUCCESS": KEEP, "SIMPLEFLOW_ON_FAILURE": f"{KEEP}; touch failed"}
    done = folder.start("flow.Daily", **settings)
    assert done.code == 0
    found = told(folder)
    assert (found["status"], found["reason"], found["exit_code"]) == ("completed", None, 0)
    assert found["steps"] == {"ran": 2, "skipped": 0, "failed": 0}
    assert "ON_" not in (folder.path / "environment").read_text()
    done = folder.start("flow.Missing", **settings)
    assert done.code == 2
    found = told(folder)
    assert (found["status"], found["workflow_id"], found["run_id"]) == ("not_started", None, None)
    assert f"error: {found['reason']}" == done.err.splitlines()[-1]
    assert (folder.path / "failed").exists()


def test_a_step_that_failed_and_a_run_that_is_busy_are_reported(folder: Folder) -> None:
    (folder.path / "steps.py").write_text(
        "from flow import *\n@activity.with_attributes()\ndef loud():\n    print('page 3')\n"
        "    raise ValueError('no')\nclass W(Workflow, WorkflowStepMixin):\n    def run(self):\n"
        "        futures.wait(self.submit(self.step('load', (loud,))))\n"
    )
    done = folder.start("steps.W", "--on-failure", KEEP)
    assert done.code == 3
    found = told(folder)
    assert (found["status"], found["reason"], found["exit_code"]) == ("completed", "steps failed: load", 3)
    [step] = found["failed_steps"]  # type: ignore[misc]
    assert step == {
        "step": "load",
        "error": "ValueError: no",
        "activity": "steps.loud",
        "where": "steps.py:5",
        "output": ["page 3"],
    }
    process = folder.begin("flow.Long", "--on-failure", "touch interrupted")
    folder.wait_for(folder.worker_pids)
    assert folder.start("flow.Long", "--on-failure", KEEP).code == 1
    assert told(folder)["status"] == "busy"
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(20) == 143
    assert not (folder.path / "interrupted").exists()


def test_an_error_that_leaves_a_run_open_is_told_as_such() -> None:
    ending = Ending()
    ending.workflow_id, ending.run_id, ending.code = "w", "r", 1
    found = summarise(ending, StateError("state folder x is full"))
    assert (found["status"], found["reason"]) == ("open", "state folder x is full")
    assert found["text"] == f"workflow w on {os.uname().nodename}: open: state folder x is full"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("exit 3", "ended with exit code 3: exit 3"),
        ("kill -9 $$", "was ended by signal 9: kill -9 $$"),
        ("no-such-program-here 2> /dev/null", "ended with exit code 127: no-such-program-here 2> /dev/null"),
        ("a\0b", "could not be run (embedded null byte): a\\x00b"),
    ],
)
def test_failures_of_the_command_are_reported(command: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    on_end.run_command("--on-failure", command, {"reason": "x" * 300_000}, Session())
    assert capsys.readouterr().err == f"warning: the command of --on-failure {message}\n"


def test_a_command_that_does_not_read_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    on_end.run_command("--on-failure", "exec true", {"text": "x" * 1_000_000, "reason": "two\nlines\0"}, Session())
    assert capsys.readouterr().err == ""


def test_a_command_that_takes_too_long_is_ended_with_what_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_ON_END_TIMEOUT", "1")
    monkeypatch.setattr(on_end, "_KILL_SECONDS", 0.2)
    program = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    began = time.monotonic()
    command = f"trap '' TERM; {sys.executable} -c \"{program}\"; sleep 60"
    on_end.run_command("--on-success", command, {}, Session())
    assert time.monotonic() - began < 10
    assert "was ended after 1 s (SIMPLEFLOW_ON_END_TIMEOUT)" in capsys.readouterr().err
    pid = int((tmp_path / "pid").read_text())
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < end
        time.sleep(0.01)
