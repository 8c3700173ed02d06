"""The output of a task, on its way to the driver of the run: in pieces, and not more than a log may hold.

The first half of the limit is sent as it comes. Of later output, the end is kept, up to a quarter of the limit, and
sent when the task has ended, after a line that says how much is missing. A log that the driver writes is cut in the
same way (``state_folder.bounded``).
"""

from __future__ import annotations

PIECE = 8_192
"""Bytes of one piece, at most. A scheduler keeps the last thousand events of a topic, so they must be small."""


class Printed:
    """The output of one task. ``limit``: of the log, in bytes; 0: nothing is sent."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._room = limit // 2
        self._unsent = bytearray()
        self._end = bytearray()
        self._missing = 0

    def add(self, data: bytes) -> None:
        """The task has printed this."""
        now, later = data[: self._room], data[self._room :]
        self._room -= len(now)
        self._unsent += now
        if later:
            self._end += later
            surplus = len(self._end) - self._limit // 4
            if surplus > 0:
                self._missing += surplus
                del self._end[:surplus]

    def end(self) -> None:
        """The task has ended: the kept end of its output follows."""
        if self._missing and self._limit:
            self._unsent += b"\n[simpleflow: %d bytes are missing here]\n" % self._missing
        self._unsent += self._end
        self._end.clear()
        self._missing = 0

    def take(self, whole: bool = True) -> list[bytes]:
        """The pieces that can be sent now; with ``whole`` also one that is not full."""
        pieces = []
        while len(self._unsent) >= PIECE or (whole and self._unsent):
            pieces.append(bytes(self._unsent[:PIECE]))
            del self._unsent[:PIECE]
        return pieces
