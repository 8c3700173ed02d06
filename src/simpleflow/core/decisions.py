"""The 13 decisions that a decider may answer with, under SWF's own names.

A decision is an immutable value. Its members are those of the ``<class name>DecisionAttributes`` page of the Amazon SWF
API Reference, which describes each; they are in snake case and in the alphabetical order of their wire names. A member
that is None is not sent. Durations and priorities are strings, as on the wire: whole numbers in digits, and a duration
may be ``NONE``.
"""

import msgspec

from simpleflow.core.events.shapes import ActivityType, TaskList, WorkflowType


class DecisionAttributes(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """Base of every decision. The name of the class is SWF's ``decisionType``."""


Decision = DecisionAttributes


class ScheduleActivityTask(DecisionAttributes, frozen=True, kw_only=True):
    activity_id: str
    activity_type: ActivityType
    control: str | None = None
    heartbeat_timeout: str | None = None
    input: str | None = None
    schedule_to_close_timeout: str | None = None
    schedule_to_start_timeout: str | None = None
    start_to_close_timeout: str | None = None
    task_list: TaskList | None = None
    task_priority: str | None = None


class RequestCancelActivityTask(DecisionAttributes, frozen=True, kw_only=True):
    """An activity that has started sees the request with its next heartbeat; one that waits is cancelled at once."""

    activity_id: str


class CompleteWorkflowExecution(DecisionAttributes, frozen=True, kw_only=True):
    result: str | None = None


class FailWorkflowExecution(DecisionAttributes, frozen=True, kw_only=True):
    details: str | None = None
    reason: str | None = None


class CancelWorkflowExecution(DecisionAttributes, frozen=True, kw_only=True):
    details: str | None = None


class ContinueAsNewWorkflowExecution(DecisionAttributes, frozen=True, kw_only=True):
    """Close this execution and start another one of the same workflow id and type."""

    child_policy: str | None = None
    execution_start_to_close_timeout: str | None = None
    input: str | None = None
    lambda_role: str | None = None
    tag_list: tuple[str, ...] | None = None
    task_list: TaskList | None = None
    task_priority: str | None = None
    task_start_to_close_timeout: str | None = None
    workflow_type_version: str | None = None


class RecordMarker(DecisionAttributes, frozen=True, kw_only=True):
    details: str | None = None
    marker_name: str


class StartTimer(DecisionAttributes, frozen=True, kw_only=True):
    """``start_to_fire_timeout`` is a whole number of seconds, never ``NONE``; a timer of ``0`` fires at once."""

    control: str | None = None
    start_to_fire_timeout: str
    timer_id: str


class CancelTimer(DecisionAttributes, frozen=True, kw_only=True):
    timer_id: str


class SignalExternalWorkflowExecution(DecisionAttributes, frozen=True, kw_only=True):
    """Without ``run_id``, the signal goes to the open execution of that workflow id."""

    control: str | None = None
    input: str | None = None
    run_id: str | None = None
    signal_name: str
    workflow_id: str


class RequestCancelExternalWorkflowExecution(DecisionAttributes, frozen=True, kw_only=True):
    """Without ``run_id``, the request goes to the open execution of that workflow id."""

    control: str | None = None
    run_id: str | None = None
    workflow_id: str


class StartChildWorkflowExecution(DecisionAttributes, frozen=True, kw_only=True):
    child_policy: str | None = None
    control: str | None = None
    execution_start_to_close_timeout: str | None = None
    input: str | None = None
    lambda_role: str | None = None
    tag_list: tuple[str, ...] | None = None
    task_list: TaskList | None = None
    task_priority: str | None = None
    task_start_to_close_timeout: str | None = None
    workflow_id: str
    workflow_type: WorkflowType


class ScheduleLambdaFunction(DecisionAttributes, frozen=True, kw_only=True):
    control: str | None = None
    id: str
    input: str | None = None
    name: str
    start_to_close_timeout: str | None = None


CLOSING = (
    CompleteWorkflowExecution,
    FailWorkflowExecution,
    CancelWorkflowExecution,
    ContinueAsNewWorkflowExecution,
)
"""The decisions that close an execution, for ``isinstance``. A closing decision must be the last of its answer."""

#: The classes by SWF's ``decisionType``.
DECISION_TYPES: dict[str, type[DecisionAttributes]] = {
    cls.__name__: cls
    for cls in (
        ScheduleActivityTask,
        RequestCancelActivityTask,
        CompleteWorkflowExecution,
        FailWorkflowExecution,
        CancelWorkflowExecution,
        ContinueAsNewWorkflowExecution,
        RecordMarker,
        StartTimer,
        CancelTimer,
        SignalExternalWorkflowExecution,
        RequestCancelExternalWorkflowExecution,
        StartChildWorkflowExecution,
        ScheduleLambdaFunction,
    )
}
