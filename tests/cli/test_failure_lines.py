"""The lines of failed activities in the text of a failed step: once, for the right failure, and counted once."""

from __future__ import annotations

import json
import re

import pytest

from simpleflow.cli.errors import run_reason
from simpleflow.cli.view.failures import ActivityFailure, of_step, with_lines
from tests.cli.conftest import Folder


def failure(step: str, text: str, where: str, number: int = 1, reason: str | None = None) -> ActivityFailure:
    id = f"activity-a.b-step.{step}.-{number}" if step else f"activity-a.b-{number}"
    return ActivityFailure(number, id, "a.b", text, where, text if reason is None else reason, "")


BAD, THING = failure("s", "E: bad", "f:1"), failure("s", "E: bad thing", "f:2", 2)


@pytest.mark.parametrize(
    ("error", "failures", "expected"),
    [
        ("E: bad", [BAD], "E: bad (f:1)"),
        ("E: bad thing", [THING], "E: bad thing (f:2)"),
        ("E: bad; E: bad thing", [BAD, THING], "E: bad (f:1); E: bad thing (f:2)"),
        ("E: bad thing; E: bad", [THING, BAD], "E: bad thing (f:2); E: bad (f:1)"),
        ("E: bad", [BAD, BAD._replace(where="f:3")], "E: bad (f:1, f:3)"),
        ("E: bad", [BAD, BAD], "E: bad (f:1)"),
        ("E: bad", [BAD._replace(where="")], "E: bad"),
        ("AssertionError", [failure("s", "AssertionError", "f:1")], "AssertionError (f:1)"),
        ("AssertionError:", [failure("s", "AssertionError", "f:1", reason="AssertionError:")], "AssertionError (f:1)"),
        ("child a: E: bad", [BAD], "child a: E: bad (f:1)"),
        ("E: a (f:9)", [failure("s", "E: a (f:9)", "f:1")], "E: a (f:9) (f:1)"),
        ("E: b...", [BAD], "E: bad (f:1)"),
        ("E: x; E: b...", [BAD], "E: x; E: bad (f:1)"),
        ("", [failure("s", "no reason was given", "", reason="")], ""),
        ("time-out", [BAD._replace(timed_out=True, reason="time-out")], "time-out"),
        ("E: .*", [failure("s", "E: .*", "f:1")], "E: .* (f:1)"),
    ],
)
def test_lines_are_placed_once(error: str, failures: list[ActivityFailure], expected: str) -> None:
    assert with_lines(error, failures) == expected


@pytest.mark.parametrize(
    "error", ["time-out X after 1 s", "time-out X after 1 s: ran for 1.0 s", "E: a; time-out X after 1 s"]
)
def test_a_step_tells_of_a_time_out_in_short_or_in_full(error: str) -> None:
    late = failure("s", "time-out X after 1 s: ran for 1.0 s", "", reason="time-out X after 1 s")._replace(
        timed_out=True
    )
    later = late._replace(text="time-out X after 1 s: ran for 1.1 s")
    assert of_step("s", error, [late, later]) == [late, later]
    assert of_step("s", "E: a", [late]) == []


def test_the_id_decides_which_step_a_failure_belongs_to() -> None:
    other = failure("t", "E: bad", "f:5", 5)
    inner = ActivityFailure(6, "activity-a.b-step.s.u.-6", "a.b", "E: bad", "f:6", "E: bad", "")
    grouped = ActivityFailure(7, "activity-a.b-step.s~2..g1.0-7", "a.b", "E: bad", "f:7", "E: bad", "")
    assert of_step("s", "E: bad", [other, BAD, inner]) == [BAD]
    assert of_step("s", "E: bad", [other, grouped]) == [grouped]
    assert of_step("s.u", "E: bad", [BAD, inner]) == [inner]
    assert of_step("s", "E: bad thing", [BAD, THING]) == [THING]
    assert of_step("s", "E: bad", [BAD, BAD._replace(activity_id="activity-a.b-step.s.-9")]) != [BAD]
    loose = failure("", "E: bad", "f:8", 8)
    assert of_step("x", "E: bad", [loose, loose._replace(event_id=9)]) == [loose]
    assert of_step("x", "E: bad", [failure("", "no reason was given", "", reason="")]) == []


FLOW = """
from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.step import WorkflowStepMixin

@activity.with_attributes()
def bare(x): assert x > 5
@activity.with_attributes()
def same(x): raise ValueError("bad")
@activity.with_attributes()
def also(x): raise ValueError("bad")
@activity.with_attributes()
def more(x): raise ValueError("bad thing\\x1b[31m\\nline")

class Child(Workflow):
    name = "child"
    def run(self): raise KeyError("x")

class W(Workflow, WorkflowStepMixin):
    name = "w"
    def run(self):
        steps = [
            self.submit(self.step("bare", (bare, 1))),
            self.submit(self.step("one", (same, 1))),
            self.submit(self.step("two", (also, 1))),
            self.submit(self.step("group", Group((same, 2), (more, 2)))),
        ]
        futures.wait(*steps)
        futures.wait(self.submit(same, 3))

class V(Workflow, WorkflowStepMixin):
    name = "v"
    def run(self): self.submit(self.step("child", Child))
"""


