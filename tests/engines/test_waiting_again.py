"""A started task whose worker is gone waits for another one: it does not work, so no limit on the work kills it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.engines.base import StartRequest
from simpleflow.engines.memory import MemoryEngine
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.testing.subject import activity
from tests.engines.test_contract import Clock

REQUEST = StartRequest("w", "type", "1", '"input"')


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def resumed(tmp_path: Path, clock: Clock) -> Iterator[SqliteEngine]:
    """An engine that goes on with a run of two started activities, whose process died."""
    first = SqliteEngine(tmp_path / "state", clock)
    first.start_workflow_execution(REQUEST)
    for_work = {"start_to_close_timeout": "400", "heartbeat_timeout": "300"}
    decide(first, activity("a", **for_work), activity("b", **for_work, schedule_to_close_timeout="5000"))
    assert first.poll_for_activity_task() is not None
    assert first.poll_for_activity_task() is not None
    first.close()
    clock.now += 10_000
    second = SqliteEngine(tmp_path / "state", clock)
    second.adopt("w")
    yield second
    second.close()


def decide(engine: MemoryEngine | SqliteEngine, *decisions: d.Decision) -> None:
    task = engine.poll_for_decision_task()
    assert task is not None
    engine.respond_decision_task_completed(task.token, decisions)


def timed_out(engine: MemoryEngine | SqliteEngine) -> list[str]:
    found = [each.attributes for each in engine.history("w")]
    return [each.timeout_type for each in found if isinstance(each, e.ActivityTaskTimedOut)]


def pass_time(engine: MemoryEngine | SqliteEngine, clock: Clock, seconds: float) -> None:
    clock.now += seconds
    engine.expire()


def test_the_rest_of_a_resumed_run_may_wait_for_its_workers(resumed: SqliteEngine, clock: Clock) -> None:
    task = resumed.poll_for_activity_task()
    assert task is not None
    for _ in range(3):
        pass_time(resumed, clock, 100)
        resumed.record_activity_task_heartbeat(task.token)
    pass_time(resumed, clock, 50)
    resumed.respond_activity_task_completed(task.token, "1")
    pass_time(resumed, clock, 3000)
    assert timed_out(resumed) == []
    later = resumed.poll_for_activity_task()
    assert later is not None
    pass_time(resumed, clock, 299)
    assert timed_out(resumed) == []
    pass_time(resumed, clock, 1)
    assert timed_out(resumed) == ["HEARTBEAT"]


def test_its_work_has_its_full_time_once_a_worker_has_it(resumed: SqliteEngine, clock: Clock) -> None:
    pass_time(resumed, clock, 1000)
    task = resumed.poll_for_activity_task()
    assert task is not None
    for _ in range(3):
        pass_time(resumed, clock, 130)
        resumed.record_activity_task_heartbeat(task.token)
    assert timed_out(resumed) == []
    pass_time(resumed, clock, 10)
    assert timed_out(resumed) == ["START_TO_CLOSE"]


def test_a_limit_on_the_whole_goes_on(resumed: SqliteEngine, clock: Clock) -> None:
    pass_time(resumed, clock, 4999)
    assert timed_out(resumed) == []
    pass_time(resumed, clock, 1)
    assert timed_out(resumed) == ["SCHEDULE_TO_CLOSE"]


@pytest.mark.parametrize("begin", [True, False])
def test_a_task_that_was_given_back_waits_too(clock: Clock, begin: bool) -> None:
    engine = MemoryEngine(clock)
    engine.start_workflow_execution(REQUEST)
    decide(engine, activity("a", heartbeat_timeout="300"))
    task = engine.poll_for_activity_task(begin=begin)
    assert task is not None
    engine.begin_activity_task(task.token)
    engine.put_back_activity_task(task.token)
    pass_time(engine, clock, 10_000)
    assert timed_out(engine) == []
    task = engine.poll_for_activity_task(begin=begin)
    assert task is not None
    pass_time(engine, clock, 200)
    engine.begin_activity_task(task.token)
    pass_time(engine, clock, 299 if not begin else 99)
    assert timed_out(engine) == []
    pass_time(engine, clock, 1)
    assert timed_out(engine) == ["HEARTBEAT"]
    started = [each for each in engine.history("w") if isinstance(each.attributes, e.ActivityTaskStarted)]
    assert len(started) == 1
