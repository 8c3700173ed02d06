"""Events of the signals and requests to cancel that an execution sends to others, its children included.

Amazon SWF API Reference: ``<class name>EventAttributes``.
"""

from simpleflow.core.events.shapes import Attributes, WorkflowExecution


class SignalExternalWorkflowExecutionInitiated(Attributes, frozen=True, kw_only=True):
    control: str | None = None
    decision_task_completed_event_id: int
    input: str | None = None
    run_id: str | None = None
    signal_name: str
    workflow_id: str


class SignalExternalWorkflowExecutionFailed(Attributes, frozen=True, kw_only=True):
    """The signal was not delivered."""

    cause: str
    control: str | None = None
    decision_task_completed_event_id: int
    initiated_event_id: int
    run_id: str | None = None
    workflow_id: str


class ExternalWorkflowExecutionSignaled(Attributes, frozen=True, kw_only=True):
    initiated_event_id: int
    workflow_execution: WorkflowExecution


class RequestCancelExternalWorkflowExecutionInitiated(Attributes, frozen=True, kw_only=True):
    control: str | None = None
    decision_task_completed_event_id: int
    run_id: str | None = None
    workflow_id: str


class RequestCancelExternalWorkflowExecutionFailed(Attributes, frozen=True, kw_only=True):
    """The request was not delivered."""

    cause: str
    control: str | None = None
    decision_task_completed_event_id: int
    initiated_event_id: int
    run_id: str | None = None
    workflow_id: str


class ExternalWorkflowExecutionCancelRequested(Attributes, frozen=True, kw_only=True):
    initiated_event_id: int
    workflow_execution: WorkflowExecution
