"""The commands that show and control runs. Most tests use runs in a folder and runs on the local SWF server."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from simpleflow.server import Server
from tests.cli.conftest import WORKFLOWS, Done, Folder
from tests.swf.served import DOMAIN, environment, registered


class RunLocation:
    """A folder with ``ran.py``, whose runs are kept in the folder or in a domain."""

    def __init__(self, folder: Folder, domain: str | None) -> None:
        self.folder = folder
        self.domain = domain

    def call(self, verb: str, *args: str) -> Done:
        """Run a command about these runs."""
        if self.domain is None:
            return self.folder.run(verb, *args)
        return self.folder.run(verb, *args, "--domain", self.domain)

    def objects(self, verb: str, *args: str) -> list[dict[str, Any]]:
        """Run a command and return its objects. One that shows one thing prints an object, and no list."""
        done = self.call(verb, *args, "--json")
        assert done.code == 0, done.err
        found: Any = json.loads(done.out)
        assert isinstance(found, dict) == (verb in ("workflow.info", "task.info"))
        return [found] if isinstance(found, dict) else found

    def run_workflow(self, target: str, *args: str) -> Done:
        """Run a workflow and wait for its end."""
        if self.domain is None:
            return self.folder.start(target, *args)
        return self.folder.run("standalone", "--domain", self.domain, "-D", "1", "-W", "1", target, *args)

    def open(self, target: str, workflow_id: str) -> None:
        """Start a run that stays open. In a folder its process is started; in a domain no worker is."""
        if self.domain is None:
            self.folder.begin(target)
            self.folder.wait_for(lambda: self.call("workflow.info", workflow_id).code == 0)
        else:
            assert self.folder.run("workflow.start", "--domain", self.domain, target).code == 0

    def kinds(self, workflow_id: str) -> list[str]:
        return [row["type"] for row in self.objects("workflow.history", workflow_id)]

    def error(self, verb: str, *args: str) -> str:
        """Run a command that fails, and return its error, which is one line."""
        done = self.call(verb, *args)
        assert (done.code in (1, 2), done.out, done.err.count("\n")) == (True, "", 1), done
        assert done.err.startswith("error: ")
        return done.err


@contextmanager
def located(kind: str, folder: Folder, patch: pytest.MonkeyPatch) -> Iterator[RunLocation]:
    """Runs in the folder, or in a domain of a local SWF server."""
    shutil.copy(WORKFLOWS / "ran.py", folder.path)
    patch.delenv("SWF_DOMAIN", raising=False)
    if kind == "folder":
        yield RunLocation(folder, None)
        return
    with Server(poll_seconds=0.5) as found:
        for name, value in environment(found.url).items():
            patch.setenv(name, value)
        registered(DOMAIN)
        yield RunLocation(folder, DOMAIN)


@pytest.fixture(params=["folder", "domain"])
def location(request: pytest.FixtureRequest, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunLocation]:
    with located(request.param, folder, monkeypatch) as found:
        yield found


@pytest.fixture(params=["folder", "domain"], scope="module")
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunLocation, int]]:
    """A run of ``ran.Sums``, and the exit code of its command."""
    folder = Folder(tmp_path_factory.mktemp("sums"))
    with pytest.MonkeyPatch.context() as patch, located(request.param, folder, patch) as found:
        yield found, found.run_workflow("ran.Sums").code


@pytest.fixture
def summed(kept: tuple[RunLocation, int]) -> RunLocation:
    """The location of a run of ``ran.Sums``, which several tests look at and none changes."""
    found, code = kept
    assert code == 3, "no code asks about the activity that fails"
    return found


def test_commands_show_what_a_run_did(summed: RunLocation) -> None:
    location = summed
    [info] = location.objects("workflow.info", "sums")
    assert (info["workflow_id"], info["name"], info["version"], info["status"]) == ("sums", "sums", "7", "completed")
    assert (info["tags"], info["result"], info["input"]["args"]) == (["red", "blue"], 28, [])
    assert (info["activities"], info["open_activities"], info["alive"], info["reason"]) == (4, 0, None, None)
    assert info["started_at"] < info["closed_at"]
    assert info["seconds"] > 0
    [same] = location.objects("workflow.info", "sums", info["run_id"])
    assert same == info

    tasks = {row["id"]: row for row in location.objects("workflow.tasks", "sums")}
    assert len(tasks) == 3
    [tried] = [row for row in tasks.values() if row["tries"] == 2]
    assert (tried["name"], tried["state"]) == ("ran.double", "completed")
    [failed] = [row for row in tasks.values() if row["state"] == "failed"]
    assert (failed["name"], failed["reason"]) == ("ran.broken", "ValueError: no such day")
    assert failed["worker"].startswith("simpleflow@" if location.domain is None else '{"user":')
    if location.domain is not None:
        pid = json.loads(failed["worker"])["pid"]
        assert f" {socket.gethostname()}:{pid} " in location.call("workflow.tasks", "sums").out
    assert [row["id"] for row in location.objects("workflow.tasks", "sums", "-n", "1")] == list(tasks)[-1:]

    profile = {row["name"]: row for row in location.objects("workflow.profile", "sums")}
    assert {name: row["count"] for name, row in profile.items()} == {"ran.double": 3, "ran.broken": 1}
    row = profile["ran.double"]
    assert row["total_working"] == pytest.approx(3 * row["mean_working"])
    assert 0 < row["max_working"] <= row["total_working"]

    [task] = location.objects("task.info", "sums", failed["id"], "--details")
    assert (task["input"], task["result"]) == ({"args": [], "kwargs": {}}, None)
    assert task["details"]["error"] == "ValueError"
    [by_event] = location.objects("task.info", "sums", str(task["event_id"]))
    assert "details" not in by_event
    assert by_event["id"] == task["id"]
    shown = location.call("task.info", "sums", failed["id"], "--details")
    assert "\nTraceback (most recent call last):\n" in shown.out
    assert "Traceback" not in location.call("task.info", "sums", failed["id"]).out


def test_a_history_is_shown_in_three_ways(summed: RunLocation) -> None:
    location = summed
    events = location.objects("workflow.history", "sums")
    raw = json.loads(location.call("workflow.history", "sums", "-o", "raw").out)
    assert [row["type"] for row in events] == [row["eventType"] for row in raw]
    assert [row["id"] for row in events] == list(range(1, len(raw) + 1))
    assert raw[0]["workflowExecutionStartedEventAttributes"]["workflowType"] == {"name": "sums", "version": "7"}
    scheduled = next(row for row in events if row["type"] == "ActivityTaskScheduled")
    assert scheduled["what"].endswith(" ran.double")
    failures = [row["what"] for row in events if row["type"] == "ActivityTaskFailed"]
    assert sorted(each.partition(": ")[2] for each in failures) == ["OSError: not yet", "ValueError: no such day"]
    done = location.call("workflow.history", "sums", "-o", "cooked", "--format", "csv")
    cooked = [row for row in csv.DictReader(io.StringIO(done.out)) if row["kind"] == "activity"]
    # On SWF the first try to schedule a type is refused; then the decider registers the type.
    cooked = [row for row in cooked if row["state"] != "refused"]
    assert sorted((row["name"], row["tries"], row["state"]) for row in cooked) == [
        ("ran.broken", "1", "failed"),
        ("ran.double", "1", "completed"),
        ("ran.double", "1", "failed"),
        ("ran.double", "2", "completed"),
    ]
    assert json.loads(cooked[0]["input"])["args"] == [13]
    assert location.error("workflow.history", "sums", "-o", "raw", "--format", "csv").startswith("error: --output raw")


def test_children_timers_and_markers_are_shown(location: RunLocation) -> None:
    done = location.run_workflow("ran.Mixed")
    assert (done.code, done.out) == (0, "5\n"), done.err
    cooked = location.objects("workflow.history", "mixed", "-o", "cooked")
    found = {row["kind"]: row for row in cooked if row["state"] != "refused"}
    assert (found["marker"]["name"], found["marker"]["state"], found["marker"]["worked"]) == ("seen", "recorded", None)
    assert found["marker"]["details"] == {"rows": 3}
    child = found["child"]
    assert (child["id"], child["name"], child["state"], child["result"]) == ("the-child", "child", "completed", 5)
    assert (found["timer"]["id"], found["timer"]["state"], found["timer"]["waited"]) == ("pause", "fired", None)
    assert found["timer"]["worked"] >= 1
    [info] = location.objects("workflow.info", "mixed")
    assert (info["children"], info["timers"], info["activities"]) == (1, 1, 0)
    [own] = location.objects("workflow.info", "the-child")
    assert (own["parent_workflow_id"], own["parent_run_id"]) == ("mixed", info["run_id"])
    assert "has scheduled no activities" in location.call("workflow.tasks", "mixed").err
    assert location.objects("workflow.profile", "mixed") == []


def test_runs_are_listed_and_filtered(location: RunLocation) -> None:
    location.run_workflow("ran.Sums")
    location.run_workflow("ran.Fails")
    location.open("ran.Waits", "waits")

    def ids(verb: str, *args: str) -> list[str]:
        return [row["workflow_id"] for row in location.objects(verb, *args)]

    assert ids("workflow.list") == ["waits", "fails", "sums"]
    assert ids("workflow.list", "-s", "open") == ["waits"]
    assert ids("workflow.list", "-n", "2") == ["waits", "fails"]
    assert ids("workflow.list", "-s", "closed") == ["fails", "sums"]
    assert ids("workflow.filter") == ["waits", "fails", "sums"]
    assert ids("workflow.filter", "--tag", "red") == ["waits", "sums"]
    assert ids("workflow.filter", "--tag", "red", "--workflow-type", "sums") == ["sums"]
    assert ids("workflow.filter", "--workflow-type", "sums", "--workflow-type-version", "8") == []
    assert ids("workflow.filter", "--workflow-id", "fails", "-s", "closed") == ["fails"]
    assert ids("workflow.filter", "--close-status", "failed") == ["fails"]
    assert ids("workflow.filter", "--close-status", "completed", "--tag", "blue") == ["sums"]
    assert ids("workflow.list", "--status", "failed") == ["fails"]
    assert ids("workflow.filter", "--from", "2000-01-01", "--to", "2001-01-01") == []
    assert ids("workflow.filter", "--to", "2999-01-01", "-d", "1") == ["waits", "fails", "sums"]
    assert ids("workflow.list", "-s", "all", "-d", "0") == []
    assert ids("workflow.filter", "-d", "1e300", "-s", "closed") == ["fails", "sums"]
    assert ids("workflow.filter", "--to", "1960-01-01", "--from", "0001-02-01") == []
    assert "--status open" in location.error("workflow.filter", "--close-status", "failed", "-s", "open")
    done = location.call("workflow.list", "-n", "2")
    assert done.out.splitlines()[0].split() == ["workflow", "run", "status", "started", "took", "what", "failed"]
    assert done.out.splitlines()[1].split()[0] == "waits"
    assert "the moon is full" in done.out.splitlines()[2]
    assert re.match(r"2 runs: .*; there are more, see --limit$", done.err)
    assert location.call("workflow.list", "-s", "open").err.startswith("1 open run: ")
    for row in location.objects("workflow.list"):
        assert row["failed"] == []
        assert (row["reason"] is not None) == (row["status"] == "failed")
    [failed] = location.objects("workflow.info", "fails")
    assert (failed["status"], failed["details"]) == ("failed", "since yesterday")
    assert "the moon is full" in failed["reason"]


def test_an_open_run_is_signaled_and_terminated(location: RunLocation) -> None:
    location.open("ran.Waits", "waits")
    assert location.objects("workflow.info", "waits")[0]["status"] == "open"
    done = location.call("workflow.signal", "waits", "--name", "other", "--input", '{"rows": 3}')
    assert (done.code, done.out) == (0, "")
    assert "sent signal other to workflow waits" in done.err
    location.folder.wait_for(lambda: "WorkflowExecutionSignaled" in location.kinds("waits"))
    signals = [row for row in location.objects("workflow.history", "waits", "-o", "cooked") if row["kind"] == "signal"]
    assert [(row["name"], row["input"]) for row in signals] == [("other", {"rows": 3})]
    assert location.call("workflow.terminate", "waits", "--reason", "wrong day").code == 0
    location.folder.wait_for(lambda: location.objects("workflow.info", "waits")[0]["status"] == "terminated")
    assert location.objects("workflow.info", "waits")[0]["reason"] == "wrong day"
    ended = "workflow waits has no open run: it has ended; workflow.info shows how"
    for verb in ("workflow.terminate", "workflow.cancel"):
        assert ended in location.error(verb, "waits")
    assert ended in location.error("workflow.signal", "waits", "--name", "go")


def test_an_open_run_gets_a_request_to_cancel(location: RunLocation) -> None:
    location.open("ran.Waits", "waits")
    assert location.call("workflow.cancel", "waits").code == 0
    location.folder.wait_for(lambda: "WorkflowExecutionCancelRequested" in location.kinds("waits"))


def test_an_activity_is_run_again_in_this_process(summed: RunLocation) -> None:
    location = summed
    before = location.objects("workflow.history", "sums")
    tried = next(row for row in location.objects("workflow.tasks", "sums") if row["tries"] == 2)
    done = location.call("activity.rerun", "--workflow-id", "sums", "--activity-id", tried["id"])
    assert (done.code, done.out) == (0, "26\n"), done.err
    event = ("--scheduled-id", str(tried["event_id"]))
    assert location.call("activity.rerun", "--workflow-id", "sums", *event, "--input", "[4]").out == "8\n"
    failed = next(row for row in location.objects("workflow.tasks", "sums") if row["state"] == "failed")
    done = location.call("activity.rerun", "--workflow-id", "sums", "--activity-id", failed["id"], "--input", '"moon"')
    assert (done.code, done.out) == (1, "")
    assert "Traceback" in done.err
    assert "ValueError: moon (ran.py:" in done.err.splitlines()[-1]
    assert location.objects("workflow.history", "sums") == before
    assert "expected one of" in location.error("activity.rerun", "--workflow-id", "sums")
    assert "scheduled by event 1;" in location.error("activity.rerun", "--workflow-id", "sums", "--scheduled-id", "1")
    os.rename(location.folder.path / "ran.py", location.folder.path / "walked.py")
    shutil.rmtree(location.folder.path / "__pycache__", ignore_errors=True)
    try:
        assert "ran.double" in location.error("activity.rerun", "--workflow-id", "sums", "--activity-id", tried["id"])
    finally:
        os.rename(location.folder.path / "walked.py", location.folder.path / "ran.py")


def test_unknown_runs_and_activities_are_one_line(summed: RunLocation) -> None:
    location = summed
    for verb in ("workflow.info", "workflow.history", "workflow.tasks", "workflow.profile", "workflow.terminate"):
        assert "nope" in location.error(verb, "nope")
        assert location.error(verb, "sums", "22nosuchrun")
    assert "begins so (did you mean 'sums'?); the latest runs are " in location.error("workflow.info", "smus")
    assert "'a1'; it has activity-" in location.error("task.info", "sums", "a1")
    assert "simpleflow." not in location.error("task.info", "sums", "a1"), "no activities about marks"
    assert "expected" in location.error("workflow.info")
    assert "expected" in location.error("workflow.info", "a", "b", "c", "d")
    assert "--input" in location.error("workflow.signal", "sums", "--name", "go", "--input", "{")


def test_an_unknown_folder_or_domain(location: RunLocation) -> None:
    if location.domain is None:
        done = location.folder.run("workflow.list", "--state", "nowhere")
        assert (done.code, done.out) == (0, "")
        assert done.err.startswith("no runs: folder ")
        done = location.folder.run("workflow.info", "sums", "--state", "nowhere")
        assert done.code == 1
        assert not (location.folder.path / "nowhere").exists()
        done = location.folder.run("workflow.history", "sums", "--domain", "d", "--local")
    else:
        done = location.folder.run("workflow.list", "--domain", "nope")
        assert done.code == 1
        assert "nope" in done.err
        for domain in ({}, {"SWF_DOMAIN": location.domain}):
            done = location.folder.run("workflow.info", "nope", "sums", **domain)
            assert done.err.endswith("; a domain of Amazon SWF is given with --domain\n"), done.err
        done = location.folder.run("workflow.list", "nope")
        assert "a domain of Amazon SWF is given with --domain" in done.err
    assert (done.code, done.err.count("\n")) == (2, 1)


def test_the_domain_before_the_other_arguments(kept: tuple[RunLocation, int], monkeypatch: pytest.MonkeyPatch) -> None:
    location, _ = kept
    if location.domain is None:
        refused = location.folder.run("workflow.info", "d", "sums", "1", "--local")
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        return
    run_id = location.objects("workflow.list")[0]["run_id"]
    for args in (["sums", run_id], ["sums", "--domain", DOMAIN]):
        assert location.folder.run("workflow.info", DOMAIN, *args).code == 0
    assert location.folder.run("task.info", DOMAIN, "sums", "no such").err.startswith(
        "error: the run of workflow 'sums'"
    )
    monkeypatch.setenv("SWF_DOMAIN", DOMAIN)
    for command in ("workflow.info", "workflow.tasks", "workflow.profile"):
        assert location.folder.run(command, DOMAIN, "sums").code == 0
    for command in ("workflow.list", "workflow.filter"):
        assert "sums" in location.folder.run(command, DOMAIN).out


def test_a_run_whose_process_died_can_be_terminated(folder: Folder) -> None:
    shutil.copy(WORKFLOWS / "ran.py", folder.path)
    here = RunLocation(folder, None)
    here.open("ran.Waits", "waits")
    os.killpg(folder.started[0].pid, signal.SIGKILL)
    folder.started[0].wait()
    assert here.objects("workflow.list")[0]["alive"] is False
    assert " open, no process " in here.call("workflow.list").out
    steps = here.call("workflow.steps", "waits").err
    assert "\nits process has died; the run goes on when the command that started it is run again\n" in steps
    for command in (["workflow.list"], ["workflow.steps", "waits"], ["workflow.info", "waits"]):
        first, second = (here.call(*command) for _ in range(2))
        assert (first.out, first.err) == (second.out, second.err), "the time without a process does not count"
    [run] = here.objects("workflow.list")
    log = folder.path / ".simpleflow" / "logs" / run["run_id"] / "activity-long-1.1.log"
    log.parent.mkdir(parents=True)
    log.touch()
    started = datetime.fromisoformat(run["started_at"]).timestamp()
    os.utime(log, (started + 100, started + 100))
    for command in (["workflow.list"], ["workflow.steps", "waits"], ["workflow.info", "waits"]):
        done = here.call(*command)
        assert "1 min 40 s" in done.out + done.err, "an activity has printed after the last event"
    assert "no process drives the run now" in here.call("workflow.signal", "waits", "--name", "other").err
    assert here.call("workflow.terminate", "waits").code == 0
    assert here.objects("workflow.info", "waits")[0]["status"] == "terminated"


@pytest.mark.parametrize("location", ["domain"], indirect=True)
def test_a_run_on_swf_is_restarted(location: RunLocation) -> None:
    location.folder.run("workflow.start", "--domain", DOMAIN, "ran.Waits", "--input", '["tue"]')
    [first] = location.objects("workflow.info", "waits")
    done = location.call("workflow.restart", "waits")
    assert done.code == 0, done.err
    workflow_id, run_id = done.out.split()
    assert workflow_id == "waits"
    [second] = location.objects("workflow.info", "waits", run_id)
    same = ("name", "version", "task_list", "tags", "input")
    assert [second[key] for key in same] == [first[key] for key in same]
    assert (second["status"], second["input"]["args"], second["tags"]) == ("open", ["tue"], ["red"])
    [ended] = location.objects("workflow.info", "waits", first["run_id"])
    assert (ended["status"], ended["reason"]) == ("terminated", "restarted")
    location.call("workflow.terminate", "waits")
    assert location.call("workflow.restart", "waits", first["run_id"]).code == 0
    assert [row["status"] for row in location.objects("workflow.list", "-s", "all")] == [
        "open",
        "terminated",
        "terminated",
    ]


def test_an_open_run_in_a_folder_is_restarted_in_this_process(folder: Folder) -> None:
    shutil.copy(WORKFLOWS / "ran.py", folder.path)
    here = RunLocation(folder, None)
    folder.begin("ran.Waits", "--input", '["tue"]', "--tags", "a b,c", "--force", "load", "--execution-timeout", "500")
    folder.wait_for(lambda: here.call("workflow.info", "waits").code == 0)
    [first] = here.objects("workflow.info", "waits")
    os.rename(folder.path / "ran.py", folder.path / "gone.py")
    told = here.error("workflow.restart", "waits")
    os.rename(folder.path / "gone.py", folder.path / "ran.py")
    assert f"and its file {folder.path / 'ran.py'} is not there" in told
    assert "simpleflow workflow.restart waits --workflow path/to/file.py:Class" in told
    assert "'fails'" in here.error("workflow.restart", "waits", "--workflow", "ran.Fails")
    assert here.objects("workflow.info", "waits")[0]["status"] == "open", "a mistaken restart must not change the run"
    again = folder.command("workflow.restart", "waits", "--local", "--workflow", "ran.Waits")
    folder.wait_for(lambda: here.objects("workflow.info", "waits")[0]["run_id"] != first["run_id"])
    assert folder.started[0].wait(10) == 1, "its process ends"
    [second] = here.objects("workflow.info", "waits")
    same = ("name", "version", "task_list", "tags", "input")
    assert [second[key] for key in same] == [first[key] for key in same]
    assert (second["tags"], second["input"]["args"]) == (["a b", "c"], ["tue"])
    for run_id, requested in ((first["run_id"], "500"), (second["run_id"], "500")):
        started = json.loads(here.call("workflow.history", "waits", run_id, "-o", "raw").out)[0]
        attributes = started["workflowExecutionStartedEventAttributes"]
        assert attributes["executionStartToCloseTimeout"] == requested
        assert '"load"' in attributes["input"]
    here.call("workflow.signal", "waits", "--name", "go", "--input", '"now"')
    out, err = again.communicate(timeout=20)
    assert (again.returncode, out) == (0, '"now"\n'), err
    assert f"run {first['run_id'][:8]} is terminated" in err
    assert [row["status"] for row in here.objects("workflow.list", "-s", "all")] == ["completed", "terminated"]


def test_an_ended_run_in_a_folder_is_restarted(folder: Folder) -> None:
    shutil.copy(WORKFLOWS / "ran.py", folder.path)
    result = folder.start("flow.Echo", "--input", "[[1, 2]]").out
    done = folder.run("workflow.restart", "flow.Echo", "--local")
    assert (done.code, done.out) == (0, result), done.err
    assert len(json.loads(folder.run("workflow.list", "--local", "-s", "closed", "--format", "json").out)) == 2


def test_the_file_of_a_run_is_found_from_any_folder(tmp_path: Path) -> None:
    """In a package, whose modules are neighbours, and by a type that has another name than the class."""
    project, elsewhere, state = (tmp_path / name for name in ("project", "elsewhere", "state"))
    for folder in (project / "etl", elsewhere):
        folder.mkdir(parents=True)
    (project / "pyproject.toml").touch()
    (project / "etl" / "tasks.py").write_text(
        "from simpleflow import activity\n@activity.with_attributes()\ndef double(number):\n    return 2 * number\n"
    )
    code = "    def run(self, number=4):\n        return self.submit(double, number).result\n"
    head = "from simpleflow import Workflow\nfrom .tasks import double\n"
    (project / "etl" / "flows.py").write_text(f"{head}class One(Workflow):\n{code}class Two(One):\n    name = 'two'\n")
    (project / "json.py").write_text(f"{head.replace('.tasks', 'etl.tasks')}class One(Workflow):\n{code}")
    (elsewhere / "json.py").touch()  # not this one
    (project / "linked.py").symlink_to("json.py")
    options = ("--nb-workers", "0", "--state", str(state))
    flows = (("etl.flows.One", "etl.flows.One"), ("etl.flows.Two", "two"), ("json.py", "file_json.One"))
    for workflow, id in (*flows, ("linked.py", "linked.One")):
        assert Folder(project).run("workflow.start", workflow, *options, "--input", "[5]").code == 0
        done = Folder(elsewhere).run("workflow.restart", id, *options)
        assert (done.code, done.out) == (0, "10\n"), done.err
        again = ("--workflow-id", id, "--scheduled-id", "5", "--state", str(state))
        assert Folder(elsewhere).run("activity.rerun", *again).out == "10\n"


@pytest.mark.parametrize("location", ["domain"], indirect=True)
def test_the_workflow_option_is_only_for_folders(location: RunLocation) -> None:
    assert "--workflow is for runs in a folder" in location.error("workflow.restart", "w", "--workflow", "ran.Waits")
