"""How long steps took, and the time that skipping them saves, as the command line shows them."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import pytest

from simpleflow.step import mark
from tests.cli.conftest import Folder

FLOW = """
import os
import time

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, Group
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes(version="1")
def nap(seconds, file=None):
    if file is not None:
        open(file, "w").close()
    time.sleep(seconds)


class Marked(Workflow, WorkflowStepMixin):
    version = "1"

    def get_step_bucket(self):
        return os.environ.get("MARKS") or super().get_step_bucket()


class Many(Marked):
    name = "many"

    def run(self):
        self.submit(Group(*[self.step(f"part{n}", (nap, 0.3)) for n in range(6)])).result
        self.submit(self.step("outer", Chain((nap, 0.2), (nap, 0.2)))).result


@activity.with_attributes(version="1", retry=1, retry_delay=2)
def second(file):
    time.sleep(0.2)
    if not os.path.exists(file):
        open(file, "w").close()
        raise ConnectionError("not yet")


class Again(Marked):
    name = "again"

    def run(self):
        self.submit(self.step("load", (second, "tried"))).result


class Killed(Marked):
    name = "killed"

    def run(self):
        self.submit(self.step("long", (nap, 1.0, "begun"))).result
"""


@pytest.fixture
def flow(folder: Folder) -> Folder:
    (folder.path / "flow.py").write_text(FLOW)
    return folder


def seconds_of(folder: Folder, *command: str) -> dict[str, float]:
    done = folder.run(*command, "--format", "json")
    assert done.code == 0, done.err
    return {row["step"]: row["seconds"] for row in json.loads(done.out)}


def saved(text: str) -> float:
    [found] = re.findall(r"time saved by skipping: (\d+\.\d+) s$", text, re.MULTILINE)
    return float(found)


@pytest.mark.parametrize("where", ["state", "folder"])
def test_steps_take_as_long_as_their_own_work(flow: Folder, where: str) -> None:
    marks = {} if where == "state" else {"MARKS": str(flow.path / "marks")}
    began = time.monotonic()
    first = flow.start("flow.Many", **marks)
    took = time.monotonic() - began
    assert first.code == 0, first.err
    for found in (seconds_of(flow, "workflow.steps"), seconds_of(flow, "step.list", "flow.Many")):
        if found:  # a folder of marks is not listed without its name
            assert all(0.3 <= found[f"part{n}"] < 0.6 for n in range(6)), found
            assert 0.4 <= found["outer"] < 0.8
    second = flow.start("flow.Many", **marks)
    # Two workers do the six parts in 0.9 s. In sum they took 1.8 s, and since they were scheduled 3.6 s.
    assert 1.3 <= saved(second.err) <= took


def test_the_time_between_two_tries_is_told_apart(flow: Folder) -> None:
    first = flow.start("flow.Again")
    assert first.code == 0, first.err
    [line] = [line for line in first.err.splitlines() if line.startswith("completed  load")]
    [step] = json.loads(flow.run("workflow.steps", "--json").out)
    times = [float(line.split()[2]), step["seconds"], seconds_of(flow, "step.list", "flow.Again")["load"]]
    assert all(0.4 <= each < 1.8 for each in times), times
    assert 2.0 <= step["paused"] < 3.5
    assert "between tries" in flow.run("workflow.steps").out.splitlines()[0]


def test_marks_of_earlier_releases_claim_nothing(flow: Folder) -> None:
    marks = flow.path / "marks"
    flow.start("flow.Many", MARKS=str(marks))
    files = [path for path in marks.rglob("*") if path.is_file() and b'"worked"' in path.read_bytes()]
    assert len(files) == 7
    for path in files[1:]:
        body = json.loads(path.read_bytes())
        del body["worked"]
        path.write_text(json.dumps(body))
    again = flow.start("flow.Many", MARKS=str(marks))
    assert "7 skipped" in again.err
    few = re.search(r"time saved by skipping: at least (\d\.\d+) s$", again.err, re.MULTILINE)
    assert few is None or float(few[1]) < 0.6  # a brief summary does not mention less than half a second
    files[0].write_text(json.dumps({"time": 1.0}))
    none = flow.start("flow.Many", MARKS=str(marks))
    assert "7 skipped" in none.err
    assert "saved" not in none.err


def test_the_time_after_a_kill_does_not_count(flow: Folder) -> None:
    process = flow.begin("flow.Killed")
    flow.wait_for(lambda: (flow.path / "begun").exists())
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(2)
    began = time.monotonic()
    done = flow.start("flow.Killed")
    took = time.monotonic() - began
    assert done.code == 0, done.err
    assert 1.0 <= seconds_of(flow, "workflow.steps", "killed")["long"] < took
    assert 1.0 <= seconds_of(flow, "step.list", "flow.Killed")["long"] < took
    [line] = [line for line in done.err.splitlines() if line.startswith("completed  long")]
    assert float(line.split()[2]) < took
    [task] = json.loads(flow.run("workflow.tasks", "killed", "--json").out)
    assert 1.0 <= task["worked"] < took
    [profile] = json.loads(flow.run("workflow.profile", "killed", "--json").out)
    assert 1.0 <= profile["total_working"] < took
    assert profile["total_waiting"] < took


def test_intervals_in_marks() -> None:
    def worked(value: object) -> object:
        return mark.read("a", json.dumps({"worked": value}).encode()).worked

    assert worked([[1, 2.5], [3, 3]]) == ((1.0, 2.5), (3.0, 3.0))
    assert worked([]) == ()
    for wrong in (None, 1, "x", [1, 2], [[1]], [[1, "x"]], [[2, 1]], [[1, 2], None]):
        assert worked(wrong) is None
    assert mark.read("a", b"{}").worked is None
