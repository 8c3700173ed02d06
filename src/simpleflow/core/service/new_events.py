"""The events that the service is writing after a history, all at one time, and whether they wake the decider."""

from __future__ import annotations

from simpleflow.core import events as e
from simpleflow.core import transitions as t
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
        e.CompleteWorkflowExecutionFailed,
        e.FailWorkflowExecutionFailed,
        e.CancelWorkflowExecutionFailed,
        e.ContinueAsNewWorkflowExecutionFailed,
    }
)
"""Events that the decider must see: each causes a decision task unless one waits already."""

_ENDS = frozenset(e.EVENT_TYPES[event_type] for state, event_type in t.EXECUTION if state == t.OPEN)
"""Events that end an execution."""


class NewEvents:
    """Events that the service is writing after a history, all at one time."""

    def __init__(self, history: History, now: float, new_run_id: str = "") -> None:
        self.history = history  # unchanged: the engine adds the new events to it later
        self.now = now  # epoch seconds
        self.new_run_id = new_run_id  # of the execution that continues this one, if one does
        self.events: list[e.Event] = []  # written so far
        self.pending = history.decision_pending  # a decision task waits already
        self.needs_decision = False  # one of the events wakes the decider
        self.decision_list = history.decision_list  # as in ``ExecutionState``, after the events so far

        # Written here: the event id that scheduled or started the activity or timer; 0 if it was cancelled here
        self.activities: dict[str, int] = {}  # by activity id
        self.timers: dict[str, int] = {}  # by timer id
        self.children: set[str] = set()  # workflow ids of the children initiated here

        self._next = history.next_id

    def add(self, attributes: e.Attributes) -> int:
        """Write one event; returns its id."""
        id = self._next
        self._next = id + 1
        self.events.append(e.Event(id, self.now, attributes))
        if type(attributes) in WAKES_DECIDER:
            self.needs_decision = True
        return id

    def finish(self) -> tuple[e.Event, ...]:
        """The events, and a decision task if one wakes the decider, none waits, and the execution has not ended."""
        if self.needs_decision and not self.pending and type(self.events[-1].attributes) not in _ENDS:
            self.add(decision_task(self.history.started, self.decision_list))
        return tuple(self.events)


def decision_task(
    started: e.WorkflowExecutionStarted, override: e.DecisionTaskCompleted | None = None
) -> e.DecisionTaskScheduled:
    """The next decision task; ``override`` is the answer that named another task list for it, if one did."""
    limit = override.task_list_schedule_to_start_timeout if override is not None else None
    return e.DecisionTaskScheduled(
        schedule_to_start_timeout=limit or "NONE",
        start_to_close_timeout=started.task_start_to_close_timeout,
        task_list=(override.task_list if override is not None else None) or started.task_list,
        task_priority=started.task_priority,
    )
