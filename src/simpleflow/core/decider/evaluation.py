"""Evaluation: one run of a workflow's ``run`` over its history. It runs the user code and knows what that waits for.

Theory of operation: keep-alive evaluation. By the contract, ``run`` is evaluated from its first line at every decision.
That would make a run of n decisions cost n squared, so an evaluation is kept alive instead. ``run``, the functions of
FuncGroups and the hooks each run in a fiber (see ``fibers``). A fiber that reads a promise which is not final parks.
When new events make the promise final, the fiber is ready, and ``settle`` lets it go on.

The result must be that of an evaluation from the first line. It is, as long as user code has only waited. An evaluation
is no longer good, and the decider begins another one, in two cases. It is ``stale`` if user code has seen something
that has changed since: the state of a future that was not final, a list of markers, the details of an event. It is
``unwound`` if an ExecutionBlocked has left a fiber, which then has no point at which it could go on.

A good evaluation ends in one of two ways. ``returned``: ``run`` has returned. ``failure``: user code has raised, or a
task with ``raises_on_failure`` has failed; the first failure counts.

``executor`` derives from this class and adds everything that a workflow may request, ``submit`` first of all.
"""

from __future__ import annotations

import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from greenlet import GreenletExit

from simpleflow import parameters, values
from simpleflow.activity import Activity
from simpleflow.constants import KEEP_GOING, MAX_REASON_LENGTH
from simpleflow.core.decider import parts
from simpleflow.core.decider.fibers import Fibers
from simpleflow.core.decider.outbox import Outbox
from simpleflow.core.history import History
from simpleflow.core.records import Key, Record
from simpleflow.exceptions import AggregateException, ExecutionBlocked, InputError, escaped, message, passes_through
from simpleflow.futures import Promise
from simpleflow.named_tuple import NamedTuple
from simpleflow.scopes import Child, Scope
from simpleflow.task import TimerTask
from simpleflow.workflow import Workflow

_HERE = __file__.rpartition("evaluation.py")[0]
_PACKAGE = _HERE.removesuffix("core/decider/")
_MAX_DETAILS = 32_000  # characters
ROOM = 8_192
"""Decisions that may wait for the history, before ``run`` waits for it too. One wide step or group may make more."""

_INNERMOST = 60  # frames of a recursion that are looked at


class Execution(NamedTuple):
    """The facts about an execution that its history does not hold."""

    workflow_id: str
    run_id: str
    domain: str | None = None  # of Amazon SWF
    default_bucket: str | None = None  # bucket string of the engine's store of done marks, if it has one
    context: str | None = None  # execution context of the decisions that are made now, see ``recorded_calls``


class Failure(NamedTuple):
    """The failure of a run. ``reason`` and ``details`` go to the history."""

    reason: str
    details: str | None
    error: BaseException  # the exception that was raised


class _Within:
    """Sets the scope inside a ``with`` block. A class, since a generator would be slower and this is called often."""

    __slots__ = ("evaluation", "outer", "scope")

    def __init__(self, evaluation: Evaluation, scope: Scope) -> None:
        self.evaluation = evaluation
        self.scope = scope

    def __enter__(self) -> None:
        self.outer = self.evaluation.scope
        self.evaluation.scope = self.scope

    def __exit__(self, *exc: object) -> None:
        self.evaluation.scope = self.outer


class Tracked(Protocol):
    """A submitted task as an evaluation keeps it: by its key."""

    key: Key


