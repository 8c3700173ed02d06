"""Steps and optional activities that fail without raising: what the command line says, and what the next run does."""

from __future__ import annotations

import json

import pytest

from simpleflow.core import codec
from simpleflow.engines.sqlite.engine import SqliteEngine
from tests.cli.conftest import Folder

WEAK = """
from flow import *

class Weak(Workflow, WorkflowStepMixin):
    name = "weak"

    def run(self):
        self.submit(self.step("other", (fetch, "other")))
        self.submit(self.step("load", (fetch, "load") if Path("mended").exists() else soft))
        return "done"

class Optional(Workflow, WorkflowStepMixin):
    name = "optional"

    def run(self):
        step = self.submit(self.step("load", Chain((soft, "not there"), (fetch, "rest"), raises_on_failure=False)))
        futures.wait(step)
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_step_that_fails_softly_is_reported_recorded_and_runs_again(folder: Folder, workers: str) -> None:
    (folder.path / "weak.py").write_text(WEAK)
    command = ("workflow.start", "--local", "--nb-workers", workers, "weak.Weak")
    done = folder.run(*command)
    assert (done.code, done.out) == (3, '"done"\n')
    assert "completed, but 1 step failed: load" in done.err
    engine = SqliteEngine(folder.path / ".simpleflow")
    details = [
        json.loads(event["markerRecordedEventAttributes"]["details"])
        for event in map(codec.event_to_dict, engine.history("weak"))
        if event["eventType"] == "MarkerRecorded"
    ]
    engine.close()
    (failed,) = (each for each in details if each["status"] == "failed")
    assert failed == {
        "step": "load",
        "status": "failed",
        "forced": False,
        "reasons": [],
        "error": "ValueError: no such day",
    }
    (folder.path / "mended").touch()
    done = folder.run(*command)
    assert done.code == 0
    assert "2 steps: 1 ran, 1 skipped, 0 failed" in done.err
    assert folder.log == ["other", "load"]


def test_optional_work_that_fails_inside_a_step_is_reported(folder: Folder) -> None:
    """The step is done, since nothing in it had to succeed; the command line still reports the failure."""
    (folder.path / "weak.py").write_text(WEAK)
    done = folder.start("weak.Optional")
    assert done.code == 0
    assert "ValueError: not there" in done.err
    assert "workflow optional: completed; 1 activity failed" in done.err
    assert folder.log == []


NESTED = """
from flow import *

class Nested(Workflow, WorkflowStepMixin):
    name = "nested"

    def run(self, optional):
        inner = self.step("inner", soft, optional=optional)
        return self.submit(self.step("outer", Group(inner))).failed
"""


def test_a_failed_step_inside_a_step_is_reported_with_it_unless_it_is_optional(folder: Folder) -> None:
    (folder.path / "nested.py").write_text(NESTED)
    done = folder.start("nested.Nested", "-i", "false")
    assert (done.code, done.out) == (3, "true\n")
    assert "completed, but 2 steps failed: outer, inner" in done.err
    assert "step 'inner' inside it failed: ValueError: no such day" in done.err
    done = folder.start("nested.Nested", "-i", "true")
    assert (done.code, done.out) == (0, "false\n")
    assert "optional" in done.err
    assert "2 steps: 1 ran, 0 skipped, 1 failed" in done.err
