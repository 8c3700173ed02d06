"""The options ``--force`` and ``--skip`` of ``workflow.start``."""

from __future__ import annotations

import json
import os
import signal

import pytest

from simpleflow.cli import step_names
from simpleflow.exceptions import InputError
from tests.cli.conftest import Folder
from tests.cli.test_start import lines
from tests.stamps import unstamped


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], []),
        (["a"], ["a"]),
        (["a, b.c ,d", "e"], ["a", "b.c", "d", "e"]),
        (['"a,b",c'], ["a,b", "c"]),
        (['"say ""so"""'], ['say "so"']),
        (['" a ", "b" ,c'], [" a ", "b", "c"]),
        (['q"uote,a "b"'], ['q"uote', 'a "b"']),
        (["*"], ["*"]),
        (["a b/c"], ["a b/c"]),
    ],
)
def test_split(values: list[str], found: list[str]) -> None:
    assert step_names.split_names(values, "--force") == found


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "--force '' has an empty name; expected names such as load or load.users, separated by commas"),
        ("a,,b", "--force 'a,,b' has an empty name"),
        ("a, ", "--force 'a, ' has an empty name"),
        ('"a', "--force '\"a' is not a list of names: a quote is not closed"),
        (' "a', "--force ' \"a' is not a list of names: a quote is not closed"),
        ('"a" b', "--force '\"a\" b' is not a list of names: a quote is not closed, or text follows it"),
        ('""', "--force '\"\"' has an empty name"),
        ("a..b", "--force: step name 'a..b' has an empty part"),
        ("a\nb", "--force: step name 'a\\nb' holds a control character; expected plain text"),
        ("a\x1bb", "--force: step name 'a\\x1bb' holds a control character"),
    ],
)
def test_invalid_lists_of_names_are_refused(value: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        step_names.split_names([value], "--force")
    assert str(caught.value).startswith(message)


def test_unreached_names_get_a_line_with_a_suggestion() -> None:
    steps = ["load.users", "load.orders", "report"]
    assert step_names.unreached_names(["load", "*", "report", "load.users"], steps, "--skip") == []
    assert step_names.unreached_names(["reprot", "x" * 30, "reprot", "load.user"], steps, "--force") == [
        "--force 'reprot': no step of that name was reached (did you mean 'report'?)",
        f"--force '{'x' * 30}': no step of that name was reached",
        "--force 'load.user': no step of that name was reached (did you mean 'load.users'?)",
    ]
    assert step_names.unreached_names(["*"], [], "--skip") == ["--skip '*': no step of that name was reached"]


def test_one_step_only(folder: Folder) -> None:
    folder.start("flow.Gates", "-i", "0")
    done = folder.start("flow.Gates", "-i", "0", "--force", "report", "--skip", "*")
    assert done.code == 0
    assert lines(done.err)[1:5] == [
        "skipped load.users forced: Requested at start",
        "skipped load.orders forced: Requested at start",
        "scheduled report forced: Requested at start",
        "completed report N s forced: Requested at start",
    ]
    assert folder.log == ["load.users", "load.orders", "report", "report"]


def test_names_in_lists_and_names_of_groups_are_forced(folder: Folder) -> None:
    folder.start("flow.Gates", "-i", "0")
    done = folder.start("flow.Gates", "-i", "0", "--force", "load, report", "--force", "load.users")
    assert folder.log[3:] == ["load.users", "load.orders", "report"]
    assert json.loads(done.out) == [["Requested at start"]] * 3
    folder.start("flow.Gates", "-i", "0", "--force", "load.orders", "--skip", "report")
    assert folder.log[6:] == ["load.orders"]


def test_children_get_the_names_and_their_steps_count_as_reached(folder: Folder) -> None:
    done = folder.start("flow.Parent", "--skip", "inner")
    assert done.code == 0
    assert "skipped the-child: inner forced: Requested at start" in lines(done.err)
    assert "reached" not in done.err


@pytest.mark.parametrize(("target", "code"), [("Gates", 0), ("HardStep", 1)])
def test_an_unreached_name_is_reported_at_the_end(folder: Folder, target: str, code: int) -> None:
    done = folder.start(
        f"flow.{target}", *(["-i", "0"] if target == "Gates" else []), "--force", "laod", "--skip", "x.y"
    )
    assert done.code == code
    reported = [line for line in done.err.splitlines() if line.startswith("--")]
    assert reported == [
        "--force 'laod': no step of that name was reached (did you mean 'load'?)",
        "--skip 'x.y': no step of that name was reached",
    ]


@pytest.mark.parametrize("option", ["--force", "--skip"])
def test_bad_names_are_refused_before_anything_starts(folder: Folder, option: str) -> None:
    done = folder.start("flow.Daily", option, "a,,b")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"error: {option} 'a,,b' has an empty name; expected names such as load or load.users, separated by commas\n"
    )
    assert not (folder.path / ".simpleflow").exists()


