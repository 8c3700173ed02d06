"""Sends what happens to the tasks of a driver from a Dask worker to that driver.

Events wait for a few milliseconds for more to come, since the scheduler handles each message by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from simpleflow.cluster import batch as b

SOON_SECONDS = 0.003
"""For how long an event waits for more."""

_MOST_BYTES = 16_384  # of events that wait


class Reporter:
    """Sends events to a driver, several at once.

    Args:
        process: of this worker, as ``slots.PROCESS``.
        topic: of the driver.
        send: takes a topic and a message, in any thread.
    """

    def __init__(self, process: str, topic: str, send: Callable[[str, Any], None]) -> None:
        self._process = process
        self._topic = topic
        self._send = send
        self._events: list[b.Event] = []
        self._bytes = 0
        self._since = 0.0

    @property
    def waits(self) -> bool:
        """True if there are events that were not sent."""
        return bool(self._events)

    def add(self, event: b.Event) -> None:
        """Send an event, now or in a moment."""
        if not self._events:
            self._since = time.monotonic()
        self._events.append(event)
        self._bytes += sum(len(each) for each in event if isinstance(each, bytes | str))
        if self._bytes > _MOST_BYTES or time.monotonic() - self._since > SOON_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send the events that wait."""
        if self._events:
            self._send(self._topic, {"process": self._process, "events": self._events})
            self._events = []
            self._bytes = 0
