"""Histories for tests, event by event, in the orders that Amazon SWF writes them.

history = HistoryBuilder("my.workflow", input={"args": [1]})
history.decide(activity("a")).complete("a", 2)
decisions = decide(MyWorkflow, history.to_decide(), Execution("w", "run"))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow import values
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.history import History
from simpleflow.core.service import record


class HistoryBuilder:
    """The history of one execution, from its start on. Values are given as they are, and written as JSON.

    What cannot follow raises what the service would raise, and changes nothing.
    """

    def __init__(self, name: str, version: str = "default", input: Any = None, now: float = 1_700_000_000.0) -> None:
        self.now = now
        self._history = History()
        started = e.WorkflowExecutionStarted(
            child_policy="TERMINATE",
            execution_start_to_close_timeout="31536000",
            input=_json(input),
            parent_initiated_event_id=0,
            task_list=e.TaskList("default"),
            task_start_to_close_timeout="300",
            workflow_type=e.WorkflowType(name, version),
        )
        self._add(record.start(started, now))

    @property
    def events(self) -> list[e.Event]:
        """The events so far."""
        return list(self._history.events)

    def to_decide(self) -> list[e.Event]:
        """The events up to the DecisionTaskStarted that is written now: what a decider is shown."""
        self._add(record.decision_started(self._history, None, self.now))
        return self.events

    def decide(self, *decisions: d.Decision) -> HistoryBuilder:
        """Answer the decision task; it is started first if it waits."""
        if not self._history.deciding:
            self.to_decide()
        return self._add(record.record(self._history, decisions, self.now, None, "new-run-id"))

    def take(self, activity_id: str) -> HistoryBuilder:
        """A worker begins an activity."""
        scheduled_id = self._history.activities[activity_id].scheduled_id
        return self._add(record.activity_started(self._history, scheduled_id, None, self.now))

    def complete(self, activity_id: str, result: Any = None) -> HistoryBuilder:
        """An activity is completed; it is begun first if no worker has."""
        return self._end(activity_id, e.ActivityTaskCompleted, result=_json(result))

    def fail(self, activity_id: str, reason: str = "Error: no", details: str | None = None) -> HistoryBuilder:
        """An activity fails; it is begun first if no worker has."""
        return self._end(activity_id, e.ActivityTaskFailed, reason=reason, details=details)

    def signal(self, name: str, input: Any = None) -> HistoryBuilder:
        """A signal comes in."""
        return self.happened(
            e.WorkflowExecutionSignaled(external_initiated_event_id=0, input=_json(input), signal_name=name)
        )

    def cancel(self) -> HistoryBuilder:
        """Somebody asks for the execution to be cancelled."""
        return self.happened(e.WorkflowExecutionCancelRequested(external_initiated_event_id=0))

    def fire(self, timer_id: str) -> HistoryBuilder:
        """A timer fires."""
        started_id = self._history.timers[timer_id].scheduled_id
        return self.happened(e.TimerFired(started_event_id=started_id, timer_id=timer_id))

    def happened(self, *new_attributes: e.Attributes) -> HistoryBuilder:
        """Anything else that comes from outside the decider, with the decision task that it causes."""
        return self._add(record.happened(self._history, new_attributes, self.now))

    def _end(self, activity_id: str, kind: Any, **members: Any) -> HistoryBuilder:
        if self._history.activities[activity_id].state == "scheduled":
            self.take(activity_id)
        task = self._history.activities[activity_id]
        return self.happened(kind(scheduled_event_id=task.scheduled_id, started_event_id=task.started_id, **members))

    def _add(self, events: Sequence[e.Event]) -> HistoryBuilder:
        for event in events:
            self._history.apply(event)
        return self


def _json(value: Any) -> str | None:
    return None if value is None else values.encode(value, "value")
