"""Jumps of the wall clock, and sleep: time-outs and timers of a process do not notice, histories run forwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simpleflow.core import events as e
from simpleflow.engines.base import StartRequest
from simpleflow.engines.clock import Clock
from simpleflow.engines.memory import MemoryEngine
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.testing.subject import activity, timer
from tests.engines import test_contract
from tests.engines.test_sqlite import decide

HOUR = 3600.0
REQUEST = StartRequest("w", "type", "1", '"input"')

# The wall clock of a process, shifted by as many seconds as a file says. The other clocks stay as they are.
SHIM = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift(void) {
    long seconds = 0;
    FILE *file = fopen(getenv("SHIFT"), "r");
    if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
    return seconds;
}
int clock_gettime(clockid_t id, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, id, at);
    if (!failed && id == CLOCK_REALTIME) at->tv_sec += shift();
    return failed;
}
int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec; at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""

FLOW = """
import json, os, sys, time
from simpleflow import Workflow, activity, futures
from simpleflow.local import Executor

@activity.with_attributes(raises_on_failure=True, start_to_close_timeout=20, heartbeat_timeout=10)
def jump():
    before = time.time()
    with open(os.environ["SHIFT"], "w") as file:
        file.write(sys.argv[1])
    time.sleep(0.5)
    return time.time() - before

class W(Workflow):
    name = "w"
    def run(self):
        timer = self.submit(self.start_timer("t", 1))
        jumped = self.submit(jump).result
        futures.wait(timer)
        return jumped

executor = Executor(W, state="state", nb_workers=1)
jumped = executor.run()
print(json.dumps([jumped, [event["eventTimestamp"] for event in executor.history]]))
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library to preload that shifts the wall clock."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", "shim.so", "shim.c"], cwd=folder, check=True, timeout=60)
    return folder / "shim.so"


@pytest.mark.parametrize("shift", [HOUR, -HOUR])
def test_a_jump_of_the_wall_clock_in_a_running_process(shim: Path, tmp_path: Path, shift: float) -> None:
    (tmp_path / "flow.py").write_text(FLOW)
    environment = {**os.environ, "LD_PRELOAD": str(shim), "SHIFT": str(tmp_path / "shift")}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "flow.py", str(int(shift))],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert time.monotonic() - began < 30
    assert done.returncode == 0, done.stderr
    jumped, times = json.loads(done.stdout)
    assert abs(jumped - shift) < 30, "the wall clock has not jumped"
    assert times == sorted(times)
    assert times[-1] - times[0] < 30


def test_a_clock_does_not_follow_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    assert abs(clock() - time.time()) < 5
    before = clock()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= clock() - before < 5
    clock.not_before(before - 1)
    assert clock() - before < 5
    clock.not_before(before + HOUR)
    assert HOUR <= clock() - before < HOUR + 5


def test_a_history_that_is_taken_over_does_not_run_backwards(tmp_path: Path) -> None:
    """The wall clock was set back by an hour between the two processes."""
    ahead = test_contract.Clock()
    ahead.now = time.time() + HOUR
    first = SqliteEngine(tmp_path / "state", ahead)
    first.start_workflow_execution(REQUEST)
    decide(first, activity(), timer(seconds=50))
    first.close()
    second = SqliteEngine(tmp_path / "state")
    second.adopt("w")
    second.signal_workflow_execution("w", "s")
    times = [event.time for event in second.history("w")]
    assert times == sorted(times)
    due = second.next_deadline()
    assert due is not None
    assert due - second.executions.clock() <= 50
    second.close()


def test_activities_sleep_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = test_contract.Clock()
    engine = MemoryEngine(clock)
    engine.start_workflow_execution(REQUEST)
    decide(engine, activity("a", start_to_close_timeout="60", heartbeat_timeout="30"), timer(seconds=50))
    assert engine.poll_for_activity_task() is not None
    clock.now += HOUR
    asleep = Clock.asleep()
    monkeypatch.setattr(Clock, "asleep", staticmethod(lambda: asleep + HOUR))
    engine.expire()
    kinds = [type(event.attributes) for event in engine.history("w")]
    assert e.ActivityTaskTimedOut not in kinds
    assert e.TimerFired in kinds
    clock.now += 31
    engine.expire()
    assert e.ActivityTaskTimedOut in [type(event.attributes) for event in engine.history("w")]
