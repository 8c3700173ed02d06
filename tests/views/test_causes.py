"""Why tasks and runs ended badly, read from their events one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.testing.history import HistoryBuilder
from simpleflow.views import causes
from simpleflow.views.event_of import in_history
from simpleflow.views.rows import TaskRow
from simpleflow.views.run_view import RunView

_TRACE = 'Traceback (most recent call last):\n  File "flow.py", line 3, in load\nValueError: no'


def folded(history: HistoryBuilder) -> RunView:
    view = RunView("run")
    view.extend(history.events)
    return view


def cause(history: HistoryBuilder) -> causes.Cause:
    view = folded(history)
    [task] = view.of_kind(TaskRow)
    return causes.of_task(task, in_history(history.events))


def with_activity() -> HistoryBuilder:
    activity = d.ScheduleActivityTask(
        activity_id="load-1", activity_type=e.ActivityType("load", "1"), start_to_close_timeout="30"
    )
    return HistoryBuilder("w", now=0.0).decide(activity)


@pytest.mark.parametrize(
    ("reason", "details", "expected"),
    [
        ("Error: no", None, ("Error: no", "")),
        ("", None, ("", "")),
        (
            "x",
            {"error": "ValueError", "message": "no", "traceback": _TRACE.splitlines(True)},
            ("ValueError: no", _TRACE),
        ),
        ("x", {"error": "ValueError", "message": ""}, ("ValueError", "")),
        ("x", {"error": 3, "traceback": "no list"}, ("x", "")),
        ("x", _TRACE, ("x", _TRACE)),
        ("x", "a plain text", ("x", "")),
        ("x", ["no", "object"], ("x", "")),
    ],
)
def test_an_activity_that_failed(reason: str, details: Any, expected: tuple[str, str]) -> None:
    history = with_activity().start_activity("load-1")
    history.fail("load-1", reason, None if details is None else json.dumps(details))
    assert cause(history) == expected


def test_details_that_are_kept_elsewhere_are_restored() -> None:
    history = with_activity().start_activity("load-1").fail("load-1", "x", "elsewhere")
    [task] = folded(history).of_kind(TaskRow)
    found = causes.of_task(task, in_history(history.events), lambda text: json.dumps({"error": f"{text}!"}))
    assert found.reason == "elsewhere!"


def test_a_task_that_has_not_ended_has_no_cause() -> None:
    assert cause(with_activity().start_activity("load-1")) == causes.NONE


def test_a_time_out_says_which_limit_it_was() -> None:
    history = with_activity().start_activity("load-1")
    history.now = 31.0
    history.happened(e.ActivityTaskTimedOut(scheduled_event_id=5, started_event_id=6, timeout_type="START_TO_CLOSE"))
    assert cause(history).reason.startswith("time-out START_TO_CLOSE after 30 s: queued for 0.0 s, ran for 31.0 s")


def test_a_child_that_timed_out_says_its_limit_too() -> None:
    child = d.StartChildWorkflowExecution(
        workflow_id="child", workflow_type=e.WorkflowType("child", "1"), execution_start_to_close_timeout="60"
    )
    history = HistoryBuilder("w", now=0.0).decide(child)
    kind, execution = e.WorkflowType("child", "1"), e.WorkflowExecution(workflow_id="child", run_id="r")
    history.happened(
        e.ChildWorkflowExecutionStarted(workflow_execution=execution, workflow_type=kind, initiated_event_id=5)
    )
    history.now = 61.0
    history.happened(
        e.ChildWorkflowExecutionTimedOut(
            workflow_execution=execution,
            workflow_type=kind,
            timeout_type="START_TO_CLOSE",
            initiated_event_id=5,
            started_event_id=6,
        )
    )
    found = cause(history).reason
    assert found.startswith("time-out START_TO_CLOSE after 60 s: queued for 0.0 s, ran for 61.0 s")
    assert "execution_timeout of the workflow" in found


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (
            e.WorkflowExecutionTimedOut(timeout_type="START_TO_CLOSE", child_policy="TERMINATE"),
            "time-out START_TO_CLOSE",
        ),
        (e.WorkflowExecutionTerminated(child_policy="TERMINATE", reason="by hand"), "by hand"),
        (e.WorkflowExecutionTerminated(child_policy="TERMINATE"), ""),
    ],
)
def test_a_run_that_ended_badly(end: e.Attributes, reason: str) -> None:
    history = HistoryBuilder("w").happened(end)
    found = causes.of_run(folded(history), in_history(history.events))
    assert found.reason.startswith(reason)
    assert bool(found.reason) == bool(reason)


def test_a_run_that_failed_says_what_its_decider_says() -> None:
    history = HistoryBuilder("w")
    history.decide(d.FailWorkflowExecution(reason="Cannot replay the workflow: no", details=json.dumps(_TRACE)))
    assert causes.of_run(folded(history), in_history(history.events)) == ("no", _TRACE)


def test_of_the_tries_of_a_task_the_last_one_counts() -> None:
    again = d.ScheduleActivityTask(activity_id="load-1", activity_type=e.ActivityType("load", "1"))
    history = with_activity().start_activity("load-1").fail("load-1")
    assert [task.id for task in causes.failed_tasks(folded(history))] == ["load-1"]
    history.decide(again).start_activity("load-1").complete("load-1")
    assert causes.failed_tasks(folded(history)) == []
