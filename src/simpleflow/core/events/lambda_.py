"""Events of the Lambda functions that an execution calls.

Amazon SWF API Reference: ``<class name>EventAttributes``.
"""

from simpleflow.core.events.shapes import Attributes


class LambdaFunctionScheduled(Attributes, frozen=True, kw_only=True):
    control: str | None = None
    decision_task_completed_event_id: int
    id: str
    input: str | None = None
    name: str
    start_to_close_timeout: str | None = None


class LambdaFunctionStarted(Attributes, frozen=True, kw_only=True):
    scheduled_event_id: int


class LambdaFunctionCompleted(Attributes, frozen=True, kw_only=True):
    result: str | None = None
    scheduled_event_id: int
    started_event_id: int


class LambdaFunctionFailed(Attributes, frozen=True, kw_only=True):
    details: str | None = None
    reason: str | None = None
    scheduled_event_id: int
    started_event_id: int


class LambdaFunctionTimedOut(Attributes, frozen=True, kw_only=True):
    scheduled_event_id: int
    started_event_id: int
    timeout_type: str | None = None


class ScheduleLambdaFunctionFailed(Attributes, frozen=True, kw_only=True):
    """SWF refused the decision, so no function was scheduled."""

    cause: str
    decision_task_completed_event_id: int
    id: str
    name: str


class StartLambdaFunctionFailed(Attributes, frozen=True, kw_only=True):
    """The function was scheduled but could not be called."""

    cause: str | None = None
    message: str | None = None
    scheduled_event_id: int | None = None
