"""The embedded engine in memory: everything ends with the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simpleflow.engines.embedded import EmbeddedEngine, process_identity
from simpleflow.engines.executions import Executions
from simpleflow.engines.journal import NoJournal
from simpleflow.engines.run import Observer, Projection
from simpleflow.stores.base import Change


class MemoryEngine(EmbeddedEngine):
    """An embedded engine that keeps nothing.

    Args:
        clock: gives epoch seconds; None: a Clock.
        observer: called with (run, events) for new events.
        project: gives the done marks that an event changes.
        change_marks: keeps these changes.
    """

    def __init__(
        self,
        clock: Callable[[], float] | None = None,
        observer: Observer | None = None,
        project: Projection | None = None,
        change_marks: Callable[[Sequence[Change]], None] | None = None,
    ) -> None:
        super().__init__(Executions(NoJournal(change_marks), clock, observer, project=project), process_identity())
