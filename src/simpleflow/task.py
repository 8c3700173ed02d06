"""Tasks: the units of work that a workflow submits, and ``TaskFailureContext``, which describes a failed one."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from simpleflow import settings, values
from simpleflow.activity import Activity, check_priority, seconds
from simpleflow.base import AbstractWorkflow, Submittable, check_name
from simpleflow.constants import MAX_VERSION_LENGTH
from simpleflow.exceptions import InputError, NotSubmittable
from simpleflow.futures import Future

T = TypeVar("T", bound="CallTask")


def _results(args: Iterable[Any]) -> list[Any]:
    return [arg.result if isinstance(arg, Future) else arg for arg in args]


class Task(Submittable):
    """Base of all tasks. ``name`` identifies the task in messages and ids."""

    name: str


class CallTask(Task):
    """A task with arguments. Futures among them are replaced by their results; making the task waits for these."""

    args: list[Any]
    kwargs: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = _results(args)
        self.kwargs = dict(zip(kwargs, _results(kwargs.values()), strict=True))

    def __repr__(self) -> str:
        arguments = [repr(arg) for arg in self.args] + [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"{type(self).__name__}({', '.join([self.name, *arguments])})"

    def receive(self: T, value: Any) -> T:
        twin = copy.copy(self)
        twin.args = [*self.args, value]
        return twin

    def encode_input(self, reserved: Mapping[str, Any] = {}) -> str:
        """Return the arguments as JSON text ``{"args": [...], "kwargs": {...}}``, with the items of ``reserved`` added.

        Raises NotEncodable for arguments that are not JSON.
        """
        return values.encode({"args": self.args, "kwargs": self.kwargs, **reserved}, f"input of {self.name}")


class ActivityTask(CallTask):
    """An activity with its arguments. Making it waits for the results of futures among the arguments.

    Raises NotSubmittable if ``activity`` is not an ``Activity``.
    """

    def __init__(self, activity: Activity, *args: Any, **kwargs: Any) -> None:
        if not isinstance(activity, Activity):
            raise NotSubmittable(
                f"{activity!r} is not an activity; decorate the function with @activity.with_attributes()"
            )
        self.activity = activity
        super().__init__(*args, **kwargs)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The activity's name."""
        return self.activity.name

    def propagate_attribute(self, attr: str, val: Any) -> None:
        self.activity = self.activity.scoped(attr, val)

    def time_limit(self) -> float | None:
        activity = self.activity
        whole = _limit(activity.task_schedule_to_close_timeout)
        if whole is None:
            waiting = _limit(activity.task_schedule_to_start_timeout)
            working = _limit(activity.task_start_to_close_timeout)
            whole = None if waiting is None or working is None else waiting + working
        return None if whole is None else (activity.retry + 1) * whole


