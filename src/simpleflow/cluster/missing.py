"""Says which task lists no worker performs, once tasks have waited for one for some time."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 10.0
"""How long a task list waits for its first worker before a line says so."""


class Missing:
    """Tasks that no worker performs. ``report``: takes a line of text; ``address``: of the scheduler, for the text."""

    def __init__(self, address: str, report: Callable[[str], None]) -> None:
        self._address = address
        self._report = report
        self._since: dict[str, float] = {}
        self._reported: set[str] = set()

    def note(self, task_list: str, is_there: bool) -> None:
        """A task of that list waits; ``is_there``: there is a worker that performs them."""
        if is_there:
            self._since.pop(task_list, None)
            if task_list in self._reported:
                self._reported.discard(task_list)
                self._report(f"a worker for task list {task_list!r} has joined")
        else:
            self._since.setdefault(task_list, time.monotonic())

    def check(self, now: float) -> None:
        """Report which task lists have had no worker for long."""
        for task_list, since in self._since.items():
            if now - since >= SECONDS and task_list not in self._reported:
                self._reported.add(task_list)
                self._report(
                    f"no worker performs task list {task_list!r}: its activities wait for one; start one with: "
                    f"simpleflow worker.join {self._address} --task-lists {task_list}=1"
                )
