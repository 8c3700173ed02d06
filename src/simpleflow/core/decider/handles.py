"""The kinds of handles: for an activity, a child workflow and a timer. Each makes its key and its decision."""

from __future__ import annotations

from typing import Any

from simpleflow import taskids
from simpleflow.activity import PRIORITY_NOT_SET, Activity, check_priority
from simpleflow.base import Scope
from simpleflow.call_task import Task
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.decider.evaluation import Evaluation
from simpleflow.core.decider.handle import Handle, RetryHandle
from simpleflow.core.records import Record
from simpleflow.exceptions import TaskFailed
from simpleflow.futures import CANCELLED
from simpleflow.task import ActivityTask, TimerTask, WorkflowTask


class ActivityHandle(RetryHandle):
    """An activity task.

    Its id comes from the class's ``get_task_id``, from its arguments if it is idempotent, or from its scope.
    """

    def __init__(self, evaluation: Evaluation, task: ActivityTask, priority: Any, reserved: str | None = None) -> None:
        super().__init__(evaluation, task, priority)
        activity = task.activity
        self.retry = activity.retry
        self.raises_on_failure = activity.raises_on_failure
        if hasattr(activity.callable, "get_task_id"):
            suffix = str(activity.callable.get_task_id(evaluation.workflow, *task.args, **task.kwargs))
        elif activity.idempotent:
            suffix = taskids.arguments_suffix(task.args, task.kwargs, f"input of {activity.name}")
        else:
            suffix = reserved if reserved is not None else self.reserve(evaluation, activity)
        self.key = ("activity", taskids.task_id("activity", activity.name, suffix))
        self._priority = _priority(evaluation, priority, activity.task_priority)
        self._input = task.encode_input()
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

    def decision(self) -> d.ScheduleActivityTask:
        activity = self.task.activity
        return d.ScheduleActivityTask(
            activity_id=self.key[1],
            activity_type=e.ActivityType(activity.name, activity.version),
            heartbeat_timeout=activity.task_heartbeat_timeout,
            input=self._input,
            schedule_to_close_timeout=activity.task_schedule_to_close_timeout,
            schedule_to_start_timeout=activity.task_schedule_to_start_timeout,
            start_to_close_timeout=activity.task_start_to_close_timeout,
            task_list=e.TaskList(activity.task_list) if activity.task_list else None,
            task_priority=self._priority,
        )

    def request_cancel(self, record: Record) -> None:
        if not record.cancel_requested_id:
            self.evaluation.outbox[self.cancel_key] = d.RequestCancelActivityTask(activity_id=self.key[1])

    def _timeout_value(self, timeout_type: str) -> int | None:
        text = getattr(self.task.activity, f"task_{timeout_type.lower()}_timeout", "NONE")
        return None if text == "NONE" else int(text)


class ChildHandle(RetryHandle):
    """A child workflow execution.

    Its workflow id comes from the class's ``get_workflow_id``, or from the parent's workflow id and the scope. It
    is the same in every run, so that a child with steps finds its done marks again.
    """

    def __init__(self, evaluation: Evaluation, task: WorkflowTask, priority: Any, reserved: str | None = None) -> None:
        super().__init__(evaluation, task, priority)
        self.retry = task.workflow.retry
        self.raises_on_failure = task.raises_on_failure
        workflow_id = task.workflow_id
        suffix = reserved if reserved is not None else self.reserve(evaluation, task.workflow)
        if workflow_id is None:
            if getattr(task.workflow, "idempotent", False):
                suffix = taskids.arguments_suffix(task.args, task.kwargs, f"input of {task.name}")
            workflow_id = taskids.fit(taskids.clean(f"{evaluation.execution.workflow_id}--{task.name}-{suffix}"))
        self.key = ("child", workflow_id)
        self._priority = _priority(evaluation, priority, task.priority or PRIORITY_NOT_SET)
        self._input = task.encode_input(evaluation.handed_down)
        evaluation.workflows[task.name] = task.workflow  # type: ignore[assignment]

    @classmethod
    def reserve(cls, evaluation: Evaluation, submittable: Any) -> str:
        return taskids.position_suffix(evaluation.scope, submittable.name or submittable.__name__)

    @property
    def record(self) -> Record | None:
        return self.evaluation.history.children.get(self.key[1])

    def decision(self) -> d.StartChildWorkflowExecution:
        task: WorkflowTask = self.task
        started = self.evaluation.history.started
        tags: Any = task.tag_list
        if tags is task.workflow.INHERIT_TAG_LIST:
            tags = [tag for tag in started.tag_list or () if tag is not None]
        task_list = task.task_list
        return d.StartChildWorkflowExecution(
            child_policy=task.child_policy,
            execution_start_to_close_timeout=task.execution_timeout,
            input=self._input,
            tag_list=tuple(tags) if tags else None,
            task_list=e.TaskList(task_list) if task_list else None,
            task_priority=self._priority,
            task_start_to_close_timeout=task.decision_tasks_timeout,
            workflow_id=self.key[1],
            workflow_type=e.WorkflowType(task.name, task.version),
        )

    def request_cancel(self, record: Record) -> None:
        sent = self.evaluation.history.cancels_sent
        key = ("cancel", (self.key[1], record.run_id))
        if key[1] not in sent and (self.key[1], None) not in sent:
            self.evaluation.outbox[key] = d.RequestCancelExternalWorkflowExecution(
                workflow_id=self.key[1], run_id=record.run_id
            )

    def _timeout_value(self, timeout_type: str) -> int | None:
        text = self.task.execution_timeout
        return None if text == "NONE" else int(text)


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

    def update(self) -> None:
        record = self.record
        assert record is not None
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


def _priority(evaluation: Evaluation, given: Any, own: Any) -> str | None:
    """The priority given at submission, else that of the task, else that of the workflow; None for no priority."""
    check_priority(given, "__priority")
    for priority in (given, own, evaluation.workflow.task_priority):
        if priority is not PRIORITY_NOT_SET:
            return None if priority is None else str(priority)
    return None


HANDLES: dict[type[Task], type[Any]] = {
    ActivityTask: ActivityHandle,
    WorkflowTask: ChildHandle,
    TimerTask: TimerHandle,
}