def test_a_run(folder: Folder) -> None:
    (folder.path / "fails.py").write_text(FLOW)
    done = folder.run("workflow.start", "--local", "--nb-workers", "0", "fails.py:W")
    assert done.code == 3
    failed = [line.split(maxsplit=1)[1] for line in done.err.splitlines() if line.startswith("failed ")]
    shown = {line.split()[0]: " ".join(line.split()[3:]) for line in failed if not line.startswith("activity")}
    assert shown["bare"] == "AssertionError (fails.py:7)"
    assert shown["one"] == "ValueError: bad (fails.py:9)"
    assert shown["two"] == "ValueError: bad (fails.py:11)"
    assert "ValueError: bad thing\\x1b[31m line (fails.py:13)" in shown["group"]
    assert "4 steps failed: bare, one, two and 1 more; 1 activity failed" in done.err
    assert "\x1b" not in done.err
    child = folder.run("workflow.start", "--local", "--nb-workers", "0", "fails.py:V")
    assert (child.code, "Cannot replay" in child.err) == (1, False)
    assert "KeyError('x')" in child.err
    for command in ("workflow.history", "workflow.info"):
        seen = folder.run(command, "--local", "v")
        assert "Cannot replay" not in seen.out
        assert "\x1b" not in seen.out


@pytest.mark.parametrize(
    ("reason", "plain"),
    [
        ("because", "because"),
        ("Workflow execution failed: because", "because"),
        ('Workflow execution error in a.b: "ValueError: no "x""', 'a.b: ValueError: no "x"'),
        ('Workflow execution error in c: "Workflow execution error in a.b: "E: bad""', "c: a.b: E: bad"),
        ('Workflow execution error in c: "Workflow execution error in a.b: "E: ba', "c: a.b: E: ba"),
        ("Cannot replay the workflow: KeyError('x')", "KeyError: 'x'"),
        ("Call('x')", "Call('x')"),
        (None, ""),
    ],
)
def test_the_reason_of_a_run_in_plain_words(reason: str | None, plain: str) -> None:
    assert run_reason(reason, None) == plain


ENDINGS = """
import time
from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.step import WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def bad():
    print("no rows")
    raise ValueError("bad")


@activity.with_attributes()
def long():
    time.sleep(60)


class Child(Workflow):
    name = "child"

    def run(self):
        self.submit(bad).result


class Failing(Workflow):
    name = "failing"

    def run(self):
        self.submit(Child).result


class Grouped(Workflow, WorkflowStepMixin):
    name = "grouped"

    def run(self):
        self.submit(self.step("group", Group(bad, long))).result


class Late(Workflow, WorkflowStepMixin):
    name = "late"
    execution_timeout = 1

    def run(self):
        self.submit(self.step("long", long)).result
"""


def test_the_lists_say_why_a_run_ended(folder: Folder) -> None:
    (folder.path / "endings.py").write_text(ENDINGS)
    assert ": failed: endings.bad: ValueError: bad\n" in folder.run("workflow.start", "endings.py:Failing").err
    assert folder.run("workflow.start", "endings.py:Late").code == 1
    rows = {row["workflow_id"]: row for row in json.loads(folder.run("workflow.list", "--json").out)}
    assert rows["late"]["reason"].startswith("time-out START_TO_CLOSE: ran for 1.")
    assert rows["failing"]["reason"] == "child: endings.bad: ValueError: bad (endings.py:11)"
    err = folder.run("workflow.start", "endings.py:Grouped").err
    assert re.search(r"\nfailed     group +[\d.]+ s  ValueError: bad \(endings.py:11\)\n +\| no rows\n", err), err
    assert "1 step: 0 ran, 0 skipped, 1 failed in" in err
    [found] = json.loads(folder.run("workflow.steps", "grouped", "--json").out)
    assert (found["state"], found["error"], found["log"]) == ("failed", "ValueError: bad", "no rows")
    assert json.loads(folder.run("workflow.list", "--limit", "1", "--json").out)[0]["failed"] == ["group"]
    assert "it timed out: time-out START_TO_CLOSE: ran for 1." in folder.run("workflow.steps", "late").err


MOVED = """
import os
os.chdir("/")
from simpleflow import Workflow, activity
from simpleflow.step.workflow import WorkflowStepMixin

@activity.with_attributes()
def bad():
    raise ValueError("no rows")

class Moved(Workflow, WorkflowStepMixin):
    def run(self):
        self.submit(self.step("load", bad)).exception
        raise KeyError("day")
"""


def test_lines_of_code_are_relative_to_where_the_command_was_called(folder: Folder) -> None:
    (folder.path / "moved.py").write_text(MOVED)
    err = folder.start("moved.py").err
    assert "ValueError: no rows (moved.py:9)" in err
    assert "KeyError: 'day' (moved.py:14)" in err