class Evaluation(ABC):
    """The state of one evaluation, and the fibers that run its user code."""

    workflow: Workflow

    def __init__(self, history: History, execution: Execution) -> None:
        self.history = history
        self.execution = execution
        self.default_bucket = execution.default_bucket
        self.reserved: Mapping[str, Any] = values.reserved(history.started.input)  # see ``base.Executor``
        self.handed_down = dict(self.reserved)  # the same, for the inputs of children
        self.handed_down.pop(parameters.TYPED, None)  # children have parameters of their own
        self.carried = dict(self.reserved)  # the same, for the input of the execution that continues this one
        self.reports_parts = parts.is_requested(self.reserved)  # the parent has to know of parts that failed
        if self.reports_parts:
            self.handed_down[parts.PARTS] = {}
        self.reached: Mapping[str, Any] = {}  # the value of the key ``parts.REACHED``
        self.children: list[Child] = []  # children submitted outside of all scopes whose owner has to know of them
        self.counts_events = False  # the history has a limit
        self.filling = False  # the history nears its limit
        self.decides_failures = False  # the workflow overrides ``on_task_failure``
        self.fibers = Fibers()
        self.scope = Scope()  # of the user code that is running
        self.outbox = Outbox()  # decisions that the history does not hold yet
        self.activities: dict[str, Activity] = {}  # submitted so far, by name
        self.child_numbers: dict[str, int] = {}  # by default id, the number of the latest child that has it
        self.workflows: dict[str, type[Workflow]] = {}  # classes of children submitted so far, by name
        self.unfinished = 0  # how many submissions are not final
        self.stale = False  # user code has seen something that has changed since
        self.unwound = False  # ExecutionBlocked has left a fiber
        self.tells_changes = False  # a recorded call differs from its submission, or the workflow has a fault
        self.returned = False  # ``run`` has returned
        self.result: str | None = None  # of ``run``, as JSON text
        self.room: Promise | None = None  # final once the history has taken decisions, if ``run`` waits for that
        self._run_piece: object = None  # the piece of user code that is ``run``
        self.closing: str | None = None  # the closing hook that is being called, if it may not submit work
        self.failure: Failure | None = None  # of the run, if it has failed
        self.keeps_going = self.reserved.get(KEEP_GOING) is True  # a failure is put off while something is under way
        self.put_off: list[Failure] = []  # failures of the run that were put off
        self.lost: set[Promise] = set()  # see ``futures.Waiter``

    @abstractmethod
    def cancel(self, promise: Promise) -> None:
        """See ``futures.Waiter``."""

    @abstractmethod
    def start_timer(self, task: TimerTask) -> Promise:
        """Submit a timer that the decider itself needs."""

    @abstractmethod
    def move(self, task: Tracked, key: Key) -> None:
        """Give a submitted task another key: the one that it had is that of another call."""

    @abstractmethod
    def retire(self, task: Tracked) -> None:
        """Forget a task that has completed: if it is submitted again, the history has all that there is to know."""

    @abstractmethod
    def is_submitted(self, key: Key) -> bool:
        """True if a task with this key was submitted."""

    @abstractmethod
    def supersede(self, task: Tracked, record: Record) -> None:
        """Take note that ``task`` is made anew: nothing stands for this recorded call, unless it is met elsewhere."""

    @abstractmethod
    def holds(self, task: Tracked) -> bool:
        """True if the run stops, so that ``task``, which the history does not hold, must not begin."""

    @abstractmethod
    def child_ended(self, value: Any, scope: Scope) -> bool:
        """Take note of what a child in ``scope`` tells with its result. Returns False if it has stopped before its end:
        then it has no result."""

    @abstractmethod
    def tell_changed(self, details: str) -> None:
        """Record the marker ``changed`` with these details (JSON text), once."""

    # Running user code

    def begin(self) -> None:
        """Call ``run``, and go on until everything waits or has ended."""
        if self.failure is None:
            self.fibers.start(lambda: self.guard(self._run))
        self.settle()

    def settle(self) -> None:
        """Let the fibers that are ready go on, until none is."""
        self.fibers.settle(lambda: self.failure is None)

    def discard(self) -> None:
        """Give up this evaluation. Its fibers end."""
        self.fibers.discard()

    def guard(self, function: Callable[[], None]) -> None:
        """Call user code. An exception fails the run. ExecutionBlocked only means that the code waits."""
        try:
            function()
        except ExecutionBlocked:
            self.unwound = self.unwound or not self.fibers.discarded
        except GreenletExit:
            raise
        except BaseException as error:
            if passes_through(error):
                raise
            if isinstance(error, RecursionError) and _is_nested_too_deep(error):
                limit = sys.getrecursionlimit()
                error = InputError(
                    f"groups, chains and steps are nested too deep for the recursion limit of {limit}: "
                    "nest them less deep, or raise the limit with sys.setrecursionlimit()"
                ).with_traceback(error.__traceback__)
            self.fail_run(
                f"Cannot replay the workflow: {type(error).__name__}({message(error)})", error, _traceback(error)
            )

    def fail_run(self, reason: str, error: BaseException, details: str | None = None) -> None:
        """Fail the run: at once, or if it keeps going, once nothing is under way any more."""
        if not self.keeps_going or self.failure is not None or self.closing is not None:
            self.abort(reason, error, details)
        elif not self.fibers.discarded:
            failure = _failure(reason, error, details)
            if not any(each[:2] == failure[:2] for each in self.put_off):  # a hook may raise at each decision
                self.put_off.append(failure)

    def fail_at_last(self) -> None:
        """Fail the run with the failures that were put off."""
        self.failure = self.failure or _together(self.put_off)

    def abort(self, reason: str, error: BaseException, details: str | None = None) -> None:
        """Fail the run. If it has failed already, what a closing hook raises is added to the details."""
        if self.fibers.discarded:
            return
        if self.failure is None:
            self.failure = _failure(reason, error, details)
        elif self.closing is not None:
            text = f"{self.closing} raised {type(error).__name__}: {message(error)}"
            self.failure.error.add_note(text)
            self.failure = self.failure._replace(details=f"{self.failure.details or ''}\n{text}".strip())

    def _run(self) -> None:
        self._run_piece = self.fibers.current
        args, kwargs = values.arguments(self.decode(self.history.started.input))
        args, kwargs = parameters.restored(self.workflow.run, args, kwargs, self.reserved.get(parameters.TYPED))
        result = self.workflow.run(*args, **kwargs)
        self.result = values.encode(result, f"result of workflow {self.history.started.workflow_type.name}")
        self.returned = True

    def decode(self, text: str | None) -> Any:
        """The value that user code sees for the JSON text of an input, a result or a marker."""
        return values.decode(text)

    @property
    def task_list(self) -> str:
        return self.history.started.task_list.name

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

    # Parts, see ``parts``

    def failed_parts(self) -> set[parts.Part]:
        """The parts that failed in this execution, in those that it continues, and in its children."""
        workflow_id = self.execution.workflow_id
        own = parts.parts_of(self.workflow)
        children = {child.workflow_id for child in self.children}
        found = {
            part
            for part in parts.failed_in(self.reserved.get(parts.PARTS))
            if part.workflow_id not in children and not (part.workflow_id == workflow_id and part.name in own)
        }
        found |= {parts.Part(workflow_id, name) for name, failed in own.items() if failed}
        for child in self.children:
            found.update(parts.Part(*part) for part in child.failed_parts)
        return found

    def parts_inside(self) -> list[Any]:
        """The parts here and in children that depend on something outside, if the parent has to know of them."""
        if not self.reports_parts:
            return []
        if not hasattr(self.workflow, "parts_inside"):
            return [each for child in self.children for each in child.inside]
        found: list[Any] = self.workflow.parts_inside(self.children)
        return found

    # Scopes and fibers, see ``base.Executor``

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

    def track(self, promise: Promise) -> None:
        if not promise.done:
            self.unfinished += 1
            promise.when_done(self._tracked_done)

    def _tracked_done(self, _: Promise) -> None:
        self.unfinished -= 1

    # Waiting, see ``futures.Waiter``

    def block(self, promise: Promise) -> None:
        scope = self.scope
        self.fibers.wait(promise)
        self.scope = scope

    def changed(self, promise: Promise) -> None:
        self.stale = True

    def wait_for_room(self) -> None:
        """Let the history take what ``run`` has asked for before it asks for more: memory need not hold all of it.

        Only ``run`` itself waits, where nothing of the machinery is under way. The answer is the same as if it did not:
        an answer takes the first decisions, fewer than ``ROOM``, and what ``run`` would add comes after them.
        """
        if self.outbox.others > ROOM and self.scope.is_root and self.fibers.current is self._run_piece:
            self.room = Promise(self)
            self.block(self.room)

    def make_room(self) -> None:
        """The history has taken decisions."""
        room = self.room
        if room is not None and self.outbox.others <= ROOM:
            self.room = None
            room.finish()

    def announce_soon(self, promise: Promise) -> None:
        """Call back everything that waits for ``promise``, which is final; ``settle`` does it."""
        if promise.is_awaited:
            self.fibers.soon(lambda: self.guard(promise.announce))


