"""The output of activities on the command line: while a run is under way, under a failure, and later."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simpleflow.cli.view.log_lines import LogReader
from tests.cli.conftest import SIMPLEFLOW, Folder
from tests.cli.terminals import Screen
from tests.stamps import unstamped

FLOW = r"""
import logging, subprocess, sys, time
from pathlib import Path
from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.step.workflow import WorkflowStepMixin

log = logging.getLogger("flow")

@activity.with_attributes(retry=1)
def work(name):
    for number in range(12):
        print(f"{name} {number}")
    print("\x1b]0;title\x07 and \x1b[31mred\xff")
    log.info("at work on %s", name)
    log.debug("details")
    while not Path("go").exists():
        time.sleep(0.01)
    if name == "bad" or not Path(name).exists():
        Path(name).touch()
        raise ValueError("no rows")

@activity.with_attributes()
def quiet():
    pass

@activity.with_attributes()
def say(text):
    print(text)

class Inner(Workflow, WorkflowStepMixin):
    name = "inner"

    @classmethod
    def get_workflow_id(cls):
        return "inner"

    def run(self):
        futures.wait(self.submit(self.step("deep", (say, "from a child"))))

class Flow(Workflow, WorkflowStepMixin):
    name = "flow"

    def run(self):
        futures.wait(self.submit(self.step("silent", quiet)))
        futures.wait(self.submit(self.step("load.both", Group((say, "one"), (say, "two")))))
        futures.wait(self.submit(self.step("load.rows", (work, "rows"))))
        futures.wait(self.submit(Inner), self.submit(say, "outside of steps"))
        futures.wait(self.submit(self.step("bad", (work, "bad"))))
"""
NEUTRAL = "\\x1b]0;title\\x07 and \\x1b[31mred\xff"


@pytest.fixture
def flow(folder: Folder) -> Folder:
    (folder.path / "flow.py").write_text(FLOW)
    (folder.path / "go").touch()
    return folder


@pytest.fixture
def ran(flow: Folder) -> Folder:
    assert flow.start("flow.py:Flow", "--output", "none").code in (1, 3)
    return flow


def test_lines_without_a_terminal_begin_with_the_time_and_the_step(flow: Folder) -> None:
    command = [SIMPLEFLOW, "workflow.start", "--local", "--nb-workers", "2", "flow.py:Flow"]
    done = subprocess.run(command, cwd=flow.path, capture_output=True, encoding="utf-8")
    lines = done.stderr.splitlines()
    assert [line for line in lines if not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (\S| {11}\| )", line)] == []
    plain = unstamped(done.stderr).splitlines()
    for line in (
        "load.both | one",
        "load.both | two",
        "inner: deep | from a child",
        "activity flow.say | outside of steps",
    ):
        assert line in plain
    assert plain.count("load.rows | rows 0") == 2
    assert plain.count(f"load.rows | {NEUTRAL}") == 2
    failed = next(number for number, line in enumerate(plain) if line.startswith("failed     bad"))
    under = [line.strip() for line in plain[failed + 1 : failed + 11]]
    assert under == [*[f"| bad {number}" for number in range(3, 12)], f"| {NEUTRAL}"]
    assert "at work" not in done.stderr


def test_output_tail_and_none(flow: Folder) -> None:
    tail = flow.start("flow.py:Flow", "--output", "tail")
    assert "load.both | one" not in tail.err
    assert "  | bad 11\n" in tail.err
    none = flow.start("flow.py:Flow", "--output", "none")
    assert "failed     bad" in none.err
    assert "bad 11" not in none.err


@pytest.mark.parametrize(
    ("args", "environment", "info", "debug"),
    [
        (["--log-level", "info"], {}, True, False),
        ([], {"LOG_LEVEL": "debug"}, True, True),
        (["--log-level", "error"], {"LOG_LEVEL": "debug"}, False, False),
    ],
)
def test_log_level(flow: Folder, args: list[str], environment: dict[str, str], info: bool, debug: bool) -> None:
    done = flow.start("flow.py:Flow", *args, **environment)
    logged = re.findall(r"^load\.rows \| \d{4}-\S+ \S+ (\w+) flow: (.*)$", done.err, re.MULTILINE)
    expected = [("INFO", "at work on rows")] * info + [("DEBUG", "details")] * debug
    assert logged == expected * 2


def test_unknown_log_level(flow: Folder) -> None:
    expected = "expected DEBUG, INFO, WARNING, ERROR or CRITICAL\n"
    done = flow.start("flow.py:Flow", "--log-level", "loud")
    assert (done.code, done.err) == (2, f"error: --log-level is 'loud': {expected}")
    done = flow.start("flow.py:Flow", LOG_LEVEL="loud")
    assert (done.code, done.err) == (2, f"error: LOG_LEVEL is 'loud': {expected}")


CRASH = """
import os, signal
from simpleflow import Workflow, activity
from simpleflow.step.workflow import WorkflowStepMixin

