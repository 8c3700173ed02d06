"""The two interfaces between a workflow and the machinery.

``Submittable`` is everything that a workflow may submit. ``Executor`` is the protocol of the object that evaluates a
workflow: the calls that a workflow, a canvas or a step may make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

from simpleflow.code_names import lasting_name
from simpleflow.futures import Future, Promise, Waiter
from simpleflow.marker import Marker
from simpleflow.named_tuple import NamedTuple
from simpleflow.scopes import Scope


class Call(NamedTuple):
    """A call that a submittable is known to make before anything of it runs."""

    name: str  # of the activity, workflow type, function, signal, marker or timer
    code: Any  # the function or class whose code it runs; None if it runs none
    args: Sequence[Any]
    kwargs: Mapping[str, Any] = {}
    captured: Mapping[str, Any] = {}  # plain values of variables around the function, which it uses


class Submittable:
    """Base of everything that ``Workflow.submit`` accepts and that a canvas or a step may hold."""

    def propagate_attribute(self, attr: str, val: Any) -> None:
        """Set an attribute, such as ``raises_on_failure``, on the tasks that this submits. Called on copies only."""

    def receive(self, value: Any) -> Submittable:
        """Return a copy with ``value`` as a further, last positional argument; ``self`` if it takes no arguments.

        ``Chain(send_result=True)`` passes a result on this way.
        """
        return self

    def calls(self) -> Sequence[Call]:
        """Return the calls that this makes, in order, as far as they are known before it is submitted."""
        return ()

    def time_limit(self) -> float | None:
        """Seconds that this may take at most by its own time-outs, with all retries; None if they set no limit.

        Pauses that ``on_task_failure`` makes between two tries are not known beforehand, and not counted.
        """
        return None


class SubmittableContainer(Submittable):
    """A submittable that holds others and decides itself when to submit each."""

    def submit(self, executor: Executor) -> Future:
        """Submit the members through ``executor``. Returns a future that is done once all members have ended."""
        raise NotImplementedError


class AbstractWorkflow:
    """The attributes of a workflow class that canvas and tasks rely on. ``simpleflow.Workflow`` implements them.

    ``Workflow`` itself imports the tasks, so they cannot import it.
    """

    name: str | None
    version: str | None
    task_list: str | None
    task_priority: Any
    retry: int
    raises_on_failure: bool
    INHERIT_TAG_LIST: ClassVar[Any]


def type_name(kind: type[AbstractWorkflow]) -> str:
    """The name of a class's workflow type: its ``name``, else ``<module>.<class>``.

    For a class of a script (module ``__main__``), the module is the stem of the script's file.
    """
    return kind.name or lasting_name(f"{kind.__module__}.{kind.__name__}")


class Executor(Waiter, Protocol):
    """The object that evaluates a workflow, as workflows, canvases and steps see it."""

    workflow: Any
    """The workflow instance that is being evaluated."""
    scope: Scope
    """The scope in which the running code submits."""
    default_bucket: str | None
    """Bucket string of the engine's own store of done marks; None if the user must configure one."""
    reserved: Mapping[str, Any]
    """The values in the execution's input that are not arguments, by key (see ``values.reserved``)."""
    handed_down: dict[str, Any]
    """The reserved values for the inputs of child workflows; starts as a copy of ``reserved``."""
    carried: dict[str, Any]
    """The same for the execution that this one may continue as."""
    reached: Mapping[str, Any]
    """The steps to reach that the run has reached, for its parent: ``names``, and ``all``: True if none is missing."""
    counts_events: bool
    """True if the number of events of the history is limited."""
    reports_parts: bool
    """True if the parent of the execution has to know which of its steps failed."""
    filling: bool
    """True if the history is so long that new work should wait for the execution that continues this one."""

    @property
    def task_list(self) -> str:
        """The task list of the execution's decision tasks."""

    def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Future:
        """Submit something; see ``Workflow.submit``."""

    def within(self, scope: Scope) -> AbstractContextManager[None]:
        """Submissions inside the ``with`` block belong to ``scope``."""

    def spawn(self, function: Callable[[], None], scope: Scope) -> None:
        """Run user code beside ``run``, in ``scope``. It may wait for a result without blocking anything else."""

    def when_idle(self, function: Callable[[], None]) -> None:
        """Call ``function`` once all other code waits for further events of the history."""

    def track(self, promise: Promise) -> None:
        """Keep the run from completing before ``promise`` is final."""

    def is_recorded(self, activity: Any, scope: Scope) -> bool:
        """True if the history holds the first task of ``activity`` in ``scope``."""

    def record(self, name: str, details: str, identity: tuple[str, ...]) -> None:
        """Record a marker with these details (JSON text); see ``MarkerTask.identity``."""

    def recorded_markers(self, name: str) -> Sequence[str | None]:
        """Return the details (JSON text) of all markers of that name in the history, in its order."""

    def signalled(self, name: str) -> Sequence[Any]:
        """Return the inputs of all signals of that name in the history, in its order."""

    def when_signalled(self, name: str, function: Callable[[], None]) -> None:
        """Call ``function`` whenever such a signal has come. The run does not wait for that."""

    def cancel_recorded(self, scope: Scope) -> None:
        """Ask the service to end the open activities and children in ``scope`` that the history holds."""

    def recorded_details(self, name: str, details: str | None) -> str | None:
        """Return the details (JSON text) of the marker that the history holds in place of this submitted one.

        These are its own, unless an earlier version of the code recorded other ones (see ``MarkerTask.identity``).
        """

    def report(self, marker: str, details: Mapping[str, Any]) -> None:
        """Record a marker, once, and tell it: FAULT_MARKER or NOTICE_MARKER, where ``text`` in the details says it."""

    def stop(
        self, details: Mapping[str, Any], goes_on: Callable[[Scope], bool], result: Callable[[], Mapping[str, Any]]
    ) -> None:
        """Complete the execution before its end, once the open tasks have ended. Nothing new begins from now on.

        Args:
            details: of the marker that records this. A later evaluation finds it, and stops again.
            goes_on: says of a scope if the work around it has begun and is to be finished.
            result: gives what the result of the execution says, once it has come to rest.
        """

    def marked_at(self, name: str, details: str | None) -> float:
        """Return when the latest marker of that name with these details (JSON text) was recorded, in epoch seconds.

        Returns ``now`` if the history holds no such marker.
        """

    @property
    def pauses(self) -> Sequence[tuple[float, float]]:
        """Begins and ends of the times in which no process drove the execution, in epoch seconds."""

    @property
    def now(self) -> float:
        """Start of the current decision task, in epoch seconds."""

    def list_markers(self, all: bool = False) -> list[Marker]:
        """See ``Workflow.list_markers``."""

    def get_event_details(self, event_type: str, event_name: str) -> dict[str, Any] | None:
        """See ``Workflow.get_event_details``."""

    def get_run_context(self) -> dict[str, Any]:
        """See ``Workflow.get_run_context``."""

    def fail(self, reason: str, details: str | None = None) -> None:
        """See ``Workflow.fail``."""
