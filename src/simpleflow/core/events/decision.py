"""Events of the decision tasks of an execution.

Amazon SWF API Reference: ``<class name>EventAttributes``.
"""

from simpleflow.core.events.shapes import Attributes, TaskList


class DecisionTaskScheduled(Attributes, frozen=True, kw_only=True):
    schedule_to_start_timeout: str | None = None
    start_to_close_timeout: str | None = None
    task_list: TaskList
    task_priority: str | None = None


class DecisionTaskStarted(Attributes, frozen=True, kw_only=True):
    identity: str | None = None
    scheduled_event_id: int


class DecisionTaskCompleted(Attributes, frozen=True, kw_only=True):
    """``task_list`` is set if the answer moves later decision tasks to another list."""

    execution_context: str | None = None
    scheduled_event_id: int
    started_event_id: int
    task_list: TaskList | None = None
    task_list_schedule_to_start_timeout: str | None = None


class DecisionTaskTimedOut(Attributes, frozen=True, kw_only=True):
    """No decider answered the task, or took it, in time; the next one is a new ``DecisionTaskScheduled``.

    ``started_event_id`` is 0 if no decider had taken it.
    """

    scheduled_event_id: int
    started_event_id: int
    timeout_type: str
