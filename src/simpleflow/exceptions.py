"""Every error that simpleflow raises.

    BaseException
      ExecutionBlocked                 a result is not there yet: control flow, not an error
    Exception
      SimpleflowError
        InputError                     you asked for something that cannot be (also a ValueError)
          NotSubmittable               (also a TypeError)
          NotEncodable                 a value that is not JSON (also a TypeError)
        ResultNotKept                  the result of a step that was skipped is not known
        StoreError                     the bucket or folder of the done marks said no
        StateError                     the state folder cannot be used
        SwfError                       Amazon SWF, or the way to it, said no
        RunBusy                        another live process drives this run
        UnknownResource                a token or execution that is no longer open
          LeaseLost                    this process no longer owns the run
        InvalidTransition              an event that cannot follow what is recorded
        TaskException                  a task of the workflow ended badly
          TaskFailed, TimeoutError, TaskCanceled, TaskTerminated
        WorkflowException              the workflow itself ended badly
          ExecutionError, ExecutionTimeoutError, ExecutionCanceled, ExecutionTerminated
        AggregateException             several at once: those of a group or a chain

A message names the thing, its value, what was expected and what to do; the cause stays in ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any


class ExecutionBlocked(BaseException):
    """A result that the workflow asked for is not there yet.

    A ``BaseException``, so that ``except Exception`` in a workflow does not swallow it.
    """


class SimpleflowError(Exception):
    """Base of every error of this library."""


class InputError(SimpleflowError, ValueError):
    """Something that was handed in cannot be used."""


class NotSubmittable(InputError, TypeError):
    """What was handed in is nothing that a workflow can run."""


class NotEncodable(InputError, TypeError):
    """A value cannot cross as JSON."""


class ResultNotKept(SimpleflowError):
    """A step was skipped, and the result that its work had when it was played is not known."""


class StoreError(SimpleflowError):
    """The store of the done marks could not be read or written."""


class StateError(SimpleflowError):
    """The state folder of the embedded engine cannot be used."""


class SwfError(SimpleflowError):
    """Amazon SWF refused a request, or could not be reached. ``passing``: the same request may be taken later."""

    def __init__(self, message: str, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class RunBusy(SimpleflowError):
    """Another live process drives this run."""


class UnknownResource(SimpleflowError):
    """A token or an execution that is unknown or no longer open (SWF: UnknownResourceFault)."""


class LeaseLost(UnknownResource):
    """This process no longer owns the run; nothing was changed."""


class InvalidTransition(SimpleflowError):
    """An event that cannot follow what the history holds; nothing was changed."""


class TaskException(SimpleflowError):
    """A task of the workflow ended badly."""


class TaskFailed(TaskException):
    """An activity or child workflow failed.

    ``name`` is the task's name, ``reason`` one line such as ``ValueError: no such file``, ``details`` a JSON
    object with ``error``, ``error_type``, ``message`` and ``traceback`` (a list of lines), or None.
    """

    def __init__(self, name: str, reason: str | None = None, details: str | None = None) -> None:
        super().__init__(name, reason, details)
        self.name = name
        self.reason = reason
        self.details = details

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.reason else self.name


class TimeoutError(TaskException):
    """A task ran out of time. ``timeout_type`` is SWF's word (``START_TO_CLOSE`` ...), ``timeout_value`` seconds."""

    def __init__(self, timeout_type: str, timeout_value: int | None = None) -> None:
        super().__init__(timeout_type, timeout_value)
        self.timeout_type = timeout_type
        self.timeout_value = timeout_value

    def __str__(self) -> str:
        seconds = "" if self.timeout_value is None else f" after {self.timeout_value} s"
        return f"time-out {self.timeout_type}{seconds}"


class TaskCanceled(TaskException):
    """A task was cancelled; ``details`` is what it said of that, or None."""

    def __init__(self, details: str | None = None) -> None:
        super().__init__(details)
        self.details = details

    def __str__(self) -> str:
        return f"cancelled: {self.details}" if self.details else "cancelled"


class TaskTerminated(TaskException):
    """A child workflow was terminated."""


class WorkflowException(SimpleflowError):
    """The workflow execution ended badly; ``reason`` is one line, ``details`` more text or None."""

    def __init__(self, reason: str | None = None, details: str | None = None) -> None:
        super().__init__(reason, details)
        self.reason = reason
        self.details = details

    def __str__(self) -> str:
        return self.reason or type(self).__name__


class ExecutionError(WorkflowException):
    """The workflow execution failed."""


class ExecutionTimeoutError(WorkflowException):
    """The workflow execution ran out of time."""


class ExecutionCanceled(WorkflowException):
    """The workflow execution was cancelled."""


class ExecutionTerminated(WorkflowException):
    """The workflow execution was terminated from outside."""


class AggregateException(SimpleflowError):
    """The exceptions of a container's members: one place for each member, None where it did not fail."""

    def __init__(self, exceptions: Sequence[BaseException | None]) -> None:
        super().__init__(list(exceptions))
        self.exceptions: list[BaseException | None] = list(exceptions)

    def append(self, exception: BaseException | None) -> None:
        """Add the place of one more member."""
        self.exceptions.append(exception)

    def _leaves(self) -> Iterator[BaseException]:
        for exception in self.exceptions:
            if isinstance(exception, AggregateException):
                yield from exception._leaves()
            elif exception is not None:
                yield exception

    def flatten(self) -> AggregateException:
        """The same without nesting and without the places that hold None."""
        return AggregateException(list(self._leaves()))

    def handle(self, predicate: Callable[..., bool], *args: Any, **kwargs: Any) -> None:
        """Call ``predicate(exception, *args, **kwargs)`` on each one; raise those that it does not accept.

        Raises AggregateException with what is left, nested as here; nothing if all were accepted.
        """
        rest: list[BaseException | None] = []
        for exception in self.exceptions:
            if isinstance(exception, AggregateException):
                try:
                    exception.handle(predicate, *args, **kwargs)
                except AggregateException as unhandled:
                    rest.append(unhandled)
            elif exception is not None and not predicate(exception, *args, **kwargs):
                rest.append(exception)
        if rest:
            raise AggregateException(rest)

    def __str__(self) -> str:
        return "; ".join(str(each) for each in self._leaves()) or "no exception"


def one_line(error: BaseException) -> str:
    """The error's class and message in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
