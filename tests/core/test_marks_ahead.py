"""Near the limit of events, runs with thousands of done steps whose marks decide: read in bulk, and never for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from simpleflow import Workflow, activity, values
from simpleflow.canvas import Group
from simpleflow.core import events as e
from simpleflow.core.decider import base_decider
from simpleflow.core.decider.answer import Limits
from simpleflow.engines.base import StartRequest
from simpleflow.engines.memory import MemoryEngine
from simpleflow.steering import history_check
from simpleflow.step import marks_ahead
from simpleflow.step.reading_tasks import ReadMarksTask
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from simpleflow.task import ActivityTask
from simpleflow.views.run_view import RunView
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.dispatch import Middlewares
from simpleflow.worker.inline import InlineWorker
from simpleflow.worker.loop import drive
from simpleflow.worker.on_closed import ignore
from tests.core.harness import Simulation

ran: list[str] = []


@activity.with_attributes(name="ahead.work", raises_on_failure=True)
def work(name: str) -> str:
    ran.append(name)
    return f"result of {name}"


class Kept(Workflow, WorkflowStepMixin):
    """Steps one after the other; their results are in the result of the run."""

    name = "ahead.kept"
    folder = ""
    options: ClassVar[dict[str, Any]] = {"keep_result": True}

    def get_step_bucket(self) -> str:
        return self.folder

    def part(self, number: int) -> Any:
        return self.step(f"s{number}", ActivityTask(work, f"s{number}"), **self.options)

    def run(self, count: int) -> list[Any]:
        return [self.submit(self.part(number)).value for number in range(count)]  # type: ignore[attr-defined]


class Fingerprinted(Kept):
    name = "ahead.fingerprinted"
    options: ClassVar[dict[str, Any]] = {"fingerprint": "same"}

    def run(self, count: int) -> list[Any]:
        return [self.submit(self.part(number)).ran for number in range(count)]  # type: ignore[attr-defined]


class Together(Kept):
    name = "ahead.together"

    def run(self, count: int) -> list[Any]:
        parts = [self.part(number) for number in range(count)]
        self.submit(Group(*parts)).result
        return [self.submit(self.part(number)).value for number in range(count)]  # type: ignore[attr-defined]


class Mixed(Kept):
    """Every tenth step keeps its result."""

    name = "ahead.mixed"

    def run(self, count: int) -> list[Any]:
        found = []
        for number in range(count):
            step = self.part(number) if number % 10 == 0 else self.step(f"s{number}", ActivityTask(work, f"s{number}"))
            future: Any = self.submit(step)
            found += [future.value] if number % 10 == 0 else []
        return found


@pytest.fixture(autouse=True)
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of marks that runs do not claim, as in S3."""
    folder = str(tmp_path / "marks")
    monkeypatch.setattr(Kept, "folder", folder)
    monkeypatch.setattr(base_decider, "_SPARE", 20)
    monkeypatch.setattr(ReadMarksTask, "room", lambda self, *beside: 30_000)
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "0")
    monkeypatch.setenv("SIMPLEFLOW_STEP_CHANGES", "ignore")
    ran.clear()
    return folder


def mark(folder: str, count: int, **more: Any) -> None:
    store = open_store(folder)
    for number in range(count):
        body = {"run_id": "r", "workflow_id": "w", "version": "1", "result": f"result of s{number}", **more}
        store.put("w/steps", f"s{number}", values.encode(body, "a mark").encode())


def simulate(workflow_class: type[Workflow], count: int, most: int | None) -> Simulation:
    limits = Limits(decisions=100 if most is None or most > 2_000 else 10, events=most)
    return Simulation(workflow_class, count, limits=limits, workflow_id="w")


def executions(run: Simulation) -> list[Any]:
    """Run to the end, through all continuations; returns the histories."""
    for _ in range(100):
        run.run()
        closed = run.history.closed
        assert closed is not None
        if not isinstance(closed.attributes, e.WorkflowExecutionContinuedAsNew):
            break
        run.run_id = closed.attributes.new_execution_run_id
    return [each.history for each in run.engine.runs.values()]


def reads(run: Simulation) -> list[tuple[int, int]]:
    """How many marks each activity that reads marks was to read: at once, and ahead."""
    found = []
    for event in run.events:
        attributes = event.attributes
        if isinstance(attributes, e.ActivityTaskScheduled) and "MarkTask" in attributes.activity_type.name:
            found.append((1, 0))
        if isinstance(attributes, e.ActivityTaskScheduled) and "ReadMarks" in attributes.activity_type.name:
            args = values.decode(attributes.input)["args"]
            found.append((len(args[2]), len(args[3])))
    return found


