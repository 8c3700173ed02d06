"""Events of the markers that an execution records and of the signals that it receives.

Amazon SWF API Reference: ``<class name>EventAttributes``.
"""

from simpleflow.core.events.shapes import Attributes, WorkflowExecution


class MarkerRecorded(Attributes, frozen=True, kw_only=True):
    decision_task_completed_event_id: int
    details: str | None = None
    marker_name: str


class RecordMarkerFailed(Attributes, frozen=True, kw_only=True):
    """SWF refused the decision, so no marker was recorded."""

    cause: str
    decision_task_completed_event_id: int
    marker_name: str


class WorkflowExecutionSignaled(Attributes, frozen=True, kw_only=True):
    """``external_initiated_event_id`` is an event of the sender's history; 0 if the signal came through the API."""

    external_initiated_event_id: int | None = None
    external_workflow_execution: WorkflowExecution | None = None
    input: str | None = None
    signal_name: str
