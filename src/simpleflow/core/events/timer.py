"""Events of the timers of an execution, and of refused decisions about them.

Amazon SWF API Reference: ``<class name>EventAttributes``.
"""

from simpleflow.core.events.shapes import Attributes


class TimerStarted(Attributes, frozen=True, kw_only=True):
    control: str | None = None
    decision_task_completed_event_id: int
    start_to_fire_timeout: str
    timer_id: str


class StartTimerFailed(Attributes, frozen=True, kw_only=True):
    """SWF refused the decision, so no timer was started."""

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
    """SWF refused the decision, for example because no timer of that id is open."""

    cause: str
    decision_task_completed_event_id: int
    timer_id: str
