"""The service's half: what an execution's history becomes.

``start`` begins one, ``record`` takes the answer to a decision task, ``happened`` takes what comes from elsewhere: a
worker, a signal, another execution. All return the events that follow and change nothing. The orders are those of
Amazon SWF.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.history import History, Record
from simpleflow.exceptions import InputError, UnknownResource

NEWS: frozenset[type[e.Attributes]] = frozenset(
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


class Draft:
    """Events being written after a history, all at one time."""

    def __init__(self, history: History, now: float) -> None:
        self.history = history
        self.now = now
        self.events: list[e.Event] = []
        self.pending = history.decision_pending
        self.news = False
        self.activities: dict[str, int] = {}  # scheduled (event id) or cancelled (0) in this draft
        self.timers: dict[str, int] = {}  # started (event id) or cancelled (0) in this draft
        self.children: set[str] = set()
        self._next = history.next_id

    def add(self, attributes: e.Attributes) -> int:
        """Write one event; returns its id."""
        event = e.Event(self._next, self.now, attributes)
        self._next += 1
        self.events.append(event)
        self.news = self.news or type(attributes) in NEWS
        return event.id

    def finish(self) -> tuple[e.Event, ...]:
        """The events, with a decision task after them if they hold news and none waits and the execution goes on."""
        closed = bool(self.events) and isinstance(self.events[-1].attributes, _ENDS)
        if self.news and not self.pending and not closed:
            self.add(_decision_task(self.history.started))
        return tuple(self.events)


_ENDS = (
    e.WorkflowExecutionCompleted
    | e.WorkflowExecutionFailed
    | e.WorkflowExecutionCanceled
    | e.WorkflowExecutionContinuedAsNew
)


def _decision_task(started: e.WorkflowExecutionStarted) -> e.DecisionTaskScheduled:
    return e.DecisionTaskScheduled(
        schedule_to_start_timeout="NONE",
        start_to_close_timeout=started.task_start_to_close_timeout,
        task_list=started.task_list,
        task_priority=started.task_priority,
    )


def start(attributes: e.WorkflowExecutionStarted, now: float) -> tuple[e.Event, ...]:
    """The first events of an execution."""
    return e.Event(1, now, attributes), e.Event(2, now, _decision_task(attributes))


def happened(history: History, news: Iterable[e.Attributes], now: float) -> tuple[e.Event, ...]:
    """Events that come from outside the decider, with the decision task that they cause."""
    draft = Draft(history, now)
    for attributes in news:
        draft.add(attributes)
    return draft.finish()


def decision_started(history: History, identity: str | None, now: float) -> tuple[e.Event, ...]:
    """A decider takes the waiting decision task. Raises UnknownResource if none waits or one is being worked on."""
    if history.decision != t.SCHEDULED:
        raise UnknownResource(f"there is no decision task to start: it is {history.decision}")
    attributes = e.DecisionTaskStarted(identity=identity, scheduled_event_id=history.decision_scheduled_id)
    return (e.Event(history.next_id, now, attributes),)


def activity_started(history: History, scheduled_id: int, identity: str | None, now: float) -> tuple[e.Event, ...]:
    """A worker takes an activity task."""
    attributes = e.ActivityTaskStarted(identity=identity, scheduled_event_id=scheduled_id)
    return (e.Event(history.next_id, now, attributes),)


def record(
    history: History,
    decisions: Sequence[d.Decision],
    now: float,
    execution_context: str | None = None,
    new_run_id: str = "",
) -> tuple[e.Event, ...]:
    """The events that an answer to the started decision task makes.

    One DecisionTaskCompleted, one event for each decision in the order given (what is refused becomes its ``...Failed``
    event), and a decision task if something was refused. ``new_run_id`` is for ContinueAsNewWorkflowExecution.

    Raises UnknownResource if no decision task is started, InputError if a closing decision is not the last.
    """
    if not history.deciding:
        raise UnknownResource(f"there is no decision task to answer: it is {history.decision}")
    for decision in decisions[:-1]:
        if isinstance(decision, _CLOSING):
            raise InputError(f"{type(decision).__name__} closes the execution; expected it to be the last decision")
    draft = Draft(history, now)
    completed_id = draft.add(
        e.DecisionTaskCompleted(
            execution_context=execution_context,
            scheduled_event_id=history.decision_taken_id,
            started_event_id=history.decision_started_id,
        )
    )
    for decision in decisions:
        if isinstance(decision, d.ContinueAsNewWorkflowExecution):
            _continue_as_new(draft, decision, completed_id, new_run_id)
        else:
            _RULES[type(decision)](draft, decision, completed_id)
    return draft.finish()


_CLOSING = (
    d.CompleteWorkflowExecution | d.FailWorkflowExecution | d.CancelWorkflowExecution | d.ContinueAsNewWorkflowExecution
)


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


def _continue_as_new(
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


_RULES: dict[type[d.Decision], Callable[[Draft, Any, int], None]] = {
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
