"""Steps whose inputs have changed, on the local server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, values
from simpleflow.canvas import Group
from simpleflow.core import events as e
from simpleflow.engines.base import StartRequest
from simpleflow.engines.swf.decisions import limits
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.server import Server
from simpleflow.step import ARGUMENTS, Step, WorkflowStepMixin, files
from simpleflow.step.request import REQUEST, request_of
from simpleflow.stores import open_store
from simpleflow.values import decode
from tests.pauses import wait_for
from tests.swf.served import DOMAIN, Crew, ended, outcome, start


@activity.with_attributes(name="changed.load", version="1", raises_on_failure=True)
def load(text: str) -> str:
    return text


@activity.with_attributes(name="changed.grow", version="1", raises_on_failure=True)
def grow(size: int, text: str) -> str:
    return "x" * size


class Stepping(Workflow, WorkflowStepMixin):
    folder = ""

    def get_step_bucket(self) -> str:
        return Stepping.folder


class Reading(Stepping):
    name = "changed.reading"
    version = "1"

    def run(self, count: int) -> Any:
        data = files(f"{Stepping.folder}/../*.csv")
        steps = [
            Step(f"s{n}", (load, "x"), fingerprint=[ARGUMENTS, data], outputs=[f"{Stepping.folder}/../a.csv"])
            for n in range(count)
        ]
        return [each.reasons if each.ran else "skipped" for each in [self.submit(step) for step in steps]]


class Keeping(Stepping):
    name = "changed.keeping"
    version = "1"

    def run(self, size: int, text: str) -> Any:
        parts = [ARGUMENTS, files(f"{Stepping.folder}/../*.csv"), "y" * 900]
        step = self.submit(Step("s", (grow, size, text), keep_result=True, fingerprint=parts))
        return [step.ran, step.value == "x" * size]


class Twice(Stepping):
    name = "changed.twice"
    version = "1"

    def run(self) -> Any:
        return [self.submit(Step("s", (load, text))).ran for text in "ab"]


class Daily(Stepping):
    name = "changed.daily"
    version = "1"

    def run(self, day: str) -> Any:
        loaded = self.submit(Step("load", (load, day), force_steps_if_executed=["report"]))
        report = self.submit(Step("report", (load, "report")))
        return [loaded.reasons, report.ran]


class Inner(Stepping):
    name = "changed.inner"
    version = "1"

    def run(self, count: int) -> str:
        steps = [Step(f"report.{n}", (load, "report"), after=["load"]) for n in range(count)]
        self.submit(Group(*steps)).result
        return "x" * (20_000 + 400 * count)


class Around(Stepping):
    name = "changed.around"
    version = "1"

    def run(self, force: bool, count: int = 1) -> Any:
        self.submit(Step("load", (load, "x"), force=force)).wait()
        step = self.submit(Step("around", (Inner, count), keep_result=True))
        return step.reasons


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder around the marks."""
    monkeypatch.setattr(Stepping, "folder", str(tmp_path / "marks"))
    (tmp_path / "marks").mkdir()
    return tmp_path


def run(kind: type[Workflow], *args: Any, **options: Any) -> Any:
    run_id = start(kind, *args, **options)
    assert ended(run_id=run_id).status == "completed", outcome(run_id=run_id)
    return decode(outcome(run_id=run_id).result)


def test_files_and_outputs(server: Server, folder: Path) -> None:
    for n in range(90):  # what is read of ten steps does not fit into a field
        (folder / f"{n}.csv").write_text("x")
    (folder / "a.csv").write_text("a")
    with Crew():
        assert run(Reading, 10) == [[]] * 10
        assert run(Reading, 10) == ["skipped"] * 10
        (folder / "7.csv").write_text("other")
        [reason] = run(Reading, 1)[0]
    assert reason.startswith("Inputs changed: ")
    assert reason.endswith("/*.csv (91 files)")


@pytest.mark.parametrize("count", [1, 30])
def test_a_done_step_around_a_child_whose_step_is_stale(server: Server, folder: Path, count: int) -> None:
    """If what a child hands up does not fit into a field beside its result, the result goes first."""
    with Crew(limits=limits()):
        reasons = [run(Around, force, count) for force in (False, False, True, False)]
    done = ["Step was already played"]
    assert reasons == [[], done, ["Not done inside: report.0"] if count == 1 else done, done]


class Together(Stepping):
    name = "changed.together"
    version = "1"

    def run(self, count: int) -> int:
        steps = [Step(f"s{n}", (load, "x"), fingerprint=[files(f"{Stepping.folder}/../a.csv")]) for n in range(count)]
        return len(self.submit(Group(*steps, max_parallel=count)).result)


