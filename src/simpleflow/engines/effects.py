"""The effects of an execution's new events on other executions, as values.

Some events concern another execution: a child is to be started, a signal sent, a parent informed, a run continued.
``effects_of`` finds these effects. It is pure: it reads the events and the history of their execution, and nothing
else. ``Executions.perform`` performs the effects inside the operation that appended the events, so that both are kept
or neither is.

An effect also builds the event that reports its outcome. That event goes into the history of the execution that
caused the effect (for ``TellParent``, into the parent's).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from simpleflow.core import events as e
from simpleflow.engines.journal import Message
from simpleflow.engines.run import Run
from simpleflow.named_tuple import NamedTuple


class StartChild(NamedTuple):
    """Start a child execution."""

    parent: e.WorkflowExecution
    initiated_id: int
    initiated: e.StartChildWorkflowExecutionInitiated

    def first_event(self) -> e.WorkflowExecutionStarted:
        """The first event of the child."""
        initiated = self.initiated
        return e.WorkflowExecutionStarted(
            child_policy=initiated.child_policy,
            execution_start_to_close_timeout=initiated.execution_start_to_close_timeout,
            input=initiated.input,
            lambda_role=initiated.lambda_role,
            parent_initiated_event_id=self.initiated_id,
            parent_workflow_execution=self.parent,
            tag_list=initiated.tag_list,
            task_list=initiated.task_list,
            task_priority=initiated.task_priority,
            task_start_to_close_timeout=initiated.task_start_to_close_timeout,
            workflow_type=initiated.workflow_type,
        )

    def started(self, child_run_id: str) -> e.ChildWorkflowExecutionStarted:
        """Reports that the child runs."""
        return e.ChildWorkflowExecutionStarted(
            initiated_event_id=self.initiated_id,
            workflow_execution=e.WorkflowExecution(run_id=child_run_id, workflow_id=self.initiated.workflow_id),
            workflow_type=self.initiated.workflow_type,
        )

    def refused(self) -> e.StartChildWorkflowExecutionFailed:
        """Reports that the workflow id has an open execution already."""
        return e.StartChildWorkflowExecutionFailed(
            cause="WORKFLOW_ALREADY_RUNNING",
            control=self.initiated.control,
            decision_task_completed_event_id=self.initiated.decision_task_completed_event_id,
            initiated_event_id=self.initiated_id,
            workflow_id=self.initiated.workflow_id,
            workflow_type=self.initiated.workflow_type,
        )


class Deliver(NamedTuple):
    """Deliver a signal or a cancel request to any execution."""

    message: Message
    initiated: e.SignalExternalWorkflowExecutionInitiated | e.RequestCancelExternalWorkflowExecutionInitiated

    def delivered(self, run_id: str) -> e.Attributes:
        """Reports that the execution got it; ``run_id`` is that execution's."""
        signal = isinstance(self.initiated, e.SignalExternalWorkflowExecutionInitiated)
        kind = e.ExternalWorkflowExecutionSignaled if signal else e.ExternalWorkflowExecutionCancelRequested
        execution = e.WorkflowExecution(run_id=run_id, workflow_id=self.initiated.workflow_id)
        return kind(initiated_event_id=self.message.initiated_id, workflow_execution=execution)

    def refused(self) -> e.Attributes:
        """Reports that there is no such open execution."""
        signal = isinstance(self.initiated, e.SignalExternalWorkflowExecutionInitiated)
        kind = e.SignalExternalWorkflowExecutionFailed if signal else e.RequestCancelExternalWorkflowExecutionFailed
        return kind(
            cause="UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION",
            control=self.initiated.control,
            decision_task_completed_event_id=self.initiated.decision_task_completed_event_id,
            initiated_event_id=self.message.initiated_id,
            run_id=self.initiated.run_id,
            workflow_id=self.initiated.workflow_id,
        )


class TellParent(NamedTuple):
    """Tell the parent that its child has ended."""

    parent_run_id: str
    initiated_id: int  # of the parent's event that started the child
    child: e.WorkflowExecution
    workflow_type: e.WorkflowType
    end: e.Attributes  # the child's last event

    def ended(self, started_id: int) -> e.Attributes:
        """Reports the end; ``started_id`` is the parent's ChildWorkflowExecutionStarted."""
        kind, members = _CHILD_ENDS[type(self.end)]
        reported: e.Attributes = kind(
            initiated_event_id=self.initiated_id,
            started_event_id=started_id,
            workflow_execution=self.child,
            workflow_type=self.workflow_type,
            **{member: getattr(self.end, member) for member in members},
        )
        return reported


