"""The commands ``step.list``, ``step.plan``, ``step.forget`` and ``step.mark``."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from simpleflow.stores import open_store
from tests.cli.conftest import SIMPLEFLOW, WORKFLOWS, Done, Folder
from tests.cli.terminals import OwnTerminal

NIGHTLY = ["load.orders", "load.users", "report"]
PREFIX = "nightly/steps"


@pytest.fixture
def project(folder: Folder) -> Folder:
    """A folder with ``flow.py`` and ``steered.py``."""
    shutil.copy(WORKFLOWS / "steered.py", folder.path)
    return folder


def objects(done: Done) -> list[dict[str, Any]]:
    assert (done.code, done.out[:1]) == (0, "["), done.err
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


def steps(done: Done) -> list[str]:
    return [each["step"] for each in objects(done)]


def done_steps(project: Folder, workflow: str = "steered.Nightly", *args: str) -> list[str]:
    return steps(project.run("step.list", workflow, *args, "--format", "json"))


def error(done: Done) -> str:
    """Return the error of a command that ended with one line."""
    assert (done.out, done.err[:7], done.err.count("\n")) == ("", "error: ", 1)
    assert done.code in (1, 2)
    return done.err[7:-1]


def snapshot(path: Path) -> dict[str, bytes]:
    return {
        str(each): each.read_bytes() if each.is_file() else b"" for each in path.rglob("*") if "__pyc" not in str(each)
    }


def on_a_terminal(project: Folder, *args: str, typed: bytes) -> tuple[int, str]:
    """Run a command on a new terminal, and answer its question with ``typed``."""
    terminal = OwnTerminal(project.path, *args)
    answers = [typed]

    def answer(shown: bytes) -> None:
        if answers and b"[y/N] " in shown:
            terminal.type(answers.pop())

    return terminal.read_to_end(answer)


class TestList:
    def test_what_a_run_did(self, project: Folder) -> None:
        assert project.start("flow.Daily", "--input", '{"kwargs": {"force": "load"}}').code == 0
        load, report = objects(project.run("step.list", "flow.Daily", "--format", "json"))
        run_id = load["run_id"]
        assert load | {"done_at": "", "seconds": 0} == {
            "step": "load",
            "done_at": "",
            "workflow_id": "daily",
            "run_id": run_id,
            "seconds": 0,
            "forced": True,
            "reasons": ["asked to"],
            "by_hand": False,
            "fingerprint": None,
            "kept": False,
            "problem": None,
            "arguments": '[["flow.fetch",["load mon"]]]',
            "file": f"{project.path}/flow.py",
            "changed": None,
        }
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", load["done_at"])
        assert isinstance(load["seconds"], float)
        assert (report["step"], report["run_id"], report["reasons"]) == ("report.text", run_id, ["Dep of load"])
        done = project.run("step.list", "flow.py:Daily")
        assert done.err == f"2 done steps: daily/steps in {project.path}/.simpleflow\n"
        titles, first, second = done.out.splitlines()
        assert titles.split() == ["step", "done", "at", "run", "took", "forced"]
        assert re.fullmatch(
            rf"load         \d{{4}}-\d\d-\d\d [\d:]{{8}}  {run_id[:8]}  0\.\d\d s  yes: asked to", first
        )
        assert second.endswith("  yes: Dep of load")

    def test_only_some(self, project: Folder) -> None:
        project.run("step.mark", "steered.Nightly", *NIGHTLY)
        assert done_steps(project, "steered.Nightly") == NIGHTLY
        assert done_steps(project, "steered.Nightly", "load") == NIGHTLY[:2]
        assert done_steps(project, "steered.Nightly", "report,load.users") == NIGHTLY[1:]

    def test_names_that_are_not_done(self, project: Folder) -> None:
        project.run("step.mark", "steered.Nightly", *NIGHTLY)
        done = _quiet(project.run("step.list", "steered.Nightly", "lod", "report", "--format", "json"))
        assert steps(done) == ["report"]
        assert done.err == "warning: no done step is called 'lod' or lies below it (did you mean 'load'?)\n"
        done = _quiet(project.run("step.list", "steered.Nightly", "x"))
        assert (done.code, done.out) == (0, "")
        assert done.err.splitlines() == [
            f"no done steps of these names: {PREFIX} in {project.path}/.simpleflow",
            "warning: no done step is called 'x' or lies below it",
        ]

    def test_nothing(self, project: Folder) -> None:
        before = snapshot(project.path)
        where = f"no done steps: {PREFIX} in {project.path}/.simpleflow\n"
        for style, out in (("table", ""), ("json", "[]\n"), ("csv", "step,done_at,")):
            done = _quiet(project.run("step.list", "steered.Nightly", "--format", style))
            assert (done.code, done.err) == (0, where)
            assert done.out.startswith(out)
            assert done.out.count("\n") == bool(out)
        assert snapshot(project.path) == before

    def test_marks_whose_location_run_decides(self, project: Folder) -> None:
        assert project.start("steered.ByDay", "--input", '["mon"]').code == 0
        assert done_steps(project, "steered.ByDay", "--input", '["mon"]') == ["load"]
        assert done_steps(project, "steered.ByDay", "--input", '["tue"]') == []
        (project.path / "day").write_text('["mon"]')
        assert done_steps(project, "steered.ByDay", "--input-file", "day") == ["load"]
        message = error(project.run("step.list", "steered.ByDay"))
        assert message.startswith("cannot find out where workflow 'byday' keeps its done marks")
        assert message.endswith("give the run's input with --input")
        message = error(project.run("step.list", "steered.ByDay", "--input", "[1, 2]"))
        assert message == "the input does not fit ByDay.run(day): too many positional arguments"

    def test_another_id_and_folder(self, project: Folder) -> None:
        options = ("--workflow-id", "mine", "--state", "kept")
        misspelt = project.run("step.mark", "steered.Nightly", "report", *options)
        assert (misspelt.code, misspelt.out) == (2, "")
        assert "--state 'kept' is no folder" in misspelt.err
        (project.path / "kept").mkdir()
        assert project.run("step.mark", "steered.Nightly", "report", *options).code == 0
        assert done_steps(project, "steered.Nightly", *options) == ["report"]
        assert done_steps(project, "steered.Nightly", "--workflow-id", "mine") == []
        assert open_store(f"state://{project.path / 'kept'}").names("mine/steps") == ["report"]

    def test_csv(self, project: Folder) -> None:
        project.run("step.mark", "steered.Nightly", "report", 'a "b"')
        rows = list(csv.DictReader(io.StringIO(project.run("step.list", "steered.Nightly", "--format", "csv").out)))
        assert [(row["step"], row["by_hand"], row["forced"]) for row in rows] == [
            ('a "b"', "true", ""),
            ("report", "true", ""),
        ]

    def test_standard_output_holds_only_the_result(self, project: Folder) -> None:
        (project.path / "loud.py").write_text(
            "import os\nfrom steered import *\nprint('import says')\nos.system('echo shell says')\n"
            "class Loud(Nightly):\n    pass\n"
        )
        done = project.run("step.plan", "loud.Loud", "--format", "json")
        assert steps(done) == ["load.users", "load.orders", "report"]
        assert {"import says", "shell says", "run says"} <= set(done.err.splitlines())

    def test_a_closed_pipe_is_no_error(self, project: Folder) -> None:
        project.run("step.mark", "steered.Nightly", *(f"s{number}" for number in range(2000)))
        command = f"{SIMPLEFLOW} step.list steered.Nightly --format json | head -1; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], cwd=project.path, capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("[\n0\n", "run says\n")


class TestPlan:
    def test_before_the_first_run(self, project: Folder) -> None:
        before = snapshot(project.path)
        done = project.run("step.plan", "steered.Nightly")
        assert done.code == 0
        assert done.out.splitlines() == [
            "step         verdict  forced  why",
            "load.users   run      no",
            "load.orders  run      no",
            "report       run      no",
        ]
        assert f"3 steps: {PREFIX} in {project.path}/.simpleflow\n" in done.err
        assert snapshot(project.path) == before
        assert project.log == []

    def test_the_plan_is_what_the_run_does(self, project: Folder) -> None:
        project.start("flow.Daily")
        options = ("--force", "load", "--skip", "report,x")
        load, report = objects(project.run("step.plan", "flow.Daily", *options, "--format", "json"))
        assert load == {
            "step": "load",
            "verdict": "run",
            "forced": True,
            "reasons": ["Requested at start"],
            "workflow_id": "daily",
            "unmarks": ["report.text"],
            "note": None,
            "changed": None,
        }
        assert (report["verdict"], report["forced"]) == ("run", True)
        assert report["reasons"] == ["Dep of load"]
        out = project.run("step.plan", "flow.Daily", *options).out
        assert "load         run      yes     Requested at start; no longer done: report.text\n" in out
        assert "skip     no      Step was already played\n" in project.run("step.plan", "flow.Daily").out

    def test_unreached_names_are_warned_of(self, project: Folder) -> None:
        done = project.run("step.plan", "steered.Nightly", "--force", "reprot,load", "--skip", "x", "--format", "json")
        assert (done.code, len(objects(done))) == (0, 3)
        assert [line for line in done.err.splitlines() if line != "run says"] == [
            "warning: --force 'reprot': no step of that name was reached (did you mean 'report'?)",
            "warning: --skip 'x': no step of that name was reached",
        ]

    def test_where_a_result_is_needed(self, project: Folder) -> None:
        line = (
            r"run\(\) needs the result of activity flow\.fetch, which is known only after it runs \(steered\.py:\d+\)"
        )
        done = project.run("step.plan", "steered.Waits")
        assert (done.code, done.out.splitlines()[1]) == (0, "first  run      no")
        assert re.fullmatch(line, done.out.splitlines()[2])
        done = project.run("step.plan", "steered.Waits", "--format", "json")
        assert steps(done) == ["first"]
        assert re.fullmatch(line + "\n", done.err)

    def test_assume_last(self, project: Folder) -> None:
        project.start("steered.Waits")
        before = snapshot(project.path)
        done = project.run("step.plan", "steered.Waits", "--assume-last", "--force", "first", "--format", "json")
        assert [(each["step"], each["verdict"]) for each in objects(done)] == [("first", "run"), ("second", "skip")]
        assert done.err == ""
        assert snapshot(project.path).keys() == before.keys()
        done = project.run("step.plan", "steered.Waits", "--assume-last", "--workflow-id", "other")
        state = f"folder {project.path}/.simpleflow"
        assert f"warning: there is no earlier run of workflow 'other' in {state}\n" in done.err

    def test_a_state_folder_that_cannot_be_read(self, project: Folder, bucket: str) -> None:
        project.start("steered.Buried", MARKS=bucket)
        state = "x" * 300  # unreadable for every user, even for root
        message = f"state folder {state} cannot be read: File name too long; check the folder"
        done = project.run("step.plan", "steered.Buried", "--state", state, "--assume-last", MARKS=bucket)
        assert error(done).startswith(message)
        done = project.run("step.forget", "steered.Buried", "--state", state, "a.b", MARKS=bucket)
        assert (done.code, done.out) == (0, "removed\na.b\n")
        assert f"warning: cannot tell if a run of workflow 'buried' is under way: {message}" in done.err

    def test_children(self, project: Folder) -> None:
        out = project.run("step.plan", "steered.Parent").out
        assert [line.split() for line in out.splitlines()] == [
            ["step", "verdict", "forced", "workflow", "why"],
            ["outer", "run", "no", "parent"],
            ["inner", "run", "no", "the-child"],
        ]

    def test_the_note_of_a_step_is_in_its_row(self, project: Folder) -> None:
        project.run("step.mark", "steered.Prints", "publish")
        out = project.run("step.plan", "steered.Prints").out
        note = "whether step 'publish' runs depends on the result of activity flow.fetch"
        assert re.search(rf"^publish  unknown  no      .*{note}$", out, re.MULTILINE)
        assert out.count(note) == 1


class TestForget:
    def mark(self, project: Folder) -> None:
        assert project.run("step.mark", "steered.Nightly", *NIGHTLY).code == 0

    def test_one(self, project: Folder) -> None:
        self.mark(project)
        done = project.run("step.forget", "steered.Nightly", "report")
        assert (done.code, done.out) == (0, "removed\nreport\n")
        assert done_steps(project) == NIGHTLY[:2]

    def test_several(self, project: Folder) -> None:
        self.mark(project)
        message = error(_quiet(project.run("step.forget", "steered.Nightly", "load", "--format", "json")))
        assert message.startswith(
            "standard input is not a terminal: add --yes to forget 2 steps: load.orders, load.users; "
        )
        assert done_steps(project) == NIGHTLY
        done = project.run("step.forget", "steered.Nightly", "load", "--yes", "--format", "json")
        assert objects(done) == [{"step": name, "removed": True} for name in NIGHTLY[:2]]
        assert done_steps(project) == ["report"]

    def test_all(self, project: Folder) -> None:
        self.mark(project)
        done = project.run("step.forget", "steered.Nightly", "*", "-y", "--format", "csv")
        assert done.out == "step,removed\n" + "".join(f"{name},true\n" for name in NIGHTLY)
        assert done_steps(project) == []
        done = project.run("step.forget", "steered.Nightly", "*")
        assert (done.code, done.out) == (0, "")
        assert f"no done steps: {PREFIX} in " in done.err

    def test_a_name_that_is_not_done(self, project: Folder) -> None:
        self.mark(project)
        message = error(_quiet(project.run("step.forget", "steered.Nightly", "report", "raport", "--yes")))
        assert message == "no done step is called 'raport' or lies below it (did you mean 'report'?)"
        assert done_steps(project) == NIGHTLY

    @pytest.mark.parametrize("typed", [b"y\n", b"Yes\n"])
    def test_confirmed(self, project: Folder, typed: bytes) -> None:
        self.mark(project)
        code, shown = on_a_terminal(project, "step.forget", "steered.Nightly", "load", typed=typed)
        assert code == 0
        assert "forget 2 steps: load.orders, load.users? [y/N] " in shown
        assert "\x1b[1mremoved\x1b[0m\nload.orders\nload.users\n" in shown
        assert done_steps(project) == ["report"]

    @pytest.mark.parametrize(("typed", "code"), [(b"\n", 1), (b"no\n", 1), (b"\x04", 1), (b"\x03", 130)])
    def test_declined(self, project: Folder, typed: bytes, code: int) -> None:
        self.mark(project)
        found, shown = on_a_terminal(project, "step.forget", "steered.Nightly", "load", typed=typed)
        assert found == code
        assert ("nothing was removed\n" if code == 1 else "interrupted\n") in shown
        assert "Traceback" not in shown
        assert done_steps(project) == NIGHTLY

    def test_a_forgotten_step_runs_again(self, project: Folder) -> None:
        project.start("flow.Daily")
        project.run("step.forget", "flow.Daily", "report")
        project.start("flow.Daily")
        assert project.log == ["load mon", "report mon", "report mon"]


class TestMark:
    def test_it_is_skipped(self, project: Folder) -> None:
        done = project.run("step.mark", "flow.Daily", "load", "--format", "json")
        assert objects(done) == [{"step": "load", "marked": True}]
        assert done.err == ""
        [mark] = objects(project.run("step.list", "flow.Daily", "--format", "json"))
        assert (mark["step"], mark["by_hand"], mark["run_id"], mark["workflow_id"]) == ("load", True, None, "daily")
        assert " by hand" in project.run("step.list", "flow.Daily").out
        project.start("flow.Daily")
        assert project.log == ["report mon"]

    def test_done_already(self, project: Folder) -> None:
        project.start("flow.Daily")
        before = objects(project.run("step.list", "flow.Daily", "--format", "json"))
        done = project.run("step.mark", "flow.Daily", "load", "--format", "json")
        assert objects(done) == [{"step": "load", "marked": False}]
        assert done.err == "step 'load' is done already; its mark stays as it is\n"
        assert objects(project.run("step.list", "flow.Daily", "--format", "json")) == before
        assert project.run("step.mark", "flow.Daily", "load").out == ""

    def test_a_name_that_the_plan_does_not_reach(self, project: Folder) -> None:
        done = project.run("step.mark", "flow.Daily", "laod", "report")
        assert done.out == "marked\nlaod\nreport\n"
        assert [line for line in done.err.splitlines() if line.startswith("warning: ")] == [
            "warning: step 'laod': no step of that name was reached (did you mean 'load'?); it is marked anyway",
            "warning: step 'report': only steps below it were reached; it is marked anyway",
        ]

    def test_a_marked_step_that_is_forced(self, project: Folder) -> None:
        done = project.run("step.mark", "flow.Daily", "report.text", "--format", "json")
        assert objects(done) == [{"step": "report.text", "marked": True}]
        assert done.err == "warning: step 'report.text' is marked but may run anyway: Dep of load\n"

    def test_fingerprints_and_results(self, project: Folder) -> None:
        result = ("--result", '{"rows": [1, "ä"]}')
        assert project.run("step.mark", "steered.Prints", "load", "--input", "[2]", *result).code == 0
        [mark] = objects(project.run("step.list", "steered.Prints", "--format", "json"))
        assert (mark["fingerprint"], mark["kept"]) == ('{"version":2}', True)
        done = project.run("step.mark", "steered.Prints", "publish", "--input", "[2]", "--format", "json")
        assert done.err.startswith("warning: step 'publish' is marked but may run anyway: whether step")
        assert json.loads(project.start("steered.Prints", "--input", "[2]").out) == {"rows": [1, "ä"]}
        assert project.log == ["rows", "publish"]

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["*"], "'*' is no step that can be marked as done; expected the exact name of each"),
            (["a..b"], "NAME: step name 'a..b' has an empty part"),
            (["a,"], "NAME 'a,' has an empty name"),
            (["a", "b", "--result", "1"], "--result is the result of one step; expected one NAME, not 2"),
            (["a", "--result", "x"], "--result is not JSON: expecting value"),
            (["a", "--result", '"' + "x" * 40_000 + '"'], "the result of step 'a' has 40,002 characters as JSON"),
            (["x" * 2000], "is too long: with the prefix 'nightly/steps'"),
            ([], "Missing argument 'NAME...'; see simpleflow step.mark --help"),
        ],
    )
    def test_invalid_marks_are_refused(self, project: Folder, args: list[str], message: str) -> None:
        done = _quiet(project.run("step.mark", "steered.Nightly", *args))
        assert message in error(done)
        assert done.code == 2
        assert not (project.path / ".simpleflow").exists()


def _quiet(done: Done) -> Done:
    """Remove the lines that the workflow prints."""
    return done._replace(err=done.err.replace("run says\n", ""))


@pytest.mark.parametrize("command", ["step.list", "step.plan", "step.forget x", "step.mark x"])
class TestEvery:
    def run(self, project: Folder, command: str, workflow: str, *args: str, **environment: str) -> Done:
        name, *rest = command.split()
        return project.run(name, workflow, *rest, *args, **environment)

    def test_errors(self, project: Folder, command: str) -> None:
        for workflow, args, message in (
            ("steered.Nigthly", (), "there is no class 'Nigthly' in 'steered' (did you mean 'Nightly'?)"),
            ("nothing.X", (), "there is no module 'nothing'"),
            ("flow.Waits", (), "workflow Waits has no steps"),
            ("flow.BadId", (), "workflow BadId has no steps"),
            ("steered.Nightly", ("--state", "a", "--domain", "b"), "--state and --domain exclude each other"),
            ("steered.Nightly", ("--format", "yaml"), "'yaml' is not one of 'table', 'json', 'csv'"),
            ("steered.Nightly", ("--input", "[1]"), "the input does not fit Nightly.run(): too many"),
            ("steered.Nightly", ("--workflow-id", ""), "--workflow-id is empty"),
        ):
            done = self.run(project, command, workflow, *args)
            assert message in error(done), workflow
            assert done.code == 2
        assert not (project.path / ".simpleflow").exists()

    def test_without_credentials(self, project: Folder, command: str) -> None:
        empty = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "MARKS": "s3://some-bucket"}
        done = self.run(project, command, "steered.Buried", "--domain", "d", **empty)
        assert "credentials" in error(done)
        assert done.code == 1

    def test_help(self, project: Folder, command: str) -> None:
        name = command.split()[0]
        out = project.run(name, "--help").out
        assert re.search(rf"^  Example: simpleflow {name} flow\.py:Daily", out, re.MULTILINE)


class TestOnS3:
    def test_all_four(self, project: Folder, bucket: str) -> None:
        def run(command: str, *args: str) -> Done:
            at = {"MARKS": bucket, "AWS_ENDPOINT_URL_SWF": "http://127.0.0.1:9"}  # nothing listens there
            return project.run(command, "steered.Buried", *args, "--domain", "d", "--format", "json", **at)

        assert project.start("steered.Buried", MARKS=bucket).code == 0
        every = ["a", "a.b", "ä c/d"]
        assert open_store(bucket).names("buried/steps") == every
        found = objects(run("step.list"))
        assert [(each["step"], each["forced"], each["workflow_id"]) for each in found] == [
            (name, False, "buried") for name in every
        ]
        assert {each["verdict"] for each in objects(run("step.plan"))} == {"skip"}
        assert steps(run("step.forget", "a", "--yes")) == ["a", "a.b"]
        assert steps(run("step.mark", "a.b")) == ["a.b"]
        assert open_store(bucket).names("buried/steps") == ["a.b", "ä c/d"]
        assert [each["by_hand"] for each in objects(run("step.list"))] == [True, False]
        table = project.run("step.list", "steered.Buried", MARKS=bucket)
        assert f"2 done steps: buried/steps in {bucket}\n" in table.err
        assert open_store(f"state://{project.path / '.simpleflow'}").names("") == []


def test_an_open_run_is_warned_of(project: Folder) -> None:
    project.begin("steered.Busy")
    project.wait_for(project.worker_pids)
    warning = "warning: a run of workflow 'busy' is under way; it has read its marks already (run 2"
    for command in ("step.forget", "step.mark"):
        done = project.run(command, "steered.Busy", "quick")
        assert done.code == 0
        assert warning in done.err
    assert "warning" not in project.run("step.list", "steered.Busy").err
    assert project.started[0].poll() is None


def test_a_run_of_another_workflow_id_with_the_same_marks_is_warned_of(project: Folder) -> None:
    process = project.begin("steered.Common", "--workflow-id", "other")
    project.wait_for(project.worker_pids)
    warning = rf"^warning: workflow other, run 2\S+ \(process {process.pid} on \S+\) holds a step whose mark is here; "
    for command in ("step.forget", "step.mark"):
        done = project.run(command, "steered.Common", "quick")
        assert done.code == 0
        assert len(re.findall(warning, done.err, re.MULTILINE)) == 1, done.err
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert "warning: workflow other" not in project.run("step.forget", "steered.Common", "quick").err


def test_a_damaged_history_does_not_prevent_forgetting(project: Folder) -> None:
    marks = {"MARKS": str(project.path / "marks")}
    project.run("step.mark", "steered.Buried", "report", **marks)
    (project.path / ".simpleflow").mkdir(exist_ok=True)
    (project.path / ".simpleflow/history.sqlite").write_text("rubbish" * 1000)
    done = project.run("step.forget", "steered.Buried", "report", **marks)
    assert (done.code, done.out) == (0, "removed\nreport\n")
    assert "warning: cannot tell if a run of workflow 'buried' is under way: state folder " in done.err
    done = project.run("step.forget", "steered.Nightly", "report")  # its marks are in the damaged database
    assert (done.code, done.out) == (1, "")
    assert re.search(r"error: state folder \S+ is damaged: .*state\.rescue", done.err)
