"""The last lines of a run that failed: logs, what was not reached, and the command that goes on."""

from __future__ import annotations

import shlex

import pytest

from simpleflow.cli import step_names
from tests.cli.conftest import Done, Folder

FLOW = """
from flow import *
from simpleflow.canvas import Group

@activity.with_attributes(raises_on_failure=True)
def check(what):
    print("checking", what)
    if not __import__("os").path.exists("mended"):
        raise ValueError(f"{what} is broken")

class Next(Workflow, WorkflowStepMixin):
    name = "next"

    def run(self, day="mon"):
        futures.wait(self.submit(self.step("load", (fetch, day))), self.submit(self.step("extra", (fetch, "extra"))))
        print("run() is called")
        check_all = self.submit(self.step("check", (check, day)))
        futures.wait(check_all)
        self.submit(self.step("report", (fetch, "report")))
        self.submit(self.step("mail", (fetch, "mail")))

class Passing(Workflow, WorkflowStepMixin):
    name = "passing"

    def run(self):
        rows = self.submit(self.step("load", (fetch, "load")))
        self.submit(self.step("extra", (fetch, "extra")))
        checked = self.submit(self.step("check", (check, rows)))
        return self.submit(self.step("report", (fetch, checked))).value

class Raising(Workflow, WorkflowStepMixin):
    name = "raising"

    def run(self):
        futures.wait(self.submit(self.step("load", (fetch, "load"))))
        raise KeyError("no such key")

class Outside(Workflow):
    name = "outside"

    def run(self):
        self.submit(check, "outside").result
"""


@pytest.fixture
def flow(folder: Folder) -> Folder:
    text = FLOW.replace("from flow import *", "from flow import *\nfrom simpleflow import futures")
    (folder.path / "next.py").write_text(text)
    return folder


def last(done: Done) -> list[str]:
    """The lines after the summary."""
    lines = done.err.splitlines()
    at = max(number for number, line in enumerate(lines) if line.startswith("workflow "))
    return [line for line in lines[at + 1 :] if not line[:1].isdigit()]


def test_the_command_goes_on_and_skips_what_it_says(flow: Folder) -> None:
    done = flow.run("workflow.start", "--nb-workers", "2", "next.py:Next", "-p", "day=tue wed", "--fresh")
    assert done.code == 1
    log, left, command = last(done)
    assert log.startswith("log of check: .simpleflow/logs/")
    assert (flow.path / log.removeprefix("log of check: ")).read_text() == "checking tue wed\n"
    assert left == "not reached: report, mail"
    head = "to go on, skipping 2 steps: simpleflow "
    assert command == f"{head}workflow.start --nb-workers 2 next.py:Next -p 'day=tue wed'"
    assert done.err.count("run() is called") == 1
    (flow.path / "mended").touch()
    again = flow.run(*shlex.split(command.removeprefix(head)))
    assert again.code == 0
    assert "5 steps: 3 ran, 2 skipped, 0 failed" in again.err


@pytest.mark.parametrize(("option", "day"), [("--input", "tue wed"), ("--input-file", "tue"), ("-i", "d" * 400)])
def test_what_was_read_from_standard_input_is_given_again(flow: Folder, option: str, day: str) -> None:
    done = flow.run("workflow.start", option, "-", "next.py:Next", stdin=f'{{"kwargs":\n {{"day": "{day}"}}}}')
    assert done.code == 1
    if len(day) > 300:
        head = "to go on, skipping 2 steps, with the same standard input: simpleflow "
        assert last(done)[-1] == f"{head}workflow.start {option} - next.py:Next"
        return
    head = "to go on, skipping 2 steps: simpleflow "
    assert last(done)[-1] == f"""{head}workflow.start next.py:Next --input '{{"kwargs":{{"day":"{day}"}}}}'"""
    (flow.path / "mended").touch()
    assert flow.run(*shlex.split(last(done)[-1].removeprefix(head))).code == 0


def test_names_whose_steps_have_run_are_not_forced_again(flow: Folder) -> None:
    (flow.path / "mended").touch()
    flow.start("next.Next")
    (flow.path / "mended").unlink()
    done = flow.start("next.Next", "--force=load,check", "--force", "report")
    assert last(done)[-1].endswith("workflow.start --local --nb-workers 2 next.Next --force report")
    assert last(done)[-1].startswith("to go on, skipping 3 steps: ")
    done = flow.start("next.Next", "--only", "load,check")
    assert last(done)[-1].endswith("workflow.start --local --nb-workers 2 next.Next --only check")


def test_a_result_that_the_next_run_needs_and_that_was_not_kept(flow: Folder) -> None:
    for number in range(2):  # the second run fails since the result of 'load' is missing
        done = flow.start("next.Passing")
        assert done.code == 1
        *_, kept, left, command = last(done)
        assert kept == "run again, since their results are needed and were not kept: load"
        assert left == "not reached: report" if number == 0 else "not reached: check, report"
        head = "to go on, skipping 1 step: simpleflow "
        assert command == f"{head}workflow.start --local --nb-workers 2 next.Passing --force load"
    (flow.path / "mended").touch()
    assert flow.run(*shlex.split(command.removeprefix(head))).code == 0


def test_failures_outside_of_steps(flow: Folder) -> None:
    done = flow.start("next.Raising")
    assert last(done) == [
        "to go on, skipping at least 1 step: simpleflow workflow.start --local --nb-workers 2 next.Raising"
    ]
    for verb in ("workflow.list", "workflow.steps"):
        done = flow.run(verb, "--local")
        assert "KeyError: 'no such key' (next.py:" in done.out + done.err, "the line of code, also afterwards"
    log, command = last(flow.start("next.Outside"))
    assert log.startswith("log of next.check: .simpleflow/logs/")
    assert command == "to go on: simpleflow workflow.start --local --nb-workers 2 next.Outside"


def test_names_are_written_as_they_are_read() -> None:
    for names in (["a", "b.c"], ["a,b", " c "], ['"q"', "it's"], ["$x y"]):
        [value] = shlex.split(step_names.as_option(names))
        assert step_names.split_names([value], "--force") == names
