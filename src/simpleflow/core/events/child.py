"""Events of the child workflow executions of an execution.

Amazon SWF API Reference: ``<class name>EventAttributes``.
"""

from simpleflow.core.events.shapes import Attributes, Tags, TaskList, WorkflowExecution, WorkflowType


class StartChildWorkflowExecutionInitiated(Attributes, frozen=True, kw_only=True):
    """The decision was accepted; ``ChildWorkflowExecutionStarted`` follows once the child exists."""

    child_policy: str
    control: str | None = None
    decision_task_completed_event_id: int
    execution_start_to_close_timeout: str | None = None
    input: str | None = None
    lambda_role: str | None = None
    tag_list: Tags | None = None
    task_list: TaskList
    task_priority: str | None = None
    task_start_to_close_timeout: str | None = None
    workflow_id: str
    workflow_type: WorkflowType


class StartChildWorkflowExecutionFailed(Attributes, frozen=True, kw_only=True):
    """No child was started. ``initiated_event_id`` is 0 unless the cause is ``WORKFLOW_ALREADY_RUNNING``."""

    cause: str
    control: str | None = None
    decision_task_completed_event_id: int
    initiated_event_id: int
    workflow_id: str
    workflow_type: WorkflowType


class ChildWorkflowExecutionStarted(Attributes, frozen=True, kw_only=True):
    initiated_event_id: int
    workflow_execution: WorkflowExecution
    workflow_type: WorkflowType


class ChildWorkflowExecutionCompleted(Attributes, frozen=True, kw_only=True):
    initiated_event_id: int
    result: str | None = None
    started_event_id: int
    workflow_execution: WorkflowExecution
    workflow_type: WorkflowType


class ChildWorkflowExecutionFailed(Attributes, frozen=True, kw_only=True):
    details: str | None = None
    initiated_event_id: int
    reason: str | None = None
    started_event_id: int
    workflow_execution: WorkflowExecution
    workflow_type: WorkflowType


class ChildWorkflowExecutionTimedOut(Attributes, frozen=True, kw_only=True):
    initiated_event_id: int
    started_event_id: int
    timeout_type: str
    workflow_execution: WorkflowExecution
    workflow_type: WorkflowType


class ChildWorkflowExecutionCanceled(Attributes, frozen=True, kw_only=True):
    details: str | None = None
    initiated_event_id: int
    started_event_id: int
    workflow_execution: WorkflowExecution
    workflow_type: WorkflowType


class ChildWorkflowExecutionTerminated(Attributes, frozen=True, kw_only=True):
    initiated_event_id: int
    started_event_id: int
    workflow_execution: WorkflowExecution
    workflow_type: WorkflowType
