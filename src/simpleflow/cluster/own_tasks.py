"""The activities that the driver of a run performs itself: those about marks and claims, which belong to its machine.

They run in threads, since some of them wait for a server. Where marks are in the state folder or another folder, they
are quick, and the loop performs them without a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue

from simpleflow.engines.base import ActivityTask
from simpleflow.worker.dispatch import Middlewares, Outcome, perform
from simpleflow.worker.imports import NOTHING, OWN_MODULES

_THREADS = 4


class OwnTasks:
    """Performs them. ``put``: takes the calls that report their ends, in any thread."""

    def __init__(self, put: Callable[[Callable[[], None]], None], middlewares: Middlewares) -> None:
        self._put = put
        self._middlewares = middlewares
        self._tasks: SimpleQueue[tuple[ActivityTask, Callable[[str, Outcome], None]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def takes(self, task: ActivityTask) -> bool:
        """True if this process performs the task."""
        return task.name.startswith(OWN_MODULES + ".")

    def start(self, task: ActivityTask, end: Callable[[str, Outcome], None]) -> None:
        """Perform a task; ``end`` is called with its token and outcome by the thread that reads what was put."""
        self._tasks.put((task, end))
        if len(self._threads) < _THREADS:
            self._threads.append(threading.Thread(target=self._run, daemon=True))
            self._threads[-1].start()

    def close(self) -> None:
        """End the threads when they are done with their tasks."""
        for _ in self._threads:
            self._tasks.put(None)

    def _run(self) -> None:
        while (found := self._tasks.get()) is not None:
            task, end = found
            outcome = perform(task, None, self._middlewares, imports=NOTHING)
            self._put(partial(end, task.token, outcome))
