"""Activity tasks in child processes: heartbeats, time-outs, cancellation, deaths."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simpleflow import activity, settings, values
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.engines.base import ActivityTask, StartRequest
from simpleflow.engines.memory import MemoryEngine
from simpleflow.worker.child import Child
from simpleflow.worker.dispatch import Middlewares
from simpleflow.worker.performer import Former, Performer
from tests.pauses import wait_for
from tests.processes import alive


def _evaluate(code: str) -> Any:
    names: dict[str, Any] = {"os": os, "sys": sys, "time": time, "signal": signal}
    exec(code, names)
    return names.get("result")


@activity.with_attributes(name="performer.evaluate")
def evaluate(code: str) -> Any:
    return _evaluate(code)


@activity.with_attributes(name="performer.bounded", start_to_close_timeout=1, heartbeat_timeout=1)
def bounded(code: str) -> Any:
    return _evaluate(code)


class Clocked(MemoryEngine):
    """An engine that checks time-outs at each heartbeat; ``beats`` counts the heartbeats."""

    beats: int = 0

    def record_activity_task_heartbeat(self, token: str, details: str | None = None) -> bool:
        self.beats += 1
        self.expire()
        return super().record_activity_task_heartbeat(token, details)


class Shop:
    """An engine, and a performer whose child process runs the code of a test."""

    def __init__(self, every: float = 60.0, former: dict[str, Former] | None = None) -> None:
        self.engine = Clocked()
        self.child = Child(Middlewares(), "domain")
        self.performer = Performer(self.engine, self.child, every, former)
        self.run_id = self.engine.start_workflow_execution(StartRequest("w", "type", "1"))
        self.count = 0

    def schedule(self, code: str, name: str = "performer.evaluate", **options: Any) -> ActivityTask:
        self.count += 1
        text = values.encode({"args": [code], "kwargs": {}}, "input")
        kind = e.ActivityType(name, "1")
        self.decide(d.ScheduleActivityTask(activity_id=str(self.count), activity_type=kind, input=text, **options))
        task = self.engine.poll_for_activity_task()
        assert task is not None
        return task

    def decide(self, *decisions: d.Decision) -> None:
        if (task := self.engine.poll_for_decision_task()) is None:
            self.engine.signal_workflow_execution("w", "wake up")
            task = self.engine.poll_for_decision_task()
        assert task is not None
        self.engine.respond_decision_task_completed(task.token, decisions)

    def perform(self, task: ActivityTask) -> Any:
        """Perform the task; returns the attributes of the event that ends it."""
        self.performer.perform(task)
        ends = [
            event.attributes
            for event in self.engine.history("w")
            if isinstance(event.attributes, _ENDS) and event.attributes.scheduled_event_id == _scheduled(self, task)
        ]
        return ends[0] if ends else None


_ENDS = (e.ActivityTaskCompleted, e.ActivityTaskFailed, e.ActivityTaskTimedOut, e.ActivityTaskCanceled)


def _scheduled(shop: Shop, task: ActivityTask) -> int:
    return next(
        event.id
        for event in shop.engine.history("w")
        if isinstance(event.attributes, e.ActivityTaskScheduled) and event.attributes.activity_id == task.activity_id
    )


@pytest.fixture
def shop() -> Iterator[Shop]:
    found = Shop()
    yield found
    found.child.close()


def test_one_process_performs_one_task_after_the_other(shop: Shop) -> None:
    first = shop.perform(shop.schedule("result = os.getpid()"))
    second = shop.perform(shop.schedule("result = os.getpid()"))
    assert first.result == second.result != str(os.getpid())


def test_the_activity_knows_its_context(shop: Shop) -> None:
    code = "from simpleflow import activity; c = activity.registry['performer.evaluate'].context; "
    end = shop.perform(shop.schedule(code + "result = [c['domain_name'], c['workflow_id'], c['activity_id']]"))
    assert values.decode(end.result) == ["domain", "w", "1"]


def test_a_failure_is_reported(shop: Shop) -> None:
    end = shop.perform(shop.schedule("raise ValueError('no such day')"))
    assert end.reason == "ValueError: no such day"
    assert values.decode(end.details)["error_type"] == "builtins.ValueError"


def test_an_unknown_activity_is_a_failure(shop: Shop) -> None:
    end = shop.perform(shop.schedule("", name="no_such_module.activity"))
    assert "activity no_such_module.activity is unknown" in end.reason


MEMORY = " (if the machine ran out of memory, dmesg or journalctl -k says so)"


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("os._exit(3)", ("with exit code 3", "")),
        ("os.kill(os.getpid(), signal.SIGKILL)", ("by signal 9", MEMORY)),
        ("os.kill(os.getpid(), signal.SIGSEGV)", ("by signal 11", " (code in C crashed); its output says where")),
        ("os.kill(os.getpid(), signal.SIGUSR1)", ("by signal 10", "")),
        (
            "os.kill(os.getpid(), signal.SIGTERM)",
            ("with exit code 143", " (something outside has sent it SIGTERM)"),
        ),
    ],
)
def test_the_death_of_a_process_is_a_failure_that_says_how(shop: Shop, code: str, how: tuple[str, str]) -> None:
    end = shop.perform(shop.schedule(code))
    assert end.reason == f"WorkerDied: the worker process ended {how[0]} while it did the activity{how[1]}"
    assert shop.perform(shop.schedule("result = 1")).result == "1"  # in another one


def test_a_death_is_noticed_while_a_grandchild_lives(shop: Shop, tmp_path: Path) -> None:
    """A process that the activity has forked holds the worker's end of the channel open. It is killed, too."""
    path = tmp_path / "pid"
    code = f"""
pid = os.fork()
if pid == 0:
    time.sleep(60)
open({str(path)!r}, "w").write(str(pid))
os._exit(4)
"""
    end = shop.perform(shop.schedule(code))
    assert "with exit code 4" in end.reason
    grandchild = int(path.read_text())
    wait_for(lambda: not alive(grandchild))


