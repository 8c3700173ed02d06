"""What each kind of decision becomes: one event, or, refused, its ``...Failed`` event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.records import Record
from simpleflow.core.service.new_events import Draft


def _open_activity(draft: Draft, id: str) -> int:
    """Event id that scheduled the open activity; 0 if there is none."""
    if id in draft.activities:
        return draft.activities[id]
    record = draft.history.activities.get(id)
    return record.scheduled_id if record is not None and record.open else 0


def _schedule_activity(draft: Draft, decision: d.ScheduleActivityTask, completed_id: int) -> None:
    id = decision.activity_id
    if _open_activity(draft, id):
        draft.add(
            e.ScheduleActivityTaskFailed(
                activity_id=id,
                activity_type=decision.activity_type,
                cause="ACTIVITY_ID_ALREADY_IN_USE",
                decision_task_completed_event_id=completed_id,
            )
        )
        return
    draft.activities[id] = draft.add(
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
            task_list=decision.task_list or draft.history.started.task_list,
            task_priority=decision.task_priority,
        )
    )


def _cancel_activity(draft: Draft, decision: d.RequestCancelActivityTask, completed_id: int) -> None:
    id = decision.activity_id
    scheduled_id = _open_activity(draft, id)
    if not scheduled_id:
        draft.add(
            e.RequestCancelActivityTaskFailed(
                activity_id=id, cause="ACTIVITY_ID_UNKNOWN", decision_task_completed_event_id=completed_id
            )
        )
        return
    requested_id = draft.add(
        e.ActivityTaskCancelRequested(activity_id=id, decision_task_completed_event_id=completed_id)
    )
    task = draft.history.tasks.get(scheduled_id)
    if task is None or task.state == t.SCHEDULED:  # no worker has it: nobody else could end it
        draft.activities[id] = 0
        draft.add(
            e.ActivityTaskCanceled(
                latest_cancel_requested_event_id=requested_id,
                scheduled_event_id=scheduled_id,
                started_event_id=0,
            )
        )


def _record_marker(draft: Draft, decision: d.RecordMarker, completed_id: int) -> None:
    draft.add(
        e.MarkerRecorded(
            decision_task_completed_event_id=completed_id,
            details=decision.details,
            marker_name=decision.marker_name,
        )
    )


def _open_timer(draft: Draft, id: str) -> int:
    """Event id that started the open timer; 0 if there is none."""
    if id in draft.timers:
        return draft.timers[id]
    record: Record | None = draft.history.timers.get(id)
    return record.scheduled_id if record is not None and record.open else 0


def _start_timer(draft: Draft, decision: d.StartTimer, completed_id: int) -> None:
    id = decision.timer_id
    if _open_timer(draft, id):
        cause = "TIMER_ID_ALREADY_IN_USE"
        draft.add(e.StartTimerFailed(cause=cause, decision_task_completed_event_id=completed_id, timer_id=id))
        return
    draft.timers[id] = draft.add(
        e.TimerStarted(
            control=decision.control,
            decision_task_completed_event_id=completed_id,
            start_to_fire_timeout=decision.start_to_fire_timeout,
            timer_id=id,
        )
    )


def _cancel_timer(draft: Draft, decision: d.CancelTimer, completed_id: int) -> None:
    id = decision.timer_id
    started_id = _open_timer(draft, id)
    if not started_id:
        cause = "TIMER_ID_UNKNOWN"
        draft.add(e.CancelTimerFailed(cause=cause, decision_task_completed_event_id=completed_id, timer_id=id))
        return
    draft.timers[id] = 0
    draft.add(e.TimerCanceled(decision_task_completed_event_id=completed_id, started_event_id=started_id, timer_id=id))


def _signal(draft: Draft, decision: d.SignalExternalWorkflowExecution, completed_id: int) -> None:
    draft.add(
        e.SignalExternalWorkflowExecutionInitiated(
            control=decision.control,
            decision_task_completed_event_id=completed_id,
            input=decision.input,
            run_id=decision.run_id,
            signal_name=decision.signal_name,
            workflow_id=decision.workflow_id,
        )
    )


def _cancel_external(draft: Draft, decision: d.RequestCancelExternalWorkflowExecution, completed_id: int) -> None:
    draft.add(
        e.RequestCancelExternalWorkflowExecutionInitiated(
            control=decision.control,
            decision_task_completed_event_id=completed_id,
            run_id=decision.run_id,
            workflow_id=decision.workflow_id,
        )
    )


def _start_child(draft: Draft, decision: d.StartChildWorkflowExecution, completed_id: int) -> None:
    id = decision.workflow_id
    record = draft.history.children.get(id)
    if id in draft.children or (record is not None and record.open):
        draft.add(
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
    draft.children.add(id)
    started = draft.history.started
    draft.add(
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


def _lambda(draft: Draft, decision: d.ScheduleLambdaFunction, completed_id: int) -> None:
    draft.add(
        e.ScheduleLambdaFunctionFailed(
            cause="LAMBDA_SERVICE_NOT_AVAILABLE_IN_REGION",
            decision_task_completed_event_id=completed_id,
            id=decision.id,
            name=decision.name,
        )
    )


def _complete(draft: Draft, decision: d.CompleteWorkflowExecution, completed_id: int) -> None:
    if draft.pending:
        draft.add(
            e.CompleteWorkflowExecutionFailed(cause="UNHANDLED_DECISION", decision_task_completed_event_id=completed_id)
        )
    else:
        draft.add(e.WorkflowExecutionCompleted(decision_task_completed_event_id=completed_id, result=decision.result))


def _fail(draft: Draft, decision: d.FailWorkflowExecution, completed_id: int) -> None:
    if draft.pending:
        draft.add(
            e.FailWorkflowExecutionFailed(cause="UNHANDLED_DECISION", decision_task_completed_event_id=completed_id)
        )
    else:
        draft.add(
            e.WorkflowExecutionFailed(
                decision_task_completed_event_id=completed_id,
                details=decision.details,
                reason=decision.reason,
            )
        )


def _cancel(draft: Draft, decision: d.CancelWorkflowExecution, completed_id: int) -> None:
    if draft.pending:
        draft.add(
            e.CancelWorkflowExecutionFailed(cause="UNHANDLED_DECISION", decision_task_completed_event_id=completed_id)
        )
    else:
        draft.add(e.WorkflowExecutionCanceled(decision_task_completed_event_id=completed_id, details=decision.details))


def continue_as_new(
    draft: Draft, decision: d.ContinueAsNewWorkflowExecution, completed_id: int, new_run_id: str
) -> None:
    if draft.pending:
        draft.add(
            e.ContinueAsNewWorkflowExecutionFailed(
                cause="UNHANDLED_DECISION", decision_task_completed_event_id=completed_id
            )
        )
        return
    started = draft.history.started
    version = decision.workflow_type_version or started.workflow_type.version
    draft.add(
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


RULES: dict[type[d.Decision], Callable[[Draft, Any, int], None]] = {
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


def refuse(draft: Draft, decision: d.Decision, completed_id: int, cause: str) -> None:
    """The ``...Failed`` event of a decision that the service does not accept."""
    common: dict[str, Any] = {"cause": cause, "decision_task_completed_event_id": completed_id}
    if isinstance(decision, d.ScheduleActivityTask):
        id, kind = decision.activity_id, decision.activity_type
        draft.add(e.ScheduleActivityTaskFailed(activity_id=id, activity_type=kind, **common))
    elif isinstance(decision, d.StartChildWorkflowExecution):
        draft.add(
            e.StartChildWorkflowExecutionFailed(
                control=decision.control,
                initiated_event_id=0,
                workflow_id=decision.workflow_id,
                workflow_type=decision.workflow_type,
                **common,
            )
        )
    elif isinstance(decision, d.StartTimer):
        draft.add(e.StartTimerFailed(timer_id=decision.timer_id, **common))
    else:
        draft.add(_REFUSED_CLOSES[type(decision)](**common))
        draft.news = True  # nobody else would call the decider again


_REFUSED_CLOSES: dict[type[d.Decision], type[Any]] = {
    d.CompleteWorkflowExecution: e.CompleteWorkflowExecutionFailed,
    d.FailWorkflowExecution: e.FailWorkflowExecutionFailed,
    d.CancelWorkflowExecution: e.CancelWorkflowExecutionFailed,
    d.ContinueAsNewWorkflowExecution: e.ContinueAsNewWorkflowExecutionFailed,
}
