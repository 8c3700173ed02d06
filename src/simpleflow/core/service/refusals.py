"""Refused decisions: each becomes its ``...Failed`` event, with the cause.

The cause is either in the history (an id that is in use, for example) or one that the engine names. The reaction of the
decider is in ``core.decider.refusals``.
"""

from __future__ import annotations

from typing import Any

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.service.new_events import NewEvents

REFUSED: dict[type[d.Decision], type[e.Attributes]] = {
    d.ScheduleActivityTask: e.ScheduleActivityTaskFailed,
    d.RequestCancelActivityTask: e.RequestCancelActivityTaskFailed,
    d.StartTimer: e.StartTimerFailed,
    d.CancelTimer: e.CancelTimerFailed,
    d.StartChildWorkflowExecution: e.StartChildWorkflowExecutionFailed,
    d.ScheduleLambdaFunction: e.ScheduleLambdaFunctionFailed,
    d.CompleteWorkflowExecution: e.CompleteWorkflowExecutionFailed,
    d.FailWorkflowExecution: e.FailWorkflowExecutionFailed,
    d.CancelWorkflowExecution: e.CancelWorkflowExecutionFailed,
    d.ContinueAsNewWorkflowExecution: e.ContinueAsNewWorkflowExecutionFailed,
}
"""The event that a decision of each kind becomes if it is refused. The service accepts all decisions of other kinds."""


def refuse(new: NewEvents, decision: d.Decision, completed_id: int, cause: str) -> None:
    """Write the event of a refused decision. The event has the members of the decision that its type declares."""
    kind: Any = REFUSED[type(decision)]
    members = {name: getattr(decision, name) for name in decision.__struct_fields__ if name in kind.__struct_fields__}
    if kind is e.StartChildWorkflowExecutionFailed:
        members["initiated_event_id"] = 0
    new.add(kind(cause=cause, decision_task_completed_event_id=completed_id, **members))
