"""Long polls: requests that wait for a task of a list.

Theory of operation
-------------------
Each request is served by its own thread. A poll that finds no task waits on a condition, one for each domain, kind of
task and task list. All conditions share the lock of the service, so a task cannot arrive between a failed look at the
list and the wait. A new task wakes exactly one poll of its list (``offered``), which looks at the list again. It may
find nothing: a poll that arrived in the meantime took the task. Then it waits on.

A waiting poll checks every ``CHECK_SECONDS`` whether its client has hung up. If it has, the poll ends, and passes its
wake-up on to another poll of the list: otherwise the task could stay behind unnoticed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition, Lock
from typing import Any, TypeVar

T = TypeVar("T")

Key = tuple[str, ...]
"""Domain, kind of task, task list."""

CHECK_SECONDS = 0.2
"""Seconds between two checks whether the caller of a poll is still connected."""


class Caller:
    """The sender of a request.

    Attributes:
        gone: returns True if the sender has hung up.
        undo: to be called if the reply does not reach the sender; None if nothing has to be undone.
    """

    def __init__(self, gone: Callable[[], bool] = lambda: False) -> None:
        self.gone = gone
        self.undo: Callable[[], None] | None = None


class Polls:
    """The waiting polls of a server. Callers of all methods hold ``lock``; ``wait`` releases it while it waits."""

    def __init__(self, lock: Lock, seconds: float) -> None:
        self.closed = False
        self._lock = lock
        self._seconds = seconds
        self._waiting: dict[Key, list[Any]] = {}  # condition, number of polls

    def offered(self, *key: str) -> None:
        """Wake one poll of that key: there is a task for it."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting[0].notify()

    def wait(self, key: Key, poll: Callable[[], T | None], caller: Caller) -> T | None:
        """Call ``poll`` until it returns a task, and return that; None if the time is over or the caller is gone."""
        found = poll()
        if found is not None or self._seconds <= 0:
            return found
        end = time.monotonic() + self._seconds
        waiting = self._waiting.setdefault(key, [Condition(self._lock), 0])
        waiting[1] += 1
        try:
            while not self.closed and (left := end - time.monotonic()) > 0:
                waiting[0].wait(min(left, CHECK_SECONDS))
                if caller.gone():
                    waiting[0].notify()  # this poll may have been woken for a task: wake another one
                    return None
                found = poll()
                if found is not None:
                    return found
            return None
        finally:
            waiting[1] -= 1
            if not waiting[1]:
                del self._waiting[key]

    def close(self) -> None:
        """End all polls."""
        self.closed = True
        for condition, _ in self._waiting.values():
            condition.notify_all()
