"""The rows of a run, folded from histories."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.exceptions import InvalidTransition
from simpleflow.step import report
from simpleflow.step.host import step_at
from simpleflow.testing.history import HistoryBuilder
from simpleflow.views.base_view import tally_of
from simpleflow.views.failed import failed_steps
from simpleflow.views.followed_view import FollowedView
from simpleflow.views.rows import AttemptRow, ChildRow, MarkerRow, SentRow, SignalRow, TimerRow
from simpleflow.views.run_view import RunView


def marker(step: str, status: str, **more: Any) -> d.RecordMarker:
    details = {"step": step, "status": status, "forced": False, "reasons": [], **more}
    return d.RecordMarker(marker_name="log.step", details=json.dumps(details))


def activity(id: str, control: str | None = None) -> d.ScheduleActivityTask:
    return d.ScheduleActivityTask(
        activity_id=id, activity_type=e.ActivityType("do", "1"), control=control, task_list=e.TaskList("fast")
    )


def view_of(history: HistoryBuilder) -> RunView:
    """Fold the history at once and piece by piece: both give the same rows."""
    whole, pieces = RunView("run"), RunView("run")
    whole.extend(history.events)
    for end in range(0, len(history.events) + 4, 3):
        pieces.extend(history.events[:end])

    def shown(view: RunView) -> list[Any]:
        return [{key: getattr(row, key) for key in _slots(row)} for row in view.rows.values()]

    assert shown(pieces) == shown(whole)
    assert list(pieces.steps) == list(whole.steps)
    assert [view.name for view in pieces.steps.values()] == [view.name for view in whole.steps.values()]
    check_followed(history)
    return whole


def check_followed(history: HistoryBuilder) -> FollowedView:
    """Who follows the run and lets go what has been shown sees the same at each moment."""
    whole, followed = RunView("run"), FollowedView("run")
    for event in history.events:
        row, other = whole.apply(event), followed.apply(event)
        if row is not None and other is not None:
            assert (row.state, row.begin, row.end, row.started, row.ran, row.made_by) == (
                *(other.state, other.begin, other.end, other.started, other.ran, other.made_by),
            )
            if row.end is not None:
                assert whole.work_time(row.name) == followed.work_time(other.name)
                assert whole.tries_of(row.name) == followed.tries_of(other.name)
            followed.forget(other)
        assert list(followed.open) == list(whole.open)
        assert [task.step for task in followed.open.values()] == [task.step for task in whole.open.values()]
        counts = [dict(tally_of([view])._each()) for view in (whole, followed)]
        assert {name: report.shared(each) for name, each in counts[0].items()} == {
            name: report.shared(each) for name, each in counts[1].items()
        }
    return followed


def _slots(row: Any) -> list[str]:
    return [name for kind in type(row).__mro__ for name in getattr(kind, "__slots__", ())]


def test_a_step_with_tries_that_fail() -> None:
    history = HistoryBuilder("w", now=0.0)
    history.decide(marker("load.users", "scheduled", reasons=["why"]), activity("activity-do-step.load.users..g1.0-1"))
    history.now = 10
    history.start_activity("activity-do-step.load.users..g1.0-1")
    history.now = 12
    history.fail("activity-do-step.load.users..g1.0-1").decide(activity("activity-do-step.load.users..g1.0-1"))
    history.now = 20
    history.start_activity("activity-do-step.load.users..g1.0-1")
    view = view_of(history)
    [step] = view.steps.values()
    assert (step.name, step.state, step.reasons, step.end) == ("load.users", "scheduled", ("why",), None)
    assert view.work_time("load.users", 25).worked == ((10, 12), (20, 25))
    assert view.work_time("load.users", 25).queued == 18
    assert view.first_failure("load.users") is None, "the last try goes on"
    [running] = view.open.values()
    history.now = 30
    history.fail("activity-do-step.load.users..g1.0-1", "ValueError: no").decide(
        marker("load.users", "failed", error="ValueError: no")
    )
    view.extend(history.events)
    assert running.state == "failed"
    assert not view.open
    first, second = view.attempts
    assert (first.number, first.state, first.task_list, second.number) == (1, "failed", "fast", 2)
    assert view.first_failure("load.users") is second
    assert history.events[second.end_id - 1].attributes.reason == "ValueError: no"
    assert view.tries_of("load.users") == 2
    assert (step.state, step.end, step.report.error) == ("failed", 30, "ValueError: no")
    assert view.failed_steps() == [step]


@pytest.mark.parametrize(
    ("reason", "state"),
    [('Workflow execution error in do: "E: no"', "failed"), ('Workflow execution error in other: "E: no"', "stopped")],
)
def test_a_step_that_fails_the_run_before_its_end_has_failed(reason: str, state: str) -> None:
    """An activity of a group has failed the run, and the group has not ended."""
    history = HistoryBuilder("w", now=0.0)
    ids = [f"activity-do-step.load..g1.{number}-1" for number in range(2)]
    history.decide(marker("load", "scheduled"), *map(activity, ids))
    history.start_activity(ids[0]).fail(ids[0], "E: no").decide(d.FailWorkflowExecution(reason=reason))
    view = view_of(history)
    [step] = view.steps.values()
    assert view.state_of(step) == state
    assert view.failed_steps() == [step][: state == "failed"]
    found = [(each.step, each.status, each.error) for each in failed_steps(history.events)]
    assert found == [("load", "failed", "E: no")][: state == "failed"]


def test_what_a_step_forces_stays_known_when_it_has_ended() -> None:
    history = HistoryBuilder("w", now=0.0)
    history.decide(
        marker("a", "scheduled", forces=["b"], after=["z"]),
        marker("a", "completed"),
        marker("b", "skipped", forces=["c"]),
        marker("d", "failed", error="no"),
    )
    steps = view_of(history).steps
    assert [(row.forces, row.after) for row in steps.values()] == [(("b",), ("z",)), (("c",), ()), ((), ())]


def test_outer_steps_and_children_and_equal_activities() -> None:
    history = HistoryBuilder("w", now=0.0)
    child = d.StartChildWorkflowExecution(
        workflow_id="w--sub-step.in.-8a", workflow_type=e.WorkflowType("sub", "1"), task_list=e.TaskList("fast")
    )
    history.decide(
        marker("out", "scheduled"),
        marker("in", "scheduled", inside=["out"]),
        child,
        activity("activity-do-0123456789abcdef", "step.out..c1"),
        activity("activity-do-1"),
    )
    initiated = next(event.id for event in history.events if "StartChild" in event.type)
    execution = e.WorkflowExecution(workflow_id="w--sub-step.in.-8a", run_id="the-child")
    history.now = 5
    kind = e.WorkflowType("sub", "1")
    history.happened(
        e.ChildWorkflowExecutionStarted(initiated_event_id=initiated, workflow_execution=execution, workflow_type=kind)
    )
    history.now = 6
    history.complete("activity-do-0123456789abcdef").complete("activity-do-1")
    history.now = 9
    started = next(event.id for event in history.events if event.type == "ChildWorkflowExecutionStarted")
    history.happened(
        e.ChildWorkflowExecutionCompleted(
            initiated_event_id=initiated, started_event_id=started, workflow_execution=execution, workflow_type=kind
        )
    )
    history.decide(marker("in", "completed"), marker("out", "completed", stale="Dep of x"))
    view = view_of(history)
    assert [task.id for task in view.tasks_of("in")] == ["w--sub-step.in.-8a"]
    assert [task.step for task in view.tasks_of("out")] == ["in", "out"]
    assert view.work_time("out").worked == ((5, 9),)
    [row] = view.of_kind(ChildRow)
    assert (row.run_id, row.state, row.name) == ("the-child", "completed", "sub")
    assert [attempt.step for attempt in view.attempts] == ["out", None]
    assert (view.steps["in"].made_by, view.steps["out"].made_by) == ("run", None), "a stale step has no mark"


def test_a_step_that_runs_again_counts_its_last_run() -> None:
    history = HistoryBuilder("w", now=0.0)
    history.decide(marker("a", "scheduled"), activity("activity-do-step.a.-1")).complete("activity-do-step.a.-1")
    history.decide(marker("a", "completed"))
    history.now = 100
    history.signal("go").decide(marker("a", "scheduled"), activity("activity-do-step.a..~2-1"))
    history.now = 103
    history.complete("activity-do-step.a..~2-1").decide(marker("a", "completed"), marker("b", "skipped"))
    view = view_of(history)
    assert view.steps["a"].begin == 100
    assert len(view.tasks_of("a")) == 1
    assert view.work_time("b").worked == ()
    assert view.steps["b"].made_by is None


def test_a_step_without_activities_takes_from_its_begin_to_its_end() -> None:
    history = HistoryBuilder("w", now=0.0)
    history.decide(marker("a", "waiting", waits_for="another"))
    history.now = 5
    history.signal("x").decide(marker("a", "scheduled"))
    history.now = 8
    history.signal("x").decide(marker("a", "completed"))
    assert view_of(history).work_time("a").worked == ((5, 8),)


def test_timers_signals_and_markers() -> None:
    history = HistoryBuilder("w", now=0.0)
    history.decide(
        d.StartTimer(timer_id="pause", start_to_fire_timeout="3"),
        d.RecordMarker(marker_name="seen", details="3"),
        d.SignalExternalWorkflowExecution(workflow_id="other", signal_name="hear"),
        d.CancelTimer(timer_id="nope"),
    )
    history.now = 3
    history.fire("pause").signal("go", [1])
    view = view_of(history)
    [timer], [received], [sent], [seen] = (
        list(view.of_kind(kind)) for kind in (TimerRow, SignalRow, SentRow, MarkerRow)
    )
    assert (timer.id, timer.state, timer.scheduled, timer.ended) == ("pause", "fired", 0, 3)
    assert (received.name, received.state, history.events[received.event_id - 1].attributes.input) == (
        "go",
        "received",
        "[1]",
    )
    assert (sent.id, sent.name, sent.state) == ("other", "hear", "scheduled")
    assert (seen.name, seen.state) == ("seen", "recorded")
    assert list(view.of_kind(AttemptRow)) == []
    assert (view.state, view.decisions, view.began) == ("open", 1, 0)


def test_who_follows_a_run_keeps_no_rows_of_what_has_ended_well() -> None:
    history = HistoryBuilder("w", now=0.0)
    ended = [marker("all", "scheduled")]
    for number in range(20):
        name, id = f"all.part{number}", f"activity-do-step.all.part{number}.-1"
        history.decide(*ended, marker(name, "scheduled", inside=["all"]), activity(id))
        history.start_activity(id).complete(id)
        ended = [marker(name, "completed") if number else marker(name, "failed", error="no", optional=True)]
    assert not check_followed(history).open
    last = activity("activity-do-step.all.part5.-2")
    history.decide(*ended, last)
    followed = check_followed(history)
    assert len(followed.rows) == 1
    assert len(followed.steps) == 21, "the time of the step around them is that of its parts"
    assert [task.step for task in followed.open.values()] == ["all.part5"]
    history.start_activity(last.activity_id).complete(last.activity_id)
    history.decide(marker("all", "completed"), activity("activity-do-step.all.part5.-3"))
    followed = check_followed(history)
    assert list(followed.steps) == ["all.part0"], "those that failed may be asked for"
    assert [task.step for task in followed.open.values()] == ["all.part5"]
    history.start_activity("activity-do-step.all.part5.-3").complete("activity-do-step.all.part5.-3")
    history.decide(marker("all", "scheduled"))
    assert list(check_followed(history).steps) == ["all.part0", "all"]


def test_an_event_that_is_missing_is_refused() -> None:
    history = HistoryBuilder("w")
    view = RunView()
    view.extend(history.events[:1])
    view.extend(history.events[:1])
    with pytest.raises(InvalidTransition, match="event 3 cannot follow event 1"):
        view.extend(history.decide().events[2:])


@pytest.mark.parametrize(
    ("path", "known", "found"),
    [
        ("step.a..g1.0-1", {"a"}, "a"),
        ("g1.0.step.a.b.-1", {"a", "a.b"}, "a.b"),
        ("step.a.", {"a"}, "a"),
        ("step.a..~2.g1-3", {"a"}, "a"),
        ("w--sub-step.a%3Ab.-8a", {"a:b"}, "a:b"),
        ("step.a%3Ab.", {"a%3Ab"}, "a%3Ab"),
        ("step.a%253Ab.-1", {"a%3Ab"}, "a%3Ab"),
        ("step.a%3Ab.", {"a%3Ab", "a:b"}, "a%3Ab"),
        ("step.a b-c.-1", {"a b-c", "a"}, "a b-c"),
        ("mystep.a.-1", {"a"}, None),
        ("g1.0-1", {"a"}, None),
        ("step.z.-1", {"a"}, None),
        ("step.a..step.b..g1-1", {"a", "b"}, "b"),
    ],
)
def test_the_step_in_a_path(path: str, known: set[str], found: str | None) -> None:
    assert step_at(path, known) == found
