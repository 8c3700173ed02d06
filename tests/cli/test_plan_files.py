"""``step.plan --save``, ``plan.diff`` and ``workflow.start --plan``."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Folder

FLOW = """
from simpleflow import Workflow, activity
from simpleflow.step import Step, WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def log(text):
    with open("log", "a") as file:
        file.write(text + "\\n")


class Flow(Workflow, WorkflowStepMixin):
    name = "flow"

    def run(self, day="mon"):
        self.submit(Step("load", (log, "load"), force_steps_if_executed=["report"]))
        self.submit(Step("report", (log, "report " + day)))
"""


@pytest.fixture
def flow(folder: Folder) -> Folder:
    (folder.path / "flow.py").write_text(FLOW)
    return folder


def test_a_run_is_steered_by_a_plan(flow: Folder) -> None:
    done = flow.run("step.plan", "flow.py", "-p", "day=tue", "--force", "load", "--save", "plan.json")
    assert (done.code, done.err.splitlines()[-1]) == (0, "the plan is saved in plan.json")
    assert flow.start("flow.py", "--plan", "plan.json").code == 0
    assert flow.log == ["load", "report tue"]


def test_a_plan_that_no_longer_holds_starts_nothing(flow: Folder) -> None:
    assert flow.run("step.plan", "flow.py", "--save", "first.json").code == 0
    assert flow.start("flow.py").code == 0
    done = flow.start("flow.py", "--plan", "first.json")
    assert done.code == 1
    assert "error: the plan no longer holds, so nothing was started: step 'load' is skipped" in done.err
    assert flow.log == ["load", "report mon"]


def test_the_difference_between_two_plans(flow: Folder) -> None:
    assert flow.start("flow.py").code == 0
    assert flow.run("step.plan", "flow.py", "--save", "a.json").code == 0
    assert flow.run("step.plan", "flow.py", "--force", "load", "--save", "b.json").code == 0
    assert flow.run("plan.diff", "a.json", "a.json") == (0, "the plans agree\n", "")
    done = flow.run("plan.diff", "a.json", "b.json")
    assert done.code == 1
    assert done.out.splitlines()[1:] == [
        "step    before  after  why",
        "load    skip    run    Requested at start",
        "report  skip    run    Dep of load",
    ]
    assert done.out.startswith("2 of 2 steps will run again, about 0.")
    shown = flow.run("plan.diff", "a.json", "b.json", "--format", "markdown").out.splitlines()
    assert shown[2:] == [
        "| step | before | after | why |",
        "| --- | --- | --- | --- |",
        "| load | skip | run | Requested at start |",
        "| report | skip | run | Dep of load |",
    ]
    found = json.loads(flow.run("plan.diff", "a.json", "b.json", "--json").out)
    assert [each["difference"] for each in found["differences"]] == ["runs again", "runs again"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--force", "load"], "--force and --plan exclude each other"),
        (["--workflow-id", "other"], "--workflow-id is 'other'; the plan 'plan.json' is of 'flow'"),
        (["-p", "day=wed"], "the plan 'plan.json' was made with another input"),
    ],
)
def test_options_that_contradict_the_plan(flow: Folder, args: list[str], said: str) -> None:
    assert flow.run("step.plan", "flow.py", "--save", "plan.json").code == 0
    done = flow.start("flow.py", "--plan", "plan.json", *args)
    assert done.code == 2
    assert said in done.err
    assert flow.log == []


def test_what_is_no_plan(flow: Folder) -> None:
    done = flow.start("flow.py", "--plan", "flow.py")
    assert done.code == 2
    assert "file 'flow.py' is no plan that this release reads" in done.err
