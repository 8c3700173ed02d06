"""The same runs on moto's SWF, an independent implementation of a part of the service."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import nursery
from tests.cli.conftest import Done
from tests.cli.swf import DOMAIN, Commands
from tests.cli.test_swf_examples import OPTIONS
from tests.examples.conftest import EXAMPLES
from tests.examples.test_examples import EXPECTED
from tests.servers import tied
from tests.swf.request_counts import Sequence
from tests.swf.served import Crew, ended, environment, outcome, registered, start

HOSTED = {
    **{target: result for target, (result, _, _) in EXPECTED.items()},
    "activity_class:ActivityClass": [
        {"content": "a book", "weight": 2, "for": "activity_class.ActivityClass"},
        "activity-activity_class.which_task-1",
        "tags: []",  # a worker does not learn the tags of the execution that its task belongs to
    ],
    "basic_step:AWorkflow": None,
    "census:Census": {"report": "census/report.txt", "picture": "census/report.svg"},  # and counts of files here
    "priorities_and_tags:Priorities": [],  # moto keeps no tags
    "steering:Shop": {"total": "42.00 EUR", "why": [["Dep of orders"], ["Dep of total"]]},
}
"""Examples with their results. Those in ``NOT_HOSTED`` are left out."""

NO_CHILDREN = "moto answers StartChildWorkflowExecution with HTTP 500"
NOT_HOSTED = {
    "child_workflow:Parent": NO_CHILDREN,
    "continue_as_new:Countdown": "moto answers ContinueAsNewWorkflowExecution with HTTP 500",
    "retries:Retries": "moto has no START_TO_CLOSE time-out of activities",
    "signals:Approval": NO_CHILDREN,
    "step:CustomizedStepWorkflow": "moto answers SignalExternalWorkflowExecution with HTTP 500",
    "task_failure:Careful": "moto refuses to schedule an activity again under its id",
}


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """The URL of moto's server, in another process."""
    code = "from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ,
        preexec_fn=tied,
    ) as process:
        assert process.stdout is not None
        found = None
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                break
        assert found is not None
        # It writes a line for each request; unread, they would hold it up in the end.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield found[0]
        process.kill()


@pytest.fixture
def moto(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same; the environment points to it."""
    for name, value in environment(moto_url).items():
        monkeypatch.setenv(name, value)
    return moto_url


@pytest.fixture
def swf(moto: str, tmp_path: Path) -> Iterator[Commands]:
    registered(DOMAIN)
    found = Commands(tmp_path, moto)
    yield found
    found.close()


def test_activities_in_sequence(moto: str) -> None:
    registered("domain")
    run_id = start(Sequence, 3)
    with Crew():
        assert ended(run_id=run_id).status == "completed"
    assert outcome(run_id=run_id).result == "3"


def test_examples(swf: Commands) -> None:
    """All at once, since moto lets each poll without a task wait for a second."""
    marks = {"SIMPLEFLOW_S3_HOST": str(swf.path), "LOG_LEVEL": "ERROR"}

    def run(target: str) -> Done:
        module, _, name = target.partition(":")
        command = ("standalone", *OPTIONS.get(target, ()), f"{EXAMPLES / module}.py:{name}")
        return swf.run(*command, seconds=100, STEP_BUCKET=module, **marks)

    targets = sorted(HOSTED.keys() - NOT_HOSTED.keys())
    nursery.start()
    with ThreadPoolExecutor(len(targets)) as threads:
        ended = dict(zip(targets, threads.map(run, targets), strict=True))
    faults = {target: done.err for target, done in ended.items() if done.code}
    assert faults == {}
    results = {target: json.loads(done.out) for target, done in ended.items()}
    for counted in ("packages", "files", "lines"):
        assert results["census:Census"].pop(counted) > 0
    assert results == {each: HOSTED[each] for each in ended}


def test_an_example_that_fails(swf: Commands) -> None:
    done = swf.run("standalone", f"{EXAMPLES / 'fail'}.py:Failing", LOG_LEVEL="ERROR")
    assert (done.code, done.out) == (1, "")
    assert "too few rows" in done.err


def test_each_example_runs_or_has_a_reason_not_to() -> None:
    """``demo.py`` and ``demo_cluster.py`` have no workflow of their own: they run the one of ``census.py``."""
    known = [*{**HOSTED, **NOT_HOSTED}, "fail:Failing"]
    assert sorted(target.partition(":")[0] for target in known) == sorted(
        path.stem for path in EXAMPLES.glob("*.py") if path.stem not in ("demo", "demo_cluster")
    )
    assert all(NOT_HOSTED.values())
