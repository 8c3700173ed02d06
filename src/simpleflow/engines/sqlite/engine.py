"""The embedded engine over SQLite: an execution outlives its process, and the next process goes on with it."""

from __future__ import annotations

import os
from collections.abc import Callable

from simpleflow.engines.embedded import EmbeddedEngine, process_identity
from simpleflow.engines.executions import Executions
from simpleflow.engines.run import Observer, Projection
from simpleflow.engines.sqlite.journal import SqliteJournal
from simpleflow.engines.sqlite.outage import Outage


class SqliteEngine(EmbeddedEngine):
    """An embedded engine that keeps its executions in a folder.

    Several processes may use one folder: each drives its own executions, all may read and send messages.

    Args:
        folder: created if it does not exist.
        clock: gives epoch seconds; None: a Clock.
        observer: called with (run, events) once they are kept.
        project: gives the done marks that an event changes. They are kept in the same transaction.
        outage: waits while the folder cannot be written; None: that is an error at once.

    Raises StateError if the folder cannot be used.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        clock: Callable[[], float] | None = None,
        observer: Observer | None = None,
        project: Projection | None = None,
        outage: Outage | None = None,
    ) -> None:
        journal = SqliteJournal(os.fspath(folder), outage)
        super().__init__(Executions(journal, clock, observer, project=project), process_identity())
