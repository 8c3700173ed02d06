"""The handles of tasks that may fail and be tried again: activities and child workflows.

Theory of operation. A task may fail several times under one key. ``record.failures`` has all its failures, and a handle
deals with each of them once (``handled``). It then either decides the task again or ends the promise, in this order of
preference:

1. a refusal for a passing reason: the task is decided again, see ``refusals``;
2. the workflow overrides ``on_task_failure``: that method decides. It is user code and may wait, so it runs in a fiber.
   It is called for each failure, in order, in every evaluation, and its answer to the latest one counts;
3. the task has retries left: it is decided again, at once or when a timer has fired, see ``simpleflow.retries``;
4. the promise ends with the exception. If the task says ``raises_on_failure``, the run fails too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simpleflow import taskids
from simpleflow.activity import PRIORITY_NOT_SET, check_priority
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.decider import failed_event, recorded_calls, refusals, task_errors
from simpleflow.core.decider.evaluation import Evaluation
from simpleflow.core.decider.handle import Handle
from simpleflow.core.decider.refusals import Reaction
from simpleflow.core.decider.tries import TriedTask
from simpleflow.core.records import Record
from simpleflow.exceptions import TaskException
from simpleflow.futures import CANCELLED, FINISHED, Promise, promise_of
from simpleflow.retries import Retry
from simpleflow.scopes import Scope, ScopeOwner
from simpleflow.task import ReservedTimerTask, TaskFailureContext

_LONGEST_PAUSE = 60  # seconds between two tries of a task that outlasts its failures
_MANY_TRIES = 20  # after so many, an hour may have passed: the history would grow
_LATER_PAUSE = 300  # seconds between two tries after that


class RetryHandle(TriedTask, Handle):
    """A task that may fail and be tried again: an activity or a child workflow."""

    raises_on_failure: bool  # a final failure fails the run
    input: str  # the arguments as JSON text
    pause: Promise | None = None  # the timer before the next try
    _settled = False  # the recorded call under the key is this one

    def recorded_calls(self) -> list[Record]:
        """The calls that the history holds for this submission, in order."""
        raise NotImplementedError

    def fresh_id(self) -> str:
        """An id that no recorded call has."""
        raise NotImplementedError

    def has_sent_cancel(self, record: Record) -> bool:
        """True if this execution has asked the service to end the latest task of the record."""
        raise NotImplementedError

    def own_retries(self) -> Retry:
        """How the task itself says that it is tried again."""
        raise NotImplementedError

    @property
    def retries(self) -> Retry:
        """How the task is tried again: as it says itself, else as the innermost step around it says."""
        own = self.own_retries()
        if own.times or not self.takes_retries:
            return own
        owners = (owner for owner in self.scope.owners() if isinstance(owner, ScopeOwner))
        return next((owner.retries for owner in owners if owner.retries.times), own)

    @property
    def takes_retries(self) -> bool:
        """True if the retries of a step around the task are for the task too."""
        return True

    def _find_call(self, record: Record | None) -> None:
        """Take the key of the recorded call that this is, or a fresh one. ``record``: the one under the present key."""
        found = [record for record in self.recorded_calls() if record.scheduled is not None]
        if not found:
            return
        evaluation, name = self.evaluation, self.task.name
        any_input = getattr(self.task, "accepts_any_record", False)
        same = None
        for each in found:
            if any_input or recorded_calls.is_same(each, name, self.input):
                same = each
                break
        if same is None and recorded_calls.made_in(evaluation.history, found, evaluation.execution.context):
            same = found[-1]
            evaluation.tell_changed(recorded_calls.details(same, name, self.input, None))
        self._settled = same is not None
        id = same.id if same is not None else self.fresh_id()
        if id != self.key[1]:
            evaluation.move(self, (self.key[0], id))
        if same is None:
            evaluation.tell_changed(recorded_calls.details(found[-1], name, self.input, id))
            evaluation.supersede(self, found[-1])

    def begin(self) -> None:
        self._find_call(self.record)
        super().begin()
        if self.evaluation.decides_failures and self.has_new_failures:
            self.evaluation.spawn(self._report_failures, Scope())

    def update(self, record: Record) -> None:
        if self._was_cancelled(record):
            self.handled = len(record.failures)
            self.finish(state=CANCELLED)
        else:
            super().update(record)

    def _was_cancelled(self, record: Record) -> bool:
        """True if user code has cancelled the task in an earlier evaluation, and did not wait for its end.

        A step cancels its tasks itself, and decides what their ends mean.
        """
        is_closed = not record.open and record.state != t.NEW
        return is_closed and self.has_sent_cancel(record) and not any(self.scope.owners())

    def recorded(self) -> None:
        record = self.record
        if not self._settled:
            self._find_call(record)
            record = self.record
        if record is None:
            if not (self.promise.done or self.held or self.key in self.evaluation.outbox):
                self.evaluation.outbox[self.key] = self.decision()
            return
        self.take(record)
        if self.evaluation.decides_failures and self.has_new_failures:
            self.evaluation.fibers.soon(lambda: self.evaluation.guard(self._report_failures))

    def failed(self, record: Record) -> None:
        if not self.evaluation.decides_failures:
            self.handled = len(record.failures)
            if not self._tried_again(record):
                self._react(record, None, self._exception(record.failures[-1]))

    def _tried_again(self, record: Record) -> bool:
        """Decide the task again if it is not to blame for the failure; returns True if so.

        Either the service refused it for a passing reason, or it has only waited and may wait for as long as it takes.
        """
        if self._has_only_waited(record.failures[-1]):
            self._try_again(None)
            return True
        if self._is_outlasted(record.failures[-1]):
            seconds = 0 if self._may_retry(record) else self._pause_seconds(record)
            self._retry(record, seconds, taskids.store_timer(record.tries, self.key[1]))
            return True
        if not refusals.is_tried_again(record.failures):
            return False
        if refusals.reaction(record.failures) is Reaction.AGAIN:
            self._try_again(None)
        else:
            # This is not ``self.pause``, which ``cancel`` ends: other handles may wait for the same timer.
            pause = ReservedTimerTask(*refusals.pause(record.failures))
            self.evaluation.start_timer(pause).when_done(self._try_again)
        return True

    def _report_failures(self) -> None:
        """Call ``on_task_failure`` for each new failure; the answer to the latest counts, if that ended the task."""
        record = self.record
        assert record is not None
        while self.handled < len(record.failures):
            event = record.failures[self.handled]
            if (
                refusals.is_tried_again(record.failures[: self.handled + 1])
                or self._has_only_waited(event)
                or self._is_outlasted(event)
            ):
                self.handled += 1
                if self.handled == len(record.failures) and not self.promise.done and not record.open:
                    self._tried_again(record)
                continue
            exception = self._exception(event)
            history, future = self.evaluation.history, self.promise.future
            context = failed_event.context(self.task, self.key[1], event, history, self.handled, exception, future)
            self.handled += 1
            with self.evaluation.within(Scope(f"on_failure-{self.key[1]}-{self.handled}")):
                answer = self.evaluation.workflow.on_task_failure(context)
            self.renew_input()
            over = self.promise.done or record.open or record.state == t.COMPLETED
            if self.handled == len(record.failures) and not over:
                self._react(record, answer, exception)

    def _react(self, record: Record, answer: TaskFailureContext | None, exception: TaskException) -> None:
        """Decide the task again or end the promise; ``answer`` is that of ``on_task_failure``, if it gave one."""
        verdict = answer.decision if isinstance(answer, TaskFailureContext) else None
        if verdict == "retry" and answer is not None:
            self._retry(record, answer.retry_wait_timeout)
        elif verdict is None and self._may_retry(record) and (retries := self.retries).matches(exception):
            token = f"{self.evaluation.execution.run_id} {self.key[1]}"
            self._retry(record, retries.pause(self._tries(record), token))
        elif verdict == "cancel":
            self.finish(state=CANCELLED)
        elif verdict == "handled" and answer is not None and answer.future is not None:
            promise_of(answer.future).when_done(self._finish_as)
        else:
            if verdict == "abort" or (verdict is None and self.raises_on_failure):
                self._lose()
                self.evaluation.fail_run(
                    f'Workflow execution error in {self.task.name}: "{task_errors.reason(exception)}"',
                    exception,
                    getattr(exception, "details", None),
                )
            self.finish(exception=exception)

    def _lose(self) -> None:
        """If the run keeps going: code that waits for this task, or for a step around it, does not go on."""
        if self.evaluation.keeps_going:
            owners = (owner for owner in self.scope.owners() if isinstance(owner, Promise))
            self.evaluation.lost.update((self.promise, *self.early, *owners))

    def _finish_as(self, other: Promise) -> None:
        """End as ``other`` did, which ``on_task_failure`` has put in place of this task."""
        if not self.promise.done:
            if other in self.evaluation.lost:
                self.evaluation.lost.update((self.promise, *self.early))
            self.finish(other.result, other.exception, other.state)

    def _may_retry(self, record: Record) -> bool:
        """True if the task has retries left after its latest failure."""
        latest = record.failures[-1]
        if refusals.is_refusal(latest) and refusals.reaction(record.failures) is Reaction.GIVE_UP:
            return False
        if record.state == t.CANCELED:
            return False
        count = self.retries.times
        return len(record.failures) <= count or self._tries(record) <= count

    def _tries(self, record: Record) -> int:
        """How many tries have failed, without those that were not the task's fault."""
        failures = record.failures
        return len(failures) - refusals.passed(failures) - sum(map(self._has_only_waited, failures))

    def _has_only_waited(self, event: e.Event) -> bool:
        """True if a failure says that the task did not start in time, and its limit on waiting is a default of ours."""
        return False

    def _is_outlasted(self, event: e.Event) -> bool:
        """True if a failure passes, and the task is tried until it has."""
        return False

    def _pause_seconds(self, record: Record) -> int:
        """Whole seconds before the next try of a task that outlasts its failures."""
        tries = len(record.failures) - 1 - self.retries.times
        return min(2**tries, _LONGEST_PAUSE) if tries < _MANY_TRIES else _LATER_PAUSE

    def _retry(self, record: Record, seconds: int, timer_id: str = "") -> None:
        if seconds:
            # A refused task was not tried, so failures are counted: each has a timer of its own.
            timer_id = timer_id or taskids.retry_timer(len(record.failures), self.key[1])
            said = {"kind": self.key[0], "id": self.key[1], "name": self.task.name, "try": len(record.failures) + 1}
            self.pause = self.evaluation.start_timer(ReservedTimerTask(timer_id, seconds, said))
            self.pause.when_done(self._try_again)
        else:
            self._try_again(None)

    def _try_again(self, pause: Promise | None) -> None:
        """Decide the task again; after ``pause``, unless that was cancelled."""
        if not self.promise.done and (pause is None or pause.state == FINISHED):
            self.evaluation.outbox[self.key] = self.decision()

    def cancel(self) -> None:
        super().cancel()
        if self.pause is not None:
            self.pause.cancel()

    def _exception(self, event: e.Event) -> TaskException:
        """The exception that the future shows for this failure."""
        return task_errors.of_event(event, self.task.name, self.evaluation.history.events)


def numbered_id(first: str, number: int) -> str:
    """The id under which the ``number``-th call is decided whose first one has this id."""
    return first if number == 1 else taskids.fit(f"{first}~{number}")


def numbered(records: Mapping[str, Record], first: str) -> list[Record]:
    """The calls that were recorded under an id and under the fresh ids made of it, in order."""
    record = records.get(first)
    found: list[Record] = []
    while record is not None:
        found.append(record)
        record = records.get(numbered_id(first, len(found) + 1))
    return found


def priority_of(evaluation: Evaluation, given: Any, own: Any) -> str | None:
    """The priority given at submission, else that of the task, else that of the workflow; None for no priority."""
    check_priority(given, "__priority")
    for priority in (given, own, evaluation.workflow.task_priority):
        if priority is not PRIORITY_NOT_SET:
            return None if priority is None else str(priority)
    return None
