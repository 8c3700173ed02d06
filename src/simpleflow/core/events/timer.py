"""The timers of an execution, and decisions about them that were refused.

Amazon SWF API Reference: ``<class name>EventAttributes``.
"""

from simpleflow.core.events.shapes import Attributes


class TimerStarted(Attributes, frozen=True, kw_only=True):
    control: str | None = None
    decision_task_completed_event_id: int
    start_to_fire_timeout: str
    timer_id: str


class StartTimerFailed(Attributes, frozen=True, kw_only=True):
    """SWF refused the decision: no timer was started."""

    cause: str
    decision_task_completed_event_id: int
    timer_id: str


class TimerFired(Attributes, frozen=True, kw_only=True):
    started_event_id: int
    timer_id: str


class TimerCanceled(Attributes, frozen=True, kw_only=True):
    decision_task_completed_event_id: int
    started_event_id: int
    timer_id: str


class CancelTimerFailed(Attributes, frozen=True, kw_only=True):
    """SWF refused the decision, as when no such timer is open."""

    cause: str
    decision_task_completed_event_id: int
    timer_id: str
