"""A journal in memory that outlives its engine, and in which a crash can happen.

Theory of operation
-------------------
A killed process leaves the committed events, and nothing else. So a crash is an exception that is raised right after a
commit and that leaves everything else undone: no claim is released, no worker is told. The next engine gets the same
journal, and adopts the executions that are open in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simpleflow.core import events as e
from simpleflow.core.event_log import Reader
from simpleflow.core.history import History
from simpleflow.engines.journal import NoJournal, StoredRun
from simpleflow.engines.run import Run
from simpleflow.exceptions import UnknownResource
from simpleflow.stores.base import Change


class Crash(BaseException):
    """The process is gone, as far as the run is concerned. No code of a workflow sees this."""

    stops_process = True


class MemoryJournal(NoJournal):
    """Keeps executions in memory.

    Args:
        change_marks: keeps the changes of done marks.

    Attributes:
        runs: the executions in the order in which they began.
        kept: how many events of all executions it has kept.
        crash: called with the number of kept events, and with each event and its execution; True: crash once it is
            kept.
        crashed: the latest run has crashed.
    """

    def __init__(self, change_marks: Callable[[Sequence[Change]], None]) -> None:
        super().__init__(change_marks)
        self.runs: list[StoredRun] = []
        self.kept = 0
        self.crash: Callable[[int, Run, e.Event], bool] | None = None
        self.crashed = False
        self._events: dict[str, list[e.Event]] = {}
        self._new: list[StoredRun] = []  # since the last commit

    def begin(self, workflow_id: str, run_id: str, root_id: str, workflow_type: e.WorkflowType, now: float) -> None:
        self._new.append(StoredRun(workflow_id, run_id, root_id))

    def commit(self, written: Sequence[tuple[Run, e.Event]], changes: Sequence[Change] = ()) -> int:
        self.runs += self._new
        self._new = []
        crashes = False
        for run, event in written:
            self._events.setdefault(run.run_id, []).append(event)
            self.kept += 1
            crashes = (self.crash is not None and self.crash(self.kept, run, event)) or crashes
        size = super().commit(written, changes)
        if crashes:
            self.crash, self.crashed = None, True
            raise Crash
        return size

    def rollback(self) -> None:
        self._new = []

    def claim(self, workflow_id: str) -> list[StoredRun]:
        claimed = [each for each in self.runs if self.history(each.run_id).open]
        roots = {each.root_id for each in claimed if each.workflow_id == workflow_id}
        return [each for each in claimed if each.root_id in roots]

    def load(self, run_id: str, after: int = 0, limit: int | None = None) -> list[e.Event]:
        if run_id not in self._events:
            raise UnknownResource(f"there is no execution with run id {run_id!r}")
        return self._events[run_id][after : None if limit is None else after + limit]

    def reader(self, run_id: str) -> Reader:
        return lambda after, limit: self.load(run_id, after, limit)

    def last_events(self, run_id: str, limit: int) -> list[e.Event]:
        return self.load(run_id)[-limit:]

    def history(self, run_id: str) -> History:
        """The history of an execution, folded."""
        found = History()
        for event in self._events[run_id]:
            found.apply(event)
        return found

    def family(self, root_id: str) -> list[StoredRun]:
        """The execution with that run id and all below it, in the order in which they began."""
        return [each for each in self.runs if each.root_id == root_id]
