"""Several polls at once, whose tasks are all done in one thread.

The workflow code of an execution that is kept alive runs in a fiber, and a fiber goes on only in the thread that
created it. So polls may wait in threads of their own, but decisions are made in one.
"""

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
    """A poller has ended, since a stop was requested."""


class Pollers(Generic[Task]):
    """Threads that poll. Each polls again only when its task is done, so that other processes can take the next one.

    Args:
        stopping: ends them.
    """

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping
        # No SimpleQueue: before Python 3.13, its ``get`` waits for ever if a signal comes just before its time is over.
        self._found: queue.Queue[tuple[Task, threading.Event] | BaseException] = queue.Queue()
        self._running = 0

    def add(self, poll: Callable[[], Task | None], is_vital: bool = True) -> None:
        """Start a thread that polls; ``is_vital``: see ``poller.serve``."""
        self._running += 1
        threading.Thread(target=self._poll, args=(poll, is_vital), daemon=True).start()

    def serve(self, work: Callable[[Task], None]) -> None:
        """Work on the tasks in the calling thread until all pollers have ended. Raises as ``poller.serve``."""
        while self._running:
            self._stopping.tick()
            try:
                found = self._found.get(timeout=_TICK_SECONDS)
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
        except BaseException as error:  # noqa: BLE001 (``serve`` raises it in the other thread)
            end = error
        self._found.put(end)

    def _hand_over(self, task: Task) -> None:
        done = threading.Event()
        self._found.put((task, done))
        done.wait()
