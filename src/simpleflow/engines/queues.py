"""Tasks that wait, by task list: first those of higher priority, then those that have waited longer."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

Task = tuple[str, int]
"""Run id, and the id of the event that scheduled it."""


class Queues:
    """What waits to be handed out. It may be over by now: whoever takes it looks.

    ``offered`` is called with the task list when something was put there; ``choose`` picks, of so many that wait, the
    one to be taken: where it is None, the first.
    """

    def __init__(self) -> None:
        self.offered: Callable[[str], None] | None = None
        self.choose: Callable[[int], int] | None = None
        self._heaps: dict[str, list[tuple[int, int, Task]]] = {}  # -priority, order, task
        self._order = itertools.count()

    def __len__(self) -> int:
        return sum(map(len, self._heaps.values()))

    def put(self, task_list: str, priority: str | None, task: Task) -> None:
        """A task waits; a priority is an integer as text, 0 if there is none."""
        heap = self._heaps.get(task_list)
        if heap is None:
            heap = self._heaps[task_list] = []
        heapq.heappush(heap, (-int(priority) if priority else 0, next(self._order), task))
        if self.offered is not None:
            self.offered(task_list)

    def take(self, task_list: str | None = None) -> Task | None:
        """The next task of that list, or of any."""
        heaps = self._heaps
        if task_list is not None:
            heap = heaps.get(task_list)
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
"""How many task lists are remembered though nothing waits there; most are used again at once."""
