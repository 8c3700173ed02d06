"""Histories for tests, built event by event, in the order in which Amazon SWF records them.

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
    """Builds the history of one execution, from its start. Values are passed as they are and recorded as JSON.

    An event that cannot follow raises the exception that the service would raise, and changes nothing. Methods that add
    events return the builder, so that calls can be chained.
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
        """All events so far."""
        return list(self._history.events)

    def to_decide(self) -> list[e.Event]:
        """Start the decision task, and return the events that a decider gets: all up to its DecisionTaskStarted."""
        self._add(record.decision_started(self._history, None, self.now))
        return self.events

    def decide(self, *decisions: d.Decision) -> HistoryBuilder:
        """Answer the decision task with these decisions. A waiting task is started first."""
        if not self._history.deciding:
            self.to_decide()
        return self._add(record.record(self._history, decisions, self.now, None, "new-run-id"))

    def start_activity(self, activity_id: str) -> HistoryBuilder:
        """Start an activity, as a worker does that polls for it."""
        scheduled_id = self._history.activities[activity_id].scheduled_id
        return self._add(record.activity_started(self._history, scheduled_id, None, self.now))

    def complete(self, activity_id: str, result: Any = None) -> HistoryBuilder:
        """Complete an activity. It is started first if it is not yet."""
        return self._end(activity_id, e.ActivityTaskCompleted, result=_json(result))

    def fail(self, activity_id: str, reason: str = "Error: no", details: str | None = None) -> HistoryBuilder:
        """Fail an activity. It is started first if it is not yet."""
        return self._end(activity_id, e.ActivityTaskFailed, reason=reason, details=details)

    def signal(self, name: str, input: Any = None) -> HistoryBuilder:
        """Add a signal from outside."""
        return self.happened(
            e.WorkflowExecutionSignaled(external_initiated_event_id=0, input=_json(input), signal_name=name)
        )

    def cancel(self) -> HistoryBuilder:
        """Add a request to cancel the execution."""
        return self.happened(e.WorkflowExecutionCancelRequested(external_initiated_event_id=0))

    def fire(self, timer_id: str) -> HistoryBuilder:
        """Let a timer fire."""
        started_id = self._history.timers[timer_id].scheduled_id
        return self.happened(e.TimerFired(started_event_id=started_id, timer_id=timer_id))

    def happened(self, *new_attributes: e.Attributes) -> HistoryBuilder:
        """Add any other events from outside the decider, and the decision task that they cause."""
        return self._add(record.happened(self._history, new_attributes, self.now))

    def _end(self, activity_id: str, kind: Any, **members: Any) -> HistoryBuilder:
        if self._history.activities[activity_id].state == "scheduled":
            self.start_activity(activity_id)
        task = self._history.activities[activity_id]
        return self.happened(kind(scheduled_event_id=task.scheduled_id, started_event_id=task.started_id, **members))

    def _add(self, events: Sequence[e.Event]) -> HistoryBuilder:
        for event in events:
            self._history.apply(event)
        return self


def _json(value: Any) -> str | None:
    return None if value is None else values.encode(value, "value")
