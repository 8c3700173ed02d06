"""``step.list``, ``step.plan``, ``step.forget`` and ``step.mark``, as people and programs call them."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import termios
from pathlib import Path
from typing import Any

import pytest

from simpleflow.stores import open_store
from tests.cli.conftest import SIMPLEFLOW, WORKFLOWS, Done, Folder

NIGHTLY = ["load.orders", "load.users", "report"]
PLACE = "nightly/steps"


@pytest.fixture
def place(folder: Folder) -> Folder:
    """A folder with ``steered.py`` too."""
    shutil.copy(WORKFLOWS / "steered.py", folder.path)
    return folder


def objects(done: Done) -> list[dict[str, Any]]:
    assert (done.code, done.out[:1]) == (0, "["), done.err
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


def steps(done: Done) -> list[str]:
    return [each["step"] for each in objects(done)]


def done_steps(place: Folder, workflow: str = "steered.Nightly", *args: str) -> list[str]:
    return steps(place.run("step.list", workflow, *args, "--format", "json"))


def error(done: Done) -> str:
    """What a command said that ended with one line."""
    assert (done.out, done.err[:7], done.err.count("\n")) == ("", "error: ", 1)
    assert done.code in (1, 2)
    return done.err[7:-1]


def snapshot(path: Path) -> dict[str, bytes]:
    return {
        str(each): each.read_bytes() if each.is_file() else b"" for each in path.rglob("*") if "__pyc" not in str(each)
    }


def on_a_terminal(place: Folder, *args: str, typed: bytes) -> tuple[int, str]:
    """Run a command on a terminal of its own, and answer its question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SIMPLEFLOW, *args],
        cwd=place.path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:
            break
        shown += data
        if typed and b"[y/N] " in shown:
            os.write(ours, typed)
            typed = b""
    os.close(ours)
    return process.wait(20), shown.decode().replace("\r\n", "\n")


