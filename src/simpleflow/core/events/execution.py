"""Events of the workflow execution itself: its start, its end, and refused decisions to close it.

Amazon SWF API Reference: ``<class name>EventAttributes``.
"""

from simpleflow.core.events.shapes import Attributes, Tags, TaskList, WorkflowExecution, WorkflowType


class WorkflowExecutionStarted(Attributes, frozen=True, kw_only=True):
    """Event 1 of every history.

    ``parent_initiated_event_id`` is an event of the parent's history; 0 in an execution without a parent.
    """

    child_policy: str
    continued_execution_run_id: str | None = None
    execution_start_to_close_timeout: str | None = None
    input: str | None = None
    lambda_role: str | None = None
    parent_initiated_event_id: int | None = None
    parent_workflow_execution: WorkflowExecution | None = None
    tag_list: Tags | None = None
    task_list: TaskList
    task_priority: str | None = None
    task_start_to_close_timeout: str | None = None
    workflow_type: WorkflowType


class WorkflowExecutionCancelRequested(Attributes, frozen=True, kw_only=True):
    """``external_initiated_event_id`` is an event of the sender's history; 0 if the request came through the API.

    ``cause`` is set only if the request comes from the child policy of a parent that has closed.
    """

    cause: str | None = None
    external_initiated_event_id: int | None = None
    external_workflow_execution: WorkflowExecution | None = None


class WorkflowExecutionCompleted(Attributes, frozen=True, kw_only=True):
    decision_task_completed_event_id: int
    result: str | None = None


class CompleteWorkflowExecutionFailed(Attributes, frozen=True, kw_only=True):
    """SWF refused the decision to complete the execution, which stays open."""

    cause: str
    decision_task_completed_event_id: int


class WorkflowExecutionFailed(Attributes, frozen=True, kw_only=True):
    decision_task_completed_event_id: int
    details: str | None = None
    reason: str | None = None


class FailWorkflowExecutionFailed(Attributes, frozen=True, kw_only=True):
    """SWF refused the decision to fail the execution, which stays open."""

    cause: str
    decision_task_completed_event_id: int


class WorkflowExecutionTimedOut(Attributes, frozen=True, kw_only=True):
    """``timeout_type`` is always ``START_TO_CLOSE``."""

    child_policy: str
    timeout_type: str


class WorkflowExecutionCanceled(Attributes, frozen=True, kw_only=True):
    decision_task_completed_event_id: int
    details: str | None = None


class CancelWorkflowExecutionFailed(Attributes, frozen=True, kw_only=True):
    """SWF refused the decision to cancel the execution, which stays open."""

    cause: str
    decision_task_completed_event_id: int


class WorkflowExecutionContinuedAsNew(Attributes, frozen=True, kw_only=True):
    child_policy: str
    decision_task_completed_event_id: int
    execution_start_to_close_timeout: str | None = None
    input: str | None = None
    lambda_role: str | None = None
    new_execution_run_id: str
    tag_list: Tags | None = None
    task_list: TaskList
    task_priority: str | None = None
    task_start_to_close_timeout: str | None = None
    workflow_type: WorkflowType


class ContinueAsNewWorkflowExecutionFailed(Attributes, frozen=True, kw_only=True):
    """SWF refused the decision to continue the execution as new; it stays open."""

    cause: str
    decision_task_completed_event_id: int


class WorkflowExecutionTerminated(Attributes, frozen=True, kw_only=True):
    """``cause`` is ``CHILD_POLICY_APPLIED``, ``EVENT_LIMIT_EXCEEDED``, ``OPERATOR_INITIATED`` or None."""

    cause: str | None = None
    child_policy: str
    details: str | None = None
    reason: str | None = None
