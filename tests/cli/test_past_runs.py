"""Past runs: their steps, what failed in them, short run ids. In a folder and on the local SWF server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from simpleflow.cli.failed_runs import RunFailure
from simpleflow.cli.run_ids import short_ids
from simpleflow.cli.view.run_tables import what_failed
from simpleflow.server import Server
from tests.cli.conftest import Folder
from tests.cli.test_runs import RunLocation
from tests.swf.served import DOMAIN, environment, registered

FLOW = """
import os
import time

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes(version="1")
def work(number, seconds=0.6):
    time.sleep(seconds)
    return number


@activity.with_attributes(version="1", idempotent=True)
def once(number):
    time.sleep(0.2)


@activity.with_attributes(version="1", retry=1, raises_on_failure=True)
def broken(day, *, rows=1):
    print("looking at", day)
    raise ValueError(f"no {day}")


class Inner(Workflow, WorkflowStepMixin):
    name = "inner"
    version = "1"
    task_list = "past"

    def run(self):
        self.submit(self.step("below", (work, 1, 0))).result


class Past(Workflow, WorkflowStepMixin):
    name = "past"
    version = "1"
    task_list = "past"

    def get_step_bucket(self):
        return os.environ.get("MARKS") or super().get_step_bucket()

    def run(self, day="mon", fails=True):
        self.submit(Group(*[self.step(f"load.part{n}", (work, n)) for n in range(3)])).result
        self.submit(self.step("equal", (once, 1))).result
        if not os.environ.get("MARKS"):
            self.submit(Inner).result
        if fails:
            self.submit(self.step("report", (broken, day), force=True)).result
        self.submit(self.step("late", (work, 9, 0))).result
