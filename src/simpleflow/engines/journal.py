"""Where the embedded engine keeps its executions: the port, and a journal that keeps nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from simpleflow.core import events as e
from simpleflow.core.event_log import Reader
from simpleflow.engines.base import EVERY_RUN, RunDescription, RunFilter
from simpleflow.engines.run import Run
from simpleflow.exceptions import UnknownResource
from simpleflow.named_tuple import NamedTuple
from simpleflow.stores.base import Change


class Message(NamedTuple):
    """A signal, a cancel request or a termination that an execution gets from outside."""

    kind: str  # signal, cancel or terminate
    workflow_id: str  # of the execution that gets it
    run_id: str | None  # None: the open execution of the workflow id
    content: dict[str, Any]  # members of the event, by name
    source: e.WorkflowExecution | None = None  # the execution that sent it, if one did
    initiated_id: int = 0  # the event by which ``source`` sent it
    id: int = 0  # in the journal, if it came from there

    def event(self, child_policy: str) -> e.Attributes:
        """The event that it is in the history of the execution that gets it.

        ``child_policy``: the policy of that execution, for a termination that names none.
        """
        if self.kind == "terminate":
            return e.WorkflowExecutionTerminated(
                cause=self.content.get("cause") or "OPERATOR_INITIATED",
                child_policy=self.content.get("child_policy") or child_policy,
                details=self.content.get("details"),
                reason=self.content.get("reason"),
            )
        if self.kind == "cancel":
            return e.WorkflowExecutionCancelRequested(
                cause=self.content.get("cause"),
                external_initiated_event_id=self.initiated_id,
                external_workflow_execution=self.source,
            )
        return e.WorkflowExecutionSignaled(
            external_initiated_event_id=self.initiated_id,
            external_workflow_execution=self.source,
            input=self.content["input"],
            signal_name=self.content["signal_name"],
        )


class StoredRun(NamedTuple):
    """An execution in the journal."""

    workflow_id: str
    run_id: str
    root_id: str  # run id of the execution that its family began with


class Journal(Protocol):
    """Keeps executions.

    ``hold``, ``begin``, ``send`` and ``received`` open a transaction if none is open. From then until the ``commit`` or
    ``rollback`` that ends it, no other process can change anything.
    """

    @property
    def must_commit(self) -> bool:
        """True while a transaction is open, since other processes wait for its end."""

    @property
    def workers_path(self) -> str | None:
        """The file on which workers of this process hold a lock (``file_locks``); None if no process takes over."""

    @property
    def state_folder(self) -> str | None:
        """Path of the folder that it keeps executions in; None if it keeps them nowhere."""

    def hold(self) -> None:
        """Open a transaction."""

    def begin(self, workflow_id: str, run_id: str, root_id: str, workflow_type: e.WorkflowType, now: float) -> None:
        """Add an execution that this process owns. Raises RunBusy if the workflow id has an open one."""

    def commit(self, written: Sequence[tuple[Run, e.Event]], changes: Sequence[Change] = ()) -> int:
        """Keep these events, and the changes of done marks that they make, each in their order.

        Returns how many characters the events have where they are kept.

        Raises LeaseLost, and keeps nothing, if this process does not own one of the executions.
        """

    def rollback(self) -> None:
        """Drop everything since the last commit."""

    def claim(self, workflow_id: str) -> list[StoredRun]:
        """Own the open execution of that workflow id, and its family. Raises RunBusy if a living process does."""

    def release(self, root_id: str) -> None:
        """Give up the open executions of that family: another process may claim them."""

    def contexts(self, run_id: str) -> list[str]:
        """The execution contexts that the answers of an execution gave, in order."""

    def load(self, run_id: str, after: int = 0, limit: int | None = None) -> list[e.Event]:
        """The events of an execution after the one with that id, at most ``limit``. Raises UnknownResource."""

    def reader(self, run_id: str) -> Reader | None:
        """The reader of the events of an execution. It works also after ``close``. None if they are not kept.

        It returns fewer than ``limit`` if they are long.
        """

    def last_events(self, run_id: str, limit: int) -> list[e.Event]:
        """The last events of an execution, in their order. Raises UnknownResource."""

    def send(self, message: Message) -> bool:
        """Leave a message for an open execution of another process; False if there is no such execution."""

    def receive(self) -> Iterable[Message]:
        """Messages that other processes left for this one. They stay until ``received``."""

    def received(self, message: Message) -> None:
        """Remove a message: its event has been appended."""

    def list_runs(
        self, wanted: RunFilter = EVERY_RUN, before: str | None = None, limit: int | None = None
    ) -> list[RunDescription] | None:
        """See ``RunReader``, but any tag will do; None if the journal keeps no executions."""

    def close(self) -> None:
        """Give up all executions: other processes may claim them."""


class NoJournal:
    """Keeps no events: executions end with the process.

    Args:
        change_marks: keeps the changes of done marks; None: they are dropped.
    """

    must_commit = False
    workers_path = None
    state_folder = None

    def __init__(self, change_marks: Callable[[Sequence[Change]], None] | None = None) -> None:
        self._change_marks = change_marks

    def hold(self) -> None:
        pass

    def begin(self, workflow_id: str, run_id: str, root_id: str, workflow_type: e.WorkflowType, now: float) -> None:
        pass

    def commit(self, written: Sequence[tuple[Run, e.Event]], changes: Sequence[Change] = ()) -> int:
        if changes and self._change_marks is not None:
            self._change_marks(changes)
        return 0

    def rollback(self) -> None:
        pass

    def claim(self, workflow_id: str) -> list[StoredRun]:
        return []

    def release(self, root_id: str) -> None:
        pass

    def contexts(self, run_id: str) -> list[str]:
        return []

    def load(self, run_id: str, after: int = 0, limit: int | None = None) -> list[e.Event]:
        raise UnknownResource(f"there is no execution with run id {run_id!r}")

    def reader(self, run_id: str) -> Reader | None:
        return None

    def send(self, message: Message) -> bool:
        return False

    def receive(self) -> Iterable[Message]:
        return ()

    def received(self, message: Message) -> None:
        pass

    def last_events(self, run_id: str, limit: int) -> list[e.Event]:
        return self.load(run_id)

    def list_runs(
        self, wanted: RunFilter = EVERY_RUN, before: str | None = None, limit: int | None = None
    ) -> list[RunDescription] | None:
        return None

    def close(self) -> None:
        pass