class TestList:
    def test_what_a_run_did(self, place: Folder) -> None:
        assert place.start("flow.Daily", "--input", '{"kwargs": {"force": "load"}}').code == 0
        load, report = objects(place.run("step.list", "flow.Daily", "--format", "json"))
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
        }
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", load["done_at"])
        assert isinstance(load["seconds"], float)
        assert (report["step"], report["run_id"], report["reasons"]) == ("report.text", run_id, ["Dep of load"])
        done = place.run("step.list", "flow.py:Daily")
        assert done.err == f"2 done steps: daily/steps in {place.path}/.simpleflow/objects\n"
        titles, first, second = done.out.splitlines()
        assert titles.split() == ["step", "done", "at", "run", "took", "forced"]
        assert re.fullmatch(rf"load         \d{{4}}-\d\d-\d\d [\d:]{{8}}  {run_id}  0\.\d\d s  yes: asked to", first)
        assert second.endswith("  yes: Dep of load")

    def test_only_some(self, place: Folder) -> None:
        place.run("step.mark", "steered.Nightly", *NIGHTLY)
        assert done_steps(place, "steered.Nightly") == NIGHTLY
        assert done_steps(place, "steered.Nightly", "load") == NIGHTLY[:2]
        assert done_steps(place, "steered.Nightly", "report,load.users") == NIGHTLY[1:]

    def test_names_that_are_not_done(self, place: Folder) -> None:
        place.run("step.mark", "steered.Nightly", *NIGHTLY)
        done = _quiet(place.run("step.list", "steered.Nightly", "lod", "report", "--format", "json"))
        assert steps(done) == ["report"]
        assert done.err == "warning: no done step is called 'lod' or lies below it (did you mean 'load'?)\n"
        done = _quiet(place.run("step.list", "steered.Nightly", "x"))
        assert (done.code, done.out) == (0, "")
        assert done.err.splitlines() == [
            f"no done steps of these names: {PLACE} in {place.path}/.simpleflow/objects",
            "warning: no done step is called 'x' or lies below it",
        ]

    def test_nothing(self, place: Folder) -> None:
        before = snapshot(place.path)
        where = f"no done steps: {PLACE} in {place.path}/.simpleflow/objects\n"
        for style, out in (("table", ""), ("json", "[]\n"), ("csv", "step,done_at,")):
            done = _quiet(place.run("step.list", "steered.Nightly", "--format", style))
            assert (done.code, done.err) == (0, where)
            assert done.out.startswith(out)
            assert done.out.count("\n") == bool(out)
        assert snapshot(place.path) == before

    def test_where_only_run_knows(self, place: Folder) -> None:
        assert place.start("steered.ByDay", "--input", '["mon"]').code == 0
        assert done_steps(place, "steered.ByDay", "--input", '["mon"]') == ["load"]
        assert done_steps(place, "steered.ByDay", "--input", '["tue"]') == []
        (place.path / "day").write_text('["mon"]')
        assert done_steps(place, "steered.ByDay", "--input-file", "day") == ["load"]
        said = error(place.run("step.list", "steered.ByDay"))
        assert said.startswith("cannot find out where workflow 'byday' keeps its done marks")
        assert said.endswith("give the run's input with --input")
        said = error(place.run("step.list", "steered.ByDay", "--input", "[1, 2]"))
        assert said == "the input does not fit ByDay.run(day): too many positional arguments"

    def test_another_id_and_folder(self, place: Folder) -> None:
        options = ("--workflow-id", "mine", "--state", "kept")
        assert place.run("step.mark", "steered.Nightly", "report", *options).code == 0
        assert done_steps(place, "steered.Nightly", *options) == ["report"]
        assert done_steps(place, "steered.Nightly", "--workflow-id", "mine") == []
        assert (place.path / "kept/objects/mine/steps/report").exists() or list(
            place.path.glob("kept/objects/mine/*/*")
        )

    def test_csv(self, place: Folder) -> None:
        place.run("step.mark", "steered.Nightly", "report", 'a "b"')
        rows = list(csv.DictReader(io.StringIO(place.run("step.list", "steered.Nightly", "--format", "csv").out)))
        assert [(row["step"], row["by_hand"], row["forced"]) for row in rows] == [
            ('a "b"', "true", ""),
            ("report", "true", ""),
        ]

    def test_standard_output_has_the_answer_alone(self, place: Folder) -> None:
        (place.path / "loud.py").write_text(
            "import os\nfrom steered import *\nprint('import says')\nos.system('echo shell says')\n"
            "class Loud(Nightly):\n    pass\n"
        )
        done = place.run("step.plan", "loud.Loud", "--format", "json")
        assert steps(done) == ["load.users", "load.orders", "report"]
        assert {"import says", "shell says", "run says"} <= set(done.err.splitlines())

    def test_a_reader_that_goes_away(self, place: Folder) -> None:
        place.run("step.mark", "steered.Nightly", *(f"s{number}" for number in range(2000)))
        command = f"{SIMPLEFLOW} step.list steered.Nightly --format json | head -1; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], cwd=place.path, capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("[\n0\n", "run says\n")


class TestPlan:
    def test_before_the_first_run(self, place: Folder) -> None:
        before = snapshot(place.path)
        done = place.run("step.plan", "steered.Nightly")
        assert done.code == 0
        assert done.out.splitlines() == [
            "step         verdict  forced  why",
            "load.users   run      no",
            "load.orders  run      no",
            "report       run      no",
        ]
        assert f"3 steps: {PLACE} in {place.path}/.simpleflow/objects\n" in done.err
        assert snapshot(place.path) == before
        assert place.log == []

    def test_it_is_what_the_run_does(self, place: Folder) -> None:
        place.start("flow.Daily")
        options = ("--force", "load", "--skip", "report,x")
        load, report = objects(place.run("step.plan", "flow.Daily", *options, "--format", "json"))
        assert load == {
            "step": "load",
            "verdict": "run",
            "forced": True,
            "reasons": ["Requested at start"],
            "workflow_id": "daily",
            "unmarks": ["report.text"],
            "note": None,
        }
        assert (report["verdict"], report["forced"]) == ("run", True)
        assert report["reasons"] == ["Dep of load"]
        out = place.run("step.plan", "flow.Daily", *options).out
        assert "load         run      yes     Requested at start; no longer done: report.text\n" in out
        assert "skip     no      Step was already played\n" in place.run("step.plan", "flow.Daily").out

    def test_names_that_no_step_has(self, place: Folder) -> None:
        done = place.run("step.plan", "steered.Nightly", "--force", "reprot,load", "--skip", "x", "--format", "json")
        assert (done.code, len(objects(done))) == (0, 3)
        assert [line for line in done.err.splitlines() if line != "run says"] == [
            "warning: --force 'reprot': no step of that name was reached (did you mean 'report'?)",
            "warning: --skip 'x': no step of that name was reached",
        ]

    def test_where_a_result_is_needed(self, place: Folder) -> None:
        line = (
            r"run\(\) needs the result of activity flow\.fetch, which is known only after it runs \(steered\.py:\d+\)"
        )
        done = place.run("step.plan", "steered.Waits")
        assert (done.code, done.out.splitlines()[1]) == (0, "first  run      no")
        assert re.fullmatch(line, done.out.splitlines()[2])
        done = place.run("step.plan", "steered.Waits", "--format", "json")
        assert steps(done) == ["first"]
        assert re.fullmatch(line + "\n", done.err)

    def test_assume_last(self, place: Folder) -> None:
        place.start("steered.Waits")
        before = snapshot(place.path)
        done = place.run("step.plan", "steered.Waits", "--assume-last", "--force", "first", "--format", "json")
        assert [(each["step"], each["verdict"]) for each in objects(done)] == [("first", "run"), ("second", "skip")]
        assert done.err == ""
        assert snapshot(place.path).keys() == before.keys()
        done = place.run("step.plan", "steered.Waits", "--assume-last", "--workflow-id", "other")
        state = f"folder {place.path}/.simpleflow"
        assert f"warning: there is no earlier run of workflow 'other' in {state}\n" in done.err

    def test_a_state_folder_that_cannot_be_read(self, place: Folder, bucket: str) -> None:
        place.start("steered.Buried", MARKS=bucket)
        state = "x" * 300  # whoever runs the tests may read everything, and nobody this
        said = f"state folder {state} cannot be read: File name too long; check the folder"
        done = place.run("step.plan", "steered.Buried", "--state", state, "--assume-last", MARKS=bucket)
        assert error(done).startswith(said)
        done = place.run("step.forget", "steered.Buried", "--state", state, "a.b", MARKS=bucket)
        assert (done.code, done.out) == (0, "removed\na.b\n")
        assert f"warning: cannot tell if a run of workflow 'buried' is under way: {said}" in done.err

    def test_children(self, place: Folder) -> None:
        out = place.run("step.plan", "steered.Parent").out
        assert [line.split() for line in out.splitlines()] == [
            ["step", "verdict", "forced", "workflow", "why"],
            ["outer", "run", "no", "parent"],
            ["inner", "run", "no", "the-child"],
        ]

    def test_a_note_of_a_step_stands_in_its_row(self, place: Folder) -> None:
        place.run("step.mark", "steered.Prints", "publish")
        out = place.run("step.plan", "steered.Prints").out
        note = "whether step 'publish' runs depends on the result of activity flow.fetch"
        assert re.search(rf"^publish  unknown  no      .*{note}$", out, re.MULTILINE)
        assert out.count(note) == 1


class TestForget:
    def mark(self, place: Folder) -> None:
        assert place.run("step.mark", "steered.Nightly", *NIGHTLY).code == 0

    def test_one(self, place: Folder) -> None:
        self.mark(place)
        done = place.run("step.forget", "steered.Nightly", "report")
        assert (done.code, done.out) == (0, "removed\nreport\n")
        assert done_steps(place) == NIGHTLY[:2]

    def test_several(self, place: Folder) -> None:
        self.mark(place)
        said = error(_quiet(place.run("step.forget", "steered.Nightly", "load", "--format", "json")))
        assert said.startswith(
            "cannot ask whether to forget 2 steps: load.orders, load.users: standard input is not a terminal"
        )
        assert done_steps(place) == NIGHTLY
        done = place.run("step.forget", "steered.Nightly", "load", "--yes", "--format", "json")
        assert objects(done) == [{"step": name, "removed": True} for name in NIGHTLY[:2]]
        assert done_steps(place) == ["report"]

    def test_all(self, place: Folder) -> None:
        self.mark(place)
        done = place.run("step.forget", "steered.Nightly", "*", "-y", "--format", "csv")
        assert done.out == "step,removed\n" + "".join(f"{name},true\n" for name in NIGHTLY)
        assert done_steps(place) == []
        done = place.run("step.forget", "steered.Nightly", "*")
        assert (done.code, done.out) == (0, "")
        assert f"no done steps: {PLACE} in " in done.err

    def test_a_name_that_is_not_done(self, place: Folder) -> None:
        self.mark(place)
        said = error(_quiet(place.run("step.forget", "steered.Nightly", "report", "raport", "--yes")))
        assert said == "no done step is called 'raport' or lies below it (did you mean 'report'?)"
        assert done_steps(place) == NIGHTLY

    @pytest.mark.parametrize("typed", [b"y\n", b"Yes\n"])
    def test_asked_and_agreed(self, place: Folder, typed: bytes) -> None:
        self.mark(place)
        code, shown = on_a_terminal(place, "step.forget", "steered.Nightly", "load", typed=typed)
        assert code == 0
        assert "forget 2 steps: load.orders, load.users? [y/N] " in shown
        assert "\x1b[1mremoved\x1b[0m\nload.orders\nload.users\n" in shown
        assert done_steps(place) == ["report"]

    @pytest.mark.parametrize(("typed", "code"), [(b"\n", 1), (b"no\n", 1), (b"\x04", 1), (b"\x03", 130)])
    def test_asked_and_declined(self, place: Folder, typed: bytes, code: int) -> None:
        self.mark(place)
        found, shown = on_a_terminal(place, "step.forget", "steered.Nightly", "load", typed=typed)
        assert found == code
        assert ("nothing was removed\n" if code == 1 else "interrupted\n") in shown
        assert "Traceback" not in shown
        assert done_steps(place) == NIGHTLY

    def test_what_was_forgotten_is_played(self, place: Folder) -> None:
        place.start("flow.Daily")
        place.run("step.forget", "flow.Daily", "report")
        place.start("flow.Daily")
        assert place.log == ["load mon", "report mon", "report mon"]


class TestMark:
    def test_it_is_skipped(self, place: Folder) -> None:
        done = place.run("step.mark", "flow.Daily", "load", "--format", "json")
        assert objects(done) == [{"step": "load", "marked": True}]
        assert done.err == ""
        [mark] = objects(place.run("step.list", "flow.Daily", "--format", "json"))
        assert (mark["step"], mark["by_hand"], mark["run_id"], mark["workflow_id"]) == ("load", True, None, "daily")
        assert " by hand" in place.run("step.list", "flow.Daily").out
        place.start("flow.Daily")
        assert place.log == ["report mon"]

    def test_done_already(self, place: Folder) -> None:
        place.start("flow.Daily")
        before = objects(place.run("step.list", "flow.Daily", "--format", "json"))
        done = place.run("step.mark", "flow.Daily", "load", "--format", "json")
        assert objects(done) == [{"step": "load", "marked": False}]
        assert done.err == "step 'load' is done already; its mark stays as it is\n"
        assert objects(place.run("step.list", "flow.Daily", "--format", "json")) == before
        assert place.run("step.mark", "flow.Daily", "load").out == ""

    def test_a_name_that_the_run_does_not_come_to(self, place: Folder) -> None:
        done = place.run("step.mark", "flow.Daily", "laod", "report")
        assert done.out == "marked\nlaod\nreport\n"
        assert [line for line in done.err.splitlines() if line.startswith("warning: ")] == [
            "warning: step 'laod': no step of that name was reached (did you mean 'load'?); it is marked anyway",
            "warning: step 'report': only steps below it were reached; it is marked anyway",
        ]

    def test_a_step_that_is_forced_all_the_same(self, place: Folder) -> None:
        done = place.run("step.mark", "flow.Daily", "report.text", "--format", "json")
        assert objects(done) == [{"step": "report.text", "marked": True}]
        assert done.err == "warning: step 'report.text' is marked but may run anyway: Dep of load\n"

    def test_fingerprints_and_results(self, place: Folder) -> None:
        result = ("--result", '{"rows": [1, "ä"]}')
        assert place.run("step.mark", "steered.Prints", "load", "--input", "[2]", *result).code == 0
        [mark] = objects(place.run("step.list", "steered.Prints", "--format", "json"))
        assert (mark["fingerprint"], mark["kept"]) == ('{"version":2}', True)
        done = place.run("step.mark", "steered.Prints", "publish", "--input", "[2]", "--format", "json")
        assert done.err.startswith("warning: step 'publish' is marked but may run anyway: whether step")
        assert json.loads(place.start("steered.Prints", "--input", "[2]").out) == {"rows": [1, "ä"]}
        assert place.log == ["rows", "publish"]

    @pytest.mark.parametrize(
        ("args", "said"),
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
    def test_what_cannot_be_marked(self, place: Folder, args: list[str], said: str) -> None:
        done = _quiet(place.run("step.mark", "steered.Nightly", *args))
        assert said in error(done)
        assert done.code == 2
        assert not (place.path / ".simpleflow").exists()


def _quiet(done: Done) -> Done:
    """Without what the workflow prints."""
    return done._replace(err=done.err.replace("run says\n", ""))


@pytest.mark.parametrize("command", ["step.list", "step.plan", "step.forget x", "step.mark x"])
class TestEvery:
    def run(self, place: Folder, command: str, workflow: str, *args: str, **environment: str) -> Done:
        name, *rest = command.split()
        return place.run(name, workflow, *rest, *args, **environment)

    def test_errors(self, place: Folder, command: str) -> None:
        for workflow, args, said in (
            ("steered.Nigthly", (), "there is no class 'Nigthly' in 'steered' (did you mean 'Nightly'?)"),
            ("nothing.X", (), "there is no module 'nothing'"),
            ("flow.Waits", (), "workflow Waits has no steps"),
            ("flow.BadId", (), "workflow BadId has no steps"),
            ("steered.Nightly", ("--state", "a", "--domain", "b"), "--state and --domain exclude each other"),
            ("steered.Nightly", ("--format", "yaml"), "'yaml' is not one of 'table', 'json', 'csv'"),
            ("steered.Nightly", ("--input", "[1]"), "the input does not fit Nightly.run(): too many"),
            ("steered.Nightly", ("--workflow-id", ""), "--workflow-id is empty"),
        ):
            done = self.run(place, command, workflow, *args)
            assert said in error(done), workflow
            assert done.code == 2
        assert not (place.path / ".simpleflow").exists()

    def test_without_credentials(self, place: Folder, command: str) -> None:
        empty = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "MARKS": "s3://some-bucket"}
        done = self.run(place, command, "steered.Buried", "--domain", "d", **empty)
        assert "credentials" in error(done)
        assert done.code == 1

    def test_help(self, place: Folder, command: str) -> None:
        name = command.split()[0]
        out = place.run(name, "--help").out
        assert re.search(rf"^  Example: simpleflow {name} flow\.py:Daily", out, re.MULTILINE)


class TestOnS3:
    def test_all_four(self, place: Folder, bucket: str) -> None:
        def run(command: str, *args: str) -> Done:
            at = {"MARKS": bucket, "AWS_ENDPOINT_URL_SWF": "http://127.0.0.1:9"}  # nobody is there
            return place.run(command, "steered.Buried", *args, "--domain", "d", "--format", "json", **at)

        assert place.start("steered.Buried", MARKS=bucket).code == 0
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
        table = place.run("step.list", "steered.Buried", MARKS=bucket)
        assert f"2 done steps: buried/steps in {bucket}\n" in table.err
        assert not (place.path / ".simpleflow/objects").exists()


def test_a_run_that_is_under_way(place: Folder) -> None:
    place.begin("steered.Busy")
    place.wait_for(place.worker_pids)
    warning = "warning: a run of workflow 'busy' is under way; it has read its marks already (run 2"
    for command in ("step.forget", "step.mark"):
        done = place.run(command, "steered.Busy", "quick")
        assert done.code == 0
        assert warning in done.err
    assert "warning" not in place.run("step.list", "steered.Busy").err
    assert place.started[0].poll() is None


def test_a_run_of_another_workflow_id_that_shares_the_marks(place: Folder) -> None:
    process = place.begin("steered.Common", "--workflow-id", "other")
    place.wait_for(place.worker_pids)
    warning = rf"^warning: workflow other, run 2\S+ \(process {process.pid} on \S+\) holds a step whose mark is here; "
    for command in ("step.forget", "step.mark"):
        done = place.run(command, "steered.Common", "quick")
        assert done.code == 0
        assert len(re.findall(warning, done.err, re.MULTILINE)) == 1, done.err
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert "warning: workflow other" not in place.run("step.forget", "steered.Common", "quick").err


def test_a_damaged_history_is_no_reason_not_to_forget(place: Folder) -> None:
    place.run("step.mark", "steered.Nightly", "report")
    (place.path / ".simpleflow/history.sqlite").write_text("rubbish" * 1000)
    done = place.run("step.forget", "steered.Nightly", "report")
    assert (done.code, done.out) == (0, "removed\nreport\n")
    assert "warning: cannot tell if a run of workflow 'nightly' is under way: state folder " in done.err
