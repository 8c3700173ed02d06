"""Texts that are too long for a field go into the object store; without one, a clear error names the field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, stores
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.engines.swf import jumbo
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.exceptions import InputError, SwfError
from simpleflow.server import Server
from simpleflow.task import ActivityTask
from tests.swf.request_counts import Steps, work
from tests.swf.served import DOMAIN, Crew, ended, outcome, start

LONG = "x" * 40_000


@activity.with_attributes(name="jumbo.double", version="1", raises_on_failure=True)
def double(text: str) -> str:
    return text + text


@activity.with_attributes(name="jumbo.huge", version="1", raises_on_failure=True)
def huge() -> str:
    return "x" * (5 * 2**20)


class Long(Workflow):
    name = "jumbo.long"

    def run(self, text: str) -> list[Any]:
        self.submit(self.record_marker("long", {"text": text}))
        self.submit(self.record_marker("long", {"text": text}))
        return [len(self.submit(double, text).result), self.submit(double, text).result]


class LongInput(Workflow):
    name = "jumbo.input"

    def run(self, size: int) -> Any:
        return self.submit(double, "x" * size).result


class LongResult(Workflow):
    name = "jumbo.result"

    def run(self, size: int) -> str:
        return "x" * size


class Huge(Workflow):
    name = "jumbo.huge"

    def run(self) -> Any:
        return self.submit(huge).result


class Marked(Steps):
    """Returns which of its steps ran."""

    name = "jumbo.marked"

    def run(self, count: int) -> Any:
        steps: list[Any] = [
            self.submit(self.step(f"step {number}", ActivityTask(work, number))) for number in range(count)
        ]
        return [step.ran for step in steps]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", str(tmp_path / "jumbo"))
    return str(tmp_path / "jumbo")


def test_a_run_with_long_fields(server: Server, folder: str) -> None:
    run_id = start(Long, LONG)
    with Crew(deciders=2):
        assert ended().status == "completed", outcome()
    assert outcome(run_id=run_id).result == f'[80000,"{LONG}{LONG}"]'
    raw = raw_events()
    assert [type_ for type_, _ in raw].count("MarkerRecorded") == 2
    for _, members in raw:
        for name in ("input", "result", "details"):
            assert len(members.get(name, "")) <= jumbo.limit(name)
    places = {members["result"] for type_, members in raw if type_ == "ActivityTaskCompleted"}
    assert all(each.startswith(f"simpleflow+s3://{folder}/") and each.endswith(" 80002") for each in places)
    assert len(places) == 2


def raw_events() -> list[tuple[str, dict[str, Any]]]:
    """The history in the service: type and attributes of each event."""
    from simpleflow.core.codec import event_to_dict
    from simpleflow.engines.swf import wire
    from simpleflow.engines.swf.decisions import history_pages

    run_id = SwfEngine(DOMAIN).describe("w").run_id
    events = [event_to_dict(wire.event(each)) for page in history_pages(DOMAIN, "w", run_id) for each in page["events"]]
    return [
        (each["eventType"], next(value for key, value in each.items() if key.endswith("Attributes"))) for each in events
    ]


def test_a_long_result_without_a_bucket_fails_the_run_once(server: Server) -> None:
    start(LongResult, 40_000)
    with Crew():
        assert ended().status == "failed"
    assert outcome().reason.startswith("Workflow execution failed: the result of the workflow has 40002 characters")
    assert "SIMPLEFLOW_JUMBO_FIELDS_BUCKET" in outcome().details


def test_a_long_input_of_an_activity_without_a_bucket_fails_the_run(server: Server) -> None:
    start(LongInput, 40_000)
    with Crew():
        assert ended().status == "failed"
    assert outcome().reason.startswith("Workflow execution failed: the input of activity ")
    assert len(outcome().reason) <= 256


def test_a_result_beyond_five_mebibytes_fails_the_activity(server: Server, folder: str) -> None:
    start(Huge)
    with Crew():
        assert ended().status == "failed"
    failed = next(
        each.attributes for each in SwfEngine(DOMAIN).history("w") if isinstance(each.attributes, e.ActivityTaskFailed)
    )
    assert (
        failed.reason
        == "the result of the activity has 5242882 characters; expected at most 5242880: store it elsewhere yourself"
    )


NAMES = 10_000


@pytest.fixture
def many_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many steps of workflow ``w`` are done, its first two among them."""
    monkeypatch.setattr(Steps, "get_step_bucket", lambda self: str(tmp_path / "marks"))
    store = stores.open_store(str(tmp_path / "marks"))
    for number in (0, 1, *range(1_000_000, 1_000_000 + NAMES - 2)):
        store.put("w/steps", f"step {number}", b"{}")


