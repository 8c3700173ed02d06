"""The rules of the service: the events that each kind of decision becomes.

A rule that finds the decision impossible, by the history and by the decisions before it in the same answer, refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.records import Record
from simpleflow.core.service.new_events import NewEvents
from simpleflow.core.service.refusals import refuse


def _open_task(written: dict[str, int], records: Mapping[str, Record], id: str) -> int:
    """Event id that scheduled the open activity, or started the open timer, of that id; 0 if none is open.

    Args:
        written: the changes of this answer to the activities or timers so far, see ``NewEvents``.
        records: the activities or timers of the history.
    """
    if id in written:
        return written[id]
    record = records.get(id)
    return record.scheduled_id if record is not None and record.open else 0


def _schedule_activity(new: NewEvents, decision: d.ScheduleActivityTask, completed_id: int) -> None:
    id = decision.activity_id
    if _open_task(new.activities, new.history.activities, id):
        refuse(new, decision, completed_id, "ACTIVITY_ID_ALREADY_IN_USE")
        return
    new.activities[id] = new.add(
        e.ActivityTaskScheduled(
            activity_id=id,
            activity_type=decision.activity_type,
            control=decision.control,
            decision_task_completed_event_id=completed_id,
            heartbeat_timeout=decision.heartbeat_timeout or "NONE",
            input=decision.input,
            schedule_to_close_timeout=decision.schedule_to_close_timeout or "NONE",
            schedule_to_start_timeout=decision.schedule_to_start_timeout or "NONE",
            start_to_close_timeout=decision.start_to_close_timeout or "NONE",
            task_list=decision.task_list or new.history.started.task_list,
            task_priority=decision.task_priority,
        )
    )


def _cancel_activity(new: NewEvents, decision: d.RequestCancelActivityTask, completed_id: int) -> None:
    id = decision.activity_id
    scheduled_id = _open_task(new.activities, new.history.activities, id)
    if not scheduled_id:
        refuse(new, decision, completed_id, "ACTIVITY_ID_UNKNOWN")
        return
    requested_id = new.add(e.ActivityTaskCancelRequested(activity_id=id, decision_task_completed_event_id=completed_id))
    task = new.history.tasks.get(scheduled_id)
    if task is None or task.state == t.SCHEDULED:  # no worker has the task, so no worker will answer the request
        new.activities[id] = 0
        new.add(
            e.ActivityTaskCanceled(
                latest_cancel_requested_event_id=requested_id,
                scheduled_event_id=scheduled_id,
                started_event_id=0,
            )
        )


def _record_marker(new: NewEvents, decision: d.RecordMarker, completed_id: int) -> None:
    new.add(
        e.MarkerRecorded(
            decision_task_completed_event_id=completed_id,
            details=decision.details,
            marker_name=decision.marker_name,
        )
    )


def _start_timer(new: NewEvents, decision: d.StartTimer, completed_id: int) -> None:
    id = decision.timer_id
    if _open_task(new.timers, new.history.timers, id):
        refuse(new, decision, completed_id, "TIMER_ID_ALREADY_IN_USE")
        return
    new.timers[id] = new.add(
        e.TimerStarted(
            control=decision.control,
            decision_task_completed_event_id=completed_id,
            start_to_fire_timeout=decision.start_to_fire_timeout,
            timer_id=id,
        )
    )


def _cancel_timer(new: NewEvents, decision: d.CancelTimer, completed_id: int) -> None:
    id = decision.timer_id
    started_id = _open_task(new.timers, new.history.timers, id)
    if not started_id:
        refuse(new, decision, completed_id, "TIMER_ID_UNKNOWN")
        return
    new.timers[id] = 0
    new.add(e.TimerCanceled(decision_task_completed_event_id=completed_id, started_event_id=started_id, timer_id=id))


def _signal(new: NewEvents, decision: d.SignalExternalWorkflowExecution, completed_id: int) -> None:
    new.add(
        e.SignalExternalWorkflowExecutionInitiated(
            control=decision.control,
            decision_task_completed_event_id=completed_id,
            input=decision.input,
            run_id=decision.run_id,
            signal_name=decision.signal_name,
            workflow_id=decision.workflow_id,
        )
    )


def _cancel_external(new: NewEvents, decision: d.RequestCancelExternalWorkflowExecution, completed_id: int) -> None:
    new.add(
        e.RequestCancelExternalWorkflowExecutionInitiated(
            control=decision.control,
            decision_task_completed_event_id=completed_id,
            run_id=decision.run_id,
            workflow_id=decision.workflow_id,
        )
    )


def _start_child(new: NewEvents, decision: d.StartChildWorkflowExecution, completed_id: int) -> None:
    id = decision.workflow_id
    record = new.history.children.get(id)
    if id in new.children or (record is not None and record.open):
        refuse(new, decision, completed_id, "WORKFLOW_ALREADY_RUNNING")
        return
    new.children.add(id)
    new.add(
        e.StartChildWorkflowExecutionInitiated(
            control=decision.control,
            decision_task_completed_event_id=completed_id,
            input=decision.input,
            lambda_role=decision.lambda_role,
            tag_list=decision.tag_list,
            task_priority=decision.task_priority,
            workflow_id=id,
            workflow_type=decision.workflow_type,
            **_inherited(decision, new.history.started),
        )
    )


def _inherited(
    decision: d.StartChildWorkflowExecution | d.ContinueAsNewWorkflowExecution, started: e.WorkflowExecutionStarted
) -> dict[str, Any]:
    """The members that a new execution takes from the one that starts it, where the decision does not give them."""
    return {
        "child_policy": decision.child_policy or started.child_policy,
        "execution_start_to_close_timeout": decision.execution_start_to_close_timeout
        or started.execution_start_to_close_timeout,
        "task_list": decision.task_list or started.task_list,
        "task_start_to_close_timeout": decision.task_start_to_close_timeout or started.task_start_to_close_timeout,
    }


def _lambda(new: NewEvents, decision: d.ScheduleLambdaFunction, completed_id: int) -> None:
    refuse(new, decision, completed_id, "LAMBDA_SERVICE_NOT_AVAILABLE_IN_REGION")


def _complete(new: NewEvents, decision: d.CompleteWorkflowExecution, completed_id: int) -> None:
    new.add(e.WorkflowExecutionCompleted(decision_task_completed_event_id=completed_id, result=decision.result))


def _fail(new: NewEvents, decision: d.FailWorkflowExecution, completed_id: int) -> None:
    new.add(
        e.WorkflowExecutionFailed(
            decision_task_completed_event_id=completed_id,
            details=decision.details,
            reason=decision.reason,
        )
    )


def _cancel(new: NewEvents, decision: d.CancelWorkflowExecution, completed_id: int) -> None:
    new.add(e.WorkflowExecutionCanceled(decision_task_completed_event_id=completed_id, details=decision.details))


def _continue_as_new(new: NewEvents, decision: d.ContinueAsNewWorkflowExecution, completed_id: int) -> None:
    started = new.history.started
    version = decision.workflow_type_version or started.workflow_type.version
    new.add(
        e.WorkflowExecutionContinuedAsNew(
            decision_task_completed_event_id=completed_id,
            input=decision.input,
            lambda_role=decision.lambda_role,
            new_execution_run_id=new.new_run_id,
            tag_list=decision.tag_list,
            task_priority=decision.task_priority or started.task_priority,
            workflow_type=e.WorkflowType(name=started.workflow_type.name, version=version),
            **_inherited(decision, started),
        )
    )


RULES: dict[type[d.Decision], Callable[[NewEvents, Any, int], None]] = {
    d.ScheduleActivityTask: _schedule_activity,
    d.RequestCancelActivityTask: _cancel_activity,
    d.RecordMarker: _record_marker,
    d.StartTimer: _start_timer,
    d.CancelTimer: _cancel_timer,
    d.SignalExternalWorkflowExecution: _signal,
    d.RequestCancelExternalWorkflowExecution: _cancel_external,
    d.StartChildWorkflowExecution: _start_child,
    d.ScheduleLambdaFunction: _lambda,
    d.CompleteWorkflowExecution: _complete,
    d.FailWorkflowExecution: _fail,
    d.CancelWorkflowExecution: _cancel,
    d.ContinueAsNewWorkflowExecution: _continue_as_new,
}
"""The rules by the class of the decision. Each is called with the events so far, the decision, and the event id of the
DecisionTaskCompleted that it belongs to."""
