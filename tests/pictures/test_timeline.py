"""The timeline of a run: what it shows, how small it stays, and that text in it is text."""

from __future__ import annotations

import datetime
import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from bench.synthetic_run import BEGIN, synthetic_view

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.pictures.timeline import timeline_svg
from simpleflow.testing.history import HistoryBuilder
from simpleflow.views.critical_path import critical_path
from simpleflow.views.run_view import RunView
from tests.pictures.nasty import NASTY, SVG, parsed, texts, tips
from tests.views.test_run_view import activity, marker

UTC = datetime.UTC


def classes(root: Any, name: str) -> list[Any]:
    return [each for each in root.iter() if name in (each.get("class") or "").split()]


def two_tries() -> HistoryBuilder:
    """A step that waits ten seconds, fails, is tried again and completes; another one is skipped."""
    history = HistoryBuilder("w", now=0.0)
    load = "activity-do-step.load.users..-1"
    scan = marker("scan", "skipped", reasons=["Step was already played"])
    history.decide(scan, marker("load.users", "scheduled"), activity(load))
    history.now = 10
    history.start_activity(load)
    history.now = 15
    history.fail(load).decide(d.StartTimer(timer_id="_simpleflow_retry_1", start_to_fire_timeout="3"))
    history.now = 18
    history.fire("_simpleflow_retry_1").decide(activity(load))
    history.start_activity(load)
    history.now = 28
    history.complete(load).decide(marker("load.users", "completed"), d.CompleteWorkflowExecution(result="1"))
    return history


def view_of(history: HistoryBuilder, now: float | None = None) -> RunView:
    view = RunView("the-run", "nightly")
    view.extend(history.events)
    return view


def test_tries_waits_pauses_and_skipped_steps() -> None:
    history = two_tries()
    view = view_of(history)
    path = critical_path(view, history.events)
    root = parsed(timeline_svg(view, zone=UTC, critical=path, standalone=True))
    shown = texts(root)
    assert shown[:2] == ["nightly", "completed in 28.0 s; 1 skipped, 1 ran"]
    assert {"scan", "load.users", "skipped", "0 s", "since 1970-01-01 00:00:00 UTC"} <= set(shown)
    assert [tip for tip in tips(root) if "load.users" in tip] == [
        "load.users: failed, 5.0 s after 10.0 s in the queue",
        "load.users, try 2: completed, 10.0 s",
    ]
    failed, done = classes(root, "critical")[:2]
    assert "is-failed" in failed.get("class")
    assert "is-done" in done.get("class")
    assert float(done.get("width")) == pytest.approx(2 * float(failed.get("width")), abs=0.2)
    assert len(classes(root, "flag")) == 2, "the failed try, and the legend"
    assert len(classes(root, "queued")) == 2
    assert len(classes(root, "pause")) == 2
    assert len(classes(root, "tick-skipped")) == 2
    legend = [each.text for each in classes(root, "legend")]
    assert legend == ["ran", "failed", "waits", "pause before the next try", "skipped", "critical path"]


def test_a_run_that_goes_on_and_one_that_was_stopped() -> None:
    history = HistoryBuilder("w", now=0.0)
    history.decide(marker("load", "scheduled"), activity("activity-do-step.load..-1"), activity("activity-do-1"))
    history.now = 4
    history.start_activity("activity-do-step.load..-1")
    open_run = parsed(timeline_svg(view_of(history), now=9.0, zone=UTC, standalone=True))
    assert texts(open_run)[1] == "running for 9.0 s: load; 1 under way"
    assert "load: started, 5.0 s after 4.0 s in the queue" in tips(open_run)
    assert len(classes(open_run, "is-running")) >= 2
    abandoned = view_of(history)
    abandoned.abandoned = True
    left = parsed(timeline_svg(abandoned, now=4.0, zone=UTC))
    assert "load: stopped, 0.00 s after 4.0 s in the queue" in tips(left), "no process drives the run any more"
    assert not classes(left, "is-running")
    history.now = 20
    history.happened(e.WorkflowExecutionTerminated(child_policy="TERMINATE"))
    stopped = parsed(timeline_svg(view_of(history), now=99.0, zone=UTC, standalone=True))
    assert texts(stopped)[1] == "terminated after 20.0 s; 1 stopped"
    assert "load: stopped, 16.0 s after 4.0 s in the queue" in tips(stopped)


def test_signals_timers_and_activities_outside_of_steps_have_lines() -> None:
    history = HistoryBuilder("w", now=0.0)
    history.decide(activity("activity-do-1"), d.StartTimer(timer_id="tea", start_to_fire_timeout="5"))
    history.now = 2
    history.signal("go")
    history.now = 5
    history.fire("tea").complete("activity-do-1")
    root = parsed(timeline_svg(view_of(history), zone=UTC))
    assert {"do", "timers and signals"} <= set(texts(root))
    assert {"timer tea: fired", "signal go: received"} <= set(tips(root))


