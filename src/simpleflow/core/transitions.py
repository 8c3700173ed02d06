"""The states of everything that a history speaks of, and every transition between them.

Theory of operation. An execution, a decision task, an activity, a timer, a child and a request to another execution
each have a state. One table for each kind maps (state, event type) to the next state. The tables are the whole truth:

- what a table does not list cannot happen. ``move`` raises InvalidTransition then, and nothing changes;
- a table lists every event type of its kind, so ``folding`` takes the event types that a handler serves from it;
- the tables do not know who reads them. The decider and the service fold the same events through them, so neither can
  believe in a state that the other rules out.

An id may be used again: once an activity, timer or child has ended, the event that schedules, starts or initiates it
leads from each of its ends to a new life (a retry, or a timer set anew). A refused request about something that is
open leaves the state as it is.
"""

from __future__ import annotations

from simpleflow.exceptions import InvalidTransition

Table = dict[tuple[str, str], str]
"""(state, event type) to the next state."""

NEW = "new"  # the history has not mentioned it yet
SCHEDULED = "scheduled"
STARTED = "started"
COMPLETED = "completed"
FAILED = "failed"
TIMED_OUT = "timed_out"
CANCELED = "canceled"
TERMINATED = "terminated"
REFUSED = "refused"  # the service refused the decision to schedule or start it
INITIATED = "initiated"  # a child, or a request to another execution: the service has not acted on the decision yet
DELIVERED = "delivered"
FIRED = "fired"
IDLE = "idle"  # no decision task waits and none is started
STARTED_AND_SCHEDULED = "started_and_scheduled"  # one decision task is started, and the next one waits
OPEN = "open"
CONTINUED_AS_NEW = "continued_as_new"

_ACTIVITY_ENDS = (REFUSED, COMPLETED, FAILED, TIMED_OUT, CANCELED)

ACTIVITY: Table = (
    {
        (NEW, "ActivityTaskScheduled"): SCHEDULED,
        (NEW, "ScheduleActivityTaskFailed"): REFUSED,
        (NEW, "RequestCancelActivityTaskFailed"): NEW,
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
    | {(end, "ActivityTaskScheduled"): SCHEDULED for end in _ACTIVITY_ENDS}
    | {(end, "ScheduleActivityTaskFailed"): REFUSED for end in _ACTIVITY_ENDS}
    | {(end, "RequestCancelActivityTaskFailed"): end for end in _ACTIVITY_ENDS}
)

_TIMER_ENDS = (REFUSED, FIRED, CANCELED)

TIMER: Table = (
    {
        (NEW, "TimerStarted"): STARTED,
        (NEW, "StartTimerFailed"): REFUSED,
        (NEW, "CancelTimerFailed"): NEW,
        (STARTED, "TimerFired"): FIRED,
        (STARTED, "TimerCanceled"): CANCELED,
        (STARTED, "StartTimerFailed"): STARTED,
        (STARTED, "CancelTimerFailed"): STARTED,
    }
    | {(end, "TimerStarted"): STARTED for end in _TIMER_ENDS}
    | {(end, "StartTimerFailed"): REFUSED for end in _TIMER_ENDS}
    | {(end, "CancelTimerFailed"): end for end in _TIMER_ENDS}
)

_CHILD_ENDS = {
    "ChildWorkflowExecutionCompleted": COMPLETED,
    "ChildWorkflowExecutionFailed": FAILED,
    "ChildWorkflowExecutionTimedOut": TIMED_OUT,
    "ChildWorkflowExecutionCanceled": CANCELED,
    "ChildWorkflowExecutionTerminated": TERMINATED,
}

CHILD: Table = (
    {
        (NEW, "StartChildWorkflowExecutionInitiated"): INITIATED,
        (NEW, "StartChildWorkflowExecutionFailed"): REFUSED,
        (INITIATED, "StartChildWorkflowExecutionFailed"): REFUSED,
        (INITIATED, "ChildWorkflowExecutionStarted"): STARTED,
    }
    | {(STARTED, event_type): end for event_type, end in _CHILD_ENDS.items()}
    | {(end, "StartChildWorkflowExecutionInitiated"): INITIATED for end in (REFUSED, *_CHILD_ENDS.values())}
    | {(end, "StartChildWorkflowExecutionFailed"): REFUSED for end in (REFUSED, *_CHILD_ENDS.values())}
)

EXTERNAL: Table = {
    (NEW, "SignalExternalWorkflowExecutionInitiated"): INITIATED,
    (INITIATED, "ExternalWorkflowExecutionSignaled"): DELIVERED,
    (INITIATED, "SignalExternalWorkflowExecutionFailed"): FAILED,
    (NEW, "RequestCancelExternalWorkflowExecutionInitiated"): INITIATED,
    (INITIATED, "ExternalWorkflowExecutionCancelRequested"): DELIVERED,
    (INITIATED, "RequestCancelExternalWorkflowExecutionFailed"): FAILED,
}
"""A signal or a request to cancel that this execution sends to another one."""

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
"""The decision tasks of an execution: at most one is started, and at most one waits."""

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


def move(table: Table, state: str, event_type: str, subject: str, id: object = "") -> str:
    """The state after an event. Raises InvalidTransition if the event cannot follow.

    ``subject`` and ``id`` name what the event is about, for the message; they are joined only then.
    """
    try:
        return table[state, event_type]
    except KeyError:
        raise InvalidTransition(f"{event_type} cannot follow: {subject}{id} is {state}") from None
