"""Estimates, plans as files and step.why for runs on Amazon SWF, with the local server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.swf import Commands, server

FLOW = """
import os, time
from simpleflow import Workflow, activity
from simpleflow.step import Step, WorkflowStepMixin

@activity.with_attributes(name="ahead.work", version="1", task_list="ahead", raises_on_failure=True)
def work(what):
    time.sleep(0.3)

class Flow(Workflow, WorkflowStepMixin):
    name, version, task_list = "ahead", "1", "ahead"

    def get_step_bucket(self):
        return "file://" + os.path.join(os.path.dirname(os.path.abspath(__file__)), "marks")

    def run(self, day="mon"):
        self.submit(Step("load", (work, day), force_steps_if_executed=["report"]))
        self.submit(Step("report", (work, "report")))
"""


@pytest.fixture
def swf(tmp_path: Path) -> Iterator[Commands]:
    (tmp_path / "flow.py").write_text(FLOW)
    with server(tmp_path, "--poll-seconds", "20") as url:
        found = Commands(tmp_path, url)
        yield found
        found.close()


def test_what_is_known_ahead_and_afterwards(swf: Commands) -> None:
    run = ("standalone", "--nb-workers", "1", "flow.py")
    assert swf.run(*run).code == 0
    planned = swf.run("step.plan", "flow.py", "--force", "load", "--estimate", "--save", "plan.json", "--json")
    assert planned.code == 0, planned.err
    estimate = json.loads(planned.out)["estimate"]
    assert (estimate["runs"], estimate["complete"], estimate["unknown"]) == (1, True, [])
    kept = json.loads((swf.path / "plan.json").read_text())["estimate"]
    assert (kept["runs"], kept["share"]) == (1, 0.9)
    assert [kept["seconds"], kept["most"]] == [estimate["seconds"]["0.5"], estimate["seconds"]["0.9"]]
    assert 0.6 <= estimate["seconds"]["0.5"] < 10
    started = swf.run("workflow.start", "flow.py", "--plan", "plan.json")
    assert started.code == 0, started.err
    assert started.out.startswith("ahead ")
    swf.run("workflow.terminate", "ahead")
    assert swf.run(*run, "--force", "load", "-p", "day=tue").code == 0
    last, *_, first = json.loads(swf.run("step.why", "flow.py", "load", "--json").out)
    assert (last["verdict"], first["verdict"]) == ("ran", "ran")
    assert last["differences"] == ["Arguments changed: argument 1 'mon' -> 'tue'"]
    checked = swf.run("history.check", "flow.py", "--workflow-id", "ahead")
    assert checked.code == 0, checked.out
    assert swf.run("step.plan", "flow.py", "--save", "done.json").code == 0
    (swf.path / "marks" / "ahead" / "steps").rename(swf.path / "gone")
    refused = swf.run("workflow.start", "flow.py", "--plan", "done.json")
    assert (refused.code, "nothing was started" in refused.err) == (1, True)
