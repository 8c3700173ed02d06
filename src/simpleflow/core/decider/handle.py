"""A handle: one task that the service runs or keeps, tied to its record in the history. Some are tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simpleflow import taskids
from simpleflow.base import Scope
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.decider import refusals
from simpleflow.core.decider.refusals import TRIES, Reaction
from simpleflow.core.records import Key, Record
from simpleflow.exceptions import TaskCanceled, TaskException, TaskFailed, TaskTerminated, TimeoutError
from simpleflow.futures import CANCELLED, FINISHED, RUNNING, Future
from simpleflow.task import TaskFailureContext, TimerTask
from simpleflow.workflow import Workflow

if TYPE_CHECKING:
    from simpleflow.core.decider.evaluation import Evaluation


class Handle:
    """One task: its future, and the decision that asks for it where the history does not know it yet."""

    key: Key

    def __init__(self, evaluation: Evaluation, task: Any, priority: Any, place: str | None = None) -> None:
        self.evaluation = evaluation
        self.task = task
        self.future = Future(evaluation)
        self.promises: tuple[Future, ...] = ()  # futures given out before the task could be made
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


class RetryHandle(Handle):
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
            if not self._refused(record):
                self._decide(record, None, self._exception(record.failures[-1]))

    def _refused(self, record: Record) -> bool:
        """Whether the latest failure is a refusal of the service that is none of the task's: it is scheduled again."""
        if not refusals.is_refusal(record.failures[-1]):
            return False
        reaction = refusals.reaction(record.failures)
        if reaction is Reaction.AGAIN:
            self._again(None)
        elif reaction is Reaction.WAIT:
            # Not its own pause, which it could cancel: others may wait for the same timer.
            self.evaluation.submit(TimerTask(*refusals.pause(record.failures)))._when_done(self._again)
        return reaction in TRIES

    def _ask(self, record: Record | None) -> None:
        """Ask ``on_task_failure`` about each failure; what it says of the latest one counts, if that is the end."""
        assert record is not None
        while self.seen < len(record.failures):
            event = record.failures[self.seen]
            if refusals.is_refusal(event) and refusals.reaction(record.failures[: self.seen + 1]) in TRIES:
                self.seen += 1
                if self.seen == len(record.failures) and not self.future._done and not record.open:
                    self._refused(record)
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
            return TaskFailed(name, refusals.reason(attributes.cause))
        return TaskFailed(name, attributes.reason, attributes.details)

    def _timeout_value(self, timeout_type: str) -> int | None:
        raise NotImplementedError