"""


_STARTS: tuple[list[str], ...] = ([], ["-p", "fails=false"])


@pytest.fixture(params=["folder", "domain"], scope="module")
def past(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Two runs: one that failed, and one that skipped what the first had done."""
    folder = Folder(tmp_path_factory.mktemp("past"))
    (folder.path / "flow.py").write_text(FLOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SWF_DOMAIN", raising=False)
        if request.param == "folder":
            location = RunLocation(folder, None)
            start = ("workflow.start", "--nb-workers", "1")
            codes = [folder.run(*start, "flow.Past", *more).code for more in _STARTS]
            yield SimpleNamespace(location=location, codes=codes, runs=_runs(location))
            return
        with Server(poll_seconds=0.5) as server:
            for name, value in environment(server.url).items():
                patch.setenv(name, value)
            patch.setenv("MARKS", str(folder.path / "marks"))
            registered(DOMAIN)
            location = RunLocation(folder, DOMAIN)
            start = ("standalone", "--domain", DOMAIN, "-D", "1", "-W", "1")
            codes = [folder.run(*start, "flow.Past", *more).code for more in _STARTS]
            yield SimpleNamespace(location=location, codes=codes, runs=_runs(location))


def _runs(location: RunLocation) -> list[str]:
    """The run ids of the workflow, the oldest first."""
    found = location.objects("workflow.filter", "--workflow-id", "past")
    return [row["run_id"] for row in reversed(found)]


def test_the_steps_of_a_run_that_failed(past: SimpleNamespace) -> None:
    location, [first, _] = past.location, past.runs
    assert past.codes == [1, 0]
    rows = {row["step"]: row for row in location.objects("workflow.steps", first)}
    child = ["below"] if location.domain is None else []  # of a child workflow
    assert list(rows) == ["load.part0", "load.part1", "load.part2", "equal", "report", *child]
    assert [row["state"] for row in rows.values()] == ["completed"] * 4 + ["failed"] + ["completed"] * len(child)
    # One worker does one part after the other: each took as long as its own work, and the last ones were queued.
    for name in ("load.part0", "load.part1", "load.part2"):
        assert 0.6 <= rows[name]["seconds"] < 1.2
        assert rows[name]["made_by"] == first
    assert max(rows[name]["queued"] for name in rows) >= 1.2
    assert 0.2 <= rows["equal"]["seconds"] < 0.5, "its activity's id does not name the step"
    assert {row["workflow_id"] != "past" for row in rows.values()} == ({False, True} if child else {False})
    report = rows["report"]
    assert (report["forced"], report["tries"], report["error"]) == (True, 2, "ValueError: no mon")
    assert report["arguments"] == {"args": ["mon"], "kwargs": {}}
    assert re.fullmatch(r'flow\.py:\d+ in broken: raise ValueError\(f"no \{day\}"\)', report["frame"])

    done = location.call("workflow.steps", first[:10])
    lines = done.out.splitlines()
    assert lines[0].replace("  workflow", "").split() == ["step", "state", "forced", "tries", "took", "queued", "why"]
    at = lines.index("failed: report")
    assert lines[at + 1].startswith("  activity   flow.broken, try 2  (activity-flow.broken-")
    assert lines[at + 2 : at + 4] == ['  arguments  "mon"', "  error      ValueError: no mon"]
    assert lines[at + 4].startswith("  at         flow.py:")
    if location.domain is None:  # there, output is kept
        assert lines[at + 5 :] == ["  output", "    looking at mon"]
        assert report["log"] == "looking at mon"
    assert re.match(rf"run {first[:8]}\S* of workflow past: failed, .* steps: [45] ran, 0 skipped, 1 failed$", done.err)


def test_activities_about_marks_are_no_answer_to_a_wrong_name(past: SimpleNamespace) -> None:
    message = past.location.error("task.info", past.runs[0], "reprot")
    assert "has no activity 'reprot' (did you mean 'report'?); it has activity-flow." in message
    assert "simpleflow.step" not in message


def test_the_steps_of_the_latest_run(past: SimpleNamespace) -> None:
    first, second = past.runs
    rows = {row["step"]: row for row in past.location.objects("workflow.steps")}
    assert {row["run_id"] for row in rows.values() if row["workflow_id"] == "past"} == {second}
    assert (rows["late"]["state"], rows["late"]["made_by"]) == ("completed", second)
    skipped = rows["load.part1"]
    assert (skipped["state"], skipped["seconds"], skipped["tries"], skipped["made_by"]) == ("skipped", None, 0, first)
    assert first[:8] in past.location.call("workflow.steps").out


def test_what_failed_is_listed(past: SimpleNamespace) -> None:
    rows = [row for row in past.location.objects("workflow.list") if row["workflow_id"] == "past"]
    assert [(row["status"], row["failed"]) for row in rows] == [("completed", []), ("failed", ["report"])]
    assert "ValueError: no mon" in rows[1]["reason"]
    line = next(each for each in past.location.call("workflow.list").out.splitlines() if " failed " in each)
    assert line.endswith("  report: ValueError: no mon")
    assert re.search(rf" {past.runs[0][:8]}\S{{0,3}} ", line), "its run id is short"


def test_the_names_of_steps_are_names_of_activities(past: SimpleNamespace) -> None:
    first = past.runs[0][:12]
    call = past.location.call
    shown = call("task.info", first, "report", "--details")
    assert "flow.broken 1" in shown.out
    assert "Traceback" in shown.out
    [row] = past.location.objects("task.info", first, "load.part1")
    assert (row["step"], row["result"]) == ("load.part1", 1)
    [row] = past.location.objects("task.info", first, "load")
    assert row["step"].startswith("load.part"), "a name covers the steps below it"
    assert "its steps are load.part0, load.part1, " in past.location.error("task.info", first, "nope")
    told = past.location.error("task.info", "past", "equal")
    assert "has no activity in this run: it is skipped" in told
    assert told.endswith(f"; the run that has done it is shown with --run-id {first[:8]}\n")


def test_what_is_about_marks_is_hidden(past: SimpleNamespace) -> None:
    first = past.runs[0]
    for verb in ("workflow.tasks", "workflow.profile"):
        few, every = (past.location.objects(verb, first, *more) for more in ([], ["--all"]))
        assert {row["name"] for row in few} == {"flow.work", "flow.once", "flow.broken"}
        assert any("simpleflow.step." in row["name"] for row in every)
    few, every = (past.location.objects("workflow.history", first, "-o", "cooked", *more) for more in ([], ["--all"]))
    assert not [row for row in few if row["name"] == "log.step"]
    assert [row for row in every if row["name"] == "log.step"]


def test_run_ids_are_told_apart_by_their_begins(past: SimpleNamespace) -> None:
    first, second = past.runs
    assert [row["run_id"] for row in past.location.objects("workflow.info", "past", second[:9])] == [second]
    assert [row["run_id"] for row in past.location.objects("workflow.info", first[:9])] == [first]
    ambiguous = past.location.error("workflow.info", "past", "2")
    assert "run id '2' is ambiguous: it may be " in ambiguous
    assert first[:8] in ambiguous
    assert second[:8] in ambiguous
    assert "has no run whose id is or begins with '9z'; its runs are " in past.location.error(
        "workflow.info", "past", "9z"
    )
    unknown = past.location.error("workflow.steps", "other")
    assert "has the workflow id 'other', or a run id that begins so; the latest runs are " in unknown


def test_a_domain_in_the_environment_is_used_unless_local_is_given(folder: Folder) -> None:
    bad = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": "none"}
    done = folder.run("workflow.list", SWF_DOMAIN="trial", AWS_ENDPOINT_URL="http://127.0.0.1:9", **bad)
    assert done.code == 1
    for more in (["--local"], ["--state", ".simpleflow"]):
        assert folder.run("workflow.list", *more, SWF_DOMAIN="trial").err.startswith("no runs: folder ")
    assert json.loads(folder.run("workflow.list", "--format", "json").out) == []
    assert folder.run("workflow.steps").err.startswith("error: there are no runs in folder ")
    assert folder.start("flow.Echo").code == 0
    wrong = folder.run("workflow.info", "production", "daily")
    assert wrong.err.endswith("(flow.Echo); a domain of Amazon SWF is given with --domain\n"), wrong.err
    for workflow in ("flow.py", "flow.py:Echo", "flow:Echo"):
        assert "; a run is named by its workflow id or run id, and" in folder.run("workflow.steps", workflow).err


@pytest.mark.parametrize(
    ("steps", "reason", "said"),
    [
        ({}, None, ""),
        ({}, "deadlock: it waits", "deadlock: it waits"),
        ({"load": "KeyError: 2"}, "x", "load: KeyError: 2"),
        (
            {"soft": "KeyError: 2", "flaky": "ConnectionError: gone"},
            "x",
            "soft: KeyError: 2; flaky: ConnectionError: gone",
        ),
        ({"a": "", "b": "1", "c": "2", "d": "3", "e": "4"}, None, "a; b: 1; c: 2; and 2 more"),
    ],
)
def test_each_failed_step_has_its_own_error(steps: dict[str, str], reason: str | None, said: str) -> None:
    assert what_failed(RunFailure(steps, reason)) == said


def test_short_ids() -> None:
    assert short_ids([]) == {}
    assert short_ids(["abcdefghij"]) == {"abcdefghij": "abcdefgh"}
    ids = ["abcdefghij", "abcdefghik", "abcdefgzzz", "b"]
    assert short_ids(ids) == {
        "abcdefghij": "abcdefghij",
        "abcdefghik": "abcdefghik",
        "abcdefgzzz": "abcdefgz",
        "b": "b",
    }
