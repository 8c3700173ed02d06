"""When to leave a run open: everything in it waits for a store that does not work.

An activity about marks that fails is tried again, with pauses (``core.decider.retry_handle``). Other work of the run
goes on meanwhile. Once there is no other work, the process need not stay for ever: it ends and leaves the run open. The
same command takes the run up later and writes the mark then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from simpleflow import taskids
from simpleflow.constants import STORE_TIMER
from simpleflow.engines.run import Run
from simpleflow.exceptions import StoreError


class Patience:
    """How long a process drives runs in which everything waits for a store.

    Args:
        seconds: so long, from the first failure that this process has seen.
        clock: gives monotonic seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since: dict[tuple[str, str], float] = {}  # by run id and activity id

    def check(self, runs: Iterable[Run]) -> None:
        """Raise StoreError, with the latest reason, if only the store has held up these runs for so long."""
        opened = [run for run in runs if run.history.open]
        waiting = {(run.run_id, id): run for run in opened for id in self._waiting(run)}
        now = self._clock()
        self._since = {key: self._since.get(key, now) for key in waiting}
        if not waiting or now - max(self._since.values()) < self._seconds or not all(map(_is_held_up, opened)):
            return
        (_, id), run = max(waiting.items(), key=lambda each: self._since[each[0]])
        reason = getattr(run.history.activities[id].failures[-1].attributes, "reason", None) or "it timed out"
        raise StoreError(f"{reason.removeprefix('StoreError: ')}; tried for {self._seconds:.0f} s")

    def _waiting(self, run: Run) -> list[str]:
        """The ids of the activities that the store has failed: they wait for the next try, or are being tried."""
        history = run.history
        found = [id for run_id, id in self._since if run_id == run.run_id and history.activities.is_open(id)]
        if not history.open_timers:
            return found
        for record in history.activities.kept:
            if record.failures and not record.open:
                timer = history.timers.get(taskids.store_timer(record.tries, record.id))
                if timer is not None and timer.open:
                    found.append(record.id)
        return found


def _is_held_up(run: Run) -> bool:
    """True if the run goes on only when such a timer fires, or a child does."""
    history = run.history
    return history.under_way > 0 and all(
        kind == "child" or (kind == "timer" and record.id.startswith(STORE_TIMER))
        for kind, record in history.open_records()
    )


def left_open(error: StoreError, workflow_id: str) -> StoreError:
    """The error with which a process leaves a run open."""
    return StoreError(f"{error}; workflow {workflow_id} stays open and goes on when the same command is run again")
