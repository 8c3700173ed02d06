"""Queues of tasks, one for each task list: higher priority first, then the task that has waited longer."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

Task = tuple[str, int]
"""Run id, and the id of the event that scheduled it."""


class Queues:
    """Tasks that wait to be handed out.

    A task is not removed when it ends while it waits. So a task that is popped may be over, and the caller checks.

    Attributes:
        offered: called with the task list when a task was put there.
        choose: given the number of tasks that wait in a list, returns the index of the one to pop; None: the first.
    """

    def __init__(self) -> None:
        self.offered: Callable[[str], None] | None = None
        self.choose: Callable[[int], int] | None = None
        self._heaps: dict[str, list[tuple[int, int, Task]]] = {}  # by task list: -priority, order, task
        self._order = itertools.count()

    def __len__(self) -> int:
        """How many tasks wait, at most: some may be over."""
        heaps = self._heaps
        if len(heaps) == 1:
            (heap,) = heaps.values()
            return len(heap)
        return sum(map(len, heaps.values()))

    def put(self, task_list: str, priority: str | None, task: Task, first: bool = False) -> None:
        """Add a task. ``priority`` is an integer as text; None: 0. ``first``: ahead of all others of its priority."""
        heap = self._heaps.get(task_list)
        if heap is None:
            heap = self._heaps[task_list] = []
        order = next(self._order)
        heapq.heappush(heap, (-int(priority) if priority else 0, -order if first else order, task))
        if self.offered is not None:
            self.offered(task_list)

    def pop(self, task_list: str | None = None, accepts: Callable[[str], bool] | None = None) -> Task | None:
        """The next task of that list, or of all lists if it is None; None if no task waits.

        ``accepts``: with it, only of the lists for which it returns True.
        """
        heaps = self._heaps
        if task_list is not None:
            heap = heaps.get(task_list)
        elif accepts is not None:
            heap = min((each for name, each in heaps.items() if each and accepts(name)), default=None)
        elif len(heaps) == 1:
            (heap,) = heaps.values()
        else:
            heap = min(filter(None, heaps.values()), default=None)  # by their first tasks
        if not heap:
            return None
        if self.choose is None:
            task = heapq.heappop(heap)[2]
        else:
            task = heap.pop(self.choose(len(heap)))[2]
            heapq.heapify(heap)
        if not heap and len(heaps) > _KEPT_LISTS:
            self._heaps = {name: each for name, each in heaps.items() if each}
        return task


_KEPT_LISTS = 16
"""How many task lists are kept although they are empty, since most are used again at once."""
