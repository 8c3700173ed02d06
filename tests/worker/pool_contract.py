"""What every pool does alike: a pool is driven by the real loop over an engine in memory, and activities are real.

A subclass gives ``make_pool``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simpleflow import activity, values
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.engines.base import StartRequest
from simpleflow.engines.memory import MemoryEngine
from simpleflow.worker.base import ActivityPool
from tests.processes import alive

ENDS = (e.ActivityTaskCompleted, e.ActivityTaskFailed, e.ActivityTaskTimedOut, e.ActivityTaskCanceled)


@activity.with_attributes(name="pools.run")
def run(code: str) -> Any:
    """Run the code of a test: statements that may set ``result``."""
    names: dict[str, Any] = {"os": os, "sys": sys, "time": time, "signal": signal, "subprocess": subprocess}
    exec(code, names)
    return names.get("result")


def appends(path: Path, text: str) -> str:
    """Code that writes a line to a file, as one write."""
    return f"with open({str(path)!r}, 'a') as file: file.write({text!r} + '\\n')\n"


class Shop:
    """An engine and a pool, driven by the parts of the loop that concern activities."""

    def __init__(self, engine: MemoryEngine, pool: ActivityPool) -> None:
        self.engine = engine
        self.pool = pool
        self.run_id = engine.start_workflow_execution(StartRequest("w", "type", "1"))
        self.names: dict[str, int] = {}  # scheduled event ids

    @property
    def events(self) -> list[e.Event]:
        return list(self.engine.runs[self.run_id].history.events)

    def schedule(self, name: str, code: str, activity_name: str = "pools.run", **options: Any) -> str:
        """Schedule an activity that runs the code."""
        task_list = e.TaskList(options.pop("task_list", "default"))
        schedule = d.ScheduleActivityTask(
            activity_id=name,
            activity_type=e.ActivityType(activity_name, "1"),
            input=values.encode({"args": [code], "kwargs": {}}, "input"),
            task_list=task_list,
            **options,
        )
        self.decide(schedule)
        kinds = [each for each in self.events if isinstance(each.attributes, e.ActivityTaskScheduled)]
        self.names[name] = kinds[-1].id
        return name

    def decide(self, *decisions: d.Decision) -> None:
        if (task := self.engine.poll_for_decision_task()) is None:
            self.engine.signal_workflow_execution("w", "wake up")
            task = self.engine.poll_for_decision_task()
        assert task is not None
        self.engine.respond_decision_task_completed(task.token, decisions)

    def drive(self, seconds: float = 0.02) -> None:
        """One round of the loop: start what can be started, wait, and stop what is over."""
        self.pool.reap()
        while self.pool.free:
            task = self.engine.poll_for_activity_task(begin=self.pool.begins, accepts=self.pool.accepts)
            if task is None:
                break
            self.pool.start(task)
        self.pool.wait(seconds)
        self.engine.expire()

    def until(self, condition: Any, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, [each.type for each in self.events]
            self.drive()

    def attributes(self, name: str, *kinds: type) -> list[Any]:
        """Attributes of the events of these kinds that are about a task."""
        found = [each.attributes for each in self.events if isinstance(each.attributes, kinds)]
        return [each for each in found if each.scheduled_event_id == self.names[name]]

    def begun(self, name: str) -> bool:
        return bool(self.attributes(name, e.ActivityTaskStarted))

    def ended(self, *names: str) -> bool:
        return all(self.attributes(name, *ENDS) for name in names)

    def end(self, name: str) -> Any:
        """Drive until the task has ended; returns the attributes of its end."""
        self.until(lambda: self.ended(name))
        (end,) = self.attributes(name, *ENDS)
        return end

    def do(self, code: str, **options: Any) -> Any:
        return self.end(self.schedule(f"task-{len(self.names)}", code, **options))


class PoolContract:
    """The tests for every pool."""

    @contextmanager
    def make_pool(self, engine: MemoryEngine, size: int, slots: dict[str, int]) -> Iterator[ActivityPool]:
        """A pool that performs so many activities at the same time."""
        raise NotImplementedError

    @pytest.fixture
    def shop(self) -> Iterator[Shop]:
        engine = MemoryEngine()
        with self.make_pool(engine, 2, {}) as pool:
            yield Shop(engine, pool)

    @contextmanager
    def limited(self, **slots: int) -> Iterator[Shop]:
        engine = MemoryEngine()
        with self.make_pool(engine, 2, slots) as pool:
            yield Shop(engine, pool)

    def test_an_activity_begins_and_completes(self, shop: Shop) -> None:
        assert shop.do("result = {'a': [1, None, 'é']}").result == '{"a":[1,null,"é"]}'
        assert shop.begun("task-0")

    def test_a_failure_says_what_happened(self, shop: Shop) -> None:
        failed = shop.do("raise ValueError('no')")
        assert failed.reason == "ValueError: no"
        assert values.decode(failed.details)["error_type"] == "builtins.ValueError"
        assert shop.do("result = 1").result == "1"

    def test_an_unknown_activity_fails(self, shop: Shop) -> None:
        assert "pools.nowhere is unknown" in shop.do("", activity_name="pools.nowhere").reason

    def test_a_result_that_is_not_json_is_a_clear_failure(self, shop: Shop) -> None:
        assert "result of activity pools.run is not JSON" in shop.do("result = object()").reason

    def test_a_large_input_and_a_large_result(self, shop: Shop) -> None:
        assert len(shop.do("result = 'x' * 3_000_000 # " + "y" * 3_000_000).result) == 3_000_002

    def test_every_task_is_performed_once(self, shop: Shop, tmp_path: Path) -> None:
        log = tmp_path / "log"
        names = [shop.schedule(str(number), appends(log, str(number))) for number in range(20)]
        shop.until(lambda: shop.ended(*names))
        assert sorted(log.read_text().split(), key=int) == names
        assert all(len(shop.attributes(name, e.ActivityTaskStarted)) == 1 for name in names)

    def test_higher_priority_first(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        engine = MemoryEngine()
        with self.make_pool(engine, 1, {}) as pool:
            shop = Shop(engine, pool)
            names = [
                shop.schedule(str(number), appends(log, str(number)), task_priority=str(number)) for number in range(4)
            ]
            shop.until(lambda: shop.ended(*names))
        assert log.read_text().split() == ["3", "2", "1", "0"]

    def test_no_more_of_a_task_list_at_the_same_time_than_it_has_slots(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        code = appends(log, "+") + "time.sleep(0.1)\n" + appends(log, "-")
        with self.limited(gpu=1) as shop:
            names = [shop.schedule(str(number), code, task_list="gpu") for number in range(3)]
            shop.until(lambda: shop.ended(*names))
        assert log.read_text().split() == ["+", "-"] * 3

    def test_no_thread_is_left(self) -> None:
        before = set(threading.enumerate())
        engine = MemoryEngine()
        with self.make_pool(engine, 1, {}) as pool:
            assert Shop(engine, pool).do("result = 1").result == "1"
        end = time.monotonic() + 20
        while set(threading.enumerate()) - before:
            assert time.monotonic() < end, set(threading.enumerate()) - before
            time.sleep(0.01)


class ContractOfProcesses(PoolContract):
    """More tests, for pools that perform activities in other processes, which they can stop."""

    def test_a_full_task_list_holds_up_no_other(self, tmp_path: Path) -> None:
        with self.limited(gpu=1) as shop:
            gate = tmp_path / "gate"
            waits = f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)"
            gpu = [shop.schedule(f"gpu-{number}", waits, task_list="gpu", task_priority="9") for number in range(2)]
            others = [shop.schedule(f"other-{number}", "pass") for number in range(3)]
            shop.until(lambda: shop.ended(*others))
            assert not any(map(shop.ended, gpu))
            assert not shop.begun("gpu-1")
            gate.touch()
            shop.until(lambda: shop.ended(*gpu))

    def test_a_time_out_stops_the_activity(self, shop: Shop, tmp_path: Path) -> None:
        log = tmp_path / "log"
        code = "try: time.sleep(60)\nfinally:\n    " + appends(log, "stopped")
        assert shop.do(code, start_to_close_timeout="1").timeout_type == "START_TO_CLOSE"
        shop.until(lambda: log.exists() and log.read_text() == "stopped\n")
        assert shop.do("result = 1").result == "1"

    def test_heartbeats_come_by_themselves(self, shop: Shop) -> None:
        assert shop.do("time.sleep(2.6); result = 1", heartbeat_timeout="2").result == "1"

    def test_a_task_that_waits_too_long_does_not_begin(self, shop: Shop, tmp_path: Path) -> None:
        log, gate = tmp_path / "log", tmp_path / "gate"
        waits = f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)"
        busy = [shop.schedule(f"busy-{number}", waits) for number in range(2)]
        shop.until(lambda: all(map(shop.begun, busy)))
        late = shop.schedule("late", appends(log, "late"), schedule_to_start_timeout="1")
        assert shop.end(late).timeout_type == "SCHEDULE_TO_START"
        gate.touch()
        shop.until(lambda: shop.ended(*busy))
        assert shop.do("result = 1").result == "1"
        assert not log.exists()

    def test_a_cancel_stops_the_activity_and_its_processes_within_a_second(self, shop: Shop, tmp_path: Path) -> None:
        pid = tmp_path / "pid"
        code = f"child = subprocess.Popen(['sleep', '60'])\nwith open({str(pid)!r}, 'w') as file: "
        name = shop.schedule("a", code + "file.write(str(child.pid))\nchild.wait()")
        shop.until(lambda: pid.exists() and pid.read_text())
        shop.drive()
        shop.decide(d.RequestCancelActivityTask(activity_id="a"))
        begun = time.monotonic()
        assert isinstance(shop.end(name), e.ActivityTaskCanceled)
        shop.until(lambda: not alive(int(pid.read_text())), 3)
        assert shop.do("result = 1").result == "1"
        assert time.monotonic() - begun < 2

    def test_a_worker_that_dies_fails_its_activity_alone(self, shop: Shop) -> None:
        other = shop.schedule("other", "time.sleep(0.5); result = 2")
        assert shop.do("os._exit(3)").reason.startswith("WorkerDied: ")
        assert shop.end(other).result == "2"
        assert shop.do("result = 1").result == "1"

    def test_what_is_under_way_ends_with_the_pool(self, tmp_path: Path) -> None:
        pid = tmp_path / "pid"
        engine = MemoryEngine()
        with self.make_pool(engine, 1, {}) as pool:
            shop = Shop(engine, pool)
            name = shop.schedule(
                "a", f"with open({str(pid)!r}, 'w') as file: file.write(str(os.getpid()))\ntime.sleep(60)"
            )
            shop.until(lambda: pid.exists() and pid.read_text())
            assert not shop.ended(name)
        end = time.monotonic() + 20
        while alive(int(pid.read_text())):
            assert time.monotonic() < end, "it goes on"
            time.sleep(0.01)
