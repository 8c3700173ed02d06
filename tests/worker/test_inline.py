"""Activities in the owner's own thread."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.core import codec
from simpleflow.engines.sqlite.rows import unpack
from simpleflow.local import Executor
from simpleflow.step import Step, WorkflowStepMixin


def recorded(state: Path) -> list[str]:
    """The types of the kept events, as another process reads them."""
    db = sqlite3.connect(state / "history.sqlite")
    try:
        return [codec.decode_event(text).type for (text,) in db.execute("select event from events order by run, id")]
    finally:
        db.close()


@activity.with_attributes(name="inline.look")
def look(state: str) -> str:
    return recorded(Path(state))[-1]


@activity.with_attributes(name="inline.interrupt")
def interrupt() -> None:
    raise KeyboardInterrupt


class Looks(Workflow):
    name = "inline.looks"

    def run(self, state: str) -> Any:
        return self.submit(look, state).result


class Interrupted(Workflow):
    name = "inline.interrupted"

    def run(self) -> Any:
        return self.submit(interrupt).result


def test_other_processes_see_that_an_activity_has_started(tmp_path: Path) -> None:
    assert Executor(Looks, state=tmp_path).run([str(tmp_path)]) == "ActivityTaskStarted"


def test_an_interrupt_passes_through_and_the_run_stays_open(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Executor(Interrupted, state=tmp_path).run()
    # The second start asks for a decision, since the code may have been edited; the activity is begun again after that.
    assert recorded(tmp_path)[-2:] == ["DecisionTaskStarted", "DecisionTaskCompleted"]
    assert recorded(tmp_path).count("ActivityTaskStarted") == 1
    assert recorded(tmp_path).count("WorkflowExecutionStarted") == 1


@activity.with_attributes(name="inline.take", raises_on_failure=False)
def take(what: float | str) -> Any:
    if isinstance(what, str):
        raise ValueError(what)
    time.sleep(what)
    return what


class Takes(Workflow):
    name = "inline.takes"

    def run(self, *given: float | str) -> Any:
        return self.submit(Group(*[(take, each) for each in given])).result


def test_short_activities_share_a_decision(tmp_path: Path) -> None:
    assert Executor(Takes, state=tmp_path).run([0] * 50) == [0] * 50
    types = recorded(tmp_path)
    assert types.count("ActivityTaskCompleted") == 50
    assert types.count("DecisionTaskStarted") < 25  # one for each without the rows, three on a quiet machine


def test_long_activities_are_decided_on_one_by_one(tmp_path: Path) -> None:
    Executor(Takes, state=tmp_path).run([0.02] * 3)
    assert recorded(tmp_path).count("DecisionTaskStarted") == 1 + 3


def test_a_failure_ends_the_row(tmp_path: Path) -> None:
    Executor(Takes, state=tmp_path).run([0, 0, "no", 0, 0])
    types = recorded(tmp_path)
    failed = types.index("ActivityTaskFailed")
    assert "DecisionTaskStarted" in types[failed : types.index("ActivityTaskStarted", failed)]


@activity.with_attributes(name="inline.other")
def other(number: int) -> int:
    return number


class Mixes(Workflow):
    name = "inline.mixes"

    def run(self) -> Any:
        return self.submit(Group((take, 0), (take, 0), (other, 1), (take, 0), (other, 2))).result


def test_a_row_keeps_the_order_of_the_tasks(tmp_path: Path) -> None:
    executor = Executor(Mixes, state=tmp_path)
    executor.run()
    db = sqlite3.connect(tmp_path / "history.sqlite")
    events = [codec.decode_event(unpack(kept)) for (kept,) in db.execute("select event from events order by run, id")]
    db.close()
    begun = [event.attributes.scheduled_event_id for event in events if event.type == "ActivityTaskStarted"]
    assert begun == sorted(begun)
    assert len(begun) == 5


class Steps(Workflow, WorkflowStepMixin):
    name = "inline.steps"

    def run(self) -> Any:
        self.submit(Group(*[Step(name, Group(*[(take, 0)] * 20)) for name in "ab"])).wait()


def test_activities_of_different_steps_are_not_in_one_row(tmp_path: Path) -> None:
    Executor(Steps, state=tmp_path).run()
    db = sqlite3.connect(tmp_path / "history.sqlite")
    events = [codec.decode_event(unpack(kept)) for (kept,) in db.execute("select event from events order by run, id")]
    db.close()
    scheduled = {each.id: each.attributes.activity_id for each in events if each.type == "ActivityTaskScheduled"}
    row: set[str] = set()
    for event in events:
        if event.type == "DecisionTaskStarted":
            row = set()
        elif event.type == "ActivityTaskCompleted":
            row.add(scheduled[event.attributes.scheduled_event_id].partition("step.")[2][:1])
            assert len(row) == 1