class WorkflowTask(CallTask):
    """A child workflow with its arguments.

    ``executor`` may be None. ``workflow_task_list`` overrides the class's own task list. The settings
    ``WORKFLOW_DEFAULT_*`` give the version and the time-outs that the class does not define.

    Raises NotSubmittable if ``workflow`` is not a workflow class, InputError for attributes of it that are not valid.
    """

    def __init__(
        self,
        executor: Any,
        workflow: type[AbstractWorkflow],
        *args: Any,
        workflow_task_list: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not (isinstance(workflow, type) and issubclass(workflow, AbstractWorkflow)):
            raise NotSubmittable(f"{workflow!r} is not a workflow class; expected a subclass of simpleflow.Workflow")
        _check_class(workflow)
        self.executor = executor
        self.workflow = workflow
        self.raises_on_failure = workflow.raises_on_failure
        self._task_list = workflow_task_list
        super().__init__(*args, **kwargs)

    def _from_class(self, method: str, attribute: str) -> Any:
        """Return ``method(*args, **kwargs)`` of the class if it defines that method, else its attribute or None."""
        if hasattr(self.workflow, method):
            return getattr(self.workflow, method)(*self.args, **self.kwargs)
        return getattr(self.workflow, attribute, None)

    def _seconds(self, attribute: str, default: int) -> str:
        given = getattr(self.workflow, attribute, None)
        return seconds(default if given is None else given, f"{attribute} of workflow {self.name}")

    @property
    def name(self) -> str:  # type: ignore[override]
        """The workflow type's name: the class's ``name``, else ``<module>.<class>``."""
        return self.workflow.name or _class_name(self.workflow)

    @property
    def version(self) -> str:
        """The workflow type's version: the class's ``version``, else the setting WORKFLOW_DEFAULT_VERSION."""
        return self.workflow.version or settings.WORKFLOW_DEFAULT_VERSION

    @property
    def workflow_id(self) -> str | None:
        """The result of the class's ``get_workflow_id(*args, **kwargs)``; None if it has no such method."""
        if not hasattr(self.workflow, "get_workflow_id"):
            return None
        found = self.workflow.get_workflow_id(*self.args, **self.kwargs)
        return None if found is None else check_name(found, f"workflow id of {self.name}")

    @property
    def task_list(self) -> str | None:
        """The task list of its decision tasks; None if neither the task nor the class sets one."""
        found = self._task_list or self._from_class("get_task_list", "task_list")
        return None if found is None else check_name(found, f"task list of workflow {self.name}")

    @property
    def tag_list(self) -> list[str] | None:
        """Its tags, at most five; None if the class sets none; ``INHERIT_TAG_LIST`` for those of the parent."""
        tags = self._from_class("get_tag_list", "tag_list")
        if tags is None or tags is self.workflow.INHERIT_TAG_LIST:
            return tags
        return check_tags(tags, f"tag_list of workflow {self.name}")

    @property
    def priority(self) -> Any:
        """Its task priority, checked; None if the class defines a property, since only instances have its value."""
        priority = self.workflow.task_priority
        if isinstance(priority, property):
            return None
        check_priority(priority, f"task_priority of workflow {self.name}")
        return priority

    @property
    def execution_timeout(self) -> str:
        """Seconds until the execution times out, as text."""
        return self._seconds("execution_timeout", settings.WORKFLOW_DEFAULT_EXECUTION_TIME)

    @property
    def decision_tasks_timeout(self) -> str:
        """Seconds that one decision may take, as text."""
        return self._seconds("decision_tasks_timeout", settings.WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT)

    @property
    def child_policy(self) -> str:
        """The fate of its children when it is terminated or times out: TERMINATE, REQUEST_CANCEL or ABANDON."""
        policy = getattr(self.workflow, "child_policy", None) or "TERMINATE"
        if policy not in ("TERMINATE", "REQUEST_CANCEL", "ABANDON"):
            raise InputError(
                f"child_policy of workflow {self.name} is {policy!r}; expected TERMINATE, REQUEST_CANCEL or ABANDON"
            )
        return str(policy)

    def propagate_attribute(self, attr: str, val: Any) -> None:
        setattr(self, attr, val)

    def time_limit(self) -> float | None:
        if self.execution_timeout == str(settings.WORKFLOW_DEFAULT_EXECUTION_TIME):
            return None  # the default limit is no estimate for this workflow
        limit = _limit(self.execution_timeout)
        return None if limit is None else (self.workflow.retry + 1) * limit


class ChildWorkflowTask(WorkflowTask):
    """A child workflow with its arguments, for use as a member of a canvas or a step."""

    def __init__(
        self,
        workflow: type[AbstractWorkflow],
        *args: Any,
        workflow_task_list: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(None, workflow, *args, workflow_task_list=workflow_task_list, **kwargs)


class SignalTask(CallTask):
    """Sends a signal, to this workflow if ``workflow_id`` is None. See ``Workflow.signal``."""

    def __init__(
        self,
        name: str,
        *args: Any,
        workflow_id: str | None = None,
        run_id: str | None = None,
        propagate: bool = True,
        **kwargs: Any,
    ) -> None:
        self.name = check_name(name, "signal name")
        if workflow_id is not None:
            check_name(workflow_id, f"workflow id of signal {name!r}")
        if run_id is not None:
            check_name(run_id, f"run id of signal {name!r}")
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.propagate = propagate
        super().__init__(*args, **kwargs)

    def receive(self, value: Any) -> SignalTask:
        return self

    @property
    def encoded_input(self) -> str:
        """The signal's input as JSON text ``{"args": [...], "kwargs": {...}, "__propagate": ...}``."""
        content = {"args": self.args, "kwargs": self.kwargs, "__propagate": bool(self.propagate)}
        return values.encode(content, f"input of signal {self.name!r}")


class MarkerTask(Task):
    """Records a marker. ``details`` is any value that can be JSON, or None."""

    def __init__(self, name: str, details: Any = None) -> None:
        self.name = check_name(name, "marker name")
        self.details = details

    @property
    def encoded_details(self) -> str | None:
        """The details as JSON text; None if there are none."""
        return None if self.details is None else values.encode(self.details, f"details of marker {self.name!r}")


class TimerTask(Task):
    """Starts a timer. Its future is done when the timer fires, ``timeout`` seconds later.

    The id identifies the timer: submitting the same id again returns the same timer.

    Args:
        timer_id: text of 1 to 256 characters.
        timeout: whole seconds, as a number or as text.
        control: any value that can be JSON; the history keeps it.

    Raises InputError, NotEncodable.
    """

    def __init__(self, timer_id: str, timeout: int | str, control: Any = None) -> None:
        self.timer_id = check_name(timer_id, "timer id")
        text = seconds(timeout, f"time-out of timer {timer_id!r}")
        if text == "NONE":
            raise InputError(f"time-out of timer {timer_id!r} is {timeout!r}; expected whole seconds")
        self.timeout = text
        self.control = None if control is None else values.encode(control, f"control of timer {timer_id!r}")

    @property
    def name(self) -> str:  # type: ignore[override]
        """The timer's id."""
        return self.timer_id

    def time_limit(self) -> float | None:
        return _limit(self.timeout)


class CancelTimerTask(Task):
    """Cancels a timer."""

    def __init__(self, timer_id: str) -> None:
        self.timer_id = check_name(timer_id, "timer id")
        self.name = self.timer_id


class ContinueAsNewWorkflowTask(CallTask):
    """Ends this execution and starts a new one of the same class, with these arguments and the same workflow id."""

    name = "continue_as_new"


class TaskFailureContext:
    """One failure of one task. ``Workflow.on_task_failure`` receives it and returns one of its ``decide_...()``.

    Attributes:
        a_task: the task that failed.
        task_name: its name.
        exception: TaskFailed, TimeoutError, TaskCanceled or TaskTerminated.
        retry_count: number of tries before this one; 0 for the first.
        id: the id of the task.
        event: the event of the history that records the failure.
        history: the history of the execution.
        reason: one line, or None.
        details: JSON text (see ``TaskFailed``), or None.
        future: the future of the task, or the one given to ``decide_handled``.
        decision: the decision taken: abort, ignore, cancel, retry or handled; None before.
        retry_wait_timeout: seconds before the next try, if the decision is retry.
    """

    def __init__(
        self,
        a_task: Task,
        task_name: str,
        exception: Exception,
        retry_count: int,
        id: str,
        event: Any,
        history: Any,
        reason: str | None = None,
        details: str | None = None,
        future: Future | None = None,
    ) -> None:
        self.a_task = a_task
        self.task_name = task_name
        self.exception = exception
        self.retry_count = retry_count
        self.id = id
        self.event = event
        self.history = history
        self.reason = reason
        self.details = details
        self.future = future
        self.decision: str | None = None
        self.retry_wait_timeout = 0

    def __repr__(self) -> str:
        return f"TaskFailureContext({self.task_name}, attempt {self.attempt_number}: {self.exception!r})"

    @property
    def attempt_number(self) -> int:
        """Number of this try, from 1."""
        return self.retry_count + 1

    @property
    def exception_class(self) -> type[Exception]:
        """Class of ``exception``: TaskFailed, TimeoutError, TaskCanceled or TaskTerminated."""
        return type(self.exception)

    def _detail(self, key: str) -> str | None:
        details = values.decode(self.details)
        found = details.get(key) if isinstance(details, dict) else None
        return None if found is None else str(found)

    @property
    def task_error(self) -> str | None:
        """Name of the exception class that the activity raised, such as ``ValueError``."""
        return self._detail("error")

    @property
    def task_error_type(self) -> str | None:
        """The same with its module, such as ``builtins.ValueError``."""
        return self._detail("error_type")

    @property
    def task_message(self) -> str | None:
        """The text of the exception that the activity raised."""
        return self._detail("message")

    def decide_abort(self) -> TaskFailureContext:
        """Fail the workflow."""
        self.decision = "abort"
        return self

    def decide_ignore(self) -> TaskFailureContext:
        """Carry on; the task's future holds the exception."""
        self.decision = "ignore"
        return self

    def decide_cancel(self) -> TaskFailureContext:
        """Carry on; the task's future is cancelled."""
        self.decision = "cancel"
        return self

    def decide_retry(self, retry_wait_timeout: int = 0) -> TaskFailureContext:
        """Try again after ``retry_wait_timeout`` whole seconds. Raises InputError."""
        seconds(retry_wait_timeout, f"retry_wait_timeout of {self.task_name}")
        self.decision = "retry"
        self.retry_wait_timeout = int(retry_wait_timeout)
        return self

    def decide_handled(self, a_task: Task, future: Future | None = None) -> TaskFailureContext:
        """Carry on with the result of ``future``, the future of ``a_task``, instead of the failed task's result."""
        self.decision = "handled"
        self.a_task = a_task
        self.future = future
        return self


def _limit(seconds: str) -> float | None:
    """A time-out as SWF writes it, as a number; None for ``NONE``."""
    return None if seconds == "NONE" else float(seconds)


def _class_name(workflow: type[AbstractWorkflow]) -> str:
    return f"{workflow.__module__}.{workflow.__name__}"


def _check_class(workflow: type[AbstractWorkflow]) -> None:
    """Raise InputError if an attribute of a workflow class is not valid."""
    name = _class_name(workflow)
    if workflow.name:
        check_name(workflow.name, f"name of workflow {name}")
    if workflow.version:
        check_name(workflow.version, f"version of workflow {name}", MAX_VERSION_LENGTH)
    for attribute, least in (("retry", 0), ("max_open_activity_count", 1)):
        number = getattr(workflow, attribute, least)
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise InputError(f"{attribute} of workflow {name} is {number!r}; expected a number, {least} or more")


def check_tags(tags: Any, label: str) -> list[str]:
    """Return the tags as a list. Raises InputError unless they are at most five texts of 1 to 256 characters."""
    if isinstance(tags, str) or not isinstance(tags, list | tuple):
        raise InputError(f"{label} is {tags!r}; expected a list of at most 5 texts")
    if len(tags) > 5:
        raise InputError(f"{label} holds {len(tags)} tags; expected 5 at most")
    return [check_name(tag, f"{label}: tag") for tag in tags]
