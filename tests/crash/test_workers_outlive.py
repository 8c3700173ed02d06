"""A worker that outlives its owner: its work is not begun again before it has ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simpleflow.engines.sqlite import lease
from simpleflow.exceptions import RunBusy
from simpleflow.local import Executor
from tests.crash import stubborn
from tests.pauses import wait_for
from tests.processes import alive
from tests.worker.programs import begin, kill, lines

OWNER = """
import sys
from tests.crash import stubborn
from simpleflow.local import Executor
Executor(stubborn.Stubborn, workflow_id=sys.argv[1], state="state", nb_workers=1).run(float(sys.argv[2]))
"""


@contextmanager
def outlived(folder: Path, workflow_id: str, seconds: float) -> Iterator[int]:
    """A worker in a call into C for so many seconds, whose owner and guard were killed: its process id."""
    owner = begin(OWNER, workflow_id, str(seconds), folder=folder)
    try:
        wait_for(lambda: lines(folder / "log"), "the worker")
        worker = int(lines(folder / "log")[0].split()[1])
        for child in Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split():
            if int(child) != worker:
                os.kill(int(child), signal.SIGKILL)
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        assert alive(worker)
        yield worker
    finally:
        kill(owner)
        owner.communicate()
        if lines(folder / "log"):
            pid = int(lines(folder / "log")[0].split()[1])
            if alive(pid):
                os.killpg(pid, signal.SIGKILL)


@pytest.mark.parametrize("workflow_id", ["same", "other"])
def test_another_run_waits_for_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workflow_id: str) -> None:
    """The same run, which is taken up, and another one that shares its marks."""
    monkeypatch.chdir(tmp_path)
    with outlived(tmp_path, "same", 1.5) as worker:
        Executor(stubborn.Stubborn, workflow_id=workflow_id, state="state", nb_workers=1).run(
            2.0 if workflow_id == "same" else 0
        )
        assert not alive(worker)
    first, *_, last = lines(tmp_path / "log")
    assert first.split()[1] == str(worker)
    assert last.split()[2] == "False", "the first worker was at work"


def test_a_worker_that_does_not_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lease, "_WORKERS_SECONDS", 0.1)
    with outlived(tmp_path, "same", 30) as worker:
        with pytest.raises(RunBusy, match=f"still at work .*{worker}"):
            Executor(stubborn.Stubborn, workflow_id="same", state="state").run(30.0)
        os.killpg(worker, signal.SIGKILL)
        time.sleep(0.05)
        monkeypatch.setattr(stubborn, "hold", lambda seconds: None)
        Executor(stubborn.Stubborn, workflow_id="same", state="state").run(30.0)
    assert not list((tmp_path / "state/owners").iterdir())
