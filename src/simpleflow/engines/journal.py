"""Where the embedded engine keeps its executions: the port, and the journal that keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from simpleflow.core import events as e
from simpleflow.engines.base import RunDescription
from simpleflow.exceptions import UnknownResource

if TYPE_CHECKING:
    from simpleflow.engines.run import Run


class Message(NamedTuple):
    """Something for an execution from outside it.

    ``kind`` is signal, cancel or terminate; ``source`` and ``initiated_id`` say which execution and event sent it.
    """

    kind: str
    workflow_id: str
    run_id: str | None
    content: dict[str, Any]
    source: e.WorkflowExecution | None = None
    initiated_id: int = 0
    id: int = 0


class Kept(NamedTuple):
    """An execution in the journal."""

    workflow_id: str
    run_id: str
    root_id: str


class Journal(Protocol):
    """Keeps executions.

    ``hold``, ``begin``, ``send`` and ``received`` open a transaction if none is open: no other process changes anything
    until the ``commit`` or ``rollback`` that ends it.
    """

    @property
    def must_commit(self) -> bool:
        """A transaction is open: other processes wait."""

    def hold(self) -> None:
        """Open a transaction."""

    def begin(self, workflow_id: str, run_id: str, root_id: str, workflow_type: e.WorkflowType, now: float) -> None:
        """A new execution, owned by this process. Raises RunBusy if the workflow id has an open one."""

    def commit(self, written: Sequence[tuple[Run, e.Event]]) -> None:
        """Keep these events. Raises LeaseLost, and keeps nothing, if this process does not own the executions."""

    def rollback(self) -> None:
        """Drop what was not committed."""

    def claim(self, workflow_id: str) -> list[Kept]:
        """Own the open execution of that workflow id, and its family. Raises RunBusy if a living process does."""

    def release(self, root_id: str) -> None:
        """Own the open executions of that family no longer."""

    def load(self, run_id: str) -> list[e.Event]:
        """The events of an execution. Raises UnknownResource."""

    def send(self, message: Message) -> bool:
        """Leave a message for an open execution of another process; False if there is none."""

    def receive(self) -> Iterable[Message]:
        """Messages that other processes left for this one."""

    def received(self, message: Message) -> None:
        """The message has been dealt with."""

    def list_runs(self, workflow_id: str | None = None) -> list[RunDescription] | None:
        """All executions (of that workflow id), the latest first; None if the journal keeps none."""

    def close(self) -> None:
        """Let go; other processes may own the executions then."""


class NoJournal:
    """Keeps nothing: executions end with the process."""

    must_commit = False

    def hold(self) -> None:
        pass

    def begin(self, workflow_id: str, run_id: str, root_id: str, workflow_type: e.WorkflowType, now: float) -> None:
        pass

    def commit(self, written: Sequence[tuple[Run, e.Event]]) -> None:
        pass

    def rollback(self) -> None:
        pass

    def claim(self, workflow_id: str) -> list[Kept]:
        return []

    def release(self, root_id: str) -> None:
        pass

    def load(self, run_id: str) -> list[e.Event]:
        raise UnknownResource(f"there is no execution with run id {run_id!r}")

    def send(self, message: Message) -> bool:
        return False

    def receive(self) -> Iterable[Message]:
        return ()

    def received(self, message: Message) -> None:
        pass

    def list_runs(self, workflow_id: str | None = None) -> list[RunDescription] | None:
        return None

    def close(self) -> None:
        pass
