"""Several polls at once, and one thread that does what they bring: a fiber goes on only in the thread that made it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from simpleflow.worker.poller import serve
from simpleflow.worker.stopping import Stopping

Task = TypeVar("Task")

_TICK_SECONDS = 0.2


class _Ended(Exception):
    """A poller has ended, as it was asked to."""


class Pollers(Generic[Task]):
    """Threads that poll. Each waits until its task is done before it polls again: others may want the next one.

    Args:
        stopping: asks them to end.
    """

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping
        self._brought: queue.SimpleQueue[tuple[Task, threading.Event] | BaseException] = queue.SimpleQueue()
        self._running = 0

    def add(self, poll: Callable[[], Task | None], is_vital: bool = True) -> None:
        """Poll for that too, from now on; ``is_vital``: see ``poller.serve``."""
        self._running += 1
        threading.Thread(target=self._poll, args=(poll, is_vital), daemon=True).start()

    def serve(self, work: Callable[[Task], None]) -> None:
        """Do the tasks in the calling thread, until all pollers have ended. Raises as ``poller.serve``."""
        while self._running:
            self._stopping.tick()
            try:
                found = self._brought.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                continue
            if isinstance(found, _Ended):
                self._running -= 1
            elif isinstance(found, BaseException):
                raise found
            else:
                task, done = found
                try:
                    work(task)
                finally:
                    done.set()

    def _poll(self, poll: Callable[[], Task | None], is_vital: bool) -> None:
        end: BaseException = _Ended()
        try:
            serve(poll, self._hand_over, self._stopping, is_vital=is_vital)
        except BaseException as error:  # noqa: BLE001 (it is raised in the other thread)
            end = error
        self._brought.put(end)

    def _hand_over(self, task: Task) -> None:
        done = threading.Event()
        self._brought.put((task, done))
        done.wait()
