"""Runs that share their marks, fail and are killed: every mark is true, and no step runs twice at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from simpleflow import activity
from simpleflow.local import Executor
from simpleflow.step.submittable import StepFuture
from simpleflow.stores import open_store
from tests.crash.shared_campaign import Round
from tests.crash.test_plan_after_crash import STEPS, make
from tests.step import exclusive
from tests.step.exclusive import Shared


@activity.with_attributes(raises_on_failure=True)
def start_another_run(bucket: str) -> None:
    Executor(Plain, workflow_id="another").run([bucket])


@activity.with_attributes(raises_on_failure=True)
def has_ended(folder: str) -> bool:
    """True if the other process has ended its work."""
    return Path(folder, "go").exists()


@activity.with_attributes()
def nothing() -> None:
    """Work that takes no time."""


class Plain(Shared):
    name = "plain"

    def run(self, bucket: str) -> None:
        self.bucket = bucket
        self.submit(self.step("held", nothing)).result


class Late(Shared):
    """Reads the marks before another run marks ``held``; then forces ``held``, which fails."""

    name = "late"

    def run(self, bucket: str) -> None:
        self.bucket = bucket
        self.submit(self.step("first", (start_another_run, bucket))).result
        self.submit(self.step("held", exclusive.fail, force=True)).result


class Origin(Shared):
    """``origin`` forces ``held``."""

    name = "origin"

    def run(self, bucket: str, folder: str) -> bool:
        self.bucket = bucket
        self.submit(self.step("origin", nothing, force_steps_if_executed=["held"])).result
        held = self.submit(self.step("held", (has_ended, folder)))
        assert isinstance(held, StepFuture)
        return bool(held.value)


def test_a_step_marked_by_another_run_meanwhile_is_not_done_if_it_is_forced_and_fails(tmp_path: Path) -> None:
    bucket = str(tmp_path / "marks")
    with pytest.raises(Exception, match="as expected"):
        Executor(Late).run([bucket])
    assert open_store(bucket).names("shared/steps") == ["first"]


def test_a_step_whose_claim_was_revoked_waits_for_the_end_of_its_work_before_it_runs_again(tmp_path: Path) -> None:
    bucket = str(tmp_path / "marks")
    command = [sys.executable, "-m", exclusive.__name__, "Holding", "", f'"{bucket}"', f'"{tmp_path}"', '"first"']
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as holding:
        while not (tmp_path / "log").exists():
            assert holding.poll() is None
            time.sleep(0.01)
        (later := threading.Timer(1.0, (tmp_path / "go").touch)).start()
        assert Executor(Origin).run([bucket, str(tmp_path)]) is True
        later.join()
    assert open_store(bucket).names("shared/steps") == ["held", "origin"]
    assert open_store(bucket).names(".claims") == []


def test_a_step_marked_by_another_run_meanwhile_is_not_done_if_it_is_resumed_and_killed(tmp_path: Path) -> None:
    folder = make(tmp_path / "folder", "Shared", 0)
    for number in (1, 2):
        killed = folder.start("--workflow-id", "one", "--force", "clean", at="during work clean")
        assert killed == -signal.SIGKILL
        assert folder.marks == ["load", "mail", "other"]
        folder.check_marks()
        if number == 1:
            assert folder.start("--workflow-id", "another") == 0
            assert folder.marks == sorted(STEPS)


def test_a_short_campaign(tmp_path: Path) -> None:
    """Run a longer one with ``python -m tests.crash.shared_campaign``."""
    found = Round(tmp_path / "round", 1)
    found.run(6)
    assert found.wrong == []
    assert found.tally["kills"] > 0
    assert found.tally["end"] > 20
