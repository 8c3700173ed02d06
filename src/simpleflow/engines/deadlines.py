"""When time next does something to an execution: a heap of deadlines, at most one entry in use for each execution."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping

from simpleflow.core.service.expire import next_deadline
from simpleflow.engines.run import Run


class Deadlines:
    """The earliest deadline of each execution.

    An entry is in use if it equals ``run.due``. One that is not was overtaken by an earlier one, and is dropped when
    its time comes.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, str]] = []  # epoch seconds, order, run id
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def watch(self, run: Run) -> None:
        """Enter the execution's next deadline if that is earlier than the one entered for it."""
        due = next_deadline(run.history)
        if due is not None and (run.due is None or due < run.due):
            run.due = due
            heapq.heappush(self._heap, (due, next(self._order), run.run_id))

    def passed(self, now: float, runs: Mapping[str, Run]) -> Iterator[Run]:
        """Take out the deadlines up to ``now``; yields their executions, as far as they are open and in ``runs``.

        The caller watches each of them again when it has dealt with it.
        """
        while self._heap and self._heap[0][0] <= now:
            due, _, run_id = heapq.heappop(self._heap)
            run = runs.get(run_id)
            if run is not None and run.history.open and run.due == due:
                yield run

    def next(self) -> float | None:
        """Epoch seconds of the earliest entry; None if there is none."""
        return self._heap[0][0] if self._heap else None