def test_heartbeats_come_at_the_given_interval() -> None:
    shop = Shop(every=0.1)
    try:
        assert shop.perform(shop.schedule("time.sleep(1); result = 1")).result == "1"
        assert shop.engine.beats >= 3
    finally:
        shop.child.close()


def test_without_an_interval_heartbeats_come_as_often_as_the_time_out_requires() -> None:
    shop = Shop(every=0)
    try:
        assert shop.perform(shop.schedule("time.sleep(0.3); result = 1")).result == "1"
        assert shop.engine.beats == 0
        task = shop.schedule("time.sleep(1.2); result = 1", "performer.bounded", heartbeat_timeout="1")
        assert shop.perform(task).result == "1"
        assert shop.engine.beats >= 2
    finally:
        shop.child.close()


def test_heartbeats_come_within_half_of_the_activitys_own_time_out(shop: Shop) -> None:
    task = shop.schedule("time.sleep(2.5); result = 1", "performer.bounded", heartbeat_timeout="1")
    assert shop.perform(task).result == "1"
    assert shop.engine.beats >= 4


def test_a_hanging_activity_is_killed_when_it_has_timed_out(shop: Shop) -> None:
    code = "signal.signal(signal.SIGTERM, signal.SIG_IGN); open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    end = shop.perform(shop.schedule(code, "performer.bounded", start_to_close_timeout="1"))
    assert end.timeout_type == "START_TO_CLOSE"
    assert not alive(int(Path("pid").read_text()))
    assert shop.perform(shop.schedule("result = 1")).result == "1"


def test_a_longer_time_out_of_the_service_is_respected(shop: Shop) -> None:
    task = shop.schedule("time.sleep(2.2); result = 1", "performer.bounded", start_to_close_timeout="30")
    assert shop.perform(task).result == "1"


def test_a_cancelled_activity_may_clean_up(shop: Shop) -> None:
    code = """
try:
    time.sleep(60)
finally:
    open("cleaned", "w").close()
"""
    task = shop.schedule(code, "performer.bounded")
    shop.decide(d.RequestCancelActivityTask(activity_id=task.activity_id))
    assert isinstance(shop.perform(task), e.ActivityTaskCanceled)
    assert os.path.exists("cleaned")


def test_an_activity_of_a_closed_execution_is_killed(shop: Shop) -> None:
    task = shop.schedule("time.sleep(60)", "performer.bounded")
    shop.engine.terminate_workflow_execution("w")
    assert shop.perform(task) is None


def test_a_former_result_is_taken_over_if_name_and_input_are_the_same() -> None:
    text = values.encode({"args": ["result = 1"], "kwargs": {}}, "input")
    kinds = {"1": Former("performer.evaluate", text, '"former"'), "2": Former("performer.evaluate", "[]", '"former"')}
    shop = Shop(former=kinds)
    try:
        assert [shop.perform(shop.schedule("result = 1")).result for _ in range(3)] == ['"former"', "1", "1"]
    finally:
        shop.child.close()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACTIVITY_SIGTERM_WAIT_SEC", "1")
    assert settings.ACTIVITY_SIGTERM_WAIT_SEC == 1
