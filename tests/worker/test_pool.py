"""The pool of worker processes: failures, and processes and files that must not be left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simpleflow import activity, settings, values
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.engines.base import StartRequest
from simpleflow.engines.memory import MemoryEngine
from simpleflow.testing.subject import timer
from simpleflow.worker.channels import Channels
from simpleflow.worker.dispatch import Middlewares
from simpleflow.worker.pool import Pool
from tests.pauses import wait_for
from tests.processes import alive

ROOT = Path(__file__).parents[2]


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message either")

    def __reduce__(self) -> Any:
        raise TypeError("not to be pickled")


@activity.with_attributes(name="pool.evaluate")
def evaluate(code: str) -> Any:
    """Run the code of a test: statements that may set ``result``."""
    names: dict[str, Any] = {"os": os, "sys": sys, "time": time, "signal": signal, "Silent": Silent}
    names["subprocess"] = subprocess
    exec(code, names)
    return names.get("result")


class Shop:
    """An engine and a pool, driven by hand."""

    def __init__(self, size: int = 1) -> None:
        self.pool = Pool(size, Middlewares())
        self.engine = MemoryEngine()
        self.pool.source = self.engine
        self.run_id = self.engine.start_workflow_execution(StartRequest("w", "type", "1"))
        self.count = 0

    def begin(self, code: str, **options: Any) -> str:
        """Have a worker run the code; returns the token."""
        self.count += 1
        self.decide(
            d.ScheduleActivityTask(
                activity_id=str(self.count),
                activity_type=e.ActivityType("pool.evaluate", "1"),
                input=values.encode({"args": [code], "kwargs": {}}, "input"),
                **options,
            )
        )
        task = self.engine.poll_for_activity_task()
        assert task is not None
        self.pool.start(task)
        return task.token

    def decide(self, *decisions: d.Decision) -> None:
        if (task := self.engine.poll_for_decision_task()) is None:
            self.engine.signal_workflow_execution("w", "wake up")
            task = self.engine.poll_for_decision_task()
        assert task is not None
        self.engine.respond_decision_task_completed(task.token, decisions)

    def end(self, token: str, seconds: float = 10) -> Any:
        """Attributes of the event that ends the task."""
        deadline = time.monotonic() + seconds
        while self.engine.is_open(token):
            assert time.monotonic() < deadline, "the task does not end"
            self.pool.wait(0.01)
            self.engine.expire()
            self.pool.reap()
        events = self.engine.runs[self.run_id].history.events
        ends = (e.ActivityTaskCompleted, e.ActivityTaskFailed, e.ActivityTaskTimedOut, e.ActivityTaskCanceled)
        return next(event.attributes for event in reversed(events) if isinstance(event.attributes, ends))

    def do(self, code: str, **options: Any) -> Any:
        return self.end(self.begin(code, **options))


def children() -> set[str]:
    """Process ids of this process's children, zombies included."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.fixture
def shop() -> Iterator[Shop]:
    before = children()
    shop = Shop()
    yield shop
    shop.pool.close()
    assert children() == before


def test_a_worker_is_used_again(shop: Shop) -> None:
    assert shop.do("result = os.getpid()").result == shop.do("result = os.getpid()").result
    assert shop.pool.free == 1


def test_the_owner_spins_for_the_end_of_short_tasks_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    spins: list[float] = []
    spin = Channels.spin
    monkeypatch.setattr(Channels, "spin", lambda self, seconds: (spins.append(seconds), spin(self, seconds)))
    shop.do("time.sleep(0.005)")
    spins.clear()
    shop.do("time.sleep(0.005)")
    assert not spins, "it spins after a task that took long"
    wait_for(lambda: shop.do("") and spins)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("raise Silent()", "Silent: (its message cannot be shown)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("os._exit(3)", "WorkerDied: the worker process ended with exit code 3 while it did the activity"),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "WorkerDied: the worker process ended by signal 9 while it did the activity",
        ),
        (
            "os.kill(os.getpid(), signal.SIGTERM)",
            "WorkerDied: the worker process ended with exit code 143 while it did the activity",
        ),
        ("raise ValueError('\\ud800' + 'x' * 100_000)", "ValueError: "),
    ],
)
def test_a_failure_fails_only_its_activity(shop: Shop, code: str, reason: str) -> None:
    failed = shop.do(code)
    assert failed.reason.startswith(reason)
    assert len(failed.reason) <= 256
    assert shop.do("result = 1").result == "1"


def test_a_result_that_is_not_json_is_a_clear_failure(shop: Shop) -> None:
    assert "result of activity pool.evaluate is not JSON" in shop.do("result = object()").reason


def test_a_huge_result_and_a_huge_input(shop: Shop) -> None:
    assert len(shop.do("result = 'x' * 20_000_000").result) == 20_000_002
    assert shop.do("result = 1 # " + "x" * 5_000_000).result == "1"


def test_a_stuck_activity_is_stopped_with_its_child_processes(shop: Shop, tmp_path: Path) -> None:
    code = f"child = subprocess.Popen(['sleep', '60']); open('{tmp_path}/pid', 'w').write(str(child.pid)); child.wait()"
    ended = shop.do(code, start_to_close_timeout="1")
    assert ended.timeout_type == "START_TO_CLOSE"
    assert shop.do("result = 1").result == "1"
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: shop.pool.wait(0) or not alive(pid))


