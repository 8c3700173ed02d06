"""The two interfaces between a workflow and the machinery.

``Submittable`` is everything that a workflow may submit. ``Executor`` is the protocol of the object that evaluates a
workflow: the calls that a workflow, a canvas or a step may make.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

from simpleflow.constants import MAX_ID_LENGTH
from simpleflow.exceptions import InputError
from simpleflow.futures import Future, Promise, Waiter
from simpleflow.marker import Marker
from simpleflow.named_tuple import NamedTuple
from simpleflow.retries import NONE as NO_RETRIES
from simpleflow.retries import Retry
from simpleflow.shown_text import with_article

_CONTROL = r"[\x00-\x1f\x7f-\x9f]"


def check_name(name: object, label: str, limit: int = MAX_ID_LENGTH) -> str:
    """Return ``name`` if the service accepts it: text of 1 to ``limit`` characters without control characters.

    ``label`` says in error messages what the name is for, such as ``"timer id"``. Raises InputError.
    """
    if isinstance(name, str) and 0 < len(name) <= limit and name.isprintable():  # nearly always
        return name
    if not isinstance(name, str):
        raise InputError(f"{label} {name!r} is {with_article(type(name).__name__)}; expected text")
    if not name:
        raise InputError(f"{label} is empty; expected text")
    if len(name) > limit:
        raise InputError(f"{label} {name[:40] + '...'!r} has {len(name)} characters; expected {limit} at most")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"{label} {name!r} holds bytes that are not UTF-8; expected plain text") from None
    if re.search(_CONTROL, name):
        raise InputError(f"{label} {name!r} holds a control character; expected plain text")
    return name


def check_flag(value: object, label: str) -> None:
    """Raise InputError, which names ``label``, unless the value is True, False or None (the same as False)."""
    if value is not None and not isinstance(value, bool):
        raise InputError(f"{label} is {value!r}; expected True or False")


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


SCRIPT = "__main__"
"""The name of the module of a script that runs."""


def lasting_name(name: str) -> str:
    """The name of something in a module, as it is where a script is not run but imported.

    For something in a script (module ``__main__``), the module is the stem of the script's file.
    """
    if not name.startswith(SCRIPT + ".") or not isinstance(file := getattr(_main(), "__file__", None), str):
        return name
    return os.path.splitext(os.path.basename(file))[0] + name.removeprefix(SCRIPT)


def imported_name(name: str) -> str:
    """The name of something in a module, as it is where ``workflow.start`` imports the file of a script.

    That differs from ``lasting_name`` for files whose names are not the names of modules, or those of others.
    """
    lasting = lasting_name(name)
    if lasting == name:
        return name
    stem, _, rest = lasting.rpartition(".")
    return f"{module_name(stem)}.{rest}"


def module_name(stem: str) -> str:
    """The name under which a file with that stem is imported: ``json.py`` must not stand in for the module ``json``."""
    stem = stem.replace(".", "_")
    return f"file_{stem}" if stem in sys.stdlib_module_names else stem


def _main() -> object:
    return sys.modules.get(SCRIPT)


class Child(Protocol):
    """A child workflow that was submitted, as the owner of a scope around it sees it."""

    promise: Promise

    @property
    def workflow_id(self) -> str:
        """Its workflow id."""

    @property
    def failed_parts(self) -> Sequence[tuple[str, str]]:
        """Its parts that failed, each as (workflow id, name of the part); known once it has ended."""

    inside: Sequence[Any]
    """Its parts that depend on something outside, as it hands them up; known once it has ended."""


class Container(Promise):
    """The promise of a container that was submitted."""

    __slots__ = ()

    def beside(self) -> Sequence[Promise]:
        """The promises of work that user code has submitted beside the members, inside a step."""
        return ()


class Tried(Protocol):
    """An activity or child workflow that was submitted, as the owners of the scopes around it see it."""

    @property
    def promises(self) -> tuple[Promise, ...]:
        """Its promise, and those that were handed out before it could be made."""

    @property
    def type_name(self) -> str | None:
        """Name of the activity or workflow type; None until the history holds it."""

    def tries(self) -> Iterator[tuple[float, float | None, float | None]]:
        """Yield when each try was scheduled, started and ended, in epoch seconds; None: not yet, or never."""


class ScopeOwner:
    """The owner of a scope that has to know what is submitted inside, and which parts of child workflows failed."""

    __slots__ = ()

    def add_task(self, task: Tried) -> None:
        """An activity or a child was submitted inside, or inside of another owner's scope in there."""
        raise NotImplementedError

    retries: Retry = NO_RETRIES
    """How activities and children inside are tried again that have no retries of their own."""

    def add_child(self, child: Child) -> None:
        """A child was submitted inside."""
        raise NotImplementedError

    def add_container(self, container: Container) -> None:
        """A container was submitted inside. It may submit members until it is final."""
        raise NotImplementedError


class Scope:
    """A scope in the structure of a run: the root, a member of a canvas, or the inside of a step.

    Scopes form a tree. Task ids are built from a scope's path, see ``simpleflow.taskids``: a task keeps its id,
    whichever result arrives first.
    """

    __slots__ = ("_counts", "beside", "owner", "parent", "path", "steady_path")

    def __init__(
        self, path: str = "", parent: Scope | None = None, owner: object = None, steady_path: str | None = None
    ) -> None:
        self.path = path  # labels from the root, joined by dots; "" for the root
        self.steady_path = path if steady_path is None else steady_path  # the same without positions among siblings
        self.parent = parent  # None for the root
        self.owner = owner  # the container whose members are submitted in this scope
        self.beside: list[Any] | None = None  # tasks and promises, if their ends count: see ``FuncPromise``
        self._counts: dict[str, int] | None = None  # number of submissions so far, by label

    def count(self, label: str) -> int:
        """Count one more submission of ``label`` in this scope; returns its number: 1, 2, ..."""
        if self._counts is None:
            self._counts = {}
        number = self._counts.get(label, 0) + 1
        self._counts[label] = number
        return number

    def child(self, label: str, positional: bool = False) -> Scope:
        """Return a new scope ``label`` below this one; ``positional``: the label is a position among siblings."""
        steady = self.steady_path if positional else _joined(self.steady_path, label)
        return Scope(_joined(self.path, label), self, steady_path=steady)

    @property
    def is_root(self) -> bool:
        """True for the scope that is around everything."""
        return self.parent is None and self.owner is None

    @property
    def scope_owner(self) -> ScopeOwner | None:
        """The innermost owner around this scope that has to know of children."""
        return next((owner for owner in self.owners() if isinstance(owner, ScopeOwner)), None)

    def owners(self) -> Iterator[object]:
        """Yield the containers around this scope, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            if scope.owner is not None:
                yield scope.owner
            scope = scope.parent


def _joined(path: str, label: str) -> str:
    return f"{path}.{label}" if path else label


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

    def submit(self, submittable: Any, *args: Any, **kwargs: Any) -> Future:
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
