"""The command line: nothing has to be configured, no failure is silent, and no input is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpleflow import Workflow
from simpleflow.cli import inputs, main
from simpleflow.core import codec
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.exceptions import InputError
from simpleflow.local import Executor
from tests.cli.conftest import Folder

# As the documentation of steps has it.
BASIC = """
from simpleflow import Workflow, activity, futures
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes(task_list="example", version="example", idempotent=True)
def do_something():
    return "this is something"


class AWorkflow(Workflow, WorkflowStepMixin):
    # ...
    def run(self, **context):
        futures.wait(self.submit(self.step("something", do_something)))
"""

# No process may look up a host, open a connection, or load what speaks to Amazon.
CUT_OFF = """
import sys

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo") or (event == "import" and args[0] in ("boto3", "botocore")):
        raise RuntimeError(f"not without a network: {event} {args}")

sys.addaudithook(refuse)
from simpleflow.cli import main
sys.exit(main(["workflow.start", "--local", *sys.argv[1:]]))
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_basic_example_runs_with_nothing_configured(tmp_path: Path, workers: str) -> None:
    (tmp_path / "basic.py").write_text(BASIC)
    nothing = ("AWS_", "SIMPLEFLOW_", "SWF_", "STEP_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(nothing)}
    command = [sys.executable, "-c", CUT_OFF, "--nb-workers", workers, "basic.AWorkflow"]
    for said in ("1 step: 1 ran, 0 skipped", "1 step: 0 ran, 1 skipped"):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "null\n"), done.stderr
        assert said in done.stderr


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
def test_a_step_that_fails_softly_is_told_recorded_and_played_again(folder: Folder, workers: str) -> None:
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


def test_optional_work_that_fails_inside_a_step_is_told(folder: Folder) -> None:
    """The step is done, since nothing in it had to succeed; that something failed is not hidden."""
    (folder.path / "weak.py").write_text(WEAK)
    done = folder.start("weak.Optional")
    assert done.code == 0
    assert "ValueError: not there" in done.err
    assert "workflow optional: completed; 1 activity failed" in done.err
    assert folder.log == []


@pytest.mark.parametrize("value", ["{}", "not json", ""])
def test_settings_of_others_do_no_harm(folder: Folder, value: str) -> None:
    done = folder.start("flow.Context", LOGGING=value, SIMPLEFLOW_SYSLOG_TARGET=value, SIMPLEFLOW_S3_SSE="no")
    assert (done.code, json.loads(done.out)) == (0, ["flow.Context", "flow.Context"])


def test_a_boolean_that_is_none_is_refused_before_anything_is_done(folder: Folder) -> None:
    done = folder.start("flow.Daily", SIMPLEFLOW_S3_SSE="maybe")
    assert (done.code, done.out, folder.log) == (2, "", [])
    assert done.err.startswith("error: SIMPLEFLOW_S3_SSE is 'maybe': expected ")
    assert done.err.count("\n") == 1


class Echo(Workflow):
    name = "echo"

    def run(self, *args: Any, **kwargs: Any) -> Any:
        return [list(args), kwargs]


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
KEYS = st.sampled_from(["args", "kwargs", "x", "__propagate", ""])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def expected(value: Any) -> Any:
    """What ``run`` is to receive for an input; None where it is to be refused."""
    if isinstance(value, list):
        return [value, {}]
    if not isinstance(value, dict):
        return [[value], {}]
    args, kwargs = value.get("args", []), value.get("kwargs", {})
    fits = set(value) <= {"args", "kwargs"} and isinstance(args, list) and isinstance(kwargs, dict)
    return [args, kwargs] if fits else None


@given(VALUES)
def test_of_no_input_anything_is_lost(value: Any) -> None:
    text = json.dumps(value)
    if expected(value) is None:
        with pytest.raises(InputError, match="--input"):
            inputs.read(text, None)
    else:
        assert Executor(Echo).run(inputs.read(text, None)) == expected(value)


FORMS = ["[1, [2]]", '{"args": [1], "kwargs": {"x": 2}}', '{"args": [1]}', '{"kwargs": {"x": 1}}', "12", '"[1"', "true"]


@pytest.mark.parametrize("text", FORMS)
@pytest.mark.parametrize("how", ["--input", "-i", "--input-file"])
def test_every_form_of_the_input_reaches_the_workflow(
    text: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("input.json").write_text(text)
    given = "input.json" if how == "--input-file" else text
    target = "tests.cli.test_input:Echo"
    assert main(["workflow.start", "--local", "--nb-workers", "0", target, how, given]) == 0
    assert json.loads(capfd.readouterr().out) == expected(json.loads(text))


@pytest.mark.parametrize("text", ['{"x": 1}', '{"args": [], "x": 1}', "[1", "text", "{'x': 1}", "", "[1] [2]"])
@pytest.mark.parametrize("how", ["--input", "--input-file"])
def test_an_input_that_could_mean_two_things_or_nothing_is_refused_in_one_line(
    text: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("input.json").write_text(text)
    given = "input.json" if how == "--input-file" else text
    assert main(["workflow.start", "--local", "tests.cli.test_input:Echo", how, given]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error: input file 'input.json'" if how == "--input-file" else "error: --input")
    assert not Path(".simpleflow").exists()
