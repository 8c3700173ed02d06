"""The port of a pool, which performs activities for the loop that drives a run.

``inline`` performs them in this process, ``pool`` in processes that it forks, ``simpleflow.cluster`` in processes on
other machines. ``tests/worker/pool_contract.py`` holds what all of them do alike.

Theory of operation
-------------------
The engine decides: it keeps the tasks and their time-outs, and knows which are open. A pool performs the tasks that it
is given, and reports how they ended. It never performs a task twice by itself: a task whose worker is lost has failed,
unless it is certain that it had not begun. Then the pool gives it back, and the loop hands it out once more.

A task has *begun* when a worker performs it, not when it waits somewhere. Its time-outs count from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simpleflow.engines.base import ActivityTask

Accepts = Callable[[str], bool]
"""True for a task list of which a task could be started now."""


class ActivityPool(Protocol):
    """Performs activity tasks, and reports their outcomes to the engine."""

    @property
    def begins(self) -> bool:
        """True: ``start`` begins a task at once, so the loop records that it has begun. False: the pool records it."""

    @property
    def free(self) -> int:
        """How many tasks could be started now, of the task lists that have room."""

    @property
    def accepts(self) -> Accepts | None:
        """Tells the task lists that have room; None: while ``free`` is not 0, all of them have."""

    def accepts_ahead(self, waiting: int) -> bool:
        """True if one of so many tasks that wait could be sent ahead to a worker that is busy, but not for long."""

    def send_ahead(self, task: ActivityTask) -> None:
        """Give a task that has not begun to a busy worker, which begins it when it is done with the one before."""

    def may_block(self, task: ActivityTask) -> bool:
        """True if ``start`` may take more than a moment."""

    def start(self, task: ActivityTask) -> None:
        """Start a task."""

    def wait(self, seconds: float) -> bool:
        """Return True once something was reported, or False after so many seconds."""

    def reap(self) -> None:
        """Stop the tasks that are not open any longer, or are to be cancelled."""

    def close(self) -> None:
        """Stop everything."""


class NothingAhead:
    """A pool that is sent no tasks ahead."""

    def accepts_ahead(self, waiting: int) -> bool:
        """False: no task is sent ahead."""
        return False

    def send_ahead(self, task: ActivityTask) -> None:
        """Never called, since ``accepts_ahead`` is False."""
        raise NotImplementedError
