"""The states of everything that an execution's history speaks of, and every transition between them.

All transitions live here. A table maps (state, event type) to the next state; what is not listed cannot happen:
``move`` raises InvalidTransition and nothing changes. The tables do not know whether a decider or a service reads them.
"""

from __future__ import annotations

from simpleflow.exceptions import InvalidTransition

Table = dict[tuple[str, str], str]

NEW = "new"
SCHEDULED = "scheduled"
STARTED = "started"
COMPLETED = "completed"
FAILED = "failed"
TIMED_OUT = "timed_out"
CANCELED = "canceled"
TERMINATED = "terminated"
REFUSED = "refused"  # the service did not accept the decision that asked for it
INITIATED = "initiated"
DELIVERED = "delivered"
FIRED = "fired"
IDLE = "idle"
STARTED_AND_SCHEDULED = "started_and_scheduled"
OPEN = "open"
CONTINUED_AS_NEW = "continued_as_new"


def _again(table: Table, event_type: str, target: str, *ends: str) -> Table:
    """The same id may be used again once its task has ended: a retry, or a timer set anew."""
    return table | {(end, event_type): target for end in ends}


ACTIVITY: Table = _again(
    {
        (NEW, "ActivityTaskScheduled"): SCHEDULED,
        (NEW, "ScheduleActivityTaskFailed"): REFUSED,
        (SCHEDULED, "ActivityTaskStarted"): STARTED,
        (SCHEDULED, "ActivityTaskTimedOut"): TIMED_OUT,
        (SCHEDULED, "ActivityTaskCanceled"): CANCELED,
        (SCHEDULED, "ActivityTaskCancelRequested"): SCHEDULED,
        (SCHEDULED, "RequestCancelActivityTaskFailed"): SCHEDULED,
        (SCHEDULED, "ScheduleActivityTaskFailed"): SCHEDULED,
        (STARTED, "ActivityTaskCompleted"): COMPLETED,
        (STARTED, "ActivityTaskFailed"): FAILED,
        (STARTED, "ActivityTaskTimedOut"): TIMED_OUT,
        (STARTED, "ActivityTaskCanceled"): CANCELED,
        (STARTED, "ActivityTaskCancelRequested"): STARTED,
        (STARTED, "RequestCancelActivityTaskFailed"): STARTED,
        (STARTED, "ScheduleActivityTaskFailed"): STARTED,
    }
    | {(end, "RequestCancelActivityTaskFailed"): end for end in (NEW, REFUSED, COMPLETED, FAILED, TIMED_OUT, CANCELED)}
    | {(end, "ScheduleActivityTaskFailed"): REFUSED for end in (REFUSED, COMPLETED, FAILED, TIMED_OUT, CANCELED)},
    "ActivityTaskScheduled",
    SCHEDULED,
    *(REFUSED, COMPLETED, FAILED, TIMED_OUT, CANCELED),
)

TIMER: Table = _again(
    {
        (NEW, "TimerStarted"): STARTED,
        (NEW, "StartTimerFailed"): REFUSED,
        (NEW, "CancelTimerFailed"): NEW,
        (REFUSED, "CancelTimerFailed"): REFUSED,
        (STARTED, "StartTimerFailed"): STARTED,
        (STARTED, "TimerFired"): FIRED,
        (STARTED, "TimerCanceled"): CANCELED,
        (STARTED, "CancelTimerFailed"): STARTED,
        (FIRED, "CancelTimerFailed"): FIRED,
        (CANCELED, "CancelTimerFailed"): CANCELED,
        (REFUSED, "StartTimerFailed"): REFUSED,
        (FIRED, "StartTimerFailed"): REFUSED,
        (CANCELED, "StartTimerFailed"): REFUSED,
    },
    "TimerStarted",
    STARTED,
    *(REFUSED, FIRED, CANCELED),
)

_CHILD_ENDS = {
    "ChildWorkflowExecutionCompleted": COMPLETED,
    "ChildWorkflowExecutionFailed": FAILED,
    "ChildWorkflowExecutionTimedOut": TIMED_OUT,
    "ChildWorkflowExecutionCanceled": CANCELED,
    "ChildWorkflowExecutionTerminated": TERMINATED,
}

CHILD: Table = _again(
    {
        (NEW, "StartChildWorkflowExecutionInitiated"): INITIATED,
        (NEW, "StartChildWorkflowExecutionFailed"): REFUSED,
        (INITIATED, "StartChildWorkflowExecutionFailed"): REFUSED,
        (INITIATED, "ChildWorkflowExecutionStarted"): STARTED,
        (REFUSED, "StartChildWorkflowExecutionFailed"): REFUSED,
    }
    | {(STARTED, event_type): end for event_type, end in _CHILD_ENDS.items()}
    | {(end, "StartChildWorkflowExecutionFailed"): REFUSED for end in _CHILD_ENDS.values()},
    "StartChildWorkflowExecutionInitiated",
    INITIATED,
    *(REFUSED, *_CHILD_ENDS.values()),
)

EXTERNAL: Table = {
    (NEW, "SignalExternalWorkflowExecutionInitiated"): INITIATED,
    (INITIATED, "ExternalWorkflowExecutionSignaled"): DELIVERED,
    (INITIATED, "SignalExternalWorkflowExecutionFailed"): FAILED,
    (NEW, "RequestCancelExternalWorkflowExecutionInitiated"): INITIATED,
    (INITIATED, "ExternalWorkflowExecutionCancelRequested"): DELIVERED,
    (INITIATED, "RequestCancelExternalWorkflowExecutionFailed"): FAILED,
}
"""A signal, or a request to cancel, on its way to another execution."""

DECISION: Table = {
    (IDLE, "DecisionTaskScheduled"): SCHEDULED,
    (SCHEDULED, "DecisionTaskStarted"): STARTED,
    (SCHEDULED, "DecisionTaskTimedOut"): IDLE,
    (STARTED, "DecisionTaskScheduled"): STARTED_AND_SCHEDULED,
    (STARTED, "DecisionTaskCompleted"): IDLE,
    (STARTED, "DecisionTaskTimedOut"): IDLE,
    (STARTED_AND_SCHEDULED, "DecisionTaskCompleted"): SCHEDULED,
    (STARTED_AND_SCHEDULED, "DecisionTaskTimedOut"): SCHEDULED,
}
"""The decision tasks of an execution: at most one is started and at most one waits."""

EXECUTION: Table = {
    (NEW, "WorkflowExecutionStarted"): OPEN,
    (OPEN, "WorkflowExecutionCompleted"): COMPLETED,
    (OPEN, "WorkflowExecutionFailed"): FAILED,
    (OPEN, "WorkflowExecutionTimedOut"): TIMED_OUT,
    (OPEN, "WorkflowExecutionCanceled"): CANCELED,
    (OPEN, "WorkflowExecutionTerminated"): TERMINATED,
    (OPEN, "WorkflowExecutionContinuedAsNew"): CONTINUED_AS_NEW,
}

TABLES: dict[str, Table] = {
    "activity": ACTIVITY,
    "timer": TIMER,
    "child": CHILD,
    "external": EXTERNAL,
    "decision": DECISION,
    "execution": EXECUTION,
}


def move(table: Table, state: str, event_type: str, what: str, id: object = "") -> str:
    """The state after an event; raises InvalidTransition, naming ``what`` and ``id``, if it cannot follow."""
    try:
        return table[state, event_type]
    except KeyError:
        raise InvalidTransition(f"{event_type} cannot follow: {what}{id} is {state}") from None
