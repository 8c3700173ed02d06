"""Futures and promises: the two halves of the result of a submission.

A *promise* is the half that the library holds. It moves from state to state and calls back when it is final. Reading a
promise neither waits nor counts as seen by user code. A *future* is the half that user code holds, a thin view of its
promise. Reading ``result`` or ``exception`` of a future waits: it returns once the history holds the answer, or raises
``ExecutionBlocked`` where the evaluation cannot go on. Reading ``finished`` and the like never waits.

A promise is final once it is FINISHED or CANCELLED.

User code may branch on a future that is not final (``if future.finished: ...``). The promise remembers that user code
has seen it in that state. If the state changes later, the code after the branch may have done the wrong thing. So the
promise calls ``Waiter.changed``, and the decider evaluates ``run`` afresh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol
from weakref import ReferenceType, ref

from simpleflow.constants import existing_names
from simpleflow.exceptions import ExecutionBlocked, InputError, TaskCanceled

PENDING = "PENDING"
RUNNING = "RUNNING"
CANCELLED = "CANCELLED"
CANCELLED_AND_NOTIFIED = "CANCELLED_AND_NOTIFIED"
FINISHED = "FINISHED"

_FINAL = frozenset({FINISHED, CANCELLED, CANCELLED_AND_NOTIFIED})


class Waiter(Protocol):
    """The evaluation to which a promise belongs."""

    lost: set[Promise]
    """Final promises of what has failed the run, while the run goes on: code that waits for one does not go on."""

    def block(self, promise: Promise) -> None:
        """Return once ``promise`` is final. Raises ExecutionBlocked if it does not become final in this evaluation."""

    def changed(self, promise: Promise) -> None:
        """Note that ``promise`` is no longer in the state that user code has seen."""

    def cancel(self, promise: Promise) -> None:
        """User code has cancelled ``promise``: ask the service to end its task, if it has one."""


class Promise:
    """The library's half of a submission's result."""

    __slots__ = ("_callbacks", "_future", "_kind", "_seen", "_waiter", "exception", "failure_read", "result", "state")

    def __init__(self, waiter: Waiter | None = None, future: Future | None = None) -> None:
        self.state = PENDING
        self.result: Any = None  # None until it is final, and if the task failed
        self.exception: BaseException | None = None  # of a task that failed
        self._waiter = waiter
        # The view of this promise, made when user code first gets one. User code holds it: the two in a circle would
        # keep the result until the garbage collector finds them.
        self._future: ReferenceType[Future] | None = None if future is None else ref(future)
        self._kind: type[Future] = Future if future is None else type(future)
        self.failure_read = False  # user code has asked whether the task has failed
        self._seen = False  # user code has read the state before it was final
        self._callbacks: list[Callable[[Promise], None]] | None = None  # to call once it is final

    @property
    def future(self) -> Future:
        """The view of this promise for user code: always the same object, while user code holds it."""
        future = None if self._future is None else self._future()
        if future is None:
            future = object.__new__(self._kind)
            future._promise = self
            self._future = ref(future)
        return future

    @property
    def kind(self) -> str:
        """The name of the class of futures that user code sees."""
        return self._kind.__name__

    @property
    def done(self) -> bool:
        """True once this promise is final."""
        return self.state in _FINAL

    @property
    def failure(self) -> BaseException | None:
        """The exception; TaskCanceled for a cancelled task, which has no exception and yet did not succeed."""
        if self.exception is None and self.state in (CANCELLED, CANCELLED_AND_NOTIFIED):
            return TaskCanceled()
        return self.exception

    def assign(self, state: str, result: Any = None, exception: BaseException | None = None) -> None:
        """Move to ``state`` without calling back."""
        if self._seen and state != self.state and self._waiter is not None:
            self._waiter.changed(self)
        self.state = state
        self.result = result
        self.exception = exception

    def announce(self) -> None:
        """Call back everything that waits for this promise, which is final."""
        if self._callbacks is not None:
            callbacks, self._callbacks = self._callbacks, None
            for callback in callbacks:
                callback(self)

    def settle(self, state: str, result: Any = None, exception: BaseException | None = None) -> None:
        """Move to a final state and call back."""
        self.assign(state, result, exception)
        self.announce()

    def finish(self, result: Any = None) -> None:
        """End well, with a result."""
        self.assign(FINISHED, result)
        self.announce()

    def fail(self, exception: BaseException) -> None:
        """End with a failure."""
        self.settle(FINISHED, None, exception)

    def settle_as(self, other: Promise) -> None:
        """End as ``other`` did."""
        self.settle(other.state, other.result, other.exception)

    def when_done(self, callback: Callable[[Promise], None]) -> None:
        """Call back once this promise is final, which may be at once."""
        if self.state in _FINAL:
            callback(self)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    @property
    def is_awaited(self) -> bool:
        """True if a callback waits for this promise to be final."""
        return bool(self._callbacks)

    def read_failure(self) -> None:
        """Take note that user code asks whether the task has failed: such a failure is not reported as overlooked."""
        self.failure_read = True

    def wait(self) -> None:
        """Return once this promise is final. Raises ExecutionBlocked if it does not become final in this evaluation."""
        waiter = self._waiter
        if self.state not in _FINAL:
            if waiter is None:
                raise ExecutionBlocked
            waiter.block(self)
        if waiter is not None and waiter.lost and self in waiter.lost:
            waiter.block(Promise(waiter))

    def argument(self, strict: bool = True) -> Any:
        """The value that a task gets for this promise, which is final, among its arguments.

        Raises ResultNotKept if that of a skipped step is not known; if not ``strict``, it is None then.
        """
        return self.result

    def observe(self) -> str:
        """Return the state, and remember that user code has seen it."""
        if self.state not in _FINAL:
            self._seen = True
        return self.state

    def cancel(self) -> bool:
        """Cancel the task, started or not. Returns False if it had already finished, else True."""
        if self.state in _FINAL:
            return self.state != FINISHED
        self._seen = False  # the code that cancels the task expects the change
        if self._waiter is not None:
            self._waiter.cancel(self)
        self.settle(CANCELLED)
        return True

    def cancelled_by_other(self) -> None:
        """Move to CANCELLED, since user code has cancelled another promise of the same task."""
        self._seen = False
        self.settle(CANCELLED)


class Future:
    """The result of one submission, as user code sees it."""

    __slots__ = ("__dict__", "__weakref__", "_promise")

    def __init__(self, waiter: Waiter | None = None, *, promise: Promise | None = None) -> None:
        self._promise = promise if promise is not None else Promise(waiter, self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._promise.state} at {id(self):#x}>"

    @property
    def result(self) -> Any:
        """The value that the task returned; None if it failed or was cancelled. Waits."""
        self._promise.wait()
        return self._promise.result

    @property
    def exception(self) -> BaseException | None:
        """The exception with which the task failed, or None. Waits."""
        self._promise.wait()
        self._promise.read_failure()
        return self._promise.exception

    def wait(self) -> None:
        """Wait until the task has ended, well or badly. Never raises the task's exception."""
        self._promise.wait()

    @property
    def state(self) -> str:
        """One of PENDING, RUNNING, CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED."""
        return self._promise.observe()

    @property
    def pending(self) -> bool:
        """True if the task was submitted and has not started."""
        return self.state == PENDING

    @property
    def running(self) -> bool:
        """True if the task has started and has not ended."""
        return self.state == RUNNING

    @property
    def finished(self) -> bool:
        """True if the task has ended, well or badly."""
        return self.state == FINISHED

    @property
    def cancelled(self) -> bool:
        """True if the task was cancelled."""
        return self.state in (CANCELLED, CANCELLED_AND_NOTIFIED)

    @property
    def done(self) -> bool:
        """True if the task has finished or was cancelled. Its state does not change any more."""
        return self.state in _FINAL

    def cancel(self) -> bool:
        """Cancel the task, started or not. Returns False if it had already finished, else True."""
        return self._promise.cancel()

    def set_running(self) -> None:
        """Move to RUNNING."""
        self._promise.assign(RUNNING)

    def set_finished(self, result: Any = None) -> None:
        """Move to FINISHED with a result."""
        self._promise.finish(result)

    def set_exception(self, exception: BaseException) -> None:
        """Move to FINISHED with a failure."""
        self._promise.fail(exception)

    def set_cancelled(self) -> None:
        """Move to CANCELLED."""
        self._promise.settle(CANCELLED)

    def as_argument(self) -> Any:
        """The value that a task gets for this future among its arguments: the result. Waits.

        Of a step, it is the value; of a group or chain, the list of those of its members. Raises ResultNotKept for a
        step that was skipped, if neither its mark nor an alternative has a result.
        """
        self._promise.wait()
        return self._promise.argument()

    def __json_value__(self) -> Any:
        return self.as_argument()


class NotKept:
    """Stands among arguments for a value that is not known: that of a step that was skipped.

    Raises ResultNotKept once a task needs it; a task that is skipped does not.
    """

    def __init__(self, future: Future) -> None:
        self._future = future

    def __json_value__(self) -> Any:
        return self._future.as_argument()


def promise_of(future: Future) -> Promise:
    """The promise behind a future."""
    return future._promise


def wait(*futures: Future | Iterable[Future]) -> list[Any]:
    """Wait for all; return their results in the order given, None for each one that failed.

    Takes futures, or one list of them. Never raises a task's exception: read ``future.exception``. Raises InputError
    for anything else.
    """
    found: Iterable[Any] = futures
    if len(futures) == 1:
        if isinstance(futures[0], Future):
            return [futures[0].result]
        if not isinstance(futures[0], Iterable):
            raise InputError(f"wait got {futures[0]!r}; expected futures, or one list of them")
        found = list(futures[0])
    for each in found:
        if not isinstance(each, Future):
            raise InputError(f"wait got {each!r}; expected futures, or one list of them")
    return [future.result for future in found]


__getattr__ = existing_names(__name__)
