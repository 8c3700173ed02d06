"""Runs that share their marks, fail and are killed: what is marked is true, and nothing is played by two at once."""

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
from simpleflow.step.future import StepFuture
from simpleflow.stores import open_store
from tests.crash.shared_campaign import Round
from tests.crash.test_plan_after_crash import STEPS, make
from tests.step import exclusive
from tests.step.exclusive import Shared


@activity.with_attributes(raises_on_failure=True)
def let_another_run_play(bucket: str) -> None:
    Executor(Plain, workflow_id="another").run([bucket])


@activity.with_attributes(raises_on_failure=True)
def has_ended(folder: str) -> bool:
    """Whether the other process has ended its work."""
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
    """Reads the marks before another run marks ``held``, and is then forced to play it, in vain."""

    name = "late"

    def run(self, bucket: str) -> None:
        self.bucket = bucket
        self.submit(self.step("first", (let_another_run_play, bucket))).result
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


def test_a_step_that_another_run_has_marked_meanwhile_is_not_done_if_it_is_forced_and_fails(tmp_path: Path) -> None:
    bucket = str(tmp_path / "marks")
    with pytest.raises(Exception, match="as expected"):
        Executor(Late).run([bucket])
    assert open_store(bucket).names("shared/steps") == ["first"]


def test_a_step_whose_claim_was_revoked_is_not_played_again_before_its_work_has_ended(tmp_path: Path) -> None:
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


def test_a_step_that_another_run_has_marked_meanwhile_is_not_done_if_it_is_resumed_and_killed(tmp_path: Path) -> None:
    place = make(tmp_path / "place", "Shared", 0)
    for number in (1, 2):
        killed = place.start("--workflow-id", "one", "--force", "clean", at="during work clean")
        assert killed == -signal.SIGKILL
        assert place.marks == ["load", "mail", "other"]
        place.check_marks()
        if number == 1:
            assert place.start("--workflow-id", "another") == 0
            assert place.marks == sorted(STEPS)


def test_a_short_campaign(tmp_path: Path) -> None:
    """A longer one: ``python -m tests.crash.shared_campaign``."""
    found = Round(tmp_path / "round", 1)
    found.run(6)
    assert found.wrong == []
    assert found.tally["kills"] > 0
    assert found.tally["end"] > 20
