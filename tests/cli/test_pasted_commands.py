"""Commands that messages suggest work when they are pasted into a shell, in the same folder."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simpleflow import shell_words
from simpleflow.cli import start_command, step_names
from simpleflow.runs import workflow_file
from tests.cli.conftest import Folder
from tests.markup import plain

TWO = """
import datetime
import os
from simpleflow import Workflow, activity
from simpleflow.step import WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def do(day):
    print("doing", day)
    if not os.path.exists("mended"):
        raise ValueError(day)
    return day


class First(Workflow, WorkflowStepMixin):
    name = "daily"

    def run(self, day="mon"):
        return self.submit(self.step("load", (do, day), keep_result=True)).value


class Planned(Workflow, WorkflowStepMixin):
    name = "planned"

    def run(self, day: datetime.date, *, rows=1):
        self.submit(self.step("before", (first, rows))).result
        return self.submit(self.step("load", (do, f"{day:%d.%m.} {rows}"), keep_result=True)).value


@activity.with_attributes()
def first(rows):
    return rows


class Second(Workflow):
    name = "weekly"

    def run(self):
        return 2
"""


@pytest.mark.parametrize(
    "word",
    [
        "a",
        "",
        " ",
        "it's",
        '"x" $HOME `id` \\n',
        "*",
        "a\nb",
        "a\n1",
        "it's\n\\x",
        "\t",
        "a\xa0b",
        "\u200b",
        "\udcff7",
        "é",
    ],
)
def test_a_word_reaches_a_program_as_it_was(word: str) -> None:
    quoted = shell_words.quoted(word)
    assert quoted.isprintable()
    done = subprocess.run(["bash", "-c", f"printf %s {quoted}"], capture_output=True, check=True)
    assert done.stdout == word.encode(errors="surrogateescape")


def test_names_of_steps_survive_the_shell() -> None:
    names = ["a b's", 'x,"y"', "*"]
    done = subprocess.run(["bash", "-c", f"printf %s {step_names.as_option(names)}"], capture_output=True, check=True)
    assert list(step_names.split_names([done.stdout.decode()], "--force")) == names


@pytest.fixture
def two(folder: Folder) -> Folder:
    (folder.path / "my flows").mkdir()
    (folder.path / "my flows" / "two.py").write_text(TWO)
    return folder


def pasted(folder: Path, command: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PATH"} | {"PATH": path}
    return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("called", ["{bin}/simpleflow", "{bin}/python -m simpleflow"])
def test_the_command_to_go_on_works_where_the_environment_is_not_active(two: Folder, called: str) -> None:
    called = called.format(bin=os.path.dirname(sys.executable))
    day = r"""$'it\'s "x",\n $HOME'"""
    done = pasted(
        two.path, f"{called} workflow.start --nb-workers 0 --state 'st ate' 'my flows/two.py:First' -p day={day}"
    )
    assert done.returncode == 1
    [line] = [each for each in done.stderr.splitlines() if " to go on" in each]
    (two.path / "mended").touch()
    again = pasted(two.path, line.partition(": ")[2])
    assert (again.returncode, again.stdout) == (0, '"it\'s \\"x\\",\\n $HOME"\n'), again.stderr


def test_a_restart_goes_on_as_a_start_that_forces_nothing_again(two: Folder) -> None:
    """It has the input, with a value that is a date for the workflow, and is given from another folder."""
    given = ("--nb-workers", "0", "my flows/two.py:Planned", "-p", "day=2026-11-23", "-p", "rows=3")
    assert two.run("workflow.start", *given, "--force", "before,load").code == 1
    (two.path / "other").mkdir()
    state = ("--state", "../.simpleflow")
    called = f"{os.path.dirname(sys.executable)}/simpleflow"
    done = pasted(
        two.path / "other", shell_words.joined([called, "workflow.restart", *state, "planned", "--output=none"])
    )
    assert done.returncode == 1, done.stderr
    line = done.stderr.splitlines()[-1]
    assert " to go on, skipping 1 step: " in line
    assert line.endswith(" -p day=2026-11-23 --output=none")
    (two.path / "other" / "mended").touch()
    again = pasted(two.path / "other", line.partition("step: ")[2])
    assert (again.returncode, again.stdout) == (0, '"23.11. 3"\n'), again.stderr
    assert "2 steps: 1 ran, 1 skipped, 0 failed" in again.stderr


def test_no_start_does_what_the_restart_of_a_child_does() -> None:
    given = {"args": [], "kwargs": {}}
    assert start_command.steering({**given, "__simpleflow_claims": {}}) is None
    assert start_command.steering({**given, "__simpleflow_steps": {"played": ["a"]}}) is None
    steering = start_command.steering({**given, "__simpleflow_steps": {"force": ["a"]}, "__simpleflow_typed": []})
    assert steering is not None
    assert {name: value for name, value in steering.items() if value} == {"force": ["a"]}


def test_the_commands_of_a_report_name_the_class_in_a_file_of_several(two: Folder) -> None:
    (two.path / "pyproject.toml").touch()
    assert two.run("workflow.start", "--nb-workers", "0", "my flows/two.py:First").code == 1
    assert two.run("workflow.report", "daily", "-o", "report.html").code == 0
    text = html.unescape(plain((two.path / "report.html").read_text()))
    [command] = re.findall(r"simpleflow workflow\.restart [^<]*", text)
    assert command.endswith(f" --workflow '{two.path}/my flows/two.py:First'")
    (two.path / "mended").touch()
    again = pasted(two.path, f"{os.path.dirname(sys.executable)}/{command}")
    assert (again.returncode, again.stdout) == (0, '"mon"\n'), again.stderr


def test_the_workflow_of_a_run_is_named_by_a_path_that_leads_to_it(tmp_path: Path) -> None:
    (tmp_path / "etl").mkdir()
    (tmp_path / "etl" / "two.py").touch()
    state = str(tmp_path / "deep" / "state")
    here = f"{tmp_path}/etl/two.py"
    assert workflow_file.reference('{"file": "etl/two.py", "class": "First"}', "daily", state) == f"{here}:First"
    assert workflow_file.reference('{"file": "etl/two.py"}', "two.First", state) == f"{here}:First"
    assert workflow_file.reference('{"file": "etl/two.py"}', "daily", state) == here
    assert workflow_file.reference('{"file": "gone/two.py", "class": "X"}', "daily", state) == "gone/two.py:X"
    assert workflow_file.reference("{}", "daily", state) == ""
    assert workflow_file.reference(None, "daily", None) == ""


def test_hidden_passwords_are_reported(two: Folder) -> None:
    done = two.run("workflow.start", "--nb-workers", "0", "my flows/two.py:First", "-p", "day=http://u:secret@h/")
    line = done.err.splitlines()[-1]
    assert line.startswith("to go on, with the passwords and secrets in place of ***: simpleflow workflow.start ")
    assert "secret@" not in done.err.splitlines()[-1]


def test_the_state_folder_of_a_setting_is_named(two: Folder) -> None:
    done = two.run("workflow.start", "--nb-workers", "0", "my flows/two.py:First", SIMPLEFLOW_STATE="kept here")
    command = done.err.splitlines()[-1].removeprefix("to go on: simpleflow ")
    assert command == "workflow.start --nb-workers 0 'my flows/two.py:First' --state 'kept here'"


def test_a_run_that_a_plan_steered_goes_on_without_the_plan(two: Folder) -> None:
    """The plan no longer holds, since some of its steps are done."""
    file = "my flows/two.py:Planned"
    options = ("-p", "day=2026-11-23", "-p", "rows=5", "--force", "load", "--workflow-id", "id's")
    assert two.run("step.plan", file, *options, "--save", "plan.json").code == 0
    done = two.run("workflow.start", "--nb-workers", "0", "--plan", "plan.json", file)
    assert done.code == 1
    head, command = done.err.splitlines()[-1].split(": simpleflow ", 1)
    assert head == "to go on, skipping 1 step"
    (two.path / "mended").touch()
    again = pasted(two.path, f"{os.path.dirname(sys.executable)}/simpleflow {command}")
    assert (again.returncode, again.stdout) == (0, '"23.11. 5"\n'), again.stderr
    assert "skipped    before" in again.stderr


def test_paths_are_those_of_the_folder_where_they_were_typed(two: Folder) -> None:
    """A workflow's file may change the folder when it is loaded; what it reads is beside it."""
    file = two.path / "my flows" / "two.py"
    file.write_text(f"import os\nos.chdir(os.path.dirname(os.path.abspath(__file__)))\n{TWO}")
    for options in ((), ("--state", "kept")):
        done = two.run("workflow.start", "--nb-workers", "2", "my flows/two.py:First", *options)
        assert done.code == 1
        [log] = [line.partition(": ")[2] for line in done.err.splitlines() if line.startswith("log of load: ")]
        assert (two.path / log).is_file()
        assert "daily" in two.run("workflow.list", *options).out
    assert two.run("step.plan", "my flows/two.py:First", "--state", "kept", "--save", "plan.json").code == 0
    assert (two.path / "plan.json").is_file()
    assert {each.name for each in file.parent.iterdir()} <= {"two.py", "__pycache__"}
