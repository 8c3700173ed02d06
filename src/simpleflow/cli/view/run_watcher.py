"""Watching an execution on a service that another process drives, by reading its history again and again.

How it works: a view needs the events of an execution and of all its children, in batches, as an engine in this process
would give them. A service has no such feed. So ``poll`` reads each history that is open, applies the events after the
last known one to a ``Run``, and calls the observer with them. A ChildWorkflowExecutionStarted event adds the child, and
its history is read before the observer sees that event, so a child that ended quickly is not missed. An execution that
continued as new is followed in its new run.

Each poll costs a request per open execution. If nothing is shown before the end, ``whole`` is False: then a poll asks
only for the status of the execution, and reads the histories when it has closed.
"""

from __future__ import annotations

import logging

from simpleflow.core import events as e
from simpleflow.core.tolerant_history import TolerantHistory
from simpleflow.engines.base import RunReader
from simpleflow.engines.run import Observer, Run
from simpleflow.worker import overlooked, returned
from simpleflow.worker.poller import is_passing

log = logging.getLogger(__name__)

_OPEN = "open"


class RunWatcher:
    """Reads an execution until it has ended.

    Args:
        reader: reads the status and the history of executions.
        workflow_id, run_id: of the execution.
        observer: called with a run and its new events, for the execution and its children, as an engine calls its own.
        whole: read new events at every poll, and not only at the end.
    """

    def __init__(self, reader: RunReader, workflow_id: str, run_id: str, observer: Observer, whole: bool) -> None:
        self.run = Run(workflow_id, run_id, run_id, TolerantHistory())  # the current run of the execution
        self._reader = reader
        self._observer = observer
        self._whole = whole
        self._runs: dict[str, Run] = {run_id: self.run}  # by run id: the execution and its children

    @property
    def overlooked(self) -> int:
        """How many failed tasks the deciders of the execution and its children have told of, see ``overlooked``."""
        return sum(len(overlooked.read(run.history.execution_context)) for run in self._runs.values())

    @property
    def only_waits(self) -> bool:
        """True if, at the latest poll, ``run`` had returned and only children that wait for signals were left."""
        histories = [each.history for each in self._runs.values()]
        return returned.has_returned(self.run.history.execution_context) and returned.only_waits(
            self.run.history, histories
        )

    def poll(self) -> bool:
        """Read once, and return True if the execution has ended. A temporary error is logged; the next poll retries."""
        try:
            return self._poll()
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("cannot read the execution now, trying again later: %s", error)
            return False

    def _poll(self) -> bool:
        if not self._whole:
            found = self._reader.describe(self.run.workflow_id, self.run.run_id)
            if found.status == _OPEN and not returned.has_returned(found.context):
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
        return self._runs.setdefault(run_id, Run(workflow_id, run_id, self.run.root_id, TolerantHistory()))

    def _read(self, run: Run) -> None:
        events = self._reader.history(run.workflow_id, run.run_id, after=len(run.history.events))
        if not events:
            return
        for event in events:
            run.history.apply(event)
            if isinstance(event.attributes, e.ChildWorkflowExecutionStarted):
                child = event.attributes.workflow_execution
                self._read(self._add(child.workflow_id, child.run_id))
        self._observer(run, events)
