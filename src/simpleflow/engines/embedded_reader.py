"""Reading the executions of the embedded engine: those in memory, and those that its journal keeps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from simpleflow.core import events as e
from simpleflow.engines.base import EVERY_RUN, RunDescription, RunFilter, RunReader
from simpleflow.engines.executions import Executions
from simpleflow.exceptions import UnknownResource


class EmbeddedReader(RunReader):
    """Reads the executions of this process and of its journal."""

    def __init__(self, executions: Executions) -> None:
        self.executions = executions
        self.runs = executions.runs
        self.flush = executions.flush

    def describe(self, workflow_id: str, run_id: str | None = None) -> RunDescription:
        for found in self._list(RunFilter(workflow_id=workflow_id, run_prefix=run_id), limit=None if run_id else 1):
            if run_id in (None, found.run_id):
                return found
        run = f" (run {run_id})" if run_id else ""
        raise UnknownResource(f"there is no execution of workflow id {workflow_id!r}{run}")

    def history(
        self, workflow_id: str, run_id: str | None = None, after: int = 0, limit: int | None = None
    ) -> Sequence[e.Event]:
        run_id = self.describe(workflow_id, run_id).run_id
        run = self.runs.get(run_id)
        if run is None:
            return self.executions.journal.load(run_id, after, limit)
        return run.history.events[after : None if limit is None else after + limit]

    def last_events(self, workflow_id: str, run_id: str | None = None, limit: int = 1) -> Sequence[e.Event]:
        run_id = self.describe(workflow_id, run_id).run_id
        run = self.runs.get(run_id)
        return self.executions.journal.last_events(run_id, limit) if run is None else run.history.events[-limit:]

    def list_runs(
        self, wanted: RunFilter = EVERY_RUN, before: str | None = None, limit: int | None = None
    ) -> list[RunDescription]:
        if wanted.tag is None:
            return self._list(wanted, before, limit)
        tagged = (run for run in self._list(wanted, before) if wanted.tag in self._tags(run))
        return list(islice(tagged, limit))

    def _tags(self, run: RunDescription) -> Sequence[str | None]:
        started: Any = self.event(run.workflow_id, run.run_id, 1).attributes
        return started.tag_list or ()

    def _list(self, wanted: RunFilter, before: str | None = None, limit: int | None = None) -> list[RunDescription]:
        self.flush()
        kept = self.executions.journal.list_runs(wanted, before, limit)
        if kept is not None:
            return kept
        found = [run.describe() for run in reversed(self.runs.values())]
        first = 1 + next((at for at, run in enumerate(found) if run.run_id == before), -1)
        return list(islice(filter(wanted.accepts, found[first:]), limit))
