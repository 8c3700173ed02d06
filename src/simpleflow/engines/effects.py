"""What the events of one execution set off in others: children, signals, cancel requests, ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from simpleflow.core import events as e
from simpleflow.core.service import record
from simpleflow.engines.journal import Message
from simpleflow.exceptions import RunBusy

if TYPE_CHECKING:
    from simpleflow.engines.executions import Executions
    from simpleflow.engines.run import Run


def follow(engine: Executions, run: Run, events: Sequence[e.Event]) -> None:
    """Do what these events, just appended to ``run``, ask for. Called inside the operation that appended them."""
    for event in events:
        effect = _EFFECTS.get(type(event.attributes))
        if effect is not None:
            effect(engine, run, event, event.attributes)


def _tell(engine: Executions, run: Run, attributes: e.Attributes) -> None:
    """Append one event to an execution, unless it is over."""
    if run.history.open:
        events = record.happened(run.history, [attributes], engine.clock())
        engine.append(run, events)
        follow(engine, run, events)


def start_child(
    engine: Executions, run: Run, event: e.Event, initiated: e.StartChildWorkflowExecutionInitiated
) -> None:
    """Begin the child, and tell its parent that it has, or could not."""
    started = e.WorkflowExecutionStarted(
        child_policy=initiated.child_policy,
        execution_start_to_close_timeout=initiated.execution_start_to_close_timeout,
        input=initiated.input,
        lambda_role=initiated.lambda_role,
        parent_initiated_event_id=event.id,
        parent_workflow_execution=e.WorkflowExecution(run_id=run.run_id, workflow_id=run.workflow_id),
        tag_list=initiated.tag_list,
        task_list=initiated.task_list,
        task_priority=initiated.task_priority,
        task_start_to_close_timeout=initiated.task_start_to_close_timeout,
        workflow_type=initiated.workflow_type,
    )
    try:
        child = engine.begin(initiated.workflow_id, started, root_id=run.root_id)
    except RunBusy:
        refused = e.StartChildWorkflowExecutionFailed(
            cause="WORKFLOW_ALREADY_RUNNING",
            control=initiated.control,
            decision_task_completed_event_id=initiated.decision_task_completed_event_id,
            initiated_event_id=event.id,
            workflow_id=initiated.workflow_id,
            workflow_type=initiated.workflow_type,
        )
        _tell(engine, run, refused)
        return
    _tell(
        engine,
        run,
        e.ChildWorkflowExecutionStarted(
            initiated_event_id=event.id,
            workflow_execution=e.WorkflowExecution(run_id=child.run_id, workflow_id=child.workflow_id),
            workflow_type=initiated.workflow_type,
        ),
    )


def _child_initiated(engine: Executions, run: Run, event: e.Event, initiated: Any) -> None:
    if not engine.postpone(run, event, initiated):
        start_child(engine, run, event, initiated)


def _send(engine: Executions, run: Run, event: e.Event, initiated: Any) -> None:
    """Deliver a signal or a cancel request to another execution, and say whether it arrived."""
    signal = isinstance(initiated, e.SignalExternalWorkflowExecutionInitiated)
    content = {"signal_name": initiated.signal_name, "input": initiated.input} if signal else {}
    message = Message(
        "signal" if signal else "cancel",
        initiated.workflow_id,
        initiated.run_id,
        content,
        e.WorkflowExecution(run_id=run.run_id, workflow_id=run.workflow_id),
        event.id,
    )
    target = engine.find(initiated.workflow_id, initiated.run_id)
    run_id = target.run_id if target is not None else initiated.run_id or ""
    execution = e.WorkflowExecution(run_id=run_id, workflow_id=initiated.workflow_id)
    if engine.deliver(message):
        kind = e.ExternalWorkflowExecutionSignaled if signal else e.ExternalWorkflowExecutionCancelRequested
        _tell(engine, run, kind(initiated_event_id=event.id, workflow_execution=execution))
        return
    refused = e.SignalExternalWorkflowExecutionFailed if signal else e.RequestCancelExternalWorkflowExecutionFailed
    _tell(
        engine,
        run,
        refused(
            cause="UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION",
            control=initiated.control,
            decision_task_completed_event_id=initiated.decision_task_completed_event_id,
            initiated_event_id=event.id,
            run_id=initiated.run_id,
            workflow_id=initiated.workflow_id,
        ),
    )


def _continue_as_new(engine: Executions, run: Run, event: e.Event, ended: e.WorkflowExecutionContinuedAsNew) -> None:
    before = run.history.started
    started = e.WorkflowExecutionStarted(
        child_policy=ended.child_policy,
        continued_execution_run_id=run.run_id,
        execution_start_to_close_timeout=ended.execution_start_to_close_timeout,
        input=ended.input,
        lambda_role=ended.lambda_role,
        parent_initiated_event_id=before.parent_initiated_event_id,
        parent_workflow_execution=before.parent_workflow_execution,
        tag_list=ended.tag_list,
        task_list=ended.task_list,
        task_priority=ended.task_priority,
        task_start_to_close_timeout=ended.task_start_to_close_timeout,
        workflow_type=ended.workflow_type,
    )
    engine.begin(run.workflow_id, started, ended.new_execution_run_id, run.root_id)


def _ended(engine: Executions, run: Run, event: e.Event, end: Any) -> None:
    """Tell the parent; then, if the execution was ended from outside, apply the child policy."""
    started = run.history.started
    parent = started.parent_workflow_execution
    owner = engine.runs.get(parent.run_id) if parent is not None else None
    initiated_id = started.parent_initiated_event_id or 0
    if owner is not None and owner.history.open and initiated_id in owner.history.tasks:
        kind, members = _CHILD_ENDS[type(end)]
        attributes = kind(
            initiated_event_id=initiated_id,
            started_event_id=owner.history.tasks[initiated_id].started_id,
            workflow_execution=e.WorkflowExecution(run_id=run.run_id, workflow_id=run.workflow_id),
            workflow_type=started.workflow_type,
            **{member: getattr(end, member) for member in members},
        )
        _tell(engine, owner, attributes)
    if isinstance(end, e.WorkflowExecutionTerminated | e.WorkflowExecutionTimedOut):
        _apply_child_policy(engine, run, end.child_policy)


def _apply_child_policy(engine: Executions, run: Run, policy: str) -> None:
    if policy == "ABANDON":
        return
    what = "terminate" if policy == "TERMINATE" else "cancel"
    execution = e.WorkflowExecution(run_id=run.run_id, workflow_id=run.workflow_id)
    for kind, task in list(run.history.open_records()):
        child = engine.find(task.id, None) if kind == "child" else None
        # Its run id may be another one by now, if it was continued as new; its parent stays the same.
        if child is not None and child.history.started.parent_workflow_execution == execution:
            content = {"cause": "CHILD_POLICY_APPLIED"}
            engine.take(child, Message(what, child.workflow_id, child.run_id, content, execution, task.scheduled_id))


_CHILD_ENDS: dict[type[e.Attributes], tuple[type[Any], tuple[str, ...]]] = {
    e.WorkflowExecutionCompleted: (e.ChildWorkflowExecutionCompleted, ("result",)),
    e.WorkflowExecutionFailed: (e.ChildWorkflowExecutionFailed, ("reason", "details")),
    e.WorkflowExecutionCanceled: (e.ChildWorkflowExecutionCanceled, ("details",)),
    e.WorkflowExecutionTimedOut: (e.ChildWorkflowExecutionTimedOut, ("timeout_type",)),
    e.WorkflowExecutionTerminated: (e.ChildWorkflowExecutionTerminated, ()),
}

_EFFECTS: dict[type[e.Attributes], Callable[[Executions, Run, e.Event, Any], None]] = {
    e.StartChildWorkflowExecutionInitiated: _child_initiated,
    e.SignalExternalWorkflowExecutionInitiated: _send,
    e.RequestCancelExternalWorkflowExecutionInitiated: _send,
    e.WorkflowExecutionContinuedAsNew: _continue_as_new,
    **dict.fromkeys(_CHILD_ENDS, _ended),
}
