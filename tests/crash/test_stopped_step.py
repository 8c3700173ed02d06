"""A step that was under way when its run was stopped: the run that goes on does it, and it is done then."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from simpleflow.stores import open_store
from tests.pauses import wait_for
from tests.worker.programs import begin, finish, lines

RUN = """
import os, sys, time
from simpleflow import Workflow, activity
from simpleflow.cli.signals import Stopped, stoppable
from simpleflow.local import Executor
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin

@activity.with_attributes(raises_on_failure=True)
def work(seconds):
    with open("log", "a") as log:
        log.write("begun\\n")
    time.sleep(seconds)

class Flow(Workflow, WorkflowStepMixin):
    name = "flow"
    def get_step_bucket(self):
        return os.environ.get("BUCKET", "./marks")
    def get_step_path_prefix(self):
        return "shared"
    def run(self, seconds):
        return self.submit(Step("long", (work, seconds))).ran

try:
    with stoppable():
        print(Executor(Flow, workflow_id=sys.argv[1], state="state", nb_workers=1).run(1.0))
except Stopped:
    sys.exit(143)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_is_done_after_that(tmp_path: Path, number: int) -> None:
    stopped = begin(RUN, "one", folder=tmp_path)
    wait_for(lambda: lines(tmp_path / "log"), "the step")
    os.kill(stopped.pid, number)
    stopped.communicate()
    assert finish(begin(RUN, "one", folder=tmp_path))[1] == "True\n"
    assert len(lines(tmp_path / "log")) == 2
    assert open_store(str(tmp_path / "marks")).names("shared") == ["long"]
    assert finish(begin(RUN, "one", folder=tmp_path))[1] == "False\n"
    assert len(lines(tmp_path / "log")) == 2


@pytest.mark.parametrize(("number", "in_s3"), [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGKILL, True)])
def test_another_run_need_not_wait_for_it(
    tmp_path: Path, number: int, in_s3: bool, request: pytest.FixtureRequest
) -> None:
    marks = request.getfixturevalue("bucket") if in_s3 else str(tmp_path / "marks")
    environment = {"BUCKET": marks, "SIMPLEFLOW_STEP_CLAIMS": "1"}
    stopped = begin(RUN, "one", folder=tmp_path, **environment)
    wait_for(lambda: lines(tmp_path / "log"), "the step")
    os.kill(stopped.pid, number)
    stopped.communicate()
    began = time.monotonic()
    assert finish(begin(RUN, "other", folder=tmp_path, **environment))[1] == "True\n"
    assert time.monotonic() - began < 8
    assert open_store(marks).names(".claims/shared") == []
