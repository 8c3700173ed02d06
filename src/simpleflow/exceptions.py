"""All exceptions that simpleflow raises.

    BaseException
      ExecutionBlocked                 a result is not there yet: control flow, not an error
    Exception
      SimpleflowError
        InputError                     an argument, option or setting is not valid (also a ValueError)
          NotSubmittable               an object that a workflow cannot submit (also a TypeError)
          NotEncodable                 a value that is not JSON (also a TypeError)
        ResultNotKept                  a step was skipped and its mark holds no result
        StoreError                     the bucket or folder of the done marks cannot be read or written
        StateError                     the state folder cannot be used
        SwfError                       Amazon SWF refused a request or cannot be reached
        RunBusy                        another live process drives this run
        PlanDiffers                    a run would not do what its plan says
        UnknownResource                a token or an execution that is unknown or no longer open
          LeaseLost                    this process no longer owns the run
        InvalidTransition              an event that cannot follow the recorded ones
        TaskException                  a task of the workflow did not complete
          TaskFailed                   an activity or child workflow failed
          TimeoutError                 a task timed out
          TaskCanceled                 a task was cancelled
          TaskTerminated               a child workflow was terminated
        WorkflowException              the workflow execution did not complete
          ExecutionError               it failed
          ExecutionTimeoutError        it timed out
          ExecutionCanceled            it was cancelled
          ExecutionTerminated          it was terminated from outside
        AggregateException             the exceptions of several members of a group or a chain

A message names the thing, its value, what was expected and what to do. ``__cause__`` holds the original exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from simpleflow.shown_text import hide_passwords


class ExecutionBlocked(BaseException):
    """The workflow needs a result that is not there yet; its evaluation stops here until the history has it.

    It is a ``BaseException``, so that ``except Exception`` in a workflow does not swallow it.
    """


class SimpleflowError(Exception):
    """Base of all errors of this library."""


class InputError(SimpleflowError, ValueError):
    """An argument, option, setting or input is not valid."""


class NotSubmittable(InputError, TypeError):
    """The object is not something that a workflow can submit."""


class NotEncodable(InputError, TypeError):
    """A value cannot be written as JSON, so it cannot be an argument, a result or details."""


class ResultNotKept(SimpleflowError):
    """A step was skipped, and its mark does not hold the result of the run that executed it.

    Attributes:
        step: the name of the step.
    """

    def __init__(self, text: str, step: str) -> None:
        super().__init__(text)
        self.step = step

    def __reduce__(self) -> tuple[type[ResultNotKept], tuple[str, str]]:
        return type(self), (str(self), self.step)


class StoreError(SimpleflowError):
    """The store of the done marks could not be read or written.

    Attributes:
        lasting: True if trying again does not help.
    """

    lasting = False

    @classmethod
    def for_good(cls, text: str) -> StoreError:
        """An error for which trying again does not help."""
        error = cls(text)
        error.lasting = True
        return error


class StateError(SimpleflowError):
    """The state folder of the embedded engine cannot be used."""


class SwfError(SimpleflowError):
    """Amazon SWF refused a request, or could not be reached.

    ``passing`` is True if the same request may succeed later (throttling, network).
    """

    def __init__(self, message: str, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class ClusterError(SimpleflowError):
    """The cluster that performs the activities of a run cannot be used, or cannot be reached any longer."""


class RunBusy(SimpleflowError):
    """Another live process drives this run."""


class PlanDiffers(SimpleflowError):
    """A run would not do what the plan says that it was given."""


class UnknownResource(SimpleflowError):
    """A token or an execution that is unknown or no longer open (SWF: UnknownResourceFault)."""


class LeaseLost(UnknownResource):
    """This process no longer owns the run. Nothing was changed."""


class InvalidTransition(SimpleflowError):
    """An event cannot follow those that the history holds. Nothing was changed."""


class TaskException(SimpleflowError):
    """Base: a task of the workflow did not complete."""


class TaskFailed(TaskException):
    """An activity or child workflow failed.

    Attributes:
        name: the task's name.
        reason: one line, such as ``ValueError: no such file``; or None.
        details: JSON text of an object with the keys ``error``, ``error_type``, ``error_bases`` (the names of the
            class and of its bases), ``message`` and ``traceback`` (a list of lines), and for a group of exceptions
            ``error_members`` (such names for each kind of exception in it); or None.
        is_child: True for a child workflow.
        where: file and line of the user's code that raised, once ``Executor.run`` has raised this; None in the code of
            a workflow, which must not decide by the lines of code.
    """

    def __init__(self, name: str, reason: str | None = None, details: str | None = None) -> None:
        super().__init__(name, reason, details)
        self.is_child = False
        self.where: str | None = None
        self.name = name
        self.reason = reason
        self.details = details

    def __str__(self) -> str:
        text = f"{self.name}: {self.reason}" if self.reason else self.name
        return f"{text} ({self.where})" if self.where else text


class TimeoutError(TaskException):
    """A task timed out.

    Attributes:
        timeout_type: START_TO_CLOSE, SCHEDULE_TO_START, SCHEDULE_TO_CLOSE or HEARTBEAT.
        timeout_value: the limit in seconds, or None.
        queued: seconds that the task waited before it started, or in all if it never started; None if not known.
        ran: seconds from its start to the time-out; None if it never started, or if they are not known.
        option: the option that sets the limit, such as ``start_to_close_timeout of the activity``; or None.
    """

    def __init__(
        self,
        timeout_type: str,
        timeout_value: int | None = None,
        *,
        queued: float | None = None,
        ran: float | None = None,
        option: str | None = None,
    ) -> None:
        super().__init__(timeout_type, timeout_value)
        self.timeout_type = timeout_type
        self.timeout_value = timeout_value
        self.queued = queued
        self.ran = ran
        self.option = option

    @property
    def brief(self) -> str:
        """The limit alone: the same text for all tasks that ran into the same limit."""
        text = f"time-out {self.timeout_type}"
        if self.timeout_value is None:
            return text
        return f"{text} after {self.timeout_value} s" + (
            " without a heartbeat" if self.timeout_type == "HEARTBEAT" else ""
        )

    def __str__(self) -> str:
        text = self.brief
        times = [] if self.queued is None else [f"queued for {self.queued:.1f} s"]
        if self.ran is not None:
            times.append(f"ran for {self.ran:.1f} s")
        elif times:
            times.append("never started")
        if times:
            text += ": " + ", ".join(times)
        return text if self.option is None else f"{text}; {self.option} changes the limit"


class TaskCanceled(TaskException):
    """A task was cancelled. ``details`` is the text with which it confirmed that, or None."""

    def __init__(self, details: str | None = None) -> None:
        super().__init__(details)
        self.details = details

    def __str__(self) -> str:
        return f"cancelled: {self.details}" if self.details else "cancelled"


class TaskTerminated(TaskException):
    """A child workflow was terminated."""


class WorkflowException(SimpleflowError):
    """Base: the workflow execution did not complete.

    ``reason`` is one line, ``details`` a longer text; each may be None.
    """

    def __init__(self, reason: str | None = None, details: str | None = None) -> None:
        super().__init__(reason, details)
        self.reason = reason
        self.details = details

    def __str__(self) -> str:
        return self.reason or type(self).__name__


class ExecutionError(WorkflowException):
    """The workflow execution failed."""


class ExecutionTimeoutError(WorkflowException):
    """The workflow execution timed out."""


class ExecutionCanceled(WorkflowException):
    """The workflow execution was cancelled."""


class ExecutionTerminated(WorkflowException):
    """The workflow execution was terminated from outside."""


class AggregateException(SimpleflowError):
    """The exceptions of a container's members.

    ``exceptions`` has one entry for each member, in their order; None for a member that did not fail.
    """

    def __init__(self, exceptions: Sequence[BaseException | None]) -> None:
        super().__init__(list(exceptions))
        self.exceptions: list[BaseException | None] = list(exceptions)

    def append(self, exception: BaseException | None) -> None:
        """Add the entry of one more member."""
        self.exceptions.append(exception)

    def _leaves(self) -> Iterator[BaseException]:
        for exception in self.exceptions:
            if isinstance(exception, AggregateException):
                yield from exception._leaves()
            elif exception is not None:
                yield exception

    def flatten(self) -> AggregateException:
        """Return a copy without nesting and without the entries that are None."""
        return AggregateException(list(self._leaves()))

    def handle(self, predicate: Callable[..., bool], *args: Any, **kwargs: Any) -> None:
        """Call ``predicate(exception, *args, **kwargs)`` on each exception; it returns True for one that it handled.

        Raises AggregateException with the exceptions that were not handled, nested as here. Returns None if all were.
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


