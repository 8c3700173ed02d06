"""Handles: a handle ties one task that the service runs or keeps to its record in the history.

A handle is made when the task is submitted. If the history knows no record with its key, the handle puts a decision
into the outbox; else its promise takes the state of the record. ``recorded`` is called whenever the history says more
about the record.

A task may fail several times under one key: each failure is kept in ``record.failures``, and a handle deals with each
of them once (``seen``). It either decides the task again or ends the promise. If the workflow overrides
``on_task_failure``, that method is asked about each failure, in a fiber, since it may wait.
"""

from __future__ import annotations

from typing import Any

from simpleflow import taskids
from simpleflow.base import Scope
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.decider import refusals
from simpleflow.core.decider.evaluation import Evaluation
from simpleflow.core.decider.refusals import TRIES, Reaction
from simpleflow.core.records import Key, Record
from simpleflow.exceptions import TaskCanceled, TaskException, TaskFailed, TaskTerminated, TimeoutError
from simpleflow.futures import CANCELLED, FINISHED, RUNNING, Promise, promise_of
from simpleflow.task import TaskFailureContext, TimerTask
from simpleflow.workflow import Workflow


class Handle:
    """One task, its promise, and the decision that asks the service for it."""

    key: Key

    def __init__(self, evaluation: Evaluation, task: Any, priority: Any, reserved: str | None = None) -> None:
        self.evaluation = evaluation
        self.task = task
        self.promise = Promise(evaluation)
        self.early: tuple[Promise, ...] = ()  # promises given out before the task could be made
        self.seen = 0  # failures that were dealt with

    @classmethod
    def reserve(cls, evaluation: Evaluation, submittable: Any) -> str:
        """The part of the key that the scope decides, for a task that is made later, once its arguments are there."""
        raise NotImplementedError

    @property
    def record(self) -> Record | None:
        """The record of this task in the history; None if there is none yet."""
        raise NotImplementedError

    def decision(self) -> d.Decision:
        """The decision that asks the service for the task."""
        raise NotImplementedError

    def request_cancel(self, record: Record) -> None:
        """Ask the service to end the task, which is under way."""
        raise NotImplementedError

    def begin(self) -> None:
        """Take the state of the record; if there is none, decide the task."""
        if self.record is None:
            self.evaluation.outbox[self.key] = self.decision()
        else:
            self.update()

    def recorded(self) -> None:
        """The history says more about the record."""
        record = self.record
        if record is not None and (not record.open or record.cancel_requested_id):
            self.evaluation.outbox.pop(self.cancel_key)
        if not self.promise.done:
            self.update()

    @property
    def cancel_key(self) -> Key:
        """Key of the decision to cancel the task, in the outbox."""
        return f"cancel_{self.key[0]}", self.key[1]

    def running(self) -> None:
        """The task has started."""
        for promise in (self.promise, *self.early):
            if not promise.done:
                promise.assign(RUNNING)

    def update(self) -> None:
        """Bring the promise up to the record."""
        record = self.record
        assert record is not None
        if record.state == t.COMPLETED:
            result = getattr(record.closed.attributes, "result", None) if record.closed else None
            self.finish(self.evaluation.decode(result))
            if not record.failures:
                self.task = None  # its arguments may be large, and nobody asks for them any longer
        elif record.open:
            if record.state == t.STARTED:
                self.running()
        elif record.state != t.NEW and self.seen < len(record.failures):
            self.failed(record)

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


class RetryHandle(Handle):
    """A task that may fail and be tried again: an activity or a child workflow."""

    retry: int
    raises_on_failure: bool
    pause: Promise | None = None  # timer before the next try

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
        """True if the workflow overrides ``on_task_failure``."""
        return type(self.evaluation.workflow).on_task_failure is not Workflow.on_task_failure

    def failed(self, record: Record) -> None:
        if not self._asks:
            self.seen = len(record.failures)
            if not self._schedule_again_if_refused(record):
                self._decide(record, None, self._exception(record.failures[-1]))

    def _schedule_again_if_refused(self, record: Record) -> bool:
        """Schedule the task again if the service refused it for a passing reason; returns True if so."""
        if not refusals.is_refusal(record.failures[-1]):
            return False
        reaction = refusals.reaction(record.failures)
        if reaction is Reaction.AGAIN:
            self._again(None)
        elif reaction is Reaction.WAIT:
            # This is not ``self.pause``, which ``cancel`` ends: other handles may wait for the same timer.
            self.evaluation.start_timer(TimerTask(*refusals.pause(record.failures))).when_done(self._again)
        return reaction in TRIES

    def _ask(self, record: Record | None) -> None:
        """Ask ``on_task_failure`` about each new failure; its answer to the latest counts, if that ended the task."""
        assert record is not None
        while self.seen < len(record.failures):
            event = record.failures[self.seen]
            if refusals.is_refusal(event) and refusals.reaction(record.failures[: self.seen + 1]) in TRIES:
                self.seen += 1
                if self.seen == len(record.failures) and not self.promise.done and not record.open:
                    self._schedule_again_if_refused(record)
                continue
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
                future=self.promise.future,
            )
            self.seen += 1
            with self.evaluation.within(Scope(f"on_failure-{self.key[1]}-{self.seen}")):
                answer = self.evaluation.workflow.on_task_failure(context)
            over = self.promise.done or record.open or record.state == t.COMPLETED
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
            promise_of(answer.future).when_done(self._handled)
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

    def _handled(self, other: Promise) -> None:
        """End as the task did that ``on_task_failure`` put in place of this one."""
        if not self.promise.done:
            self.finish(other.result, other.exception, other.state)

    def _may_retry(self, record: Record) -> bool:
        latest = record.failures[-1]
        if refusals.is_refusal(latest) and refusals.reaction(record.failures) is Reaction.GIVE_UP:
            return False
        tries = len(record.failures)
        if tries > self.retry:
            tries -= refusals.passed(record.failures)
        return record.state != t.CANCELED and tries <= self.retry

    def _retry(self, record: Record, seconds: int) -> None:
        if seconds:
            timer_id = taskids.fit(f"_simpleflow_retry_{record.tries}_{self.key[1]}")
            self.pause = self.evaluation.start_timer(TimerTask(timer_id, seconds))
            self.pause.when_done(self._again)
        else:
            self._again(None)

    def _again(self, pause: Promise | None) -> None:
        if not self.promise.done and (pause is None or pause.state == FINISHED):
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
            return TaskFailed(name, refusals.reason(attributes.cause))
        return TaskFailed(name, attributes.reason, attributes.details)

    def _timeout_value(self, timeout_type: str) -> int | None:
        raise NotImplementedError
