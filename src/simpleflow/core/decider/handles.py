"""The kinds of handles: for an activity, a child workflow and a timer. Each makes its key and its decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simpleflow import taskids
from simpleflow.activity import PRIORITY_NOT_SET, Activity, check_priority
from simpleflow.call_task import Task
from simpleflow.code_names import SCRIPT
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.decider import parts, recorded_calls
from simpleflow.core.decider.evaluation import Evaluation
from simpleflow.core.decider.handle import Handle, RetryHandle
from simpleflow.core.history import History
from simpleflow.core.records import Key, Record
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
        self._priority = _priority(evaluation, priority, activity.task_priority)
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
        found = _numbered(activities, self._id)
        if self._former is None or not (former := _numbered(activities, self._former[1])):
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
        return _numbered_id(self._id, 1 + len(_numbered(self.evaluation.history.activities, self._id)))

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


class ChildHandle(RetryHandle):
    """A child workflow execution.

    Its workflow id comes from the class's ``get_workflow_id``. The default is made of the parent's workflow id, the
    child's type, the steps around it, and a digest of its arguments. So a child has the same id in every run, wherever
    it stands in a list, and its done marks are found again. Equal children are told apart by a number. The history
    keeps with each child the position that it was submitted at, so that every evaluation pairs equal ones alike.
    """

    def __init__(self, evaluation: Evaluation, task: WorkflowTask, priority: Any, reserved: str | None = None) -> None:
        super().__init__(evaluation, task, priority)
        self.raises_on_failure = task.raises_on_failure
        # The workflow may know more for its children. This may begin with the first child, so it comes first.
        hands_down = getattr(evaluation.workflow, "hands_down", None)
        further = {} if hands_down is None else hands_down()
        self._handed_down = evaluation.handed_down | further
        if evaluation.scope.scope_owner is not None:
            self._handed_down[parts.PARTS] = {}
        self.input = task.encode_input(self._handed_down)
        self._has_parts = parts.has_parts(task.workflow)
        self._failed_parts: tuple[parts.Part, ...] = ()
        self.inside: Sequence[Any] = ()
        suffix = reserved if reserved is not None else self.reserve(evaluation, task.workflow)
        workflow_id = task.workflow_id
        self.position: str | None = None
        if workflow_id is None:
            arguments = taskids.arguments_suffix(task.args, task.kwargs, f"input of {task.name}")
            if getattr(task.workflow, "idempotent", False):
                workflow_id = self._child_id(arguments)
            else:
                self.position = f"{task.name}-{suffix}"
                # Older histories have no position with a child: its id says it.
                self.positions = (self.position, self._child_id(suffix))
                workflow_id = self._default_id(arguments)
        self.key = ("child", workflow_id)
        self._id = workflow_id
        self._priority = _priority(evaluation, priority, task.priority or PRIORITY_NOT_SET)
        evaluation.workflows[task.name] = task.workflow  # type: ignore[assignment]

    @property
    def workflow_id(self) -> str:
        """Its workflow id."""
        return str(self.key[1])

    @property
    def failed_parts(self) -> Sequence[parts.Part]:
        """See ``scopes.Child``."""
        if self.promise.done and self.promise.failure is None:
            return self._failed_parts
        return [parts.Part(self.workflow_id, "")] if self._has_parts else []

    def update(self, record: Record) -> None:
        if record.state == t.COMPLETED and record.closed is not None:
            result = getattr(record.closed.attributes, "result", None)
            if not self.evaluation.child_ended(super().value(result), self.scope):
                return
        super().update(record)

    def value(self, text: str | None) -> Any:
        found = parts.unwrap(super().value(text))
        self._failed_parts, self.inside = found.failed, found.inside
        return found.result

    def submitted_in(self, scope: Scope) -> None:
        super().submitted_in(scope)
        owner = scope.scope_owner
        if owner is not None:
            owner.add_child(self)
        else:
            self.evaluation.children.append(self)

    def _child_id(self, suffix: str) -> str:
        parent = self.evaluation.execution.workflow_id
        return taskids.fit(taskids.clean(f"{parent}--{self.task.name}-{suffix}"))

    def _default_id(self, arguments: str) -> str:
        """The id of this child: the one that the history has at its position, else the first that is free."""
        evaluation = self.evaluation
        history = evaluation.history
        for record in history.children_at.get(self.position or "", ()):
            if recorded_calls.is_same(record, self.task.name, self.input):
                return record.id
        around = evaluation.scope.steady_path
        first = self._child_id(f"{around}-{arguments[:16]}" if around else arguments[:16])
        number = evaluation.child_numbers.get(first, 1)
        while True:
            id = first if number == 1 else taskids.fit(f"{first}-{number}")
            known = history.children.get(id)
            # What was decided in this context at another position is going to be met there.
            elsewhere = known is not None and recorded_calls.made_in(history, [known], evaluation.execution.context)
            if not elsewhere and not evaluation.is_submitted(("child", id)):
                evaluation.child_numbers[first] = number
                return id
            number += 1

    @classmethod
    def reserve(cls, evaluation: Evaluation, submittable: Any) -> str:
        return taskids.position_suffix(evaluation.scope, submittable.name or submittable.__name__)

    @property
    def record(self) -> Record | None:
        return self.evaluation.history.children.get(self.key[1])

    def recorded_calls(self) -> list[Record]:
        children = self.evaluation.history.children
        if self.position is None:
            return _numbered(children, self._id)
        found = list(self.evaluation.history.children_at.get(self.position, ()))
        for id in (self.positions[1], self.key[1]):
            record = children.get(id)
            if record is not None and record not in found:
                found.append(record)
        return found

    def fresh_id(self) -> str:
        return self._id if self.position is not None else _numbered_id(self._id, 1 + len(self.recorded_calls()))

    def decision(self) -> d.StartChildWorkflowExecution:
        task: WorkflowTask = self.task
        started = self.evaluation.history.started
        tags: Any = task.tag_list
        if tags is task.workflow.INHERIT_TAG_LIST:
            tags = [tag for tag in started.tag_list or () if tag is not None]
        task_list = task.task_list
        return d.StartChildWorkflowExecution(
            child_policy=task.child_policy,
            control=self.position,
            execution_start_to_close_timeout=task.execution_timeout,
            input=self.input,
            tag_list=tuple(tags) if tags else None,
            task_list=e.TaskList(task_list) if task_list else None,
            task_priority=self._priority,
            task_start_to_close_timeout=task.decision_tasks_timeout,
            workflow_id=self.key[1],
            workflow_type=e.WorkflowType(task.name, task.version),
        )

    def renew_input(self) -> None:
        if self.task is not None:
            self.input = self.task.encode_input(self._handed_down)

    def own_retries(self) -> Retry:
        return Retry(self.task.workflow.retry)

    def has_sent_cancel(self, record: Record) -> bool:
        return _is_cancel_sent(self.evaluation.history, record)

    def request_cancel(self, record: Record) -> None:
        if (decision := _cancel_child(self.evaluation.history, record)) is not None:
            self.evaluation.outbox["cancel", (record.id, record.run_id)] = decision


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


def _numbered_id(first: str, number: int) -> str:
    return first if number == 1 else taskids.fit(f"{first}~{number}")


def _numbered(records: Mapping[str, Record], first: str) -> list[Record]:
    """The calls that were recorded under an id and under the fresh ids made of it, in order."""
    record = records.get(first)
    found: list[Record] = []
    while record is not None:
        found.append(record)
        record = records.get(_numbered_id(first, len(found) + 1))
    return found


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
    ReservedTimerTask: TimerHandle,
}


def cancellations(history: History, scope: Scope) -> Iterator[tuple[Key, d.Decision]]:
    """Yield the decisions that end the open activities and children in a scope, as the history holds them.

    Each comes with its key.
    """
    for record in history.activities.kept:
        if record.open and not record.cancel_requested_id and _is_in(scope, record):
            yield ("cancel_activity", record.id), d.RequestCancelActivityTask(activity_id=record.id)
    for record in history.children.values():
        if record.open and _is_in(scope, record) and (decision := _cancel_child(history, record)) is not None:
            yield ("cancel", (record.id, record.run_id)), decision


def _is_in(scope: Scope, record: Record) -> bool:
    path = getattr(record.scheduled, "control", None) or record.id
    return path.startswith(scope.path) or f"-{scope.path}" in path or f".{scope.path}" in path


def _is_cancel_sent(history: History, record: Record) -> bool:
    """True if the execution has requested the cancellation of a child."""
    sent = history.cancels_sent
    if not sent:
        return False
    if (record.id, record.run_id) in sent or (record.id, None) in sent:
        return True
    return record.run_id is None and any(id == record.id for id, _ in sent)  # its start is not in the history


def _cancel_child(history: History, record: Record) -> d.Decision | None:
    """The request to cancel a child; None if it was sent."""
    if _is_cancel_sent(history, record):
        return None
    return d.RequestCancelExternalWorkflowExecution(workflow_id=record.id, run_id=record.run_id)
