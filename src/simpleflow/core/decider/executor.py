"""Executor: an evaluation with everything that a workflow, a canvas or a step may request of it (``base.Executor``).

``submit`` finds a submission in the history by its id. If the history has it, the promise takes the recorded state;
else a decision goes to the outbox. There are three kinds of submissions:

- containers (groups, chains, steps), which submit their members themselves;
- tasks that the service runs or keeps (activities, children, timers): each has a *handle*, which ties it to its record;
- markers, signals and the like, which count as done the moment they are decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from simpleflow import values
from simpleflow.activity import PRIORITY_NOT_SET, Activity
from simpleflow.base import SubmittableContainer
from simpleflow.call_task import Task
from simpleflow.core.decider import recorded_calls
from simpleflow.core.decider.cancellations import cancellations
from simpleflow.core.decider.evaluation import Execution, Tracked
from simpleflow.core.decider.handle import Handle
from simpleflow.core.decider.handles import HANDLES, ActivityHandle
from simpleflow.core.decider.reading import Reading
from simpleflow.core.history import History
from simpleflow.core.records import Key, Record
from simpleflow.exceptions import ExecutionBlocked, ExecutionError, InputError, NotSubmittable
from simpleflow.futures import FINISHED, Future, Promise, promise_of
from simpleflow.scopes import Scope
from simpleflow.shown_text import with_article
from simpleflow.signal import WaitForSignal
from simpleflow.task import (
    ActivityTask,
    CancelTimerTask,
    ContinueAsNewWorkflowTask,
    MarkerTask,
    SignalTask,
    TimerTask,
    WorkflowTask,
)
from simpleflow.workflow import Workflow

T = TypeVar("T")


class Executor(Reading):
    """An evaluation with the calls that its workflow makes. ``base.Executor`` describes those without a docstring."""

    def __init__(self, workflow_class: type[Workflow], history: History, execution: Execution) -> None:
        super().__init__(history, execution)
        self.decides_failures = workflow_class.on_task_failure is not Workflow.on_task_failure
        self.handles: dict[Key, Handle] = {}  # of the tasks submitted so far
        self.continues: ContinueAsNewWorkflowTask | None = None  # submitted: the execution is to continue as new
        self._handle_of: dict[Promise, Handle] = {}  # promises handed out early included
        self._superseded: dict[Key, Handle] = {}  # recorded calls that were made anew
        self._handle_at: dict[str, Handle] = {}  # of children, by the position that they were submitted at
        self._counts_before: dict[str, tuple[Any, Any]] = {}  # see ``repeated``
        self.workflow = Workflow(self)
        self.guard(lambda: self._make(workflow_class))

    def _make(self, workflow_class: type[Workflow]) -> None:
        try:
            self.workflow = workflow_class(self)
        except ExecutionBlocked:
            if self.failure is None:
                raise InputError(
                    f"__init__ of workflow {workflow_class.__name__} waits; wait in run() instead"
                ) from None

    def update(self, touched: Iterable[Key]) -> None:
        """Bring promises up to the records that new events are about. ``settle`` then lets waiting code go on."""
        others = []  # markers that the history holds and that were not submitted here
        for key in touched:
            is_marker = key[0] == "marker"
            if self.outbox.pop(key) is None and is_marker:
                others.append(key[1][:2])
            if is_marker and not self._observed_events:
                continue  # nothing waits for it
            handle = self.handles.get(key)
            if handle is not None:
                handle.recorded()
            if self._superseded:
                self.outbox.pop((f"cancel_{key[0]}", key[1]))
            if key[0] == "child" and self._handle_at:
                self._child_recorded(self.history.children[key[1]])
            if self._observed_events and self.observes(key):
                self.stale = True
            if key[0] == "signal":
                self.signals.received(key[1])
        self.markers.recorded_others(others)
        self.make_room()

    def _child_recorded(self, record: Record) -> None:
        """Let the submission at the position of a child know of it: it may be another call than the child's."""
        handle = self._handle_at.get(getattr(record.scheduled, "control", None) or record.id)
        if handle is not None and handle.key != ("child", record.id):
            handle.recorded()

    @property
    def overlooked(self) -> list[str]:
        """The names of the tasks that have failed outside of steps without any code asking whether they did."""
        if self.decides_failures:
            return []
        return [handle.task.name for handle in dict.fromkeys(self.handles.values()) if handle.is_overlooked]

    def describe(self, promise: Promise) -> str:
        """The name of the task behind a promise, for a message; the same every time."""
        handle = self._handle_of.get(promise)
        if handle is not None:
            return str(handle.task.name)
        return f"{with_article(promise.kind)} that is {promise.state}"

    @contextmanager
    def repeated(self, name: str) -> Iterator[None]:
        """Number the markers and signals submitted inside from the same counts at every call of the hook ``name``.

        The hook is called at every decision and submits the same each time; each submission is recorded only once.
        """
        before = self._counts_before.get(name)
        if before is None:
            self._counts_before[name] = self.markers.counts(), self.signals.counts()
            yield
            return
        saved = self.markers.save(), self.signals.save()
        self.markers.count_from(before[0])
        self.signals.count_from(before[1])
        try:
            yield
        finally:
            self.markers.restore(saved[0])
            self.signals.restore(saved[1])

    # Submitting

    def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Future:
        if self.fibers.discarded:
            raise ExecutionBlocked
        if self.closing is not None and not isinstance(submittable, _AT_CLOSING):
            raise InputError(
                f"{self.closing} submits {submittable!r}, but the execution closes now: it can still record markers "
                "and send signals; submit work in run()"
            )
        priority = kwargs.pop("__priority", PRIORITY_NOT_SET) if kwargs else PRIORITY_NOT_SET
        if (submit := _WITHOUT_HANDLE.get(type(submittable))) is not None:
            return submit(self, submittable).future
        if isinstance(submittable, SubmittableContainer):
            self.wait_for_room()
            return submittable.submit(self)
        if isinstance(submittable, Activity):
            call = lambda: ActivityTask(submittable, *args, **kwargs)  # noqa: E731 (two kinds, one shape)
            return self._call(call, submittable, args, kwargs, priority).future
        if isinstance(submittable, type) and issubclass(submittable, Workflow):
            child = lambda: WorkflowTask(self, submittable, *args, **kwargs)  # noqa: E731
            return self._call(child, submittable, args, kwargs, priority).future
        handle_class = _of_kind(HANDLES, submittable)
        if handle_class is not None:
            return self._begin(handle_class(self, submittable, priority)).future
        submit = _of_kind(_WITHOUT_HANDLE, submittable)
        if submit is None:
            raise NotSubmittable(
                f"Bad type for what was submitted: {submittable!r} is {with_article(type(submittable).__name__)}; "
                "expected an activity, a workflow class, a task, a group, a chain, a step or WaitForSignal"
            )
        return submit(self, submittable).future

    def _call(
        self,
        make: Callable[[], Task],
        submittable: Any,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        priority: Any,
    ) -> Promise:
        """Submit an activity or a child workflow, as soon as the results among its arguments are there.

        Its number in the scope is reserved now, so that the task id does not depend on when the arguments arrive.
        """
        handle_class = HANDLES[ActivityTask if isinstance(submittable, Activity) else WorkflowTask]
        awaited = [
            promise
            for each in (*args, *kwargs.values())
            if isinstance(each, Future) and not (promise := promise_of(each)).done
        ]
        if not awaited:
            return self._begin(handle_class(self, make(), priority))
        early = Promise(self)  # handed out before the task can be made
        reserved = handle_class.reserve(self, submittable)
        missing = len(awaited)
        scope = self.scope

        def begin() -> None:
            if not (early.done or self.lost.intersection(awaited)):  # it is if user code has cancelled it meanwhile
                with self.within(scope):
                    promise = self._begin(handle_class(self, make(), priority, reserved))
                self._follow(early, promise)

        def arrived(_: Promise) -> None:
            nonlocal missing
            missing -= 1
            if not missing:
                self.guard(begin)

        self.track(early)
        for each in awaited:
            each.when_done(arrived)
        return early

    def _begin(self, handle: Handle) -> Promise:
        """Begin a new handle; a second one with the same key gives the promise of the first."""
        known = self.handles.get(handle.key)
        if known is not None:
            known.submitted_in(self.scope)
            if known.held and not self.holds(handle):
                known.held = False
                known.begin()
            return known.promise
        self.handles[handle.key] = handle
        for key in handle.other_keys:
            self.handles.setdefault(key, handle)
        handle.submitted_in(self.scope)
        self._handle_of[handle.promise] = handle
        for position in handle.positions:
            self._handle_at[position] = handle
        handle.begin()
        self.track(handle.promise)
        return handle.promise

    def _follow(self, early: Promise, promise: Promise) -> None:
        """Let ``early`` go through the states of ``promise`` and end as it does."""
        if not promise.done:
            handle = self._handle_of[early] = self._handle_of[promise]
            handle.early = (*handle.early, early)
            early.assign(promise.state)

        def ended(_: Promise) -> None:
            if promise in self.lost:
                self.lost.add(early)
            if not early.done:
                early.settle_as(promise)

        promise.when_done(ended)

    def retire(self, task: Tracked) -> None:
        assert isinstance(task, Handle)
        self.handles.pop(task.key, None)
        for promise in (task.promise, *task.early):
            self._handle_of.pop(promise, None)

    def move(self, task: Tracked, key: Key) -> None:
        assert isinstance(task, Handle)
        self.outbox.pop(task.key)
        task.key = key
        self.handles[key] = task  # the former key stays: an equal submission has it too

    def tell_changed(self, details: str) -> None:
        self.tells_changes = True
        self.markers.submit_once(recorded_calls.CHANGED, details)

    def report(self, marker: str, details: Mapping[str, Any]) -> None:
        self.tells_changes = True
        self.markers.submit_once(marker, values.encode(details, f"details of marker {marker!r}"))

    def is_submitted(self, key: Key) -> bool:
        return key in self.handles

    def supersede(self, task: Tracked, record: Record) -> None:
        assert isinstance(task, Handle)
        self._superseded[task.key[0], record.id] = task

    def cancel_superseded(self) -> None:
        """Ask the service to end the recorded calls that no submission stands for any more.

        A child may still be met at another position until ``run`` has returned: a list may have grown in front of it.
        """
        for key, handle in self._superseded.items():
            met = self.handles.get(key)
            if (met is None or met.key != key) and (key[0] == "activity" or self.returned):
                # A decider may have changed over to another history since: the record is that of the present one.
                record = (self.history.activities if key[0] == "activity" else self.history.children)[key[1]]
                if record.open:
                    handle.request_cancel(record)

    def start_timer(self, task: TimerTask) -> Promise:
        return promise_of(self.submit(task))

    def cancel(self, promise: Promise) -> None:
        handle = self._handle_of.get(promise)
        if handle is None or handle.promise.done:
            return
        handle.cancel()
        if promise is not handle.promise:
            handle.promise.cancelled_by_other()

    def _cancel_timer(self, task: CancelTimerTask) -> Promise:
        handle = self.handles.get(("timer", task.timer_id))
        if handle is not None:
            handle.promise.cancel()
        done = Promise(self)
        done.assign(FINISHED)
        return done

    def _continue_as_new(self, task: ContinueAsNewWorkflowTask) -> Promise:
        self.continues = task
        return Promise(self)  # never final: the execution ends instead

    def record(self, name: str, details: str, identity: tuple[str, ...]) -> None:
        self.markers.record(name, details, identity)

    def when_signalled(self, name: str, function: Callable[[], None]) -> None:
        self.signals.listen(name, function)

    def cancel_recorded(self, scope: Scope) -> None:
        for key, decision in cancellations(self.history, scope):
            self.outbox[key] = decision

    def is_recorded(self, activity: Activity, scope: Scope) -> bool:
        return ActivityHandle.first_id(activity, scope) in self.history.activities

    def fail(self, reason: str, details: str | None = None) -> None:
        if not isinstance(reason, str):
            raise InputError(f"the reason to fail is {reason!r}; expected text")
        if details is not None and not isinstance(details, str):
            raise InputError(f"the details of the failure are {details!r}; expected text or None")
        self.fail_run(f"Workflow execution failed: {reason}", ExecutionError(reason, details), details)
        raise ExecutionBlocked


_AT_CLOSING = (MarkerTask, SignalTask, CancelTimerTask)
"""The tasks that a closing hook may submit: the service takes them in the answer that closes the execution."""

_WITHOUT_HANDLE: dict[type[Any], Callable[[Executor, Any], Promise]] = {
    MarkerTask: lambda executor, task: executor.markers.submit(task),
    SignalTask: lambda executor, task: executor.signals.send(task),
    WaitForSignal: lambda executor, wait: executor.signals.wait(wait),
    CancelTimerTask: Executor._cancel_timer,
    ContinueAsNewWorkflowTask: Executor._continue_as_new,
}
"""Submissions that need no handle, since the service neither runs them nor reports their end."""


def _of_kind(kinds: Mapping[type, T], submittable: object) -> T | None:
    """The entry for the class of ``submittable``, or for the nearest class that it is derived from."""
    exact = kinds.get(type(submittable))
    if exact is not None:
        return exact
    return next((kinds[kind] for kind in type(submittable).__mro__ if kind in kinds), None)
