"""A domain: its engine, the types that are registered in it, and the summaries of its closed executions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simpleflow.core import events as e
from simpleflow.core import transitions
from simpleflow.core.history import History
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.engines.executions import Executions
from simpleflow.engines.journal import Journal, Message
from simpleflow.engines.run import Run
from simpleflow.exceptions import UnknownResource
from simpleflow.server import faults
from simpleflow.server.chaos import Dice
from simpleflow.server.decision_check import DecisionCheck, Limits
from simpleflow.server.registry import ACTIVITY, WORKFLOW, RegistrationStore, Registry
from simpleflow.server.visibility import Summary


class Domain:
    """One domain. Callers hold the lock of the service.

    Open executions are in memory, in the engine. Of a closed one, only a summary stays there if the journal keeps its
    history.

    Args:
        journal: stores the executions.
        keeps: True if the journal can return the histories of closed executions.
        store: stores the registered types; None if they end with the process.
    """

    def __init__(
        self,
        name: str,
        journal: Journal,
        keeps: bool,
        clock: Callable[[], float],
        dice: Dice,
        store: RegistrationStore | None,
        limits: Limits,
    ) -> None:
        self.name = name
        # The workers of a domain are other processes, which may outlive this one.
        self.executions = Executions(journal, clock, self._observe, workers_survive=True, child_delay=dice.lateness)
        self.engine = EmbeddedEngine(self.executions)
        if dice.chaos.shuffle:
            self.executions.tasks.decisions.choose = self.executions.tasks.activities.choose = dice.choose
        self.activity_types = Registry(ACTIVITY, name, store)
        self.workflow_types = Registry(WORKFLOW, name, store)
        self.decision_check = DecisionCheck(self.activity_types, self.workflow_types, limits)
        self._keeps = keeps
        self._limits = limits
        self._closed: dict[str, Summary] = {}  # by run id, in the order of their closes
        self._too_long: list[Run] = []  # executions that have reached the limit of events

    def resume(self) -> None:
        """Take over the executions that an earlier process left. Raises RunBusy if that process still lives."""
        for run in reversed(self.engine.list_runs()):
            if run.status != "open":
                history = History(self.executions.journal.load(run.run_id))
                self._closed[run.run_id] = Summary.of(run.workflow_id, run.run_id, history)
            elif run.run_id not in self.executions.runs:
                self.executions.adopt(run.workflow_id)
        for parent in self.executions.open_runs():
            for kind, task in list(parent.history.open_records()):
                if kind == "child" and task.state == transitions.INITIATED:  # the child's start was postponed
                    self.executions.start_child_now(parent, parent.history.events[task.scheduled_id - 1])

    def settle(self) -> None:
        """Write the changes of a request to the journal, and terminate executions with too many events."""
        self.executions.flush()
        while self._too_long:
            run = self._too_long.pop()
            if run.history.open:
                content = {"cause": "EVENT_LIMIT_EXCEEDED", "reason": "event limit exceeded"}
                self.executions.record_message(run, Message("terminate", run.workflow_id, run.run_id, content))

    def summaries(self, closed: bool) -> list[Summary]:
        """Return the summaries of the open executions by start, or of the closed ones by close."""
        if closed:
            return list(self._closed.values())
        return [self.summary(run) for run in self.executions.open_runs()]

    def summary(self, run: Run) -> Summary:
        """Return the summary of an execution that is in memory."""
        return Summary.of(run.workflow_id, run.run_id, run.history)

    def execution(self, workflow_id: str, run_id: str) -> tuple[Summary, History | None]:
        """Return the summary of an execution, and its history if it is open. Raises Fault."""
        run = self.executions.find(workflow_id, run_id)
        if run is not None:
            return self.summary(run), run.history
        summary = self._closed.get(run_id)
        if summary is None or summary.workflow_id != workflow_id:
            raise faults.unknown_execution(workflow_id, run_id)
        return summary, None

    def events(self, run_id: str) -> Sequence[e.Event]:
        """Return the events of an execution, open or closed. Raises UnknownResource."""
        run = self.executions.runs.get(run_id)
        if run is not None:
            return run.history.events
        if run_id not in self._closed:
            raise UnknownResource(f"there is no execution with run id {run_id!r}")
        return self.executions.journal.load(run_id)

    def _observe(self, run: Run, events: Sequence[e.Event]) -> None:
        if not run.history.open:
            if run.run_id not in self._closed:
                self._closed[run.run_id] = self.summary(run)
            if self._keeps:
                self.executions.runs.pop(run.run_id, None)
        elif len(run.history.events) >= self._limits.events:
            self._too_long.append(run)
