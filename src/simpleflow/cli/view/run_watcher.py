"""An execution on a service, and its children, as somebody sees them who only reads."""

from __future__ import annotations

import logging

from simpleflow.core import events as e
from simpleflow.engines.base import RunReader
from simpleflow.engines.run import Observer, Run
from simpleflow.worker.poller import is_passing

log = logging.getLogger(__name__)

_OPEN = "open"


class RunWatcher:
    """Looks at an execution until it has ended; continued as new, it goes on as the new run.

    Args:
        reader: where to poll.
        workflow_id, run_id: of the execution.
        observer: called with (run, events) as with an engine's, for the execution and its children.
        whole: read what is new at every poll, and not just the whole at the end.
    """

    def __init__(self, reader: RunReader, workflow_id: str, run_id: str, observer: Observer, whole: bool) -> None:
        self.run = Run(workflow_id, run_id, run_id)
        self._reader = reader
        self._observer = observer
        self._whole = whole
        self._runs: dict[str, Run] = {run_id: self.run}

    def poll(self) -> bool:
        """Look once; returns whether it has ended. Errors that pass are left to the next look."""
        try:
            return self._poll()
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("the execution cannot be looked at just now: %s", error)
            return False

    def _poll(self) -> bool:
        if not self._whole and self._reader.describe(self.run.workflow_id, self.run.run_id).status == _OPEN:
            return False
        self._read(self.run)
        for run in list(self._runs.values()):
            if run is not self.run and run.history.closed is None:
                self._read(run)
        closed = self.run.history.closed
        if closed is not None and isinstance(closed.attributes, e.WorkflowExecutionContinuedAsNew):
            run_id = closed.attributes.new_execution_run_id
            self.run = self._add(self.run.workflow_id, run_id)
            return False
        return closed is not None

    def _add(self, workflow_id: str, run_id: str) -> Run:
        return self._runs.setdefault(run_id, Run(workflow_id, run_id, self.run.root_id))

    def _read(self, run: Run) -> None:
        events = self._reader.history(run.workflow_id, run.run_id)[len(run.history.events) :]
        if not events:
            return
        for event in events:
            run.history.apply(event)
            if isinstance(event.attributes, e.ChildWorkflowExecutionStarted):
                child = event.attributes.workflow_execution
                self._read(self._add(child.workflow_id, child.run_id))
        self._observer(run, events)
