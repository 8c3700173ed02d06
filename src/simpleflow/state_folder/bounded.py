"""A log that takes at most so many bytes: the beginning and the end of the written text stay."""

from __future__ import annotations

import os

_LINE = 65_536  # bytes; the head ends with a whole line, unless this line is longer


class BoundedFile:
    """Writes to a file to which it alone writes, up to ``limit`` bytes.

    When there would be more, the first half of the limit stays and the last quarter, with a line between them that says
    how many bytes are missing. So each byte is copied about once more, however much is written.

    Args:
        descriptor: of the file, opened for appending and for reading; ``close`` closes it.
        size: of the file now, in bytes.
        limit: of the size. If it is very small, the line about missing bytes may go beyond it.
    """

    def __init__(self, descriptor: int, size: int, limit: int) -> None:
        self._descriptor = descriptor
        self._limit = limit
        self._size = size
        self._written = size  # bytes that were to be written
        self._head = 0  # bytes at the beginning that stay; 0 until there are too many

    def write(self, data: bytes) -> None:
        """Append the data. Raises OSError, such as that the disk is full; a part of it may be written then."""
        self._written += len(data)
        if self._size + len(data) > self._limit:
            data = self._shortened(data)
        self._append(data)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _append(self, data: bytes) -> None:
        while data:
            count = os.write(self._descriptor, data)
            self._size += count
            data = data[count:]

    def _shortened(self, data: bytes) -> bytes:
        """Cut the file down to its head; returns what follows the head: a line, and the end of everything."""
        if not self._head:
            half = self._limit // 2
            room = max(0, half - self._size)
            self._append(data[:room])
            data = data[room:]
            seen = os.pread(self._descriptor, _LINE, max(0, half - _LINE))[: min(half, _LINE)]
            self._head = half - len(seen) + (seen.rfind(b"\n") + 1 or len(seen))
        kept = self._limit // 4
        start = max(self._head, self._size - kept)
        rest = os.pread(self._descriptor, self._size - start, start) + data
        end = rest[-kept:] if kept else b""
        if len(end) < len(rest):
            end = end[end.find(b"\n") + 1 :]  # whole lines
        os.ftruncate(self._descriptor, self._head)
        self._size = self._head
        missing = self._written - self._head - len(end)
        return b"[simpleflow: %d bytes are missing here]\n%b" % (missing, end)
