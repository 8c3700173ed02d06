"""The embedded engine over SQLite: an execution survives its process, and goes on in the next one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.engines.run import Observer
from simpleflow.engines.sqlite.journal import SqliteJournal


class SqliteEngine(EmbeddedEngine):
    """An embedded engine that keeps its executions in a folder, made if need be.

    Several processes may use one folder: each drives its own executions, all may read and send. ``clock`` gives epoch
    seconds. Raises StateError if the folder cannot be used.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        clock: Callable[[], float] = time.time,
        observer: Observer | None = None,
    ) -> None:
        super().__init__(SqliteJournal(os.fspath(folder)), clock, observer)