def test_by_worker() -> None:
    view, _ = synthetic_view(40, 400, workers=3)
    root = parsed(timeline_svg(view, by="worker", zone=UTC))
    names = [each.text for each in classes(root, "name")]
    assert sorted(names) == ["worker-00@host0", "worker-01@host1", "worker-02@host2"]
    local = view_of(two_tries())
    for row in local.attempts:
        row.worker = "simpleflow@1"
    assert "simpleflow@1" in texts(parsed(timeline_svg(local, by="worker", zone=UTC)))


def test_it_is_small_and_quick_however_large_the_run() -> None:
    """A tenth of the largest run here; ``python -m bench.pictures`` measures the whole."""
    view, events = synthetic_view(1_000, 10_000, fails=True)
    path = critical_path(view, events)
    began = time.process_time()
    whole = timeline_svg(view, critical=path, zone=UTC)
    assert time.process_time() - began < 2
    root = parsed(whole)
    assert len(whole) < 700_000
    assert len(classes(root, "row")) <= 60
    failed = [name.text for name in classes(root, "name") if "table" in (name.text or "")]
    assert any(each.startswith("table") for each in failed), "the failed step has a line"
    assert len(classes(root, "fold")) == 2, "a night, and the legend"
    assert timeline_svg(view, critical=path, zone=UTC) == whole
    zoomed = parsed(timeline_svg(view, begin=BEGIN + 5, end=BEGIN + 20, zone=UTC))
    assert 0 < len(classes(zoomed, "row")) <= 60
    one = parsed(timeline_svg(view, under="load.region03", zone=UTC))
    assert {each.text for each in classes(one, "name")} >= {"load.region03", "table0003"}


@pytest.mark.parametrize("alone", [True, False])
def test_what_works_after_the_time_that_is_shown_only_waits_in_it(alone: bool) -> None:
    history = HistoryBuilder("w", now=0.0)
    count = 2 if alone else 400
    ids = [f"activity-do-step.load..-{number}" for number in range(count)]
    history.decide(marker("load", "scheduled"), *(activity(id) for id in ids[:90]))
    for at in range(90, count, 90):
        history.signal("more").decide(*(activity(id) for id in ids[at : at + 90]))
    history.now = 50
    for id in ids:
        history.start_activity(id)
    history.now = 60
    for id in ids:
        history.fail(id)
    view = view_of(history)
    root = parsed(timeline_svg(view, begin=10, end=20, zone=UTC))
    assert classes(root, "queued")
    assert not [each for each in classes(root, "is-failed") if each.tag in (f"{SVG}rect", f"{SVG}path")]
    assert not classes(root, "flag")
    whole = parsed(timeline_svg(view, zone=UTC))
    assert classes(whole, "flag")


def test_failures_are_drawn_in_bands_too() -> None:
    view, _ = synthetic_view(1_000, 10_000, fails=True)
    failed = [row.name for row in view.failed_steps()]
    root = parsed(timeline_svg(view, most_rows=3, zone=UTC))
    assert len(classes(root, "row")) <= 3
    assert classes(root, "retried")
    assert classes(root, "flag")
    assert len(failed) == 1


@pytest.mark.parametrize("name", NASTY)
def test_text_stays_text(name: str) -> None:
    history = HistoryBuilder("w", now=0.0)
    safe = json.loads(json.dumps(name))
    activity_type = e.ActivityType(safe, "1")
    task = d.ScheduleActivityTask(
        activity_id="a", activity_type=activity_type, control="step.x..-1", task_list=e.TaskList("l")
    )
    history.decide(marker(safe, "scheduled"), task, d.StartTimer(timer_id=safe, start_to_fire_timeout="1"))
    history.now = 3
    history.signal(safe).fail("a", reason=safe)
    view = RunView("r", name)
    view.extend(history.events)
    for row in view.attempts:
        row.worker = name
    for by in ("step", "worker"):
        picture = timeline_svg(
            view, by=by, zone=UTC, standalone=True, href=lambda kind, key: f"/{kind}/{quote(key, errors='replace')}"
        )
        root = parsed(picture)
        picture.encode("utf-8")
        assert "\x1b" not in picture
        for link in root.iter(f"{SVG}a"):
            assert link.get("href", "").startswith(("/step/", "/activity/", "/worker/"))


def test_an_empty_run() -> None:
    assert "no steps in this time" in texts(parsed(timeline_svg(RunView(), zone=UTC, standalone=True)))
