"""Another terminal says what an open run waits for, and what was stopped with the process of a run."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator

import pytest

from tests.cli.conftest import WORKFLOWS, Folder
from tests.cli.test_runs import located

FLOW = """
from flow import *

@activity.with_attributes(retry=1, retry_delay=900)
def down():
    raise ConnectionError("no route")

@activity.with_attributes()
def works():
    note(f"pid {os.getpid()}")
    time.sleep(60)

class Child(Workflow):
    name = "child"

    def run(self):
        return self.submit(self.wait_signal("approved")).result

class Shared(Workflow, WorkflowStepMixin):
    def get_step_bucket(self):
        return "./marks"

    def get_step_path_prefix(self):
        return "shared"

class Waiting(Shared):
    name = "waiting"

    def run(self):
        futures.wait(
            self.submit(self.wait_signal("go")),
            self.submit(self.start_timer("nap", 3600)),
            self.submit(self.step("load", (down,))),
            self.submit(self.step("work", (works,))),
            self.submit(Child),
        )

class Other(Shared):
    name = "other"

    def run(self):
        futures.wait(self.submit(self.step("work", (works,))))
"""


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """A run that waits for everything there is, and another run that waits for a step of it; both share their marks."""
    found = Folder(tmp_path_factory.mktemp("waits"))
    (found.path / "flow.py").write_text((WORKFLOWS / "flow.py").read_text())
    (found.path / "waits.py").write_text(FLOW)
    try:
        found.begin("waits.Waiting")
        found.wait_for(found.worker_pids)
        found.begin("waits.Other")
        found.wait_for(lambda: "to run step" in found.run("workflow.list", "--status", "open").out)
        yield found
    finally:
        for process in found.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def rows(text: str) -> list[dict[str, object]]:
    found = json.loads(text)
    return found if isinstance(found, list) else [found]


def said(text: str) -> str:
    """Without what differs each time."""
    text = re.sub(r"\d+ min \d\d s|\d+\.\d+ s|1 h \d\d min", "N", text)
    return re.sub(r"2\d[\w-]{6,}", "ID", re.sub(r"process \d+ on [^)]+", "process", text))


def test_an_open_run_says_what_it_waits_for(waiting: Folder) -> None:
    info = waiting.run("workflow.info", "waiting")
    expected = "the signal go, the timer nap (N left), try 2 of activity waits.down in N, the signal approved in wait"
    assert f"waits for        {expected}" in said(info.out)
    [found] = rows(waiting.run("workflow.info", "waiting", "--json").out)
    waits = found["waits_for"]
    assert isinstance(waits, list)
    kinds = [(each["kind"], each["name"], each["step"]) for each in waits]
    assert kinds == [
        ("signal", "go", None),
        ("timer", "nap", None),
        ("retry", "activity waits.down", "load"),
        ("signal", "approved", None),
    ]
    assert [each["until"] is not None for each in waits] == [False, True, True, False]
    assert waits[-1]["workflow_id"].startswith("waiting--child-")


def test_its_steps_say_it_too(waiting: Folder) -> None:
    done = waiting.run("workflow.steps", "waiting")
    assert "it waits for the signal go, the timer nap (N left), try 2 of activity waits.down in N" in said(done.err)
    assert re.search(r"^load +scheduled +1 .* try 2 in N", said(done.out), re.MULTILINE)
    load, work = rows(waiting.run("workflow.steps", "waiting", "--json").out)
    assert (load["waits_for"], work["waits_for"]) == ("try 2 of activity waits.down", None)
    assert load["waits_until"] is not None


def test_a_step_that_another_run_holds(waiting: Folder) -> None:
    done = waiting.run("workflow.steps", "other")
    holder = "workflow waiting, run ID (process)"
    assert f"it waits for {holder} to run step work" in said(done.err)
    assert re.search(rf"^work +waiting .* for {re.escape(holder)}", said(done.out), re.MULTILINE)
    assert f"waits for        {holder} to run step work" in said(waiting.run("workflow.info", "other").out)


def test_the_list_of_runs_says_it(waiting: Folder) -> None:
    listed = said(waiting.run("workflow.list").out)
    assert "waits for the signal go, the timer nap (N left)" in listed
    assert "to run step work" in listed


def test_counts_leave_out_what_the_library_does_for_itself(waiting: Folder) -> None:
    [found], [every] = (rows(waiting.run("workflow.info", "waiting", "--json", *more).out) for more in ([], ["--all"]))
    assert (found["activities"], found["open_activities"], found["timers"]) == (2, 1, 1)
    assert isinstance(every["activities"], int)
    assert every["activities"] > 2
    assert every["timers"] == 2


def test_a_run_on_amazon_swf_says_it_too(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    with located("domain", folder, monkeypatch) as location:
        folder.command("standalone", "--domain", str(location.domain), "ran.Waits")
        expected = [{"kind": "signal", "name": "go", "until": None, "step": None, "workflow_id": None}]
        folder.wait_for(lambda: location.call("workflow.info", "waits").code == 0)
        folder.wait_for(lambda: location.objects("workflow.info", "waits")[0]["waits_for"] == expected)
        assert "waits for        the signal go" in location.call("workflow.info", "waits").out
        assert location.call("workflow.signal", "waits", "--name", "go").code == 0
        assert folder.started[0].wait(20) == 0
        assert location.objects("workflow.info", "waits")[0]["waits_for"] == []


def test_what_was_stopped_with_the_process_is_shown_as_stopped(waiting: Folder) -> None:
    """The last test of this file: it ends the run."""
    owner = waiting.started[0]
    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate()
    [listed] = [row for row in rows(waiting.run("workflow.list", "--json").out) if row["workflow_id"] == "waiting"]
    assert (listed["status"], listed["alive"], listed["waits_for"]) == ("open", False, [])
    steps = {row["step"]: row["state"] for row in rows(waiting.run("workflow.steps", "waiting", "--json").out)}
    assert steps == {"load": "stopped", "work": "stopped"}
    assert "2 steps: 0 ran, 0 skipped, 0 failed, 2 stopped" in waiting.run("workflow.steps", "waiting").err
    [task] = rows(waiting.run("task.info", "waiting", "work", "--json").out)
    assert task["state"] == "stopped"
    tasks = rows(waiting.run("workflow.tasks", "waiting", "--json").out)
    assert {row["name"]: row["state"] for row in tasks} == {"waits.down": "failed", "waits.works": "stopped"}
    cooked = rows(waiting.run("workflow.history", "waiting", "-o", "cooked", "--json").out)
    assert {row["state"] for row in cooked if row["kind"] in ("activity", "child")} == {"failed", "stopped"}
    [info] = rows(waiting.run("workflow.info", "waiting", "--json").out)
    assert info["open_activities"] == 0
