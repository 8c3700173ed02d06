"""Events being written after a history."""

from __future__ import annotations

from simpleflow.core import events as e
from simpleflow.core.history import History

WAKES_DECIDER: frozenset[type[e.Attributes]] = frozenset(
    {
        e.WorkflowExecutionStarted,
        e.WorkflowExecutionSignaled,
        e.WorkflowExecutionCancelRequested,
        e.ActivityTaskCompleted,
        e.ActivityTaskFailed,
        e.ActivityTaskTimedOut,
        e.ActivityTaskCanceled,
        e.ScheduleActivityTaskFailed,
        e.RequestCancelActivityTaskFailed,
        e.ScheduleLambdaFunctionFailed,
        e.TimerFired,
        e.StartTimerFailed,
        e.CancelTimerFailed,
        e.RecordMarkerFailed,
        e.StartChildWorkflowExecutionFailed,
        e.ChildWorkflowExecutionStarted,
        e.ChildWorkflowExecutionCompleted,
        e.ChildWorkflowExecutionFailed,
        e.ChildWorkflowExecutionTimedOut,
        e.ChildWorkflowExecutionCanceled,
        e.ChildWorkflowExecutionTerminated,
        e.ExternalWorkflowExecutionSignaled,
        e.ExternalWorkflowExecutionCancelRequested,
        e.SignalExternalWorkflowExecutionFailed,
        e.RequestCancelExternalWorkflowExecutionFailed,
        e.DecisionTaskTimedOut,
    }
)
"""Events that the decider must be shown: each makes a decision task unless one waits already."""


class NewEvents:
    """Events being written after a history, all at one time."""

    def __init__(self, history: History, now: float) -> None:
        self.history = history
        self.now = now
        self.events: list[e.Event] = []
        self.pending = history.decision_pending
        self.needs_decision = False
        self.activities: dict[str, int] = {}  # scheduled (event id) or cancelled (0) in this new
        self.timers: dict[str, int] = {}  # started (event id) or cancelled (0) in this new
        self.children: set[str] = set()
        self.decision_list = history.decision_list
        self._next = history.next_id

    def add(self, attributes: e.Attributes) -> int:
        """Write one event; returns its id."""
        event = e.Event(self._next, self.now, attributes)
        self._next += 1
        self.events.append(event)
        self.needs_decision = self.needs_decision or type(attributes) in WAKES_DECIDER
        return event.id

    def finish(self) -> tuple[e.Event, ...]:
        """The events, and a decision task if one wakes the decider, none is pending, and the execution goes on."""
        if self.needs_decision and not self.pending and type(self.events[-1].attributes) not in _ENDS:
            self.add(decision_task(self.history.started, self.decision_list))
        return tuple(self.events)


_ENDS: frozenset[type[e.Attributes]] = frozenset(
    {
        e.WorkflowExecutionCompleted,
        e.WorkflowExecutionFailed,
        e.WorkflowExecutionCanceled,
        e.WorkflowExecutionContinuedAsNew,
    }
)


def decision_task(
    started: e.WorkflowExecutionStarted, override: e.DecisionTaskCompleted | None = None
) -> e.DecisionTaskScheduled:
    """The next decision task; ``override`` is the answer that named a list of its own for it, if one did."""
    limit = override.task_list_schedule_to_start_timeout if override is not None else None
    return e.DecisionTaskScheduled(
        schedule_to_start_timeout=limit or "NONE",
        start_to_close_timeout=started.task_start_to_close_timeout,
        task_list=(override.task_list if override is not None else None) or started.task_list,
        task_priority=started.task_priority,
    )
