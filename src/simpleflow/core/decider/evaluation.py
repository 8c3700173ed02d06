"""One evaluation of a workflow's ``run`` over its history: what was submitted, and what that asks of the service."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from simpleflow import values
from simpleflow.activity import PRIORITY_NOT_SET, Activity
from simpleflow.base import Scope, SubmittableContainer
from simpleflow.constants import MAX_REASON_LENGTH
from simpleflow.core import events as e
from simpleflow.core.decider.fibers import Fibers
from simpleflow.core.decider.handle import Handle
from simpleflow.core.decider.handles import HANDLES, ActivityHandle
from simpleflow.core.decider.notes import NOTES, Notes, of_kind
from simpleflow.core.decider.outbox import Outbox
from simpleflow.core.history import History
from simpleflow.core.records import Key
from simpleflow.exceptions import ExecutionBlocked, ExecutionError, InputError, NotSubmittable
from simpleflow.futures import Future
from simpleflow.marker import Marker
from simpleflow.task import ActivityTask, ContinueAsNewWorkflowTask, Task, WorkflowTask
from simpleflow.workflow import Workflow


class Execution(NamedTuple):
    """Which execution is decided: what its own history does not say.

    ``default_bucket`` is the bucket string of the engine's own store of done marks, None where one must be configured.
    """

    workflow_id: str
    run_id: str
    domain: str | None = None
    default_bucket: str | None = None


class Failure(NamedTuple):
    """How a run fails: ``reason`` and ``details`` as the history will have them, ``error`` as it was raised."""

    reason: str
    details: str | None
    error: BaseException


class _Within:
    __slots__ = ("evaluation", "outer", "scope")

    def __init__(self, evaluation: Evaluation, scope: Scope) -> None:
        self.evaluation = evaluation
        self.scope = scope

    def __enter__(self) -> None:
        self.outer = self.evaluation.scope
        self.evaluation.scope = self.scope

    def __exit__(self, *exc: object) -> None:
        self.evaluation.scope = self.outer


class Evaluation:
    """The executor that a workflow sees (``base.Executor``), and who waits for its futures (``futures.Waiter``)."""

    def __init__(self, workflow_class: type[Workflow], history: History, execution: Execution) -> None:
        self.history = history
        self.execution = execution
        self.default_bucket = execution.default_bucket
        self.reserved: Mapping[str, Any] = values.reserved(history.started.input)
        self.handed_down = dict(self.reserved)
        self.carried = dict(self.reserved)
        self.filling = False
        self.fibers = Fibers()
        self.scope = Scope()
        self.outbox = Outbox()
        self.handles: dict[Key, Handle] = {}
        self.notes = Notes(self)
        self.activities: dict[str, Activity] = {}
        self.workflows: dict[str, type[Workflow]] = {}
        self.unfinished = 0
        self.stale = False
        self.unwound = False
        self.returned = False
        self.result: str | None = None
        self.failure: Failure | None = None
        self.continues: ContinueAsNewWorkflowTask | None = None
        self._observed_events: set[Key] = set()
        self._keys: dict[Future, Handle] = {}
        self.workflow: Workflow = Workflow(self)
        self.guard(lambda: self._make(workflow_class))

    # Evaluating

    def begin(self) -> None:
        """Evaluate ``run`` until it ends or waits."""
        if self.failure is None:
            self.fibers.start(lambda: self.guard(self._run))
        self.settle()

    def update(self, touched: Iterable[Key]) -> None:
        """Take in events about these records: tell their futures; whoever waits for those goes on in ``settle``."""
        for key in touched:
            self.outbox.pop(key)
            handle = self.handles.get(key)
            if handle is not None:
                handle.recorded()
            if self._observed_events and _event_of(key) in self._observed_events:
                self.stale = True
            if key[0] == "signal":
                self.notes.signalled(key[1])

    def settle(self) -> None:
        """Let everything go on that can."""
        self.fibers.settle(lambda: self.failure is None)

    def discard(self) -> None:
        """Give this evaluation up; its fibers end."""
        self.fibers.discard()

    def guard(self, function: Callable[[], None]) -> None:
        """Call user code; what it raises fails the run, unless it is only that it has to wait."""
        try:
            function()
        except ExecutionBlocked:
            self.unwound = self.unwound or not self.fibers.discarded
        except (Exception, SystemExit) as error:  # noqa: BLE001 (it is the user's: it fails the run)
            self.abort(f"Cannot replay the workflow: {type(error).__name__}({error})", error, _traceback(error))

    def abort(self, reason: str, error: BaseException, details: str | None = None) -> None:
        """Fail the run; the first reason counts."""
        if self.failure is None and not self.fibers.discarded:
            self.failure = Failure(_shorten(reason), details, error)

    def _make(self, workflow_class: type[Workflow]) -> None:
        try:
            self.workflow = workflow_class(self)
        except ExecutionBlocked:
            if self.failure is None:
                raise InputError(
                    f"__init__ of workflow {workflow_class.__name__} waits; wait in run() instead"
                ) from None

    def _run(self) -> None:
        args, kwargs = values.arguments(self.decode(self.history.started.input))
        result = self.workflow.run(*args, **kwargs)
        self.result = values.encode(result, f"result of workflow {self.history.started.workflow_type.name}")
        self.returned = True

    def decode(self, text: str | None) -> Any:
        """The value that user code gets for the JSON text of an input, a result or a marker."""
        return values.decode(text)

    # base.Executor

    def submit(self, submittable: Any, *args: Any, **kwargs: Any) -> Future:
        if self.fibers.discarded:
            raise ExecutionBlocked
        priority = kwargs.pop("__priority", PRIORITY_NOT_SET) if kwargs else PRIORITY_NOT_SET
        if isinstance(submittable, SubmittableContainer):
            return submittable.submit(self)
        if type(submittable) in NOTES:
            return NOTES[type(submittable)](self.notes, submittable)
        if isinstance(submittable, Activity):
            return self._call(lambda: ActivityTask(submittable, *args, **kwargs), submittable, args, kwargs, priority)
        if isinstance(submittable, type) and issubclass(submittable, Workflow):
            return self._call(
                lambda: WorkflowTask(self, submittable, *args, **kwargs), submittable, args, kwargs, priority
            )
        handle_class = of_kind(HANDLES, submittable)
        if handle_class is not None:
            return self._begin(handle_class(self, submittable, priority))
        future = self.notes.submit(submittable)
        if future is None:
            raise NotSubmittable(
                f"Bad type for what was submitted: {submittable!r} is a {type(submittable).__name__}; expected an "
                "activity, a workflow class, a task, a group, a chain, a step or WaitForSignal"
            )
        return future

    def _call(
        self,
        make: Callable[[], Task],
        submittable: Any,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        priority: Any,
    ) -> Future:
        """Submit an activity or child workflow; if arguments are still awaited, once they are there."""
        handle_class = HANDLES[ActivityTask if isinstance(submittable, Activity) else WorkflowTask]
        awaited = [each for each in (*args, *kwargs.values()) if isinstance(each, Future) and not each._done]
        if not awaited:
            return self._begin(handle_class(self, make(), priority))
        promise = Future(self)
        place = handle_class.reserve(self, submittable)
        left = len(awaited)
        scope = self.scope

        def begin() -> None:
            if not promise._done:  # else it was cancelled meanwhile
                with self.within(scope):
                    future = self._begin(handle_class(self, make(), priority, place))
                self._follow(promise, future)

        def arrived(_: Future) -> None:
            nonlocal left
            left -= 1
            if not left:
                self.guard(begin)

        self.track(promise)
        for each in awaited:
            each._when_done(arrived)
        return promise

    def _begin(self, handle: Handle) -> Future:
        known = self.handles.get(handle.key)
        if known is not None:
            return known.future
        self.handles[handle.key] = handle
        self._keys[handle.future] = handle
        handle.begin()
        self.track(handle.future)
        return handle.future

    def _follow(self, promise: Future, future: Future) -> None:
        """Let ``promise``, made before its task could be, end as ``future`` does."""
        handle = self._keys[promise] = self._keys[future]

        def ended(_: Future) -> None:
            if not promise._done:
                promise._assign(future._state, future._result, future._exception)
                promise._announce()

        if not future._done:
            promise._assign(future._state)
            handle.promises = (*handle.promises, promise)
        future._when_done(ended)

    def within(self, scope: Scope) -> AbstractContextManager[None]:
        return _Within(self, scope)

    def spawn(self, function: Callable[[], None], scope: Scope) -> None:
        def body() -> None:
            with self.within(scope):
                self.guard(function)

        outer = self.scope
        self.fibers.start(body)
        self.scope = outer

    def when_idle(self, function: Callable[[], None]) -> None:
        self.fibers.when_idle(lambda: self.guard(function))

    def track(self, future: Future) -> None:
        if not future._done:
            self.unfinished += 1
            future._when_done(self._ended)

    def _ended(self, _: Future) -> None:
        self.unfinished -= 1

    def recorded_markers(self, name: str) -> Sequence[str | None]:
        found = self.history.markers.get(name, ())
        return [each.attributes.details for each in found if isinstance(each.attributes, e.MarkerRecorded)]

    def marked_at(self, name: str, details: str | None) -> float:
        return self.history.marker_times.get((name, details), self.now)

    @property
    def now(self) -> float:
        return self.history.decision_started_at

    def is_recorded(self, activity: Activity, scope: Scope) -> bool:
        return ActivityHandle.first_id(activity, scope) in self.history.activities

    def list_markers(self, all: bool = False) -> list[Marker]:
        self.notes.look()
        found = [Marker(name, self.decode(details)) for name, details in self.notes.markers]
        return found if all else list({marker.name: marker for marker in found}.values())

    def get_event_details(self, event_type: str, event_name: str) -> dict[str, Any] | None:
        self._observed_events.add((event_type, event_name))
        return self.notes.details(event_type, event_name)

    def get_run_context(self) -> dict[str, Any]:
        started = self.history.started
        parent = started.parent_workflow_execution
        return {
            "name": started.workflow_type.name,
            "version": started.workflow_type.version,
            "domain_name": self.execution.domain,
            "workflow_id": self.execution.workflow_id,
            "run_id": self.execution.run_id,
            "tag_list": list(started.tag_list or ()),
            "continued_execution_run_id": started.continued_execution_run_id,
            "parent_workflow_id": parent.workflow_id if parent else None,
            "parent_run_id": parent.run_id if parent else None,
        }

    def fail(self, reason: str, details: str | None = None) -> None:
        if not isinstance(reason, str):
            raise InputError(f"the reason to fail is {reason!r}; expected text")
        if details is not None and not isinstance(details, str):
            raise InputError(f"the details of the failure are {details!r}; expected text or None")
        self.abort(f"Workflow execution failed: {reason}", ExecutionError(reason, details), details)
        raise ExecutionBlocked

    # futures.Waiter

    def block(self, future: Future) -> None:
        scope = self.scope
        self.fibers.wait(future)
        self.scope = scope

    def changed(self, future: Future) -> None:
        self.stale = True

    def cancel(self, future: Future) -> None:
        handle = self._keys.get(future)
        if handle is None or handle.future._done:
            return
        handle.cancel()
        if future is not handle.future:
            handle.future._seen = False
            handle.future.set_cancelled()

    def describe(self, future: Future) -> str:
        """What a future is of, for a message; the same every time."""
        handle = self._keys.get(future)
        return handle.task.name if handle is not None else f"a {type(future).__name__} that is {future._state}"

    # For handles

    def ended(self, future: Future) -> None:
        """``future`` is final: tell those who wait for it, in its turn."""
        if future._callbacks:
            self.fibers.soon(lambda: self.guard(future._announce))

    @property
    def waits_for_signal(self) -> bool:
        """Something from outside may still change what ``run`` does."""
        return self.notes.waits or bool(self._observed_events)


def _event_of(key: Key) -> Key:
    """The record as ``get_event_details`` knows it."""
    kind, id = key
    return (kind, id[0]) if kind == "marker" else key


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_REASON_LENGTH else text[: MAX_REASON_LENGTH - 3] + "..."


def _traceback(error: BaseException) -> str:
    """The traceback without the frames of the decider itself, at most 32,000 characters."""
    frames = traceback.extract_tb(error.__traceback__)
    while frames and frames[0].filename.startswith(__file__.rpartition("evaluation.py")[0]):
        del frames[0]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
    return "".join([*lines, *traceback.format_exception_only(error)])[-32_000:]
