"""The embedded engine in memory: nothing outlives the process."""

from __future__ import annotations

import time
from collections.abc import Callable

from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.engines.journal import NoJournal
from simpleflow.engines.run import Observer


class MemoryEngine(EmbeddedEngine):
    """An embedded engine that keeps nothing. ``clock`` gives epoch seconds."""

    def __init__(self, clock: Callable[[], float] = time.time, observer: Observer | None = None) -> None:
        super().__init__(NoJournal(), clock, observer)
