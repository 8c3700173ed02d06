"""The workflows of ``bench.cluster``, in a module that workers elsewhere can import."""

from __future__ import annotations

import time
from typing import Any

from simpleflow import Workflow, activity
from simpleflow.canvas import Group


def nothing(number: int) -> int:
    return number


noop = activity.with_attributes(name="bench.noop")(nothing)


@activity.with_attributes(name="bench.burn")
def burn(seconds: float) -> None:
    """Keep a core busy for so much CPU time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class Noops(Workflow):
    name = "bench.noops"

    def run(self, number: int) -> Any:
        return sum(self.submit(Group(*((noop, each) for each in range(number)))).result)


class Burns(Workflow):
    name = "bench.burns"

    def run(self, number: int, seconds: float) -> Any:
        return self.submit(Group(*((burn, seconds) for _ in range(number)))).result