@pytest.mark.parametrize("workflow_class", [Kept, Fingerprinted, Together])
def test_marks_are_read_many_at_once(marks: str, workflow_class: type[Workflow]) -> None:
    mark(marks, 300, fingerprint='"same"')
    run = simulate(workflow_class, 300, 25_000).run()
    expected = [False] * 300 if workflow_class is Fingerprinted else [f"result of s{n}" for n in range(300)]
    assert run.result == expected
    assert ran == []
    assert len(reads(run)) <= 7, reads(run)
    assert len(run.events) < sum(event.type == "MarkerRecorded" for event in run.events) + 80


def test_each_mark_is_read_by_itself_where_events_do_not_count(marks: str) -> None:
    mark(marks, 10)
    run = simulate(Kept, 10, None).run()
    assert reads(run) == [(1, 0)] * 10


def test_few_are_read_ahead_where_few_are_needed(marks: str) -> None:
    mark(marks, 200)
    run = simulate(Mixed, 200, 25_000).run()
    assert len(run.result) == 20
    assert sum(ahead for _, ahead in reads(run)) < 100, reads(run)


def test_marks_that_do_not_fit_are_read_one_by_one(marks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReadMarksTask, "room", lambda self, *beside: 700)
    mark(marks, 30)
    for workflow_class in (Kept, Together):
        run = simulate(workflow_class, 30, 25_000).run()
        assert run.result == [f"result of s{n}" for n in range(30)]


def test_the_names_fit_into_a_field(marks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks_ahead, "_MOST_NAMES", 200)
    mark(marks, 100)
    run = simulate(Together, 100, 25_000).run()
    assert run.result == [f"result of s{n}" for n in range(100)]
    assert max(at_once for at_once, _ in reads(run)) < 40
    assert len(reads(run)) <= 4


def test_changed_fingerprints_run_and_are_read_anew(marks: str) -> None:
    mark(marks, 40, fingerprint='"same"')
    mark(marks, 20, fingerprint='"other"')
    run = simulate(Fingerprinted, 40, 25_000).run()
    assert run.result == [True] * 20 + [False] * 20


@pytest.mark.parametrize("workflow_class", [Kept, Fingerprinted])
def test_a_run_that_barely_advances_fails_with_a_clear_error(
    marks: str, workflow_class: type[Workflow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReadMarksTask, "room", lambda self, *beside: 100)  # so that each mark takes an activity
    mark(marks, 300, fingerprint='"same"')
    run = simulate(workflow_class, 1_000, 500)
    histories = executions(run)
    assert len(histories) <= 4
    assert run.state == "failed"
    failed: Any = run.history.closed.attributes  # type: ignore[union-attr]
    assert "events" in failed.reason
    assert "put parts of the steps into child workflows" in failed.details
    assert all(len(each.events) <= 500 for each in histories)


def test_a_run_that_advances_goes_on(marks: str) -> None:
    mark(marks, 40)
    run = simulate(Kept, 90, 400)
    histories = executions(run)
    assert run.result == [f"result of s{n}" for n in range(90)]
    assert len(ran) == 50
    assert len(histories) > 2


def test_thousands_of_done_steps_are_skipped_in_few_events(marks: str) -> None:
    mark(marks, 10_000)
    engine = MemoryEngine()
    deciders = DecisionWorker(engine, {Kept.name: Kept}, limits=Limits(events=3_000))
    workers = InlineWorker(engine, deciders.activities, Middlewares(), None)
    given = values.encode({"args": [10_020], "kwargs": {}}, "input")
    run_id = engine.start_workflow_execution(StartRequest("w", Kept.name, "1", given))
    run = drive(engine, deciders, workers, run_id, ignore)
    assert run.history.state == "completed"
    assert ran == [f"s{n}" for n in range(10_000, 10_020)]
    assert len(engine.runs) == 1
    assert len(run.history.events) < 800
    view = RunView(run.run_id, "w")
    for event in run.history.events:
        view.apply(event)
    assert len(view.steps) == 10_020
    assert {row.state for row in view.steps.values()} == {"skipped", "completed"}


def test_short_histories_have_a_marker_for_each_step(marks: str) -> None:
    mark(marks, 30)
    run = simulate(Kept, 30, 25_000).run()
    kinds = [event.attributes.marker_name for event in run.events if isinstance(event.attributes, e.MarkerRecorded)]
    assert kinds == ["log.step"] * 30


def test_shared_events_of_markers_are_checked_one_by_one(marks: str) -> None:
    mark(marks, 200)
    run = simulate(Kept, 200, 500).run()
    assert any(getattr(each.attributes, "marker_name", None) == "log.steps" for each in run.events)
    checked = history_check.check(Kept, run.events, "w")
    assert checked.difference is None
    assert checked.decisions > 200
