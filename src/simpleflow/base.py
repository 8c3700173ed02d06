"""What a workflow may submit, and what it may ask of whoever evaluates it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

from simpleflow.constants import MAX_ID_LENGTH
from simpleflow.exceptions import InputError
from simpleflow.futures import Future, Waiter
from simpleflow.marker import Marker

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_name(name: object, label: str, limit: int = MAX_ID_LENGTH) -> str:
    """``name`` if it is text that the service accepts; ``label`` names it in errors; raises InputError if it is not."""
    if not isinstance(name, str):
        raise InputError(f"{label} {name!r} is a {type(name).__name__}; expected text")
    if not name:
        raise InputError(f"{label} is empty; expected text")
    if len(name) > limit:
        raise InputError(f"{label} {name[:40] + '...'!r} has {len(name)} characters; expected {limit} at most")
    if _CONTROL.search(name):
        raise InputError(f"{label} {name!r} holds a control character; expected plain text")
    return name


class Submittable:
    """Anything that ``Workflow.submit`` takes and that a canvas or a step may hold."""

    def propagate_attribute(self, attr: str, val: Any) -> None:
        """Set an attribute, such as ``raises_on_failure``, on what this submits. Only ever called on a copy."""

    def receive(self, value: Any) -> Submittable:
        """A copy that gets ``value`` as its last positional argument; itself where there is nothing to give it to.

        This is how ``Chain(send_result=True)`` hands a result on.
        """
        return self


class SubmittableContainer(Submittable):
    """A submittable that is made of others and submits them itself, in its own time."""

    def submit(self, executor: Executor) -> Future:
        """Begin; the future is final once everything inside has ended."""
        raise NotImplementedError


class AbstractWorkflow:
    """What canvas and tasks know of a workflow class; the real one is ``simpleflow.Workflow``."""

    name: str | None
    version: str | None
    task_list: str | None
    task_priority: Any
    retry: int
    raises_on_failure: bool
    INHERIT_TAG_LIST: ClassVar[Any]


class Scope:
    """A place in the structure of a run: the root, a member of a canvas, the inside of a step.

    Task ids are made from it, so that a task keeps its id whatever order results come back in.
    """

    __slots__ = ("_counts", "owner", "parent", "path")

    def __init__(self, path: str = "", parent: Scope | None = None, owner: object = None) -> None:
        self.path = path
        self.parent = parent
        self.owner = owner  # the container whose content stands here
        self._counts: dict[str, int] = {}

    def count(self, label: str) -> int:
        """How many times ``label`` has been asked for here: 1, 2, ..."""
        number = self._counts.get(label, 0) + 1
        self._counts[label] = number
        return number

    def child(self, label: str) -> Scope:
        """The place ``label`` below this one."""
        return Scope(f"{self.path}.{label}" if self.path else label, self)

    def owners(self) -> Iterator[object]:
        """The containers around this place, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            if scope.owner is not None:
                yield scope.owner
            scope = scope.parent


class Executor(Waiter, Protocol):
    """Whoever evaluates a workflow: all that a workflow, a canvas or a step may ask for."""

    workflow: Any
    scope: Scope
    default_bucket: str | None
    """Bucket string of the engine's own store of done marks; None where one has to be configured."""
    reserved: Mapping[str, Any]
    """What the execution's input holds beside arguments, by key."""
    handed_down: dict[str, Any]
    """What the input of its children is to hold beside arguments: at first the same."""
    carried: dict[str, Any]
    """As ``handed_down``, for the execution that this one may continue as."""
    filling: bool
    """The history is so long that what can as well be begun in the execution that continues this one should be."""

    def submit(self, submittable: Any, *args: Any, **kwargs: Any) -> Future:
        """Submit; see ``Workflow.submit``."""

    def within(self, scope: Scope) -> AbstractContextManager[None]:
        """What is submitted inside the ``with`` block stands in ``scope``."""

    def spawn(self, function: Callable[[], None], scope: Scope) -> None:
        """Run user code beside ``run``: it may wait without holding anything else up."""

    def when_idle(self, function: Callable[[], None]) -> None:
        """Call ``function`` once nothing else can go on before the history says more."""

    def track(self, future: Future) -> None:
        """The run does not complete before ``future`` is final."""

    def is_recorded(self, activity: Any, scope: Scope) -> bool:
        """Whether the history knows the first task of ``activity`` in ``scope``."""

    def recorded_markers(self, name: str) -> Sequence[str | None]:
        """Details (JSON text) of the markers of that name that the history holds, in its order."""

    def marked_at(self, name: str, details: str | None) -> float:
        """When the latest marker of that name and these details (JSON text) was recorded, in epoch seconds.

        ``now``, if the history holds none.
        """

    @property
    def now(self) -> float:
        """When the decision that is being taken was begun, in epoch seconds."""

    def list_markers(self, all: bool = False) -> list[Marker]:
        """See ``Workflow.list_markers``."""

    def get_event_details(self, event_type: str, event_name: str) -> dict[str, Any] | None:
        """See ``Workflow.get_event_details``."""

    def get_run_context(self) -> dict[str, Any]:
        """See ``Workflow.get_run_context``."""

    def fail(self, reason: str, details: str | None = None) -> None:
        """See ``Workflow.fail``."""