@activity.with_attributes()
def crash():
    print("about to crash")
    inside()

def inside():
    os.kill(os.getpid(), signal.SIGSEGV)

class Crash(Workflow, WorkflowStepMixin):
    def run(self):
        self.submit(self.step("crash", crash))
"""


def test_a_crash_in_c_shows_the_frames_of_the_activity(tmp_path: Path) -> None:
    (tmp_path / "crash.py").write_text(CRASH)
    err = Folder(tmp_path).start("crash.py").err
    shown = [line.partition("| ")[2] for line in err.splitlines() if line.startswith("           |")]
    line = CRASH.splitlines().index("    os.kill(os.getpid(), signal.SIGSEGV)") + 1
    assert shown == [
        "about to crash",
        "Fatal Python error: Segmentation fault",
        f'  File "{tmp_path}/crash.py", line {line} in inside',
        f'  File "{tmp_path}/crash.py", line {line - 3} in crash',
    ]
    assert "ended by signal 11 while it did the activity (code in C crashed); its output says where" in err


def test_task_logs(ran: Folder) -> None:
    done = ran.run("task.logs", "flow", "load.rows")
    assert done.err == "attempt 2; --attempt shows earlier ones\n"
    assert done.out.splitlines()[:2] == ["rows 0", "rows 1"]
    assert done.out.endswith("\x1b]0;title\x07 and \x1b[31mred\xff\n")
    first = ran.run("task.logs", "flow", "load.rows", "--attempt", "1", "-n", "2")
    assert (first.err, first.out) == ("", f"rows 11\n{done.out.splitlines()[-1]}\n")
    both = ran.run("task.logs", "flow", "load.both").out
    assert re.sub(r"activity-\S+", "ID", both) == "==> load.both: ID <==\none\n==> load.both: ID <==\ntwo\n"
    one = re.findall(r"activity-\S+", both)[1]
    assert ran.run("task.logs", "flow", one).out == "two\n"
    assert ran.run("task.logs", "flow", "silent").err == "silent has printed nothing, or its output was not kept\n"
    assert ran.run("task.logs", "flow", "bad", "--attempt", "9").err == (
        "error: 'bad' has no log of attempt 9; expected 1, 2\n"
    )
    assert ran.run("task.logs", "flow", "none").code == 1
    assert "'none'" in ran.run("task.logs", "flow", "none").err


def test_workflow_logs(ran: Folder) -> None:
    done = ran.run("workflow.logs", "flow")
    lines = done.out.splitlines()
    assert lines[:4] == ["load.both | one", "load.both | two", "load.rows | rows 0", "load.rows | rows 1"]
    assert "load.rows (attempt 2) | rows 11" in lines
    assert "inner: deep | from a child" in lines
    assert "activity flow.say | outside of steps" in lines
    assert ran.run("workflow.logs").out == done.out
    some = ran.run("workflow.logs", "flow", "--step", "load", "-n", "1", "-f")
    assert [line.partition(" |")[0] for line in some.out.splitlines()] == [
        "load.both", "load.both", "load.rows", "load.rows (attempt 2)"
    ]  # fmt: skip
    nothing = ran.run("workflow.logs", "flow", "--step", "silent")
    assert (nothing.code, nothing.out) == (0, "")
    assert nothing.err == "step 'silent' has printed nothing, or its output was not kept\n"
    wrong = ran.run("workflow.logs", "flow", "--step", "slient")
    assert (wrong.code, wrong.out) == (1, "")
    assert "has no step 'slient' (did you mean 'silent'?); its steps: " in wrong.err


OUTER = """
from flow import say
from simpleflow import Workflow
from simpleflow.step.workflow import WorkflowStepMixin

class Below(Workflow, WorkflowStepMixin):
    name = "below"

    def run(self):
        self.submit(self.step("deep", (say, "from a child"))).value

class Outer(Workflow, WorkflowStepMixin):
    name = "outer"

    def run(self):
        self.submit(self.step("child", Below)).value
        self.submit(self.step("named", Named)).value

class Named(Below):
    @classmethod
    def get_workflow_id(cls, *args, **kwargs):
        return "an id of its own"
