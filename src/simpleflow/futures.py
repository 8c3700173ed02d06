"""Futures: the results of what a workflow submitted.

A future is final once it is FINISHED or CANCELLED. Reading ``result`` or ``exception`` before that waits: it returns
when the history holds the answer, or raises ``ExecutionBlocked`` where nobody can wait. Reading ``finished`` and the
like never waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from simpleflow.exceptions import ExecutionBlocked, TaskCanceled

PENDING = "PENDING"
RUNNING = "RUNNING"
CANCELLED = "CANCELLED"
CANCELLED_AND_NOTIFIED = "CANCELLED_AND_NOTIFIED"
FINISHED = "FINISHED"

_FINAL = frozenset({FINISHED, CANCELLED, CANCELLED_AND_NOTIFIED})

F = TypeVar("F", bound="Future")


class Waiter(Protocol):
    """Whoever evaluates the workflow that a future belongs to."""

    def block(self, future: Future) -> None:
        """Return once ``future`` is final; raise ExecutionBlocked if it will not be in this evaluation."""

    def changed(self, future: Future) -> None:
        """``future`` is no longer as user code has seen it: what that did next may have been wrong."""

    def cancel(self, future: Future) -> None:
        """User code has cancelled ``future``: ask for the task's end where there is a task."""


class Future:
    """The result of one submission."""

    __slots__ = ("__dict__", "_callbacks", "_exception", "_result", "_seen", "_state", "_waiter")

    def __init__(self, waiter: Waiter | None = None) -> None:
        self._state = PENDING
        self._seen = False  # user code has looked at it before it was final
        self._result: Any = None
        self._exception: BaseException | None = None
        self._waiter = waiter
        self._callbacks: list[Callable[[Future], None]] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._state} at {id(self):#x}>"

    @property
    def result(self) -> Any:
        """What the task returned; None if it failed or was cancelled. Waits."""
        if self._state not in _FINAL:
            self._wait()
        return self._result

    @property
    def exception(self) -> BaseException | None:
        """Why the task failed, or None. Waits."""
        if self._state not in _FINAL:
            self._wait()
        return self._exception

    @property
    def state(self) -> str:
        """One of PENDING, RUNNING, CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED."""
        if self._state not in _FINAL:
            self._seen = True
        return self._state

    @property
    def pending(self) -> bool:
        """Submitted, not started."""
        return self.state == PENDING

    @property
    def running(self) -> bool:
        """Started, not ended."""
        return self.state == RUNNING

    @property
    def finished(self) -> bool:
        """Ended, well or badly."""
        return self.state == FINISHED

    @property
    def cancelled(self) -> bool:
        """Cancelled."""
        return self.state in (CANCELLED, CANCELLED_AND_NOTIFIED)

    @property
    def done(self) -> bool:
        """Finished or cancelled: nothing more will happen to it."""
        return self.state in _FINAL

    def cancel(self) -> bool:
        """Cancel the task, started or not. Returns False if it had already finished, else True."""
        if self._state in _FINAL:
            return self._state != FINISHED
        self._seen = False  # no surprise to who cancels it
        if self._waiter is not None:
            self._waiter.cancel(self)
        self.set_cancelled()
        return True

    def set_running(self) -> None:
        """Move to RUNNING."""
        self._assign(RUNNING)

    def set_finished(self, result: Any = None) -> None:
        """Move to FINISHED with a result."""
        self._assign(FINISHED, result)
        self._announce()

    def set_exception(self, exception: BaseException) -> None:
        """Move to FINISHED with a failure."""
        self._assign(FINISHED, None, exception)
        self._announce()

    def set_cancelled(self) -> None:
        """Move to CANCELLED."""
        self._assign(CANCELLED)
        self._announce()

    def __json_value__(self) -> Any:
        return self.result

    # For the machinery: these neither wait nor count as observed by user code.

    @property
    def _done(self) -> bool:
        return self._state in _FINAL

    @property
    def _failure(self) -> BaseException | None:
        """The exception; a cancelled task counts as one that did not succeed."""
        if self._exception is None and self._state in (CANCELLED, CANCELLED_AND_NOTIFIED):
            return TaskCanceled()
        return self._exception

    def _assign(self, state: str, result: Any = None, exception: BaseException | None = None) -> None:
        if self._seen and state != self._state and self._waiter is not None:
            self._waiter.changed(self)
        self._state = state
        self._result = result
        self._exception = exception

    def _announce(self) -> None:
        """Tell those who wait for it that this future is final."""
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback(self)

    def _when_done(self, callback: Callable[[Future], None]) -> None:
        """Call back once final: at once if it is."""
        if self._state in _FINAL:
            callback(self)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def _wait(self) -> None:
        if self._waiter is None:
            raise ExecutionBlocked
        self._waiter.block(self)


def wait(*futures: Future) -> list[Any]:
    """Wait for all; return their results in the order given, None for each one that failed.

    Never raises a task's exception: look at ``future.exception``.
    """
    return [future.result for future in futures]
