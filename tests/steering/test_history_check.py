"""Histories are replayed with the code of today: the first decision that differs is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.core import events as e
from simpleflow.core.codec import decode_history
from simpleflow.exceptions import InputError
from simpleflow.local import Executor
from simpleflow.steering.history_check import check
from simpleflow.step import Step, WorkflowStepMixin
from simpleflow.testing import WorkflowRunner


@activity.with_attributes(raises_on_failure=True, name="check.load")
def load(day: str) -> str:
    return day


@activity.with_attributes(name="check.fails", retry=1)
def fails() -> None:
    raise ValueError("no")


class Flow(Workflow, WorkflowStepMixin):
    days = ("mon", "tue")
    more = False

    def run(self) -> Any:
        self.submit(self.record_marker("begun"))
        found = self.submit(Group(*((load, day) for day in self.days))).result
        self.submit(fails)
        self.submit(Step("last", (load, "wed"))).result
        if self.more:
            self.submit(self.start_timer("pause", 0))
        return found


def history(kind: type[Workflow], **options: Any) -> list[e.Event]:
    executor = Executor(kind, **options)
    executor.run()
    return decode_history(executor.history)


@pytest.mark.parametrize("options", [{}, {"state": True}, {"bucket": True}])
def test_the_same_code(options: dict[str, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "bucket" in options:
        monkeypatch.setattr(Flow, "get_step_bucket", lambda self: str(tmp_path / "marks"))
    given = {"state": tmp_path / "state"} if "state" in options else {}
    events = history(Flow, **given)
    found = check(Flow, events)
    assert found.difference is None, found
    assert found.decisions >= 8
    again = check(Flow, history(Flow, **given))
    assert again.difference is None, "the step is skipped"


@pytest.mark.parametrize(
    ("change", "recorded", "today"),
    [
        ({"days": ("mon", "fri")}, '["tue"]', '["fri"]'),
        ({"days": ("mon",)}, "activity check.load", "None"),
        ({"days": ("mon", "tue", "wed")}, "None", '["wed"]'),
        ({"more": True}, "None", "timer pause"),
    ],
)
def test_changed_code(
    change: dict[str, Any], recorded: str, today: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    events = history(Flow)
    for name, value in change.items():
        monkeypatch.setattr(Flow, name, value)
    found = check(Flow, events).difference
    assert found is not None
    assert recorded in str(found.recorded)
    assert today in str(found.today)
    assert events[found.event_id - 1].type == "DecisionTaskStarted"


class Child(Workflow):
    name = "check.child"

    def run(self, number: int) -> int:
        return number


class Parent(Workflow):
    def run(self) -> Any:
        return [self.submit(Child, number).result for number in range(2)]


def test_children() -> None:
    events = history(Parent, workflow_id="mine")
    assert check(Parent, events, "mine").difference is None


@activity.with_attributes(name="check.jitters", retry=1, retry_delay=20, retry_jitter=0.9)
def jitters() -> None:
    raise ValueError("no")


class OfItself(Workflow, WorkflowStepMixin):
    """What it decides depends on its ids."""

    def run(self) -> Any:
        self.submit(jitters)
        self.submit(Step("first", (load, "mon"))).result
        child = self.submit(Child, 1).result
        self.submit(self.signal("done", child))
        context = self.get_run_context()
        heard = self.submit(self.wait_signal("done")).result["args"]
        return [self.submit(load, context["run_id"]).result, context["workflow_id"], heard]


class Talking(Workflow):
    def run(self) -> Any:
        self.submit(self.signal("me", 1))
        return [self.submit(self.wait_signal("me")).result["args"], self.get_run_context()["run_id"]]


class Quiet(Workflow):
    def run(self) -> Any:
        self.submit(jitters)
        context = self.get_run_context()
        return [self.submit(load, f"{context['workflow_id']}/{context['run_id']}").result]


@pytest.mark.parametrize(("kind", "is_told"), [(OfItself, True), (Talking, True), (Quiet, False)])
def test_ids_of_the_run(kind: type[Workflow], is_told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEP_BUCKET", str(tmp_path / "marks"))
    run = WorkflowRunner().run(kind, workflow_id="mine; of today")
    events, run_id = run.events, run.run_id
    found = check(kind, events).difference
    if is_told:
        assert found is None
    else:
        assert "unknown-workflow-id/unknown-run-id" in str(found)
    assert check(kind, events, "mine; of today", run_id).difference is None
    for other in ({"workflow_id": "another"}, {"run_id": "another"}):
        assert check(kind, events, **other).difference is not None


@pytest.mark.parametrize("claims", ["0", "1"])
def test_settings_of_marks_are_no_difference(claims: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEP_BUCKET", str(tmp_path / "marks"))
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")
    events = history(Above, workflow_id="mine")
    monkeypatch.setenv("STEP_BUCKET", str(tmp_path / "others"))
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", claims)
    assert check(Above, events).difference is None
    monkeypatch.setattr(Above, "number", 8)
    found = check(Above, events).difference
    assert found is not None
    assert "check.child" in str(found.recorded)


class Above(Workflow, WorkflowStepMixin):
    number = 7

    def run(self) -> Any:
        self.submit(Step("first", (load, "mon"))).result
        return self.submit(Child, self.number).result


def test_code_that_raises() -> None:
    class Broken(Flow):
        def run(self) -> Any:
            self.submit(self.record_marker("begun"))
            raise KeyError("gone")

    found = check(Broken, history(Flow)).difference
    assert found is not None
    assert "failed" in str(found.today)
    assert "KeyError" in str(found.today)


def test_pages_that_overlap() -> None:
    events = history(Flow)
    assert check(Flow, [*events[:9], *events[5:], events[-1]]).difference is None


def test_a_history_with_a_hole_is_refused() -> None:
    events = history(Flow)
    with pytest.raises(InputError, match="the history has no event 6, but 21; expected all events of a run"):
        check(Flow, [*events[:5], *events[20:]])


def test_a_part_of_a_history_is_refused() -> None:
    with pytest.raises(InputError, match="does not begin with WorkflowExecutionStarted"):
        check(Flow, history(Flow)[3:])
