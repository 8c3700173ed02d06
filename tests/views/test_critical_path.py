"""The critical path of a run, found in its history."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.testing.history import HistoryBuilder
from simpleflow.views.critical_path import critical_path
from simpleflow.views.run_view import RunView


def activity(id: str) -> d.ScheduleActivityTask:
    return d.ScheduleActivityTask(activity_id=id, activity_type=e.ActivityType("do", "1"), task_list=e.TaskList("x"))


def path_of(history: HistoryBuilder) -> list[tuple[str, float, float]]:
    view = RunView("run")
    view.extend(history.events)
    return [(link.row.id, link.began, link.ended) for link in critical_path(view, history.events)]


DONE = d.CompleteWorkflowExecution(result="1")


def test_the_longest_chain_is_found() -> None:
    history = HistoryBuilder("w", now=0)
    history.decide(activity("short"), activity("long"))
    history.now = 1
    history.start_activity("short").start_activity("long")
    history.now = 2
    history.complete("short").decide(activity("after short"))
    history.start_activity("after short")
    history.now = 4
    history.complete("after short").decide()
    history.now = 9
    history.complete("long").decide(activity("last"))
    history.now = 12
    history.complete("last").decide(DONE)
    assert path_of(history) == [("long", 0, 9), ("last", 9, 12)]
    view = RunView("run")
    view.extend(history.events)
    assert [link.queued for link in critical_path(view, history.events)] == [1, 3]


def test_tries_timers_and_signals_are_parts_of_it() -> None:
    history = HistoryBuilder("w", now=0)
    history.decide(activity("a"))
    history.now = 2
    history.fail("a").decide(d.StartTimer(timer_id="pause", start_to_fire_timeout="5"))
    history.now = 7
    history.fire("pause").decide(activity("a"))
    history.now = 8
    history.complete("a").decide()
    history.now = 20
    history.signal("go").decide(activity("b"))
    history.now = 21
    history.complete("b").decide(DONE)
    assert path_of(history) == [("a", 0, 2), ("pause", 2, 7), ("a", 7, 8), ("go", 8, 20), ("b", 20, 21)]


def test_an_open_run_and_one_without_tasks() -> None:
    history = HistoryBuilder("w", now=0)
    assert path_of(history) == []
    history.decide(activity("a"))
    assert path_of(history) == []
    history.now = 3
    history.complete("a")
    assert path_of(history) == [("a", 0, 3)]
    empty = HistoryBuilder("w", now=0)
    empty.decide(DONE)
    assert path_of(empty) == []


@pytest.mark.parametrize("seed", range(20))
def test_the_path_covers_the_time_of_random_runs(seed: int) -> None:
    """Each link begins where the one before it ended: no time of the run belongs to no link."""
    chance = random.Random(seed)
    history = HistoryBuilder("w", now=0)
    waiting: dict[str, float] = {}
    number = 0

    def schedule(count: int) -> list[d.Decision]:
        nonlocal number
        found: list[d.Decision] = []
        for _ in range(count):
            number += 1
            waiting[f"a{number}"] = history.now + chance.randrange(1, 50)
            found.append(activity(f"a{number}"))
        return found

    history.decide(*schedule(3))
    while waiting:
        id = min(waiting, key=lambda each: waiting[each])
        history.now = max(history.now, waiting.pop(id))
        history.complete(id)
        more = schedule(chance.randrange(3) if number < 30 else 0)
        history.decide(*(more if waiting else [DONE]))
    path = path_of(history)
    assert path[0][1] == 0
    assert path[-1][2] == history.now
    assert all(before[2] == after[1] for before, after in pairwise(path))