def test_readings_of_many_steps_fit_into_a_field(server: Server, folder: Path) -> None:
    (folder / "a.csv").write_text("a")
    for n in range(250):
        open_store(Stepping.folder).put("w/steps", f"s{n}", b"{}")
    with Crew(limits=limits()):
        start(Together, 250)
        wait_for(lambda: "ReadStepsTask" in str(SwfEngine(DOMAIN).history("w")), "the first reading")
        inputs = [
            each.attributes.input or ""
            for each in SwfEngine(DOMAIN).history("w")
            if isinstance(each.attributes, e.ActivityTaskScheduled)
        ]
        assert max(map(len, inputs)) < 32_768
        SwfEngine(DOMAIN).terminate_workflow_execution("w")


def test_a_long_result_is_kept_beside_a_long_fingerprint_and_long_arguments(server: Server, folder: Path) -> None:
    (folder / "a.csv").write_text("a")
    with Crew():
        assert [run(Keeping, 29_900, '"' * 1_900) for _ in range(2)] == [[True, True], [False, True]]
    mark = json.loads(open_store(Stepping.folder).get("w/steps", "s") or b"")
    assert mark["made_with"]["arguments"].startswith("sha256:")
    assert mark["fingerprint"].startswith("sha256:")


def test_a_name_with_two_works_is_told_by_the_decider(
    server: Server, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Crew():
        assert run(Twice) == [True, False]
    found = [record.getMessage() for record in caplog.records if "submitted twice" in record.getMessage()]
    assert len(found) == 1


def markers(name: str, workflow_id: str, run_id: str) -> list[Any]:
    events = [event.attributes for event in SwfEngine(DOMAIN).history(workflow_id, run_id)]
    return [json.loads(each.details or "") for each in events if getattr(each, "marker_name", None) == name]


def daily(day: str, workflow_id: str, changed: bool) -> tuple[Any, str]:
    """Run ``Daily``, as with ``--changed`` or without it. Returns its result or its failure, and its run id."""
    input = {"args": [day], "kwargs": {}} | ({REQUEST: request_of((), (), True)} if changed else {})
    request = StartRequest(workflow_id, "changed.daily", "1", values.encode(input, "input"))
    run_id = SwfEngine(DOMAIN).start_workflow_execution(request)
    if ended(workflow_id, run_id).status == "completed":
        return decode(outcome(workflow_id, run_id).result), run_id
    return outcome(workflow_id, run_id).reason, run_id


def done_before(workflow_id: str, count: int) -> None:
    """Mark so many other steps as done, by a workflow of the same file."""
    content = {"arguments": f'[["changed.load",["{"x" * 60}"]]]', "activities": {"changed.load": "0" * 16}}
    for n in range(count):
        open_store(Stepping.folder).put(f"{workflow_id}/steps", f"s{n}", json.dumps({"made_with": content}).encode())


@pytest.mark.parametrize(
    ("count", "jumbo"), [pytest.param(0, False, id="few"), (400, False), pytest.param(400, True, id="many-jumbo")]
)
def test_changed_steps(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, count: int, jumbo: bool) -> None:
    if jumbo:
        monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", str(folder / "jumbo"))
    seen = jumbo or not count
    with Crew():
        for mode in (None, "tell", "run", "ignore", "--changed"):
            runs = mode in ("run", "--changed")
            monkeypatch.setattr(Daily, "step_changes", None if mode == "--changed" else mode)
            workflow_id = f"w-{mode}"
            done_before(workflow_id, count)
            first = daily("mon", workflow_id, mode == "--changed")[0]
            found, run_id = daily("tue", workflow_id, mode == "--changed")
            notices = markers("log.step.notice", workflow_id, run_id)
            if runs and not seen:
                assert first == found
                assert 'GetStepsDoneTask: "InputError: what the done steps were made with does not fit' in found
                assert "set SIMPLEFLOW_JUMBO_FIELDS_BUCKET, or leave out --changed" in found
                assert notices == []
                continue
            assert first == [[], True]
            if runs:
                assert found == [["Arguments changed: text 'mon' -> 'tue'"], True]
            else:
                assert found == [["Step was already played"], False]
                changed = {"arguments": "text='mon' (now 'tue')"} if seen and mode != "ignore" else None
                assert [each.get("changed") for each in markers("log.step", workflow_id, run_id)] == [changed, None]
            assert len(notices) == (mode != "ignore" and not seen)
            assert all("set SIMPLEFLOW_JUMBO_FIELDS_BUCKET" in each["text"] for each in notices)
