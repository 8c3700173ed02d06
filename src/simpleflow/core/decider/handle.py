"""Handles: a handle ties one task that the service runs or keeps to its record in the history.

Theory of operation. User code submits a task and gets a future. The handle stands between the promise behind that
future and the record that the history has, or will have, under the handle's key. When the handle begins, there are two
cases. If the history has no such record, the handle puts a decision into the outbox. If it has one, an earlier
evaluation submitted this task already, and the promise takes the state of the record. ``recorded`` is called whenever
new events are about the record.

Tasks that may fail and be tried again have a ``retry_handle.RetryHandle``.
"""

from __future__ import annotations

from typing import Any

from simpleflow.core import decisions as d
from simpleflow.core import transitions as t
from simpleflow.core.decider.evaluation import Evaluation
from simpleflow.core.records import Key, Record
from simpleflow.futures import FINISHED, RUNNING, Promise
from simpleflow.scopes import Scope


class Handle:
    """One task, its promise, and the decision that requests the task from the service."""

    key: Key  # of the record; from the task's id
    other_keys: tuple[Key, ...] = ()  # under which the history may have it too
    positions: tuple[str, ...] = ()  # of a child whose id does not say it: where in the run it was submitted

    def __init__(self, evaluation: Evaluation, task: Any, priority: Any, reserved: str | None = None) -> None:
        self.evaluation = evaluation
        self.task = task  # None once it has completed
        self.promise = Promise(evaluation)
        self.early: tuple[Promise, ...] = ()  # promises handed out before the task could be made
        self.scope = evaluation.scope  # in which it was submitted
        self.held = False  # the run stops, so this task is not begun
        self.handled = 0  # how many of the record's failures this handle has dealt with

    @property
    def is_overlooked(self) -> bool:
        """True if it has failed, and neither a step nor user code has asked whether it did."""
        if self.promise.exception is None or any(self.scope.owners()):
            return False
        return not any(promise.failure_read for promise in (self.promise, *self.early))

    @classmethod
    def reserve(cls, evaluation: Evaluation, submittable: Any) -> str:
        """The part of the key that depends on the scope, for a task that is made once its arguments are there."""
        raise NotImplementedError

    @property
    def record(self) -> Record | None:
        """The record of this task in the history; None if there is none yet."""
        raise NotImplementedError

    def decision(self) -> d.Decision:
        """The decision that requests the task."""
        raise NotImplementedError

    def request_cancel(self, record: Record) -> None:
        """Ask the service to end the task, which is open."""
        raise NotImplementedError

    def renew_input(self) -> None:
        """Take the arguments of the task as they are now: ``on_task_failure`` may have changed them."""

    def begin(self) -> None:
        """Take the state of the record; if there is none, decide the task."""
        record = self.record
        if record is not None:
            self.update(record)
        elif self.evaluation.holds(self):
            self.held = True
        else:
            self.evaluation.outbox[self.key] = self.decision()

    def recorded(self) -> None:
        """New events of the history are about the record."""
        record = self.record
        if record is not None:
            self.take(record)

    def take(self, record: Record) -> None:
        """Take the new state of the record."""
        if not record.open or record.cancel_requested_id:
            self.evaluation.outbox.pop(self.cancel_key)
        if not self.promise.done:
            self.update(record)

    @property
    def cancel_key(self) -> Key:
        """Key in the outbox of the decision to cancel the task."""
        return f"cancel_{self.key[0]}", self.key[1]

    @property
    def has_new_failures(self) -> bool:
        """True if the record has failures that this handle has not dealt with."""
        return self.record is not None and self.handled < len(self.record.failures)

    def running(self) -> None:
        """The task has started."""
        for promise in (self.promise, *self.early):
            if not promise.done:
                promise.assign(RUNNING)

    def update(self, record: Record) -> None:
        """Bring the promise up to the record."""
        if record.state == t.COMPLETED:
            result = getattr(record.closed.attributes, "result", None) if record.closed else None
            self.finish(self.value(result))
            if not record.failures:
                self.task = None  # its arguments may be large; only a failure needs them again
                self.completed()
        elif record.open:
            if record.state == t.STARTED:
                self.running()
        elif record.state != t.NEW and self.handled < len(record.failures):
            self.failed(record)

    def completed(self) -> None:
        """The task has completed at its first try."""

    def value(self, text: str | None) -> Any:
        """The value of the result of a task that has completed."""
        return self.evaluation.decode(text)

    def submitted_in(self, scope: Scope) -> None:
        """User code has submitted this task in ``scope``; the same task may be submitted again in another one."""

    def failed(self, record: Record) -> None:
        """Deal with a failure: the latest try has ended badly."""
        raise NotImplementedError

    def finish(self, result: Any = None, exception: BaseException | None = None, state: str = FINISHED) -> None:
        """Make the promise final."""
        self.promise.assign(state, result, exception)
        self.evaluation.announce_soon(self.promise)

    def cancel(self) -> None:
        """User code has cancelled the future: withdraw the decision, or ask the service to end the task."""
        if self.evaluation.outbox.pop(self.key) is None and self.record is not None and self.record.open:
            self.request_cancel(self.record)