def test_a_stopped_activity_may_clean_up(shop: Shop, tmp_path: Path) -> None:
    code = f"""
try:
    time.sleep(60)
finally:
    time.sleep(1.5)
    open('{tmp_path}/clean', 'w').close()
"""
    assert shop.do(code, start_to_close_timeout="1").timeout_type == "START_TO_CLOSE"
    shop.pool.close()
    assert (tmp_path / "clean").exists()


def test_an_activity_that_ignores_sigterm_is_killed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ACTIVITY_SIGTERM_WAIT_SEC", 1)
    token = shop.begin("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass", start_to_close_timeout="1")
    worker = shop.pool._workers[0].pid
    assert shop.end(token).timeout_type == "START_TO_CLOSE"
    wait_for(lambda: shop.pool.wait(0.01) or not alive(worker))


def test_heartbeats_come_by_themselves_and_a_stopped_worker_times_out(shop: Shop) -> None:
    assert shop.do("time.sleep(1.5); result = 1", heartbeat_timeout="1").result == "1"
    token = shop.begin("time.sleep(60)", heartbeat_timeout="1")
    worker = shop.pool._workers[0].pid
    os.kill(worker, signal.SIGSTOP)
    assert shop.end(token).timeout_type == "HEARTBEAT"
    wait_for(lambda: shop.pool.wait(0.01) or not alive(worker))


def test_a_cancel_request_reaches_a_running_activity(shop: Shop) -> None:
    for options in ({}, {"heartbeat_timeout": "600"}):
        token = shop.begin("time.sleep(60)", **options)
        worker = shop.pool._workers[0].pid
        shop.decide(d.RequestCancelActivityTask(activity_id=str(shop.count)), timer(str(shop.count)))
        assert isinstance(shop.end(token, 3), e.ActivityTaskCanceled)
        wait_for(lambda pid=worker: shop.pool.wait(0.01) or not alive(pid))


def test_an_ended_execution_stops_its_activities(shop: Shop) -> None:
    shop.begin("time.sleep(60)")
    worker = shop.pool._workers[0].pid
    shop.engine.terminate_workflow_execution("w")
    shop.pool.reap()
    wait_for(lambda: shop.pool.wait(0.01) or not alive(worker))


def test_workers_that_die_leave_no_zombies_and_no_open_files(shop: Shop) -> None:
    shop.do("result = 1")  # a worker is there from now on
    before = len(os.listdir("/proc/self/fd"))
    for number in range(100):
        assert shop.do(f"os._exit({number % 100 + 1})").reason.startswith("WorkerDied")
    assert shop.do("result = 1").result == "1"
    assert len(os.listdir("/proc/self/fd")) <= before
    shop.pool.wait(0)
    pids = [worker.pid for worker in shop.pool._workers]
    assert len(pids) == 1
    stats = [each.read_text().rpartition(")")[2].split() for each in Path("/proc").glob("[0-9]*/stat") if each.exists()]
    assert [fields[0] for fields in stats if fields[1] == str(os.getpid())].count("Z") == 0


def test_an_idle_worker_that_died_is_replaced(shop: Shop) -> None:
    shop.do("result = 1")
    os.kill(shop.pool._workers[0].pid, signal.SIGKILL)
    time.sleep(0.1)
    assert shop.do("result = 1").result == "1"


@pytest.mark.parametrize("idle", [False, True])
def test_the_workers_of_a_dead_owner_end_at_once(tmp_path: Path, idle: bool) -> None:
    code = f"""
import sys, subprocess, time
sys.path.insert(0, {str(ROOT)!r})
from tests.worker.test_pool import Shop
shop = Shop(3)
for index in range(3):
    code = "child = subprocess.Popen(['sleep', '60']); "
    code += "print(os.getpid(), child.pid, flush=True)" + ("" if {idle} else "; time.sleep(60)")
    token = shop.begin(code)
    if {idle}: shop.end(token)
sys.stdout.write("ready\\n")  # in one piece: workers write to the same pipe
sys.stdout.flush()
while True: shop.pool.wait(0.1)
"""
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=-1, text=True)
    assert owner.stdout is not None
    lines = [owner.stdout.readline() for _ in range(4)]
    pids = [int(each) for line in lines for each in line.split() if each != "ready"]
    assert len(pids) == 6, lines
    assert all(alive(pid) for pid in pids)
    owner.kill()
    owner.wait()
    killed = time.monotonic()
    wait_for(lambda: not any(alive(pid) for pid in pids))
    print(f"gone after {time.monotonic() - killed:.3f} s")
    owner.stdout.close()


def test_output_of_activities_is_neither_lost_nor_doubled() -> None:
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.worker.test_pool import Shop
print("owner", end=" ")
shop = Shop(2)
for index in range(20):
    shop.do(f"print('line', {{index}})")
    shop.do(f"print('last', {{index}}); os._exit(1)")
shop.do("print('stuck'); time.sleep(60)", start_to_close_timeout="1")
shop.pool.close()
"""
    out = subprocess.check_output([sys.executable, "-c", code], text=True)
    expected = [f"{word} {index}" for index in range(20) for word in ("line", "last")]
    assert out.split("\n") == ["owner " + expected[0], *expected[1:], "stuck", ""]
