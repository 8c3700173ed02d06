"""Short tasks of a wide group are sent ahead, several to a worker. None of them is harmed by another."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.engines.base import ActivityTask
from simpleflow.local import Executor
from simpleflow.worker.pool import Pool

NUMBER = 120
ODD_ONE = 60


@activity.with_attributes()
def quick(number: int) -> int:
    return number


@activity.with_attributes(start_to_close_timeout=600)
def slow(number: int) -> int:
    time.sleep(4)
    return number


@activity.with_attributes()
def dies(number: int) -> None:
    os._exit(3)


@activity.with_attributes(start_to_close_timeout=2)
def hangs(number: int) -> None:
    time.sleep(60)


class Wide(Workflow):
    name = "wide"
    odd: Any = quick

    def run(self) -> Any:
        members = [(self.odd if number == ODD_ONE else quick, number) for number in range(NUMBER)]
        future = self.submit(Group(*members))
        return [future.result, repr(future.exception)]


def run(odd: Any, folder: Path) -> tuple[Any, list[dict[str, Any]]]:
    executor = Executor(type("Odd", (Wide,), {"odd": odd}), state=folder, nb_workers=2)
    return executor.run(), executor.history


def times(history: list[dict[str, Any]], kind: str) -> dict[int, float]:
    """The times of events of that kind, by the id of the event that scheduled the task."""
    attributes = f"{kind[0].lower()}{kind[1:]}EventAttributes"
    return {
        each[attributes]["scheduledEventId"]: each["eventTimestamp"] for each in history if each["eventType"] == kind
    }


def test_each_task_runs_once_and_starts_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead: list[tuple[int, int]] = []  # how many tasks waited, and how many the worker had ahead
    send_ahead = Pool.send_ahead

    def send(self: Pool, task: ActivityTask) -> None:
        least = min(each.ahead for each in self._workers if each.task is not None)
        ahead.append((self.source.waiting_activities + 1, least))
        send_ahead(self, task)

    monkeypatch.setattr(Pool, "send_ahead", send)
    (result, failure), history = run(quick, tmp_path)
    assert ahead, "none was sent ahead"
    assert all(least < waiting / 4 for waiting, least in ahead), "a worker got more than half of its share"
    assert (result, failure) == (list(range(NUMBER)), "None")
    kinds = [event["eventType"] for event in history]
    assert [kinds.count(f"ActivityTask{what}") for what in ("Scheduled", "Started", "Completed")] == [NUMBER] * 3
    begun: set[int] = set()
    for event in history:
        if event["eventType"] == "ActivityTaskStarted":
            begun.add(event["activityTaskStartedEventAttributes"]["scheduledEventId"])
        if event["eventType"] == "ActivityTaskCompleted":
            assert event["activityTaskCompletedEventAttributes"]["scheduledEventId"] in begun


def test_no_more_tasks_are_under_way_than_there_are_workers(tmp_path: Path) -> None:
    _, history = run(quick, tmp_path)
    under_way = most = 0
    for event in history:
        under_way += {"ActivityTaskStarted": 1, "ActivityTaskCompleted": -1}.get(event["eventType"], 0)
        most = max(most, under_way)
    assert most == 2


def test_tasks_behind_a_slow_one_go_to_other_workers(tmp_path: Path) -> None:
    (result, failure), history = run(slow, tmp_path)
    assert (result, failure) == (list(range(NUMBER)), "None")
    ends = sorted(times(history, "ActivityTaskCompleted").values())
    assert ends[-1] - ends[-2] > 1.5, "a task waited behind the slow one"


def test_a_worker_that_dies_fails_only_its_own_task(tmp_path: Path) -> None:
    (result, failure), history = run(dies, tmp_path)
    assert result == [None if number == ODD_ONE else number for number in range(NUMBER)]
    assert "WorkerDied" in failure
    assert [event["eventType"] for event in history].count("ActivityTaskFailed") == 1


@pytest.mark.timeout(60)
def test_a_time_out_fails_only_its_own_task(tmp_path: Path) -> None:
    (result, failure), history = run(hangs, tmp_path)
    assert result == [None if number == ODD_ONE else number for number in range(NUMBER)]
    assert "START_TO_CLOSE" in failure
    assert [event["eventType"] for event in history].count("ActivityTaskTimedOut") == 1


@activity.with_attributes()
def large(text: str) -> str:
    return text * 20


class Large(Workflow):
    name = "large"

    def run(self) -> int:
        small = self.submit(Group(*[(quick, number) for number in range(NUMBER)])).result
        found = self.submit(Group(*[(large, f"{number:03}" * 5_000) for number in range(NUMBER)])).result
        return len(small) + sum(len(text) for text in found)


@pytest.mark.timeout(60)
def test_owner_and_worker_do_not_wait_for_each_other_where_inputs_and_results_are_large(tmp_path: Path) -> None:
    assert Executor(Large, state=tmp_path, nb_workers=2).run() == NUMBER + NUMBER * 300_000