def test_a_done_list_of_ten_thousand_names(server: Server, folder: str, many_marks: None) -> None:
    run_id = start(Marked, 3)
    with Crew(deciders=2):
        assert ended().status == "completed", outcome()
    assert outcome(run_id=run_id).result == "[false,false,true]"
    [listed] = [m for kind, m in raw_events() if kind == "ActivityTaskCompleted" and m["result"].startswith("simple")]
    assert len(jumbo.restore(listed["result"])) > 100_000


def test_a_done_list_of_ten_thousand_names_without_a_bucket_is_an_error(server: Server, many_marks: None) -> None:
    start(Marked, 3)
    with Crew():
        assert ended().status == "failed"
    said = outcome().reason + (outcome().details or "")
    assert re.search(
        r"the result of the activity has \d{6} characters, and SWF takes 32768: set SIMPLEFLOW_JUMBO", said
    )


def test_a_short_text_is_left_alone(folder: str) -> None:
    fits = "x" * 32_768
    assert jumbo.shrink(fits, "input", "it") == fits
    assert jumbo.restore(fits) == fits
    assert jumbo.restore("simpleflow+s3://no size") == "simpleflow+s3://no size"
    decision = d.CompleteWorkflowExecution(result=fits)
    assert jumbo.shrink_decision(decision) is decision
    assert not Path(folder).exists()


@pytest.mark.parametrize("member", ["input", "reason", "details", "control"])
def test_a_long_text_comes_back(member: str, folder: str) -> None:
    text = "é" * (jumbo.limit(member) + 1)
    place = jumbo.shrink(text, member, "it")
    assert len(place) <= 256
    assert place.endswith(f" {len(text)}")
    assert jumbo.restore(place) == text
    assert jumbo.shrink(text, member, "it") != place, "each has its own object"


@pytest.mark.parametrize("member", ["input", "reason"])
def test_without_a_bucket_the_field_is_named(member: str) -> None:
    size = jumbo.limit(member) + 1
    with pytest.raises(InputError, match=f"^the {member} of it has {size} characters.*set SIMPLEFLOW_JUMBO_FIELDS"):
        jumbo.shrink("x" * size, member, "it")


def test_a_missing_or_changed_object_is_an_error(folder: str) -> None:
    place = jumbo.shrink(LONG, "input", "it")
    with pytest.raises(SwfError, match="the object has 40000 characters, not 39999"):
        jumbo.restore(place.replace(" 40000", " 39999"))
    for mark in Path(folder).rglob("*"):
        if mark.is_file():
            mark.unlink()
    with pytest.raises(SwfError, match="there is no such object") as caught:
        jumbo.restore(place)
    assert not caught.value.passing


def test_a_failing_bucket_is_an_error_that_may_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", str(tmp_path / "file"))
    with pytest.raises(SwfError, match="the input of it has 40000 characters, and cannot be stored") as caught:
        jumbo.shrink(LONG, "input", "it")
    assert caught.value.passing


@pytest.mark.parametrize("prefix", ["", "/fields/of/runs"])
def test_a_long_text_in_s3(bucket: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _, name = bucket.rpartition("/")
    if prefix:
        monkeypatch.setenv("SIMPLEFLOW_S3_HOST", host)
        monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", name + prefix)
    else:
        monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", bucket)
    place = jumbo.shrink(LONG, "input", "it")
    assert re.fullmatch(rf"simpleflow\+s3://{name}{prefix}/[0-9a-f]{{64}} 40000", place)
    assert jumbo.restore(place) == LONG
    monkeypatch.setenv("SIMPLEFLOW_S3_HOST", host)
    monkeypatch.delenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET")
    assert jumbo.restore(place) == LONG, "reading needs only the host"
