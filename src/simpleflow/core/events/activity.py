"""Events of the activity tasks of an execution, and of refused decisions about them.

Amazon SWF API Reference: ``<class name>EventAttributes``.
"""

from simpleflow.core.events.shapes import ActivityType, Attributes, TaskList


class ActivityTaskScheduled(Attributes, frozen=True, kw_only=True):
    activity_id: str
    activity_type: ActivityType
    control: str | None = None
    decision_task_completed_event_id: int
    heartbeat_timeout: str | None = None
    input: str | None = None
    schedule_to_close_timeout: str | None = None
    schedule_to_start_timeout: str | None = None
    start_to_close_timeout: str | None = None
    task_list: TaskList
    task_priority: str | None = None


class ScheduleActivityTaskFailed(Attributes, frozen=True, kw_only=True):
    """SWF refused the decision, so no activity was scheduled."""

    activity_id: str
    activity_type: ActivityType
    cause: str
    decision_task_completed_event_id: int


class ActivityTaskStarted(Attributes, frozen=True, kw_only=True):
    identity: str | None = None
    scheduled_event_id: int


class ActivityTaskCompleted(Attributes, frozen=True, kw_only=True):
    result: str | None = None
    scheduled_event_id: int
    started_event_id: int


class ActivityTaskFailed(Attributes, frozen=True, kw_only=True):
    details: str | None = None
    reason: str | None = None
    scheduled_event_id: int
    started_event_id: int


class ActivityTaskTimedOut(Attributes, frozen=True, kw_only=True):
    """``details`` are those of the activity's last heartbeat; ``started_event_id`` is 0 if it had not started."""

    details: str | None = None
    scheduled_event_id: int
    started_event_id: int
    timeout_type: str


class ActivityTaskCanceled(Attributes, frozen=True, kw_only=True):
    """``started_event_id`` is 0 if the activity had not started."""

    details: str | None = None
    latest_cancel_requested_event_id: int | None = None
    scheduled_event_id: int
    started_event_id: int


class ActivityTaskCancelRequested(Attributes, frozen=True, kw_only=True):
    """The activity sees the request with its next heartbeat."""

    activity_id: str
    decision_task_completed_event_id: int


class RequestCancelActivityTaskFailed(Attributes, frozen=True, kw_only=True):
    """SWF refused the decision, for example because no activity of that id is open."""

    activity_id: str
    cause: str
    decision_task_completed_event_id: int