def _failure(reason: str, error: BaseException, details: str | None) -> Failure:
    return Failure(_shorten(escaped(reason)), None if details is None else escaped(details), error)


def _together(failures: list[Failure]) -> Failure:
    """Several failures as one: its reason counts them and gives the first, its details have them all."""
    first = failures[0]
    if len(failures) == 1:
        return first
    reason = f"{len(failures)} failures: {first.reason}"
    details = "\n".join(each.reason for each in failures)
    return Failure(_shorten(reason), details[:_MAX_DETAILS], AggregateException([each.error for each in failures]))


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_REASON_LENGTH else text[: MAX_REASON_LENGTH - 3] + "..."


def _is_nested_too_deep(error: RecursionError) -> bool:
    """True if the code of this library has called itself too often, not that of the user."""
    frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)][-_INNERMOST:]
    ours = sum(name.startswith(_PACKAGE) for name in frames)
    return ours > len(frames) / 2


def _traceback(error: BaseException) -> str:
    """The traceback without the decider's frames at its top: the last 32,000 characters."""
    frames = traceback.extract_tb(error.__traceback__)
    while frames and frames[0].filename.startswith(_HERE):
        del frames[0]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
    return "".join([*lines, *traceback.format_exception_only(error)])[-_MAX_DETAILS:]