class StopChild(NamedTuple):
    """Terminate or cancel a child whose parent was ended from outside, as the child policy says.

    The message is for the open execution of its workflow id, with any run id, since the child may have been continued
    as new. ``message.source`` is the parent: an execution that has another parent is left alone.
    """

    message: Message


class Continue(NamedTuple):
    """Start the execution that continues this one as new."""

    new_run_id: str
    first_event: e.WorkflowExecutionStarted


Effect = StartChild | Deliver | TellParent | StopChild | Continue


def effects_of(run: Run, events: Iterable[e.Event]) -> Sequence[Effect]:
    """The effects of events that were just appended to ``run``, in the order in which they are to be performed."""
    found: list[Effect] = []
    for event in events:
        find = _EFFECTS.get(type(event.attributes))
        if find is not None:
            found += find(run, event, event.attributes)
    return found


def _start_child(run: Run, event: e.Event, initiated: e.StartChildWorkflowExecutionInitiated) -> list[Effect]:
    return [StartChild(run.execution, event.id, initiated)]


def _signal(run: Run, event: e.Event, initiated: e.SignalExternalWorkflowExecutionInitiated) -> list[Effect]:
    content = {"signal_name": initiated.signal_name, "input": initiated.input}
    message = Message("signal", initiated.workflow_id, initiated.run_id, content, run.execution, event.id)
    return [Deliver(message, initiated)]


def _request_cancel(
    run: Run, event: e.Event, initiated: e.RequestCancelExternalWorkflowExecutionInitiated
) -> list[Effect]:
    message = Message("cancel", initiated.workflow_id, initiated.run_id, {}, run.execution, event.id)
    return [Deliver(message, initiated)]


def _continue_as_new(run: Run, event: e.Event, ended: e.WorkflowExecutionContinuedAsNew) -> list[Effect]:
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
    return [Continue(ended.new_execution_run_id, started)]


def _end(run: Run, event: e.Event, end: Any) -> list[Effect]:
    """Tell the parent first, then stop the children if the execution was ended from outside."""
    found: list[Effect] = []
    started = run.history.started
    parent = started.parent_workflow_execution
    if parent is not None:
        initiated_id = started.parent_initiated_event_id or 0
        found.append(TellParent(parent.run_id, initiated_id, run.execution, started.workflow_type, end))
    if isinstance(end, e.WorkflowExecutionTerminated | e.WorkflowExecutionTimedOut) and end.child_policy != "ABANDON":
        kind = "terminate" if end.child_policy == "TERMINATE" else "cancel"
        content = {"cause": "CHILD_POLICY_APPLIED"}
        found += [
            StopChild(Message(kind, task.id, None, content, run.execution, task.scheduled_id))
            for record_kind, task in run.history.open_records()
            if record_kind == "child"
        ]
    return found


# The event of an end -> the event that reports it to the parent, and the members that both have.
_CHILD_ENDS: dict[type[e.Attributes], tuple[type[Any], tuple[str, ...]]] = {
    e.WorkflowExecutionCompleted: (e.ChildWorkflowExecutionCompleted, ("result",)),
    e.WorkflowExecutionFailed: (e.ChildWorkflowExecutionFailed, ("reason", "details")),
    e.WorkflowExecutionCanceled: (e.ChildWorkflowExecutionCanceled, ("details",)),
    e.WorkflowExecutionTimedOut: (e.ChildWorkflowExecutionTimedOut, ("timeout_type",)),
    e.WorkflowExecutionTerminated: (e.ChildWorkflowExecutionTerminated, ()),
}

_EFFECTS: dict[type[e.Attributes], Callable[[Run, e.Event, Any], list[Effect]]] = {
    e.StartChildWorkflowExecutionInitiated: _start_child,
    e.SignalExternalWorkflowExecutionInitiated: _signal,
    e.RequestCancelExternalWorkflowExecutionInitiated: _request_cancel,
    e.WorkflowExecutionContinuedAsNew: _continue_as_new,
    **dict.fromkeys(_CHILD_ENDS, _end),
}