def distinct(errors: Sequence[BaseException | None], text: Callable[[BaseException], str]) -> list[str]:
    """Return the texts of the errors without repetition; of time-outs by the same limit, that of the first one."""
    found: dict[str, str] = {}
    for error in errors:
        if error is not None:
            said = text(error)
            found.setdefault(error.brief if isinstance(error, TimeoutError) else said, said)
    return list(found.values())


def escaped(text: str) -> str:
    """Return the text with escapes for what UTF-8 cannot hold, such as the bytes of a file name in another encoding."""
    return text.encode("utf-8", "backslashreplace").decode()


def message(error: BaseException) -> str:
    """Return the text of an error of any kind, for a history or a message."""
    try:
        return escaped(str(error))
    except Exception:  # noqa: BLE001 (a user's ``__str__``)
        return "(its message cannot be shown)"


def passes_through(error: BaseException) -> bool:
    """Return True for what stops the process from outside: it is no error of the code in which it is raised.

    Other libraries derive errors from ``BaseException``, such as asyncio's ``CancelledError``. These fail a run or an
    activity as other errors do.
    """
    return isinstance(error, KeyboardInterrupt | ExecutionBlocked) or getattr(error, "stops_process", False) is True


def one_line(error: BaseException) -> str:
    """Return the error's class and message in one line, without passwords in URLs."""
    return hide_passwords(" ".join(f"{type(error).__name__}: {message(error)}".split()))
