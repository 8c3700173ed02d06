"""Pauses of executions that cannot be decided: each has its own, so that the others of the process go on."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from simpleflow.worker.poller import Pause

_KEPT = 10_000
"""For how many executions a pause is kept, the latest ones."""


class RunPauses:
    """When the executions whose decisions failed are to be decided again.

    A decision task that was not answered comes back when it has timed out. If that is early, since its time-out is
    short, it is left once more.

    Args:
        clock: gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pauses: OrderedDict[str, tuple[Pause, float]] = OrderedDict()  # by run id, with the time of its end

    def left(self, run_id: str) -> float:
        """Seconds until the execution is to be decided again; 0 if it may be decided now."""
        found = self._pauses.get(run_id)
        return 0.0 if found is None else max(0.0, found[1] - self._clock())

    def failed(self, run_id: str) -> float:
        """Its decision failed; returns the seconds of the pause that follows, longer each time."""
        pause = self._pauses.pop(run_id, (Pause(), 0.0))[0]
        seconds = pause.next()
        self._pauses[run_id] = pause, self._clock() + seconds
        if len(self._pauses) > _KEPT:
            self._pauses.popitem(last=False)
        return seconds

    def succeeded(self, run_id: str) -> None:
        """It was decided: it has no pause any longer."""
        self._pauses.pop(run_id, None)
