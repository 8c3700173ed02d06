"""The handles of activities and timers, and which kind of task has which handle."""

from __future__ import annotations

from typing import Any

from simpleflow import taskids
from simpleflow.activity import Activity
from simpleflow.call_task import Task
from simpleflow.code_names import SCRIPT
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.decider import recorded_calls
from simpleflow.core.decider.child_handle import ChildHandle
from simpleflow.core.decider.evaluation import Evaluation
from simpleflow.core.decider.handle import Handle
from simpleflow.core.decider.retry_handle import RetryHandle, numbered, numbered_id, priority_of
from simpleflow.core.records import Record
from simpleflow.exceptions import TaskFailed
from simpleflow.futures import CANCELLED
from simpleflow.retries import Retry
from simpleflow.scopes import Scope
from simpleflow.task import ActivityTask, ReservedTimerTask, TimerTask, WorkflowTask


class ActivityHandle(RetryHandle):
    """An activity task.

    Its id comes from the class's ``get_task_id``, from its arguments if it is idempotent, or from its scope.
    """

    _former: tuple[str, str] | None = None  # name and id of the first call, if an earlier release ran it in a script

    def __init__(self, evaluation: Evaluation, task: ActivityTask, priority: Any, reserved: str | None = None) -> None:
        super().__init__(evaluation, task, priority)
        activity = task.activity
        self.raises_on_failure = activity.raises_on_failure
        if hasattr(activity.callable, "get_task_id"):
            suffix = str(activity.callable.get_task_id(evaluation.workflow, *task.args, **task.kwargs))
        elif activity.idempotent:
            suffix = taskids.arguments_suffix(task.args, task.kwargs, f"input of {activity.name}")
        else:
            suffix = reserved if reserved is not None else self.reserve(evaluation, activity)
        self.key = ("activity", taskids.task_id("activity", activity.name, suffix))
        self._id = self.key[1]  # of the first call; those after it have a number
        if evaluation.history.of_script and (former := _name_in_script(evaluation, activity)) is not None:
            self._former = former, taskids.task_id("activity", former, suffix)
            self.other_keys = (("activity", self._former[1]),)
        # Who reads the history wants to know which step an activity belongs to; nearly always its id says it.
        scope = evaluation.scope
        hidden = bool(scope.path) and scope.path not in self._id and scope.scope_owner is not None
        self._control = scope.path if hidden else None
        self._priority = priority_of(evaluation, priority, activity.task_priority)
        self.input = task.encode_input()
        evaluation.activities[activity.name] = activity

    @staticmethod
    def first_id(activity: Activity, scope: Scope) -> str:
        """The id of the first task of ``activity`` in ``scope``."""
        return taskids.task_id("activity", activity.name, taskids.position_suffix(Scope(scope.path), activity.name))

    @classmethod
    def reserve(cls, evaluation: Evaluation, submittable: Activity) -> str:
        if submittable.idempotent or hasattr(submittable.callable, "get_task_id"):
            return ""
        return taskids.position_suffix(evaluation.scope, submittable.name)

    @property
    def record(self) -> Record | None:
        return self.evaluation.history.activities.get(self.key[1])

    def recorded_calls(self) -> list[Record]:
        activities = self.evaluation.history.activities
        found = numbered(activities, self._id)
        if self._former is None or not (former := numbered(activities, self._former[1])):
            return found
        self.evaluation.activities[self._former[0]] = self.task.activity  # if it is open, it is performed by that name
        return [*former, *found]

    def _find_call(self, record: Record | None) -> None:
        if self._former is None and self.key[1] == self._id:
            if record is None:
                return
            if record.scheduled_id and recorded_calls.is_same(record, self.task.name, self.input):
                self._settled = True  # the first call, as nearly always
                return
        super()._find_call(record)

    def fresh_id(self) -> str:
        return numbered_id(self._id, 1 + len(numbered(self.evaluation.history.activities, self._id)))

    def decision(self) -> d.ScheduleActivityTask:
        activity = self.task.activity
        return d.ScheduleActivityTask(
            activity_id=self.key[1],
            activity_type=e.ActivityType(activity.name, activity.version),
            control=self._control,
            heartbeat_timeout=activity.task_heartbeat_timeout,
            input=self.input,
            schedule_to_close_timeout=activity.task_schedule_to_close_timeout,
            schedule_to_start_timeout=activity.task_schedule_to_start_timeout,
            start_to_close_timeout=activity.task_start_to_close_timeout,
            task_list=e.TaskList(activity.task_list) if activity.task_list else None,
            task_priority=self._priority,
        )

    def renew_input(self) -> None:
        if self.task is not None:
            self.input = self.task.encode_input()

    def completed(self) -> None:
        self.input = ""
        if self.key[1] == self._id:  # else an equal submission would have to find its record again
            self.evaluation.retire(self)

    def own_retries(self) -> Retry:
        activity: Activity = self.task.activity
        return activity.retries

    @property
    def takes_retries(self) -> bool:
        activity: Activity = self.task.activity
        return activity.takes_retries

    def has_sent_cancel(self, record: Record) -> bool:
        return bool(record.cancel_requested_id)

    def request_cancel(self, record: Record) -> None:
        if not record.cancel_requested_id:
            self.evaluation.outbox["cancel_activity", record.id] = d.RequestCancelActivityTask(activity_id=record.id)

    def _is_outlasted(self, event: e.Event) -> bool:
        outlasts = self.task.activity.outlasts
        return outlasts is not None and outlasts(self._exception(event))

    def _has_only_waited(self, event: e.Event) -> bool:
        attributes = event.attributes
        return (
            self.task.activity.waits_for_ever
            and isinstance(attributes, e.ActivityTaskTimedOut)
            and not attributes.started_event_id
        )


class TimerHandle(Handle):
    """A timer. Its id is given by user code."""

    def __init__(self, evaluation: Evaluation, task: TimerTask, priority: Any, reserved: str | None = None) -> None:
        super().__init__(evaluation, task, priority)
        self.key = ("timer", task.timer_id)

    @property
    def record(self) -> Record | None:
        return self.evaluation.history.timers.get(self.task.timer_id)

    def decision(self) -> d.StartTimer:
        task: TimerTask = self.task
        return d.StartTimer(control=task.control, start_to_fire_timeout=task.timeout, timer_id=task.timer_id)

    def update(self, record: Record) -> None:
        if record.state == t.STARTED:
            self.running()
        elif record.state == t.FIRED:
            self.finish()
        elif record.state == t.CANCELED:
            self.finish(state=CANCELLED)
        elif record.state == t.REFUSED and record.closed is not None:
            cause = getattr(record.closed.attributes, "cause", None)
            self.finish(exception=TaskFailed(self.task.name, f"the service refused the timer: {cause}"))

    def request_cancel(self, record: Record) -> None:
        self.evaluation.outbox[self.cancel_key] = d.CancelTimer(timer_id=self.task.timer_id)


def _name_in_script(evaluation: Evaluation, activity: Activity) -> str | None:
    """The name that the activity had where an earlier release ran its module as a script, if the history has it."""
    name, module = activity.name_in_script, activity.callable.__module__
    if name not in evaluation.history.of_script or name == activity.name:
        return None
    return name if module in (SCRIPT, type(evaluation.workflow).__module__) else None


HANDLES: dict[type[Task], type[Any]] = {
    ActivityTask: ActivityHandle,
    WorkflowTask: ChildHandle,
    TimerTask: TimerHandle,
    ReservedTimerTask: TimerHandle,
}