"""


def test_the_output_of_a_step_is_that_of_its_child_workflow(flow: Folder) -> None:
    (flow.path / "outer.py").write_text(OUTER)
    assert flow.start("outer.py:Outer", "--output", "none").code == 0
    assert flow.run("workflow.logs", "outer", "--step", "child").out.endswith(": deep | from a child\n")
    assert flow.run("task.logs", "outer", "child").out == "from a child\n"
    assert flow.run("task.logs", "outer", "named").out == "from a child\n"
    told = flow.run("task.info", "outer", "child").err
    assert "the work of step 'child' is the child workflow 'outer--below-step.child.-" in told
    assert "give the id of one, such as 'outer--below-step.child.-" in flow.run("task.logs", "outer", "deep").err


@pytest.mark.parametrize("command", [("workflow.logs", "flow"), ("task.logs", "flow", "bad")])
def test_logs_of_runs_on_swf(flow: Folder, command: tuple[str, ...]) -> None:
    done = flow.run(*command, "--domain", "d", AWS_DEFAULT_REGION="us-east-1")
    assert done.err.startswith("error: output of activities is kept in the state folder of local runs")


@pytest.fixture
def screens(flow: Folder) -> Iterator[Callable[..., Screen]]:
    begun: list[Screen] = []

    def begin(*args: str) -> Screen:
        begun.append(Screen(flow.path, *args))
        return begun[-1]

    yield begin
    for each in begun:
        each.kill()


def test_logs_are_neutral_on_a_terminal(ran: Folder, screens: Callable[..., Screen]) -> None:
    for command in (("task.logs", "flow", "load.rows"), ("workflow.logs", "flow", "--step", "load.rows")):
        screen = screens(*command)
        assert screen.end() == 0
        assert NEUTRAL in "\n".join(screen.everything)
        assert b"\x1b]0" not in screen.raw


def test_a_run_is_followed_to_its_end(flow: Folder) -> None:
    (flow.path / "go").unlink()
    run = flow.begin("flow.py:Flow")
    flow.wait_for(lambda: any(Path(flow.path).glob(".simpleflow/logs/*/*load.rows*")))
    logs = flow.command("workflow.logs", "-f")
    assert logs.stdout is not None
    while "rows 11" not in logs.stdout.readline():
        pass
    (flow.path / "go").touch()
    rest = logs.communicate(timeout=30)[0].splitlines()
    run.communicate(timeout=30)
    assert logs.returncode == 0
    assert "load.rows (attempt 2) | rows 0" in rest
    assert "inner: deep | from a child" in rest
    assert rest[-1] == "bad (attempt 2) | \x1b]0;title\x07 and \x1b[31mred\xff"


def test_a_terminal_gets_lines_that_have_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("simpleflow.cli.view.log_lines.time.monotonic", lambda: now)
    log = tmp_path / "log"
    reader = LogReader(str(log))
    log.write_bytes(b"one\n\r 1%")
    assert (reader.lines(), reader.unfinished()) == ([b"one"], [])
    now += 1
    assert (reader.lines(), reader.unfinished()) == ([], [b"\r 1%"])
    log.write_bytes(b"one\n\r 1%\r 2%")
    assert (reader.lines(), reader.unfinished()) == ([], [])
    now += 3
    assert (reader.lines(), reader.unfinished(), reader.unfinished()) == ([], [b"\r 1%\r 2%"], [])
    log.write_bytes(b"one\n\r 1%\r 2%\n")
    assert (reader.lines(), reader.unfinished()) == ([b"\r 1%\r 2%"], [])


def test_following_ends_when_the_process_has_died(flow: Folder) -> None:
    (flow.path / "go").unlink()
    run = flow.begin("flow.py:Flow")
    flow.wait_for(lambda: any(Path(flow.path).glob(".simpleflow/logs/*/*load.rows*")))
    logs = flow.command("workflow.logs", "flow", "-f")
    time.sleep(0.3)
    run.kill()
    out, err = logs.communicate(timeout=30)
    assert "load.rows | rows 11\n" in out
    assert err == "the process of the run has died; the run goes on when it is started again\n"


def test_the_live_view(flow: Folder, screens: Callable[..., Screen]) -> None:
    (flow.path / "go").unlink()
    screen = screens("workflow.start", "--local", "--nb-workers", "2", "flow.py:Flow", "--output", "tail")
    screen.until(r"^  activity flow\.work +\d+\.\d+ s  load\.rows  \| \\x1b\]0;title\\x07 and \\x1b\[31mred")
    (flow.path / "go").touch()
    screen.end()
    lines = screen.everything
    assert not any(line.startswith("load.both | ") for line in lines)
    at = next(number for number, line in enumerate(lines) if line.startswith("✗ bad"))
    assert lines[at + 1] == "  | bad 3"
    assert lines[at + 10] == f"  | {NEUTRAL}"
    assert b"\x1b]0" not in screen.raw