def test_stopped_and_resumed(folder: Folder) -> None:
    process = folder.begin("flow.Gates", "--force", "load", "--force", "nothing", "-i", "30")
    folder.wait_for(lambda: len(folder.log) >= 2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    err = unstamped(err)
    assert err.splitlines()[-2:] == [
        "--force 'nothing': no step of that name was reached",
        "interrupted; workflow flow.Gates goes on where it was when the same command is run again",
    ]
    process = folder.begin("flow.Gates", "--force", "load", "--force", "nothing", "-i", "30")
    folder.wait_for(lambda: "going" in folder.log)
    (folder.path / "go").touch()
    _, err = process.communicate(timeout=20)
    err = unstamped(err)
    assert "going on where it was" in err
    assert [line for line in err.splitlines() if line.startswith("--")] == [
        "--force 'nothing': no step of that name was reached"
    ]


def test_a_dead_run_with_other_names_is_replaced_with_a_message(folder: Folder) -> None:
    process = folder.begin("flow.Long", "--skip", "other")
    folder.wait_for(folder.worker_pids)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (folder.path / "quick").touch()
    done = folder.start("flow.Long", "--force", "first")
    assert done.code == 0
    assert done.err.splitlines()[0] == (
        "workflow flow.Long: its process died, and it had another --force, --skip, --only, --until, --changed or "
        "--keep-going: "
        f"that run was closed, a new one begins in {folder.path}/.simpleflow"
    )


DEPENDENTS = """
from flow import *

class Dependents(Workflow, WorkflowStepMixin):
    name = "dependents"

    def run(self):
        self.submit(self.step("load", (fetch, "load"), force_steps_if_executed=["report", "reprot"]))
        self.submit(self.step("report", (fetch, "report"), after=["lod"]))
"""


def test_dependencies_and_skipped_names_without_effect_are_reported_by_the_plan_and_at_the_end(folder: Folder) -> None:
    (folder.path / "dependents.py").write_text(DEPENDENTS)
    expected = [
        "skip 'report' has no effect on step 'report', since it depends on 'load': to leave it out, skip 'load' too, "
        "or stop before it with --until load",
        "step 'load' forces 'reprot': no step of that name was reached (did you mean 'report'?)",
        "step 'report' comes after 'lod': no step of that name was reached (did you mean 'load'?)",
    ]
    planned = folder.run("step.plan", "dependents.Dependents", "--skip", "report")
    assert [line for line in planned.err.splitlines() if line.startswith("warning")] == [
        f"warning: {e}" for e in expected
    ]
    assert "Dep of load; skip 'report' has no effect" in planned.out
    done = folder.start("dependents.Dependents", "--skip", "report")
    at = done.err.splitlines().index("workflow dependents: completed")
    assert done.err.splitlines()[at - 3 : at] == expected
    assert "scheduled report forced: Dep of load; skip 'report' has no effect" in lines(done.err)
    done = folder.start("dependents.Dependents", "--skip", "report")
    assert [line for line in done.err.splitlines() if line in expected] == expected[1:]


NESTED = """
from flow import *
from simpleflow.canvas import Group

class Nested(Workflow, WorkflowStepMixin):
    name = "nested"

    def run(self):
        self.submit(self.step("all", Group(self.step("all.load", (fetch, "load")), self.step("send", (fetch, "send")))))
        self.submit(self.step("report", (fetch, "report")))
"""


def test_only_some_steps(folder: Folder) -> None:
    (folder.path / "nested.py").write_text(NESTED)
    done = folder.start("nested.Nested", "--only", "report,all.load,reprot")
    assert done.code == 0
    assert lines(done.err)[0] == "--only 'reprot': the workflow has no step of that name (did you mean 'report'?)"
    assert lines(done.err)[2:] == [
        "skipped all forced: Not among --only",
        "scheduled report forced: Requested at start",
        "completed report N s forced: Requested at start",
        "--only 'all.load': no step of that name was reached (it may be inside 'all', which was skipped)",
        "--only 'reprot': no step of that name was reached (did you mean 'report'?)",
        "workflow nested: completed",
        "2 steps: 1 ran, 1 skipped, 0 failed in N s",
    ]
    assert folder.log == ["report"]
    planned = folder.run("step.plan", "nested.Nested", "--only", "all", "--only", "reprot", "--format", "csv")
    assert [line.split(",")[:4] for line in planned.out.splitlines()[1:]] == [
        ["all", "run", "true", "Requested at start"],
        ["all.load", "run", "true", "Requested at start"],
        ["send", "run", "false", ""],
        ["report", "skip", "true", "Not among --only"],
    ]
    assert "--only 'reprot': no step of that name was reached (did you mean 'report'?)" in planned.err


PIPELINE = """
from flow import *

class Pipeline(Workflow, WorkflowStepMixin):
    name = "pipeline"

    def run(self):
        for name in ("load.users", "load.orders", "clean", "report"):
            self.submit(self.step(name, (fetch, name))).ran
        return "the end"
"""


def test_a_run_that_stops_once_the_named_steps_are_done(folder: Folder) -> None:
    (folder.path / "pipeline.py").write_text(PIPELINE)
    planned = folder.run("step.plan", "pipeline.Pipeline", "--until", "load", "--format", "csv")
    assert [line.split(",")[:2] for line in planned.out.splitlines()[1:]] == [
        *(["load.users", "run"], ["load.orders", "run"]),
        *(["clean", "not run"], ["report", "not run"]),
    ]
    done = folder.start("pipeline.Pipeline", "--until", "load")
    assert done.code == 0
    assert json.loads(done.out) == {"__simpleflow_stopped": {"until": ["load"], "not_run": ["clean"]}}
    assert "workflow pipeline: completed: stopped by --until load; not run: clean, report" in done.err
    assert folder.log == ["load.users", "load.orders"]
    done = folder.start("pipeline.Pipeline", "--until", "claen")
    assert json.loads(done.out) == "the end"
    assert "--until 'claen': no step of that name was reached (did you mean 'clean'?)" in done.err


@pytest.mark.parametrize(
    ("option", "names", "code"),
    [("--until", "claen", 3), ("--only", "claen,x", 3), ("--until", "claen,clean", 0), ("--only", "claen,clean", 0)],
)
def test_a_misspelt_name_is_told_before_the_run_begins(folder: Folder, option: str, names: str, code: int) -> None:
    (folder.path / "pipeline.py").write_text(PIPELINE)
    done = folder.start("pipeline.Pipeline", option, names, "--on-failure", "cat > told")
    first, *others = done.err.splitlines()
    assert first == f"{option} 'claen': the workflow has no step of that name (did you mean 'clean'?)"
    assert (done.code, f"but {option} names no step" in done.err) == (code, code == 3)
    assert [line for line in others if line.startswith(f"{option} 'claen': no step of that name was reached")]
    if code:
        told = json.loads((folder.path / "told").read_text())
        assert (told["status"], told["reason"]) == ("completed", f"{option} names no step")


LATER = """
from flow import *

class Later(Workflow, WorkflowStepMixin):
    name = "later"

    def run(self):
        for name in self.submit(fetch, "load,clean").result.split(","):
            self.submit(self.step(name, (fetch, name))).ran
"""


def test_names_of_the_latest_run_count_where_a_plan_is_not_complete(folder: Folder) -> None:
    (folder.path / "later.py").write_text(LATER)
    text = "no step of that name is known before the run"
    first = folder.start("later.Later", "--until", "clean")
    assert (first.code, first.err.splitlines()[0]) == (0, f"--until 'clean': {text}")
    again = folder.start("later.Later", "--until", "clean", "--force", "*")
    assert (again.code, text in again.err) == (0, False)
    wrong = folder.start("later.Later", "--until", "claen")
    assert wrong.err.splitlines()[0] == f"--until 'claen': {text} (did you mean 'clean'?)"
    assert wrong.code == 3


BROKEN = """
from flow import *
from simpleflow.canvas import Chain, Group

@activity.with_attributes(raises_on_failure=True)
def fail(what):
    raise ValueError(f"{what} is broken")

class Broken(Workflow, WorkflowStepMixin):
    name = "broken"

    def run(self):
        self.submit(self.step("a", (fail, "a")))
        self.submit(self.step("b", Chain((fetch, "b1"), (fetch, "b2"), (fetch, "b3"))))
        self.submit(Group((fail, "c"), (fetch, "d")))
"""


def test_a_run_that_keeps_going_after_a_failure(folder: Folder) -> None:
    (folder.path / "broken.py").write_text(BROKEN)
    done = folder.start("broken.Broken", "--keep-going")
    assert done.code == 1
    assert sorted(folder.log) == ["b1", "b2", "b3", "d"]
    [end] = [line for line in done.err.splitlines() if line.startswith("workflow broken: failed: ")]
    failures = end.removeprefix("workflow broken: failed: ").split("; ")
    assert sorted(failures) == [f"broken.fail: ValueError: {name} is broken (broken.py:7)" for name in "ac"]
    assert "completed b N s" in lines(done.err)
