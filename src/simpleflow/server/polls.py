"""Long polls: who waits for a task of which list, and how they are woken."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition, Lock
from typing import Any, TypeVar

T = TypeVar("T")

Key = tuple[str, ...]
"""Domain, kind of task, task list."""

CHECK_SECONDS = 1.0
"""How often a poll looks whether its caller is still there."""


class Caller:
    """Whoever sent a request.

    ``undo`` is what is to be done if the reply does not reach it; ``gone`` says whether it has hung up.
    """

    def __init__(self, gone: Callable[[], bool] = lambda: False) -> None:
        self.gone = gone
        self.undo: Callable[[], None] | None = None


class Polls:
    """The polls of a server. All methods are called with ``lock`` held; ``wait`` lets go of it while it waits."""

    def __init__(self, lock: Lock, seconds: float) -> None:
        self.closed = False
        self._lock = lock
        self._seconds = seconds
        self._waiting: dict[Key, list[Any]] = {}  # condition, number of polls

    def offered(self, *key: str) -> None:
        """There is a task for one poll."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting[0].notify()

    def wait(self, key: Key, poll: Callable[[], T | None], caller: Caller) -> T | None:
        """What ``poll`` gives, as soon as it gives something; None once the time is over or the caller is gone."""
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
                    waiting[0].notify()  # what woke this poll is for another one
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
