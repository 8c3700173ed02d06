"""Leaves: tasks that the service runs or keeps, each tied to its record in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simpleflow import values
from simpleflow.activity import PRIORITY_NOT_SET, Activity, check_priority
from simpleflow.base import Scope
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import taskids
from simpleflow.core import transitions as t
from simpleflow.core.history import Key, Record
from simpleflow.exceptions import TaskCanceled, TaskException, TaskFailed, TaskTerminated, TimeoutError
from simpleflow.futures import CANCELLED, FINISHED, RUNNING, Future
from simpleflow.task import ActivityTask, Task, TaskFailureContext, TimerTask, WorkflowTask
from simpleflow.workflow import Workflow

if TYPE_CHECKING:
    from simpleflow.core.evaluation import Evaluation


class Leaf:
    """One task: its future, and the decision that asks for it where the history does not know it yet."""

    key: Key

    def __init__(self, evaluation: Evaluation, task: Any, priority: Any, place: str | None = None) -> None:
        self.evaluation = evaluation
        self.task = task
        self.future = Future(evaluation)
        self.promises: list[Future] = []  # futures given out before the task could be made
        self.seen = 0  # failures that were dealt with

    @classmethod
    def reserve(cls, evaluation: Evaluation, submittable: Any) -> str:
        """The place of a task that is to be made later, once its arguments are there."""
        raise NotImplementedError

    @property
    def record(self) -> Record | None:
        """What the history knows of it."""
        raise NotImplementedError

    def decision(self) -> d.Decision:
        """What asks the service for it."""
        raise NotImplementedError

    def request_cancel(self, record: Record) -> None:
        """Ask the service to end it, where it is under way."""
        raise NotImplementedError

    def begin(self) -> None:
        """Submitted: look it up in the history, or ask for it."""
        if self.record is None:
            self.evaluation.outbox[self.key] = self.decision()
        else:
            self.update()

    def recorded(self) -> None:
        """The history says something new of it."""
        record = self.record
        if record is not None and (not record.open or record.cancel_requested_id):
            self.evaluation.outbox.pop(self.cancel_key)
        if not self.future._done:
            self.update()

    @property
    def cancel_key(self) -> Key:
        """Under which its cancelling stands in the outbox."""
        return f"cancel_{self.key[0]}", self.key[1]

    def running(self) -> None:
        """The service has begun with it."""
        for future in (self.future, *self.promises):
            if not future._done:
                future._assign(RUNNING)

    def update(self) -> None:
        """The record has changed: bring the future up to it."""
        record = self.record
        assert record is not None
        if record.state == t.COMPLETED:
            self.finish(values.decode(getattr(record.closed.attributes, "result", None)) if record.closed else None)
        elif record.open:
            if record.state == t.STARTED:
                self.running()
        elif record.state != t.NEW and self.seen < len(record.failures):
            self.failed(record)

    def failed(self, record: Record) -> None:
        """The latest try ended badly."""
        raise NotImplementedError

    def finish(self, result: Any = None, exception: BaseException | None = None, state: str = FINISHED) -> None:
        """Make the future final."""
        self.future._assign(state, result, exception)
        self.evaluation.ended(self.future)

    def cancel(self) -> None:
        """The workflow cancelled the future."""
        if self.evaluation.outbox.pop(self.key) is None and self.record is not None and self.record.open:
            self.request_cancel(self.record)


class RetryLeaf(Leaf):
    """A task that fails by an exception and may be tried again: an activity or a child workflow."""

    retry: int
    raises_on_failure: bool
    pause: Future | None = None  # timer before the next try

    def begin(self) -> None:
        super().begin()
        if self._asks and self.record is not None and self.seen < len(self.record.failures):
            self.evaluation.spawn(lambda: self._ask(self.record), Scope())

    def recorded(self) -> None:
        super().recorded()
        if self._asks and self.record is not None and self.seen < len(self.record.failures):
            self.evaluation.fibers.soon(lambda: self.evaluation.guard(lambda: self._ask(self.record)))

    @property
    def _asks(self) -> bool:
        """The workflow wants to be asked about failures."""
        return type(self.evaluation.workflow).on_task_failure is not Workflow.on_task_failure

    def failed(self, record: Record) -> None:
        if not self._asks:
            self.seen = len(record.failures)
            self._decide(record, None, self._exception(record.failures[-1]))

    def _ask(self, record: Record | None) -> None:
        """Ask ``on_task_failure`` about each failure; what it says of the latest one counts, if that is the end."""
        assert record is not None
        while self.seen < len(record.failures):
            event = record.failures[self.seen]
            exception = self._exception(event)
            context = TaskFailureContext(
                a_task=self.task,
                task_name=self.task.name,
                exception=exception,
                retry_count=self.seen,
                id=self.key[1],
                event=event,
                history=self.evaluation.history,
                reason=getattr(exception, "reason", None) or str(exception),
                details=getattr(exception, "details", None),
                future=self.future,
            )
            self.seen += 1
            with self.evaluation.within(Scope(f"on_failure-{self.key[1]}-{self.seen}")):
                answer = self.evaluation.workflow.on_task_failure(context)
            over = self.future._done or record.open or record.state == t.COMPLETED
            if self.seen == len(record.failures) and not over:
                self._decide(record, answer, exception)

    def _decide(self, record: Record, answer: TaskFailureContext | None, exception: TaskException) -> None:
        verdict = answer.decision if isinstance(answer, TaskFailureContext) else None
        if verdict == "retry" or (verdict is None and self._may_retry(record)):
            assert verdict is None or answer is not None
            self._retry(record, answer.retry_wait_timeout if verdict and answer else 0)
        elif verdict == "cancel":
            self.finish(state=CANCELLED)
        elif verdict == "handled" and answer is not None and answer.future is not None:
            answer.future._when_done(self._handled)
        else:
            if verdict == "abort" or (verdict is None and self.raises_on_failure):
                name = self.task.name
                reason = getattr(exception, "reason", None) or str(exception)
                self.evaluation.abort(
                    f'Workflow execution error in {name}: "{reason}"',
                    exception,
                    getattr(exception, "details", None),
                )
            self.finish(exception=exception)

    def _handled(self, other: Future) -> None:
        """Another task took the place of this one."""
        if not self.future._done:
            self.finish(other._result, other._exception, other._state)

    def _may_retry(self, record: Record) -> bool:
        return record.state != t.CANCELED and len(record.failures) <= self.retry

    def _retry(self, record: Record, seconds: int) -> None:
        if seconds:
            timer_id = taskids.fit(f"_simpleflow_retry_{record.tries}_{self.key[1]}")
            self.pause = self.evaluation.submit(TimerTask(timer_id, seconds))
            self.pause._when_done(self._again)
        else:
            self._again(None)

    def _again(self, pause: Future | None) -> None:
        if not self.future._done and (pause is None or pause._state == FINISHED):
            self.evaluation.outbox[self.key] = self.decision()

    def cancel(self) -> None:
        super().cancel()
        if self.pause is not None:
            self.pause.cancel()

    def _exception(self, event: e.Event) -> TaskException:
        attributes: Any = event.attributes
        name = self.task.name
        if isinstance(attributes, e.ActivityTaskTimedOut | e.ChildWorkflowExecutionTimedOut):
            return TimeoutError(attributes.timeout_type, self._timeout_value(attributes.timeout_type))
        if isinstance(attributes, e.ActivityTaskCanceled | e.ChildWorkflowExecutionCanceled):
            return TaskCanceled(attributes.details)
        if isinstance(attributes, e.ChildWorkflowExecutionTerminated):
            return TaskTerminated(f"{name} was terminated")
        if isinstance(attributes, e.ScheduleActivityTaskFailed | e.StartChildWorkflowExecutionFailed):
            return TaskFailed(name, f"the service refused it: {attributes.cause}")
        return TaskFailed(name, attributes.reason, attributes.details)

    def _timeout_value(self, timeout_type: str) -> int | None:
        raise NotImplementedError


class ActivityLeaf(RetryLeaf):
    """An activity task."""

    def __init__(self, evaluation: Evaluation, task: ActivityTask, priority: Any, place: str | None = None) -> None:
        super().__init__(evaluation, task, priority)
        activity = task.activity
        self.retry = activity.retry
        self.raises_on_failure = activity.raises_on_failure
        if hasattr(activity.callable, "get_task_id"):
            suffix = str(activity.callable.get_task_id(evaluation.workflow, *task.args, **task.kwargs))
        elif activity.idempotent:
            suffix = taskids.of_arguments(task.args, task.kwargs, f"input of {activity.name}")
        else:
            suffix = place if place is not None else self.reserve(evaluation, activity)
        self.key = ("activity", taskids.task_id("activity", activity.name, suffix))
        self._priority = _priority(evaluation, priority, activity.task_priority)
        self._input = task.encoded_input
        evaluation.activities[activity.name] = activity

    @staticmethod
    def first_id(activity: Activity, scope: Scope) -> str:
        """The id of the first task of ``activity`` in ``scope``."""
        return taskids.task_id("activity", activity.name, taskids.place(Scope(scope.path), activity.name))

    @classmethod
    def reserve(cls, evaluation: Evaluation, submittable: Activity) -> str:
        if submittable.idempotent or hasattr(submittable.callable, "get_task_id"):
            return ""
        return taskids.place(evaluation.scope, submittable.name)

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


class ChildLeaf(RetryLeaf):
    """A child workflow execution.

    Its workflow id is the class's ``get_workflow_id``, or made from the parent's workflow id and its place, the same in
    every run, so that the done marks of a child with steps are found again.
    """

    def __init__(self, evaluation: Evaluation, task: WorkflowTask, priority: Any, place: str | None = None) -> None:
        super().__init__(evaluation, task, priority)
        self.retry = task.workflow.retry
        self.raises_on_failure = task.raises_on_failure
        workflow_id = task.workflow_id
        if place is None:
            place = self.reserve(evaluation, task.workflow)
        if workflow_id is None:
            if getattr(task.workflow, "idempotent", False):
                place = taskids.of_arguments(task.args, task.kwargs, f"input of {task.name}")
            workflow_id = taskids.fit(taskids.clean(f"{evaluation.execution.workflow_id}--{task.name}-{place}"))
        self.key = ("child", workflow_id)
        self._priority = _priority(evaluation, priority, task.priority or PRIORITY_NOT_SET)
        self._input = task.encoded_input
        evaluation.workflows[task.name] = task.workflow  # type: ignore[assignment]

    @classmethod
    def reserve(cls, evaluation: Evaluation, submittable: Any) -> str:
        return taskids.place(evaluation.scope, submittable.name or submittable.__name__)

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


class TimerLeaf(Leaf):
    """A timer."""

    def __init__(self, evaluation: Evaluation, task: TimerTask, priority: Any, place: str | None = None) -> None:
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
    """The first that was said: at submission, on the task, on the workflow; None for none."""
    check_priority(given, "__priority")
    for priority in (given, own, evaluation.workflow.task_priority):
        if priority is not PRIORITY_NOT_SET:
            return None if priority is None else str(priority)
    return None


LEAVES: dict[type[Task], type[Any]] = {
    ActivityTask: ActivityLeaf,
    WorkflowTask: ChildLeaf,
    TimerTask: TimerLeaf,
}
