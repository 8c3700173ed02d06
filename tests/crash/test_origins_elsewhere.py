"""One run has only ``origin``, which forces ``dep``; another run with the same marks has only ``dep``.

A mark of ``dep`` is true only if its work began after the work of ``origin`` had ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simpleflow.exceptions import TaskFailed
from simpleflow.local import Executor
from simpleflow.steering import marks as steering
from simpleflow.steering.place import Place
from simpleflow.step.constants import REVOKED
from simpleflow.stores import open_store
from tests.crash import killed
from tests.crash.campaign import ROOT

PREFIX = "shared/steps"
PROGRAM = """
import json, sys
from simpleflow.local import Executor
from tests.crash import killed

middlewares = {"pre": [killed.before], "post": [killed.after]}
Executor(killed.Apart, workflow_id=sys.argv[1], state=sys.argv[2], middlewares=middlewares).run([sys.argv[3:]])
"""


class Runs:
    """Runs that share their marks, in this process and in others."""

    def __init__(self, folder: Path, bucket: str) -> None:
        self.folder = folder
        self.bucket = bucket
        self.started: list[subprocess.Popen[bytes]] = []

    def here(self, workflow_id: str, *steps: str) -> list[dict[str, Any]]:
        """Run these steps; returns the details of the markers. A run that was killed goes on."""
        executor = Executor(killed.Apart, workflow_id=workflow_id, state=self.folder / workflow_id)
        try:
            executor.run([list(steps)])
        except TaskFailed:
            assert "fail" in steps
        return [marker.details for marker in executor.list_markers(all=True)]

    def begin(self, workflow_id: str, *steps: str, at: str = "") -> subprocess.Popen[bytes]:
        """Run these steps in another process, which is killed at that instant."""
        command = [sys.executable, "-c", PROGRAM, workflow_id, str(self.folder / workflow_id), *steps]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, killed.AT: at}, stderr=subprocess.PIPE)
        self.started.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes], code: int = 0) -> None:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == code, errors.decode()

    def hold(self, what: str) -> Path:
        """Let what is so named wait until the file is removed."""
        file = Path(f"{os.environ[killed.LOG]}.hold {what}")
        file.touch()
        return file

    def wait_for(self, line: str) -> None:
        until = time.monotonic() + 60
        while line not in self.log:
            assert time.monotonic() < until, self.log
            time.sleep(0.01)

    @property
    def log(self) -> list[str]:
        path = Path(os.environ[killed.LOG])
        return path.read_text().splitlines() if path.exists() else []

    @property
    def done(self) -> list[str]:
        """The steps that are done, as ``step.list`` says."""
        return steering.names(Place("any", self.bucket, PREFIX))

    def check(self) -> None:
        """A mark of ``dep`` is true."""
        if "dep" in self.done:
            last = {line: number for number, line in enumerate(self.log)}
            touched = [last.get(f"{word} {origin}", -1) for word in ("begin", "end") for origin in ("origin", "fail")]
            assert last["begin dep"] > max(touched), self.log

    def check_the_next_run(self) -> None:
        """``dep`` is not done: the next run has to run it, and the one after that skips it."""
        assert "dep" not in self.done
        seen = len(self.log)
        assert self.here("next", "dep")[-1]["status"] == "completed"
        assert self.here("next", "dep")[-1]["status"] == "skipped"
        assert self.log[seen:] == ["begin dep", "end dep"]
        assert "dep" in self.done
        self.check()
        store = open_store(self.bucket)
        assert [store.names(folder) for folder in (".claims", ".revoked", ".forcing")] == [[], [], []]


@pytest.fixture(params=["folder", "s3"])
def runs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    bucket = str(tmp_path / "marks") if request.param == "folder" else request.getfixturevalue("bucket")
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")
    monkeypatch.setenv(killed.BUCKET, bucket)
    monkeypatch.setenv(killed.LOG, str(tmp_path / "log"))
    found = Runs(tmp_path, bucket)
    yield found
    for process in found.started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("origin", ["origin", "fail"])
def test_a_dependent_that_ran_while_its_origin_worked_is_not_done(runs: Runs, origin: str) -> None:
    held = runs.hold(origin)
    first = runs.begin("first", origin)
    runs.wait_for(f"reached {origin}")
    last = runs.here("second", "dep")[-1]
    assert (last["status"], last["stale"]) == ("completed", REVOKED)
    assert runs.done == []
    held.unlink()
    runs.end(first, 0 if origin == "origin" else 1)
    runs.check_the_next_run()


@pytest.mark.parametrize("origin", ["origin", "fail"])
def test_a_dependent_that_is_under_way_as_its_origin_ends_is_not_done(runs: Runs, origin: str) -> None:
    held, held_too = runs.hold(origin), runs.hold("dep")
    first = runs.begin("first", origin)
    runs.wait_for(f"reached {origin}")
    second = runs.begin("second", "dep")
    runs.wait_for("reached dep")
    held.unlink()
    runs.end(first, 0 if origin == "origin" else 1)
    held_too.unlink()
    runs.end(second)
    runs.check_the_next_run()


@pytest.mark.parametrize(
    "instant",
    [
        "after ClaimStepTask origin",
        "after UnmarkStepsDoneTask ",
        "during work origin",
        "before MarkStepDoneTask origin",
        "after MarkStepDoneTask origin",
    ],
)
def test_a_dependent_that_runs_after_its_origin_was_killed(runs: Runs, instant: str) -> None:
    runs.end(runs.begin("first", "origin", at=instant), -signal.SIGKILL)
    runs.here("second", "dep")
    runs.check()
    runs.here("first", "origin")
    runs.check()
    assert "origin" in runs.done
    runs.here("second", "dep")
    assert runs.done == ["dep", "origin"]
    runs.check()


def test_a_dependent_that_had_begun_as_its_origin_was_killed_is_not_done(runs: Runs) -> None:
    held = runs.hold("dep")
    second = runs.begin("second", "dep")
    runs.wait_for("reached dep")
    runs.end(runs.begin("first", "origin", at="during work origin"), -signal.SIGKILL)
    held.unlink()
    runs.end(second)
    assert runs.done == []


@pytest.mark.parametrize("goes_on", [["dep"], ["dep", "other"]])
def test_a_run_that_is_killed_between_its_mark_and_its_look_at_the_claim(runs: Runs, goes_on: list[str]) -> None:
    """The run goes on, or is replaced by one with another input."""
    held = runs.hold("mark dep")
    second = runs.begin("second", "dep", at="between mark and look dep")
    runs.wait_for("reached mark dep")
    runs.here("first", "origin")
    held.unlink()
    runs.end(second, -signal.SIGKILL)
    assert open_store(runs.bucket).names(PREFIX) == ["dep", "origin"]
    assert runs.done == ["origin"]
    runs.here("second", *goes_on)
    assert runs.done == (["origin"] if goes_on == ["dep"] else ["dep", "origin", "other"])
    assert runs.log.count("begin dep") == len(goes_on)
    runs.check()


def test_a_run_that_is_killed_between_its_mark_and_its_look_at_the_claim_and_never_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(killed.BUCKET, str(tmp_path / "marks"))
    monkeypatch.setenv(killed.LOG, str(tmp_path / "log"))
    runs = Runs(tmp_path, str(tmp_path / "marks"))
    held = runs.hold("mark dep")
    second = runs.begin("second", "dep", at="between mark and look dep")
    runs.wait_for("reached mark dep")
    runs.here("first", "origin")
    held.unlink()
    runs.end(second, -signal.SIGKILL)
    runs.check_the_next_run()
