"""The test kit: chosen results and times of activities, a virtual clock, signals, crashes, plans and replays."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.exceptions import ExecutionCanceled, ExecutionTerminated, InputError, TaskCanceled, TaskFailed
from simpleflow.exceptions import TimeoutError as TaskTimedOut
from simpleflow.step import Step, WorkflowStepMixin
from simpleflow.testing import FinishedRun, StepStore, WorkflowRunner, assert_replays


@activity.with_attributes(raises_on_failure=True)
def load(day: str = "mon") -> str:
    return f"rows of {day}"


@activity.with_attributes(raises_on_failure=True, retry=2, retry_delay=60)
def clean(rows: str) -> str:
    return f"clean {rows}"


@activity.with_attributes(raises_on_failure=True, start_to_close_timeout=100)
def report(rows: str) -> str:
    return f"report of {rows}"


class Daily(Workflow, WorkflowStepMixin):
    name = "daily"

    def run(self, day: str = "mon") -> Any:
        loaded = self.submit(Step("load", (load, day), force_steps_if_executed=["clean"], keep_result=True))
        cleaned = self.submit(Step("clean", (clean, loaded), force_steps_if_executed=["report"], keep_result=True))
        return self.submit(Step("report", (report, cleaned), keep_result=True)).value


class Parts(Workflow, WorkflowStepMixin):
    name = "parts"

    def run(self) -> list[Any]:
        found = [self.submit(Step(f"part.{name}", (load, name))) for name in "abc"]
        futures.wait(*found)
        return [each.value for each in found]


class Waits(Workflow):
    name = "waits"

    def run(self) -> Any:
        return [self.submit(self.wait_signal("go")).result, self.submit(load, "late").result]


class Child(Workflow):
    name = "child"

    def run(self) -> Any:
        return self.submit(self.wait_signal("tell")).result


class Parent(Workflow):
    name = "parent"

    def run(self) -> Any:
        return self.submit(Child).result


def completes(run: FinishedRun) -> None:
    assert run.result == "report of clean rows of mon"
    run.assert_ran("load", "clean", "report")


# Results, failures, times


def test_steps_run_once_and_a_plan_tells_before(workflow_runner: WorkflowRunner, step_store: StepStore) -> None:
    workflow_runner.assert_plan(Daily, run=["load", "clean", "report"], skip=[])
    first = workflow_runner.run(Daily)
    completes(first)
    assert (first.state, first.seconds, first.why("clean")) == ("completed", 0.0, ("Dep of load",))
    first.assert_activities(load.name, clean.name, report.name)
    second = workflow_runner.run(Daily)
    second.assert_ran()
    second.assert_skipped("load", "clean", "report", why="Step was already played")
    assert (second.result, second.calls) == (first.result, [])
    workflow_runner.assert_plan(Daily, run=["clean", "report"], skip=["load"], force="clean")
    assert step_store.done("daily") == ["clean", "load", "report"]
    step_store.forget("daily", "report")
    workflow_runner.run(Daily).assert_ran("report")
    step_store.mark("other", "load", "clean", "report")
    workflow_runner.assert_plan(Daily, run=[], workflow_id="other")


def test_chosen_results(workflow_runner: WorkflowRunner) -> None:
    workflow_runner.on(load, returns="no rows").on(report, call=str.upper)
    run = workflow_runner.run(Daily)
    assert run.result == "CLEAN NO ROWS"
    assert [(each.step, each.args) for each in run.calls][-1] == ("report", ["clean no rows"])
    workflow_runner.on(load, returns="for b", step="part.b")
    assert workflow_runner.run(Parts).result == ["no rows", "for b", "no rows"]
    workflow_runner.on("tests.testing.test_workflow_runner.load", returns="once", times=1)
    assert workflow_runner.run(Parts, force_steps="*").result == ["once", "for b", "no rows"]


def test_failures_and_pauses_take_no_time(workflow_runner: WorkflowRunner) -> None:
    workflow_runner.on(clean, raises=OSError("no disk"), times=2).on(load, takes=3600)
    run = workflow_runner.run(Daily)
    run.assert_activities(load.name, clean.name, clean.name, clean.name, report.name)
    assert run.seconds == 3600 + 2 * 60
    assert workflow_runner.clock() == run.events[-1].time
    workflow_runner.on(clean, raises=ValueError)
    failed = workflow_runner.run(Daily, force_steps="clean", fails=True)
    assert (failed.state, failed.failed) == ("failed", ["clean"])
    assert isinstance(failed.error, TaskFailed)
    assert "step clean, activity tests.testing.test_workflow_runner.clean" in failed.error.__notes__[0]
    with pytest.raises(TaskFailed, match="ValueError"):
        workflow_runner.run(Daily, force_steps="clean")
    with pytest.raises(TaskFailed):
        assert failed.result


def test_time_outs(workflow_runner: WorkflowRunner) -> None:
    workflow_runner.on(report, takes=101)
    run = workflow_runner.run(Daily, fails=True)
    assert isinstance(run.error, TaskTimedOut)
    assert run.seconds == 100
    workflow_runner.on(report, takes=99)
    assert workflow_runner.run(Daily).seconds == 99
    workflow_runner.on(load, takes=86_400)  # it sends heartbeats, which are due every 300 seconds
    assert workflow_runner.run(Parts).seconds == 86_400
    workflow_runner.on(load, hangs=True)
    run = workflow_runner.run(Daily, force_steps="load", fails=True)
    assert "HEARTBEAT" in str(run.error)
    assert run.seconds == 300


# Orders


@pytest.mark.parametrize("order", [["part.c", "part.a", "part.b"], ["part.b", "part.c", "part.a"]])
def test_a_chosen_order(order: list[str]) -> None:
    run = WorkflowRunner(order=order).run(Parts)
    ended = [each.details["step"] for each in run.markers("log.step") if each.details["status"] == "completed"]
    assert ended == order


def test_an_order_that_cannot_be_kept() -> None:
    with pytest.raises(AssertionError, match="report waits for the end of 'absent', and that does not come"):
        WorkflowRunner(order=["absent", "report"]).run(Daily)


def test_random_orders_differ_and_are_repeated_by_their_seed(workflow_runner: WorkflowRunner) -> None:
    orders: list[tuple[str, ...]] = []

    def note(run: FinishedRun) -> None:
        ended = [each.details["step"] for each in run.markers("log.step") if each.details["status"] == "completed"]
        orders.append(tuple(ended))

    workflow_runner.check_orders(Parts, note, times=20)
    assert len(set(orders)) == 6, "each order of three has been tried"
    workflow_runner.check_orders(Parts, note, times=1, seed=19)
    assert orders[20] == orders[19]
    assert workflow_runner.store.done("parts") == [], "each order begins with the same marks"

    def never_first(run: FinishedRun) -> None:
        note(run)
        assert orders[-1][0] != "part.c"

    with pytest.raises(AssertionError) as caught:
        workflow_runner.check_orders(Parts, never_first)
    seed = int(caught.value.__notes__[0].rpartition("=")[2].rstrip(")"))
    with pytest.raises(AssertionError):
        workflow_runner.check_orders(Parts, never_first, times=1, seed=seed)


# Signals


def test_signals(workflow_runner: WorkflowRunner) -> None:
    assert workflow_runner.signal("go", {"rows": 3}).run(Waits).result == [{"rows": 3}, "rows of late"]
    run = workflow_runner.signal("go", 1, at=30.5).run(Waits)
    assert (run.result[0], run.seconds) == (1, 30.5)
    with pytest.raises(AssertionError, match="waits for the signal 'go', which the test does not send"):
        workflow_runner.run(Waits)
    assert workflow_runner.signal("tell", 2).run(Parent).result == 2


def test_a_run_that_is_cancelled_or_terminated(workflow_runner: WorkflowRunner) -> None:
    run = workflow_runner.cancel(at=5).run(Waits, fails=True)
    assert (type(run.error), run.seconds) == (ExecutionCanceled, 5)
    assert isinstance(workflow_runner.terminate().run(Waits, fails=True).error, ExecutionTerminated)
    workflow_runner.on(clean, takes=50).cancel(after="load")
    assert isinstance(workflow_runner.run(Daily, fails=True).error, ExecutionCanceled | TaskCanceled)


# Crashes


def test_a_crash_after_any_event(workflow_runner: WorkflowRunner) -> None:
    assert workflow_runner.check_crashes(Daily, completes) > 5
    assert workflow_runner.store.done("daily") == []


def test_a_crash_at_a_chosen_moment(workflow_runner: WorkflowRunner) -> None:
    crashed = workflow_runner.run(Daily, crash_after="load")
    assert (crashed.crashed, crashed.activities(), crashed.state) == (True, [load.name], "crashed")
    run = workflow_runner.run(Daily)
    completes(run)
    run.assert_activities(clean.name, report.name)
    assert crashed.run_id == run.run_id
    workflow_runner.on(clean, raises=OSError, times=1)
    crashed = workflow_runner.run(Daily, force_steps="clean", crash_after="TimerStarted")
    assert workflow_runner.run(Daily, force_steps="clean").seconds == 60
    with pytest.raises(AssertionError, match="ended before the crash after 'nowhere'"):
        workflow_runner.run(Daily, crash_after="nowhere")
    with pytest.raises(AssertionError, match="has no result; run it again"):
        assert crashed.result


def test_the_note_of_a_crash_tells_how_to_repeat_it(workflow_runner: WorkflowRunner) -> None:
    def loads(run: FinishedRun) -> None:
        assert load.name in run.activities()

    with pytest.raises(AssertionError) as caught:
        workflow_runner.check_crashes(Daily, loads)
    kept = int(caught.value.__notes__[0].rpartition("=")[2].rstrip(")"))
    workflow_runner.run(Daily, crash_after=kept)
    with pytest.raises(AssertionError):
        loads(workflow_runner.run(Daily))


# Replays


class Changed(Daily):
    name = "daily"

    def run(self, day: str = "mon") -> Any:
        self.submit(Group((load, "before"))).result
        return super().run(day)


def test_a_history_against_changed_code(workflow_runner: WorkflowRunner, tmp_path: Path) -> None:
    run = workflow_runner.run(Daily)
    file = tmp_path / "history.json"
    file.write_text(json.dumps(run.history))
    for history in (run, run.history, run.events, file, str(file)):
        assert assert_replays(Daily, history, workflow_id="daily") > 5
    with pytest.raises(AssertionError, match=r"recorded: activity simpleflow\.step.* today: activity .*load"):
        assert_replays(Changed, run)
    file.write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        assert_replays(Daily, file)
    with pytest.raises(InputError, match="is no event"):
        assert_replays(Daily, [1])  # type: ignore[list-item]


# The marks


class Elsewhere(Daily):
    name = "elsewhere"
    marks = "s3://production"

    def get_step_bucket(self) -> str:
        return self.marks


def test_nothing_is_written_to_a_bucket_or_a_folder(
    workflow_runner: WorkflowRunner, step_store: StepStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    completes(workflow_runner.run(Elsewhere))
    workflow_runner.run(Elsewhere).assert_skipped("load", "clean", "report")
    assert step_store.done("elsewhere", "s3://production") == ["clean", "load", "report"]
    monkeypatch.setattr(Elsewhere, "marks", str(tmp_path / "marks"))
    workflow_runner.run(Elsewhere).assert_ran("load", "clean", "report")
    monkeypatch.setenv("STEP_BUCKET", "production")
    completes(workflow_runner.run(Daily, workflow_id="another"))
    assert list(tmp_path.iterdir()) == []


# What a test says wrong


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"activity": "nope"}, "activity 'nope' is unknown; expected an activity"),
        ({"returns": 1, "raises": OSError}, "cannot do more than one of: returns, raises, call"),
        ({"takes": -1}, "takes -1; expected seconds, 0 or more"),
        ({"times": 0}, "times of activity .* is 0; expected 1 or more"),
        ({"returns": object()}, "result of activity .*load"),
        ({"step": "a b\0"}, "step"),
    ],
)
def test_a_bad_script(workflow_runner: WorkflowRunner, said: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        workflow_runner.on(said.pop("activity", load), **said)


def test_assertions_tell_what_happened(workflow_runner: WorkflowRunner) -> None:
    run = workflow_runner.run(Daily)
    with pytest.raises(AssertionError, match=r"did not run: later; .*did run, not expected: clean, report; the verd"):
        run.assert_ran("load", "later")
    with pytest.raises(AssertionError, match=r"steps that did not skip: load; the verdicts were load: run \(\); clean"):
        run.assert_skipped("load")
    with pytest.raises(AssertionError, match=r"the plan would run no step; expected load; the plan is load: skip"):
        workflow_runner.assert_plan(Daily, run=["load"])
    with pytest.raises(AssertionError, match="did not fail; its result is 'report of"):
        workflow_runner.run(Daily, fails=True)
    with pytest.raises(AssertionError, match="no verdict on step 'nope'"):
        run.why("nope")
    with pytest.raises(InputError, match="order is 'load'"):
        WorkflowRunner(order="load")
    assert isinstance(WorkflowRunner(order=random.Random(1)).run(Daily), FinishedRun)


def test_the_plugin_loads_nothing_until_a_fixture_is_used() -> None:
    [plugin] = entry_points(group="pytest11", name="simpleflow_pytest")
    code = (
        f"import {plugin.value}, sys; print([name for name in sys.modules if name.partition('.')[0] == 'simpleflow'])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_state_folder(state_folder: Path) -> None:
    from simpleflow import settings

    assert str(state_folder) == settings.SIMPLEFLOW_STATE
