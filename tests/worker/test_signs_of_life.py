"""Time-outs end no work whose worker lives and is in time, whatever keeps worker or owner busy."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.local import Executor


@activity.with_attributes(name="life.hold", heartbeat_timeout=2, raises_on_failure=True)
def hold() -> str:
    """A call into C that keeps the interpreter lock: no other thread of the worker runs meanwhile."""
    ctypes.PyDLL(None).sleep(3)
    return "held"


@activity.with_attributes(name="life.work", heartbeat_timeout=1, raises_on_failure=True)
def work(seconds: float) -> str:
    time.sleep(seconds)
    return "worked"


class Holds(Workflow):
    name = "life.holds"

    def run(self) -> Any:
        return self.submit(hold).result


class Decides(Workflow):
    """Its owner decides for longer than the heartbeat time-out, while an activity runs."""

    name = "life.decides"

    def run(self) -> Any:
        long, short = self.submit(work, 3), self.submit(work, 0.1)
        futures.wait(short)
        if not long.finished:
            time.sleep(1.8)
        return long.result


@activity.with_attributes(name="life.in_time", start_to_close_timeout=2, raises_on_failure=True)
def in_time() -> str:
    time.sleep(0.5)
    return "in time"


class DecidesLonger(Workflow):
    """Its owner decides until after the time-out of an activity that ended long before."""

    name = "life.longer"

    def run(self) -> Any:
        found, short = self.submit(in_time), self.submit(work, 0.1)
        futures.wait(short)
        if not found.finished:
            time.sleep(3)
        return found.result


@pytest.mark.parametrize(("workflow", "result"), [(Holds, "held"), (Decides, "worked"), (DecidesLonger, "in time")])
def test_work_outlives_what_keeps_others_busy(workflow: type[Workflow], result: str, tmp_path: Path) -> None:
    assert Executor(workflow, state=tmp_path, nb_workers=2).run() == result
