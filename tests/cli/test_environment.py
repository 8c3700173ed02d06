"""Environment variables and the command line: a run needs none of them, and a bad value is one line of error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Folder

# The example in the documentation of steps.
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


# The process must not look up a host, open a connection, or import the client of Amazon.
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
    prefixes = ("AWS_", "SIMPLEFLOW_", "SWF_", "STEP_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    command = [sys.executable, "-c", CUT_OFF, "--nb-workers", workers, "basic.AWorkflow"]
    for summary in ("1 step: 1 ran, 0 skipped", "1 step: 0 ran, 1 skipped"):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "null\n"), done.stderr
        assert summary in done.stderr


@pytest.mark.parametrize("value", ["{}", "not json", ""])
def test_variables_of_other_programs_are_ignored(folder: Folder, value: str) -> None:
    done = folder.start("flow.Context", LOGGING=value, SIMPLEFLOW_SYSLOG_TARGET=value, SIMPLEFLOW_S3_SSE="no")
    assert (done.code, json.loads(done.out)) == (0, ["flow.Context", "flow.Context"])


def test_a_boolean_setting_with_another_value_is_refused_before_anything_runs(folder: Folder) -> None:
    done = folder.start("flow.Daily", SIMPLEFLOW_S3_SSE="maybe")
    assert (done.code, done.out, folder.log) == (2, "", [])
    assert done.err.startswith("error: SIMPLEFLOW_S3_SSE is 'maybe': expected ")
    assert done.err.count("\n") == 1
