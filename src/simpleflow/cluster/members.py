"""The workers of a cluster as the driver of a run sees them: their slots, and what each has been given.

Theory of operation
-------------------
A *lane* is the room that one worker has for one task list: so many slots. A worker that has Dask resources has a lane
for each of them; one without resources has one lane for all task lists, with a slot for each of its threads.

Usually a lane has as many tasks as slots. While the latest tasks were short, it may have two batches for each slot, of
up to ``BATCH`` tasks: so a worker need not wait for the driver between two tasks, and Dask has less to do.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from simpleflow.engines.base import ActivityTask

BATCH = 32
"""Tasks of a batch, at most."""

_EACH = 2  # batches of a slot, at most


class Given:
    """A batch that a lane was given."""

    __slots__ = ("at", "begun", "id", "is_taken_back", "lane", "rest", "stopped", "tasks")

    def __init__(self, id: str, lane: Lane, tasks: tuple[ActivityTask, ...]) -> None:
        self.id = id
        self.lane = lane
        self.tasks = {task.token: task for task in tasks}
        self.rest = dict.fromkeys(self.tasks)  # tokens whose end is not known, in order
        self.begun: set[str] = set()
        self.stopped: set[str] = set()  # tokens that the worker was asked to stop
        self.at = time.monotonic()
        self.is_taken_back = False  # the worker was asked to leave it, if it has not begun it


class Lane:
    """The room of one worker for one task list; for all of them if ``task_list`` is None."""

    def __init__(self, member: WorkerSeen, task_list: str | None, slots: int) -> None:
        self.member = member
        self.task_list = task_list
        self.slots = slots
        self.given: dict[str, Given] = {}
        self.pending: list[ActivityTask] = []  # are sent together soon
        self.avoid_until = 0.0  # monotonic time: another run seems to have its slots

    @property
    def load(self) -> tuple[bool, float]:
        """The load; the lane chooses the least: first if others seem to use it, then its tasks for each slot."""
        return time.monotonic() < self.avoid_until, self.count / self.slots

    @property
    def count(self) -> int:
        """Tasks whose end is not known."""
        return len(self.pending) + sum(len(each.rest) for each in self.given.values())

    def room(self, short: bool) -> int:
        """How many more tasks it takes."""
        if self.member.leaving:
            return 0
        if not short:
            used = len(self.pending) + sum(bool(each.rest) for each in self.given.values())
            return max(0, self.slots - used)
        batches = self.slots * _EACH - len(self.given)
        return max(0, batches * BATCH - len(self.pending)) if batches > 0 else 0

    def split(self) -> list[list[ActivityTask]]:
        """The pending tasks as batches, as even as possible; none are pending then."""
        tasks, self.pending = self.pending, []
        count = max(1, min(len(tasks), self.slots * _EACH - len(self.given)))
        return [part for at in range(count) if (part := tasks[at::count])]


class WorkerSeen:
    """A worker.

    Args:
        address: of the Dask worker.
        process: names the process that answered there.
        described: the description of it by the scheduler.
    """

    def __init__(self, address: str, process: str, described: Mapping[str, Any]) -> None:
        self.address = address
        self.process = process
        self.leaving = False
        name = str(described.get("name") or address)
        self.identity = (address if name == address else f"{name} at {address}")[:256]
        threads = int(described.get("nthreads") or 1)
        resources = {
            name: min(int(count), threads) for name, count in (described.get("resources") or {}).items() if count >= 1
        }
        self.lanes: dict[str | None, Lane]
        if described.get("resources"):
            self.lanes = {name: Lane(self, name, count) for name, count in resources.items()}
        else:
            self.lanes = {None: Lane(self, None, threads)}

    def lane(self, task_list: str) -> Lane | None:
        """The lane for a task list; None if it performs none of it."""
        return self.lanes.get(None) or self.lanes.get(task_list)
