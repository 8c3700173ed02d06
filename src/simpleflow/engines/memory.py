"""The embedded engine in memory: everything ends with the process."""

from __future__ import annotations

import time
from collections.abc import Callable

from simpleflow.engines.embedded import EmbeddedEngine, process_identity
from simpleflow.engines.executions import Executions
from simpleflow.engines.journal import NoJournal
from simpleflow.engines.run import Observer


class MemoryEngine(EmbeddedEngine):
    """An embedded engine that keeps nothing.

    Args:
        clock: gives epoch seconds.
        observer: called with (run, events) for new events.
    """

    def __init__(self, clock: Callable[[], float] = time.time, observer: Observer | None = None) -> None:
        super().__init__(Executions(NoJournal(), clock, observer), process_identity())
