"""What each kind of decision becomes: one event, or, refused, its ``...Failed`` event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.records import Record
from simpleflow.core.service.new_events import NewEvents


def _open_activity(new: NewEvents, id: str) -> int:
    """Event id that scheduled the open activity; 0 if there is none."""
    if id in new.activities:
        return new.activities[id]
    record = new.history.activities.get(id)
    return record.scheduled_id if record is not None and record.open else 0


def _schedule_activity(new: NewEvents, decision: d.ScheduleActivityTask, completed_id: int) -> None:
    id = decision.activity_id
    if _open_activity(new, id):
        new.add(
            e.ScheduleActivityTaskFailed(
                activity_id=id,
                activity_type=decision.activity_type,
                cause="ACTIVITY_ID_ALREADY_IN_USE",
                decision_task_completed_event_id=completed_id,
            )
        )
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
    scheduled_id = _open_activity(new, id)
    if not scheduled_id:
        new.add(
            e.RequestCancelActivityTaskFailed(
                activity_id=id, cause="ACTIVITY_ID_UNKNOWN", decision_task_completed_event_id=completed_id
            )
        )
        return
    requested_id = new.add(e.ActivityTaskCancelRequested(activity_id=id, decision_task_completed_event_id=completed_id))
    task = new.history.tasks.get(scheduled_id)
    if task is None or task.state == t.SCHEDULED:  # no worker has it: nobody else could end it
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


def _open_timer(new: NewEvents, id: str) -> int:
    """Event id that started the open timer; 0 if there is none."""
    if id in new.timers:
        return new.timers[id]
    record: Record | None = new.history.timers.get(id)
    return record.scheduled_id if record is not None and record.open else 0


def _start_timer(new: NewEvents, decision: d.StartTimer, completed_id: int) -> None:
    id = decision.timer_id
    if _open_timer(new, id):
        cause = "TIMER_ID_ALREADY_IN_USE"
        new.add(e.StartTimerFailed(cause=cause, decision_task_completed_event_id=completed_id, timer_id=id))
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
    started_id = _open_timer(new, id)
    if not started_id:
        cause = "TIMER_ID_UNKNOWN"
        new.add(e.CancelTimerFailed(cause=cause, decision_task_completed_event_id=completed_id, timer_id=id))
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
        new.add(
            e.StartChildWorkflowExecutionFailed(
                cause="WORKFLOW_ALREADY_RUNNING",
                control=decision.control,
                decision_task_completed_event_id=completed_id,
                initiated_event_id=0,
                workflow_id=id,
                workflow_type=decision.workflow_type,
            )
        )
        return
    new.children.add(id)
    started = new.history.started
    new.add(
        e.StartChildWorkflowExecutionInitiated(
            child_policy=decision.child_policy or started.child_policy,
            control=decision.control,
            decision_task_completed_event_id=completed_id,
            execution_start_to_close_timeout=decision.execution_start_to_close_timeout
            or started.execution_start_to_close_timeout,
            input=decision.input,
            lambda_role=decision.lambda_role,
            tag_list=decision.tag_list,
            task_list=decision.task_list or started.task_list,
            task_priority=decision.task_priority,
            task_start_to_close_timeout=decision.task_start_to_close_timeout or started.task_start_to_close_timeout,
            workflow_id=id,
            workflow_type=decision.workflow_type,
        )
    )


def _lambda(new: NewEvents, decision: d.ScheduleLambdaFunction, completed_id: int) -> None:
    new.add(
        e.ScheduleLambdaFunctionFailed(
            cause="LAMBDA_SERVICE_NOT_AVAILABLE_IN_REGION",
            decision_task_completed_event_id=completed_id,
            id=decision.id,
            name=decision.name,
        )
    )


def _complete(new: NewEvents, decision: d.CompleteWorkflowExecution, completed_id: int) -> None:
    if new.pending:
        new.add(
            e.CompleteWorkflowExecutionFailed(cause="UNHANDLED_DECISION", decision_task_completed_event_id=completed_id)
        )
    else:
        new.add(e.WorkflowExecutionCompleted(decision_task_completed_event_id=completed_id, result=decision.result))


def _fail(new: NewEvents, decision: d.FailWorkflowExecution, completed_id: int) -> None:
    if new.pending:
        new.add(
            e.FailWorkflowExecutionFailed(cause="UNHANDLED_DECISION", decision_task_completed_event_id=completed_id)
        )
    else:
        new.add(
            e.WorkflowExecutionFailed(
                decision_task_completed_event_id=completed_id,
                details=decision.details,
                reason=decision.reason,
            )
        )


def _cancel(new: NewEvents, decision: d.CancelWorkflowExecution, completed_id: int) -> None:
    if new.pending:
        new.add(
            e.CancelWorkflowExecutionFailed(cause="UNHANDLED_DECISION", decision_task_completed_event_id=completed_id)
        )
    else:
        new.add(e.WorkflowExecutionCanceled(decision_task_completed_event_id=completed_id, details=decision.details))


def continue_as_new(
    new: NewEvents, decision: d.ContinueAsNewWorkflowExecution, completed_id: int, new_run_id: str
) -> None:
    if new.pending:
        new.add(
            e.ContinueAsNewWorkflowExecutionFailed(
                cause="UNHANDLED_DECISION", decision_task_completed_event_id=completed_id
            )
        )
        return
    started = new.history.started
    version = decision.workflow_type_version or started.workflow_type.version
    new.add(
        e.WorkflowExecutionContinuedAsNew(
            child_policy=decision.child_policy or started.child_policy,
            decision_task_completed_event_id=completed_id,
            execution_start_to_close_timeout=decision.execution_start_to_close_timeout
            or started.execution_start_to_close_timeout,
            input=decision.input,
            lambda_role=decision.lambda_role,
            new_execution_run_id=new_run_id,
            tag_list=decision.tag_list,
            task_list=decision.task_list or started.task_list,
            task_priority=decision.task_priority or started.task_priority,
            task_start_to_close_timeout=decision.task_start_to_close_timeout or started.task_start_to_close_timeout,
            workflow_type=e.WorkflowType(name=started.workflow_type.name, version=version),
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
}


def refuse(new: NewEvents, decision: d.Decision, completed_id: int, cause: str) -> None:
    """The ``...Failed`` event of a decision that the service does not accept."""
    common: dict[str, Any] = {"cause": cause, "decision_task_completed_event_id": completed_id}
    if isinstance(decision, d.ScheduleActivityTask):
        id, kind = decision.activity_id, decision.activity_type
        new.add(e.ScheduleActivityTaskFailed(activity_id=id, activity_type=kind, **common))
    elif isinstance(decision, d.StartChildWorkflowExecution):
        new.add(
            e.StartChildWorkflowExecutionFailed(
                control=decision.control,
                initiated_event_id=0,
                workflow_id=decision.workflow_id,
                workflow_type=decision.workflow_type,
                **common,
            )
        )
    elif isinstance(decision, d.StartTimer):
        new.add(e.StartTimerFailed(timer_id=decision.timer_id, **common))
    else:
        new.add(_REFUSED_CLOSES[type(decision)](**common))
        new.needs_decision = True  # nobody else would call the decider again


_REFUSED_CLOSES: dict[type[d.Decision], type[Any]] = {
    d.CompleteWorkflowExecution: e.CompleteWorkflowExecutionFailed,
    d.FailWorkflowExecution: e.FailWorkflowExecutionFailed,
    d.CancelWorkflowExecution: e.CancelWorkflowExecutionFailed,
    d.ContinueAsNewWorkflowExecution: e.ContinueAsNewWorkflowExecutionFailed,
}
