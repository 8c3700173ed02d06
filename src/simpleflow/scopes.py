"""Scopes: the positions in the structure of a run at which something is submitted, and those who own them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from simpleflow.futures import Promise
from simpleflow.retries import NONE as NO_RETRIES
from simpleflow.retries import Retry


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

    retries: Retry = NO_RETRIES
    """How activities and children inside are tried again if they have no retries of their own."""

    def add_task(self, task: Tried) -> None:
        """An activity or a child was submitted inside, or inside of another owner's scope in there."""
        raise NotImplementedError

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
