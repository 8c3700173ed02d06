"""``step.why``, ``workflow.replay`` and ``history.check`` over the runs of a state folder."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Folder

FLOW = """
from simpleflow import Workflow, activity
from simpleflow.step import Step, WorkflowStepMixin


@activity.with_attributes(name="why.load", raises_on_failure=True)
def load(day):
    return day


@activity.with_attributes(name="why.report", raises_on_failure=True)
def report():
    return "report"


class Flow(Workflow, WorkflowStepMixin):
    name = "flow"

    def run(self, day="mon"):
        self.submit(Step("load", (load, day), force_steps_if_executed=["report"]))
        self.submit(Step("report", report, fingerprint=day))
"""
LINE = FLOW.splitlines().index('        self.submit(Step("report", report, fingerprint=day))') + 1


@pytest.fixture
def flow(folder: Folder) -> Folder:
    """A folder in which the workflow has run, was skipped, and ran again with another argument and other code."""
    (folder.path / "flow.py").write_text(FLOW)
    assert folder.start("flow.py").code == 0
    assert folder.start("flow.py").code == 0
    (folder.path / "flow.py").write_text(FLOW.replace("return day", 'return day + "day"'))
    assert folder.start("flow.py", "--changed", "-p", "day=tue").code == 0
    return folder


def test_why_a_step_ran_and_what_differed(flow: Folder) -> None:
    done = flow.run("step.why", "flow.py", "load", "--json")
    assert done.code == 0, done.err
    last, skipped, first = json.loads(done.out)
    assert [each["verdict"] for each in (last, skipped, first)] == ["ran", "skipped", "ran"]
    assert skipped["why"] == "Step was already played"
    assert "Code changed: load" in last["why"]
    assert last["code"][2:] == ["@@ -2,2 +2,2 @@", " def load(day):", "-    return day", '+    return day + "day"']
    report = json.loads(flow.run("step.why", "flow.py", "report", "--json").out)
    assert report[0]["differences"] == ['Fingerprint changed: "mon" -> "tue"']
    assert report[0]["why"].startswith("forced: Dep of load")
    shown = flow.run("step.why", "flow.py", "load", "--runs", "2").out
    assert [line.split()[3] for line in shown.splitlines()[1:3]] == ["ran", "skipped"]
    assert '  +    return day + "day"' in shown.splitlines()


def test_a_step_that_no_run_has_reached(flow: Folder) -> None:
    done = flow.run("step.why", "flow.py", "lod")
    assert done.code == 1
    assert "step 'lod' was not reached in the last 3 runs of workflow 'flow'" in done.err


def test_the_last_runs_are_replayed_with_the_code_of_today(flow: Folder) -> None:
    assert flow.run("history.check", "flow.py").code == 0
    done = flow.run("history.check", "flow.py", "--runs", "3")
    assert done.code == 1
    same, differs, recorded, today = done.out.splitlines()
    assert ": the same: " in same
    assert ": different: " in differs
    assert (recorded.startswith("recorded: "), today.startswith("today:    ")) == (True, True)
    done = flow.run("history.check", "flow.py", "--workflow-id", "none")
    assert (done.code, "there is no run of workflow 'none'" in done.err) == (1, True)
    done = flow.run("history.check", "dump.json", "flow.py", "--runs", "2")
    assert (done.code, "FILE is one history" in done.err) == (2, True)


def test_a_replay_stops_where_a_step_is_submitted(flow: Folder) -> None:
    given = ("workflow.replay", "flow", "--workflow", "flow.py", "--at")
    done = flow.run(*given, "report")
    assert done.code == 0, done.err
    first, *variables = done.out.splitlines()
    assert first.startswith(f"flow.py:{LINE} in run, after event ")
    assert "  day = 'tue'" in variables
    debugged = flow.run(*given, "report", "--pdb", stdin="p day * 2\nq\n")
    assert debugged.code == 0, debugged.err
    assert "'tuetue'" in debugged.out
    missing = flow.run(*given, "nothing")
    assert (missing.code, "does not submit step 'nothing'" in missing.err) == (1, True)
    elsewhere = flow.path / "elsewhere"
    elsewhere.mkdir()
    unnamed = Folder(elsewhere).run("workflow.replay", "flow", "--at", "report")
    assert (unnamed.code, f"{flow.path}/flow.py:{LINE} in run" in unnamed.out) == (0, True), unnamed.err
