"""One failure of one task, as ``Workflow.on_task_failure`` gets it, and the possible reactions."""

from __future__ import annotations

from typing import Any

from simpleflow import values
from simpleflow.activity import seconds
from simpleflow.call_task import Task
from simpleflow.futures import Future


class TaskFailureContext:
    """One failure of one task. ``Workflow.on_task_failure`` receives it and returns one of its ``decide_...()``.

    Attributes:
        a_task: the task that failed.
        task_name: its name.
        exception: TaskFailed, TimeoutError, TaskCanceled or TaskTerminated.
        retry_count: number of tries before this one; 0 for the first.
        id: the id of the task.
        event: the event of the history that records the failure; also a dict with what the history says of the task.
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
